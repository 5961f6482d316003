"""Loops that run on every backend.

- `loop`: a recurrence whose equations bring their gradient; the place to see how
  a step runs forwards and backwards.
- `attention`: such a recurrence that attends to a memory before each step.
- `autodiff`: any step function, whose gradient the backend derives.

All three stand on `keras_seq.ops._scan`, the bare loop.
"""
