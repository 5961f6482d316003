"""The sequence in blocks, in TensorFlow's graphs for processors.

```
for each half of the rows, in a thread of its own:
    for each block of about 1,024 rows:  the products with x, h and the errors
        for each turn of 8 steps:        the factors of the errors, the lists
            for each step:               what is sequential
```

Blocks are as long as keeps what they touch in the processor's caches: no array
over all steps is written that is not returned. The lists that the gradient needs
hold the tensors of the steps where they were made.

- `conditions`: where this path applies, and `portable_graphs`, which forbids it.
- `runner`: the whole way, as `portable.loop.runner` for every backend.
- `batch_parts`: the rows of a batch as two parts and back.
- `plan`: the structures that go into a part and come out of it.
- `forward`, `backward`: the steps of a part, in three nested loops.
- `rows`: how steps lie in memory, and how many make a turn and a block.
- `graph_functions`, `tensor_lists`: TensorFlow's loops, threads and lists.
"""

from keras_seq.ops._engine.tensorflow_cpu.conditions import apply_here
from keras_seq.ops._engine.tensorflow_cpu.runner import runner

__all__ = ["apply_here", "runner"]
