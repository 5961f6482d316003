"""The sequences of the long-term memory study."""

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from recipes.long_term_memory.tasks import Arrays, Task

TRAINING, HELD_BACK, HELD_OUT = range(3)  # streams of random numbers


def held_out(task: Task, length: int, seed: int, stream: int, count: int) -> Arrays:
    """Sequences that training never sees: a function of the arguments alone."""
    return task.sample(np.random.default_rng((seed, stream, length)), count, length)


@dataclasses.dataclass(frozen=True)
class Data:
    """One task at one distance.

    Attributes:
        task: `Task`.
        length: The distance in steps.
        seed: Seed of all sequences.
        batch_size: Sequences in a training step.
        validation: Inputs and targets by which training is judged.
        test: Inputs and targets that training never sees.
    """

    task: Task
    length: int
    seed: int
    batch_size: int
    validation: Arrays
    test: Arrays

    def training_batches(self, first_step: int = 0) -> Iterable[Any]:
        """A `tf.data.Dataset` without end: every step gets sequences of its own."""
        import tensorflow as tf

        def batches() -> Iterator[Arrays]:
            step = first_step
            while True:
                yield self.training_batch(step)
                step += 1

        signature = tuple(
            tf.TensorSpec((self.batch_size, *array.shape[1:]), array.dtype)
            for array in self.test
        )
        return tf.data.Dataset.from_generator(
            batches, output_signature=signature
        ).prefetch(2)

    def training_batch(self, step: int) -> Arrays:
        """Inputs and targets of a training step."""
        rng = np.random.default_rng((self.seed, TRAINING, self.length, step))
        return self.task.sample(rng, self.batch_size, self.length)

    @property
    def steps(self) -> int:
        """T of the inputs."""
        return self.test[0].shape[1]

    @property
    def digest(self) -> str:
        """SHA-256 of the test sequences."""
        parts = (np.ascontiguousarray(array).tobytes() for array in self.test)
        return hashlib.sha256(b"".join(parts)).hexdigest()
