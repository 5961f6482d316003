"""The settings of the long-term memory study, and its data."""

import dataclasses
import hashlib
from typing import Literal

import numpy as np

from keras_seq.runs import check_settings
from recipes.long_term_memory.models import REMEDIES
from recipes.long_term_memory.tasks import TASKS, Task

OUT = "runs/long_term_memory"
STEPS = 50  # training steps in an epoch
VALIDATION, TEST = 256, 1024  # sequences; measured 256 at once
TRAINING, HELD_BACK, HELD_OUT = range(3)  # streams of random numbers
QUICK_MODELS = ("tanh", "gru")


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of a run."""

    data: Literal["adding", "copy", "both"] = "both"
    """Task: adding (the sum of two marked numbers), copy (ten symbols, to be
    repeated), or both."""
    length: tuple[int, ...] = ()
    """Distances in steps, such as --length 25 800. By default 25 50 100 200 400; 8
    16 with `quick`."""
    models: tuple[str, ...] = ()
    """Models by name, such as --models tanh gru. By default all; two with
    `quick`."""
    out: str = OUT
    """Folder for everything that the run makes."""
    seed: int = 1
    """Seed of the weights and the sequences."""
    epochs: int | None = None
    """Times 50 training steps for each model at each distance, at most. By default
    24; 6 with `quick`."""
    units: int | None = None
    """Size of the state. By default 64; 24 with `quick`."""
    batch_size: int = 64
    """Sequences in a training step, drawn anew in each."""
    learning_rate: float | None = None
    """Learning rate of all models. By default 0.01 for those with gates, 0.003 for
    those without."""
    clipnorm: float = 1.0
    """Norm to which the gradient of all weights is cut where a model is clipped."""
    patience: int = 1
    """A model that has learnt nothing at so many distances in a row isn't tried at
    longer ones."""
    quick: bool = False
    """A minute to see that all works: short distances, few and small models."""
    resume: bool = False
    """Continue the run in `out`: what is finished is not trained again."""
    overwrite: bool = False
    """Replace the run in `out`."""

    def __post_init__(self):
        # JSON has lists alone.
        object.__setattr__(self, "length", tuple(self.length))
        object.__setattr__(self, "models", tuple(self.models))

    def complete(self):
        """The settings with nothing left open; ValueError for a bad one."""
        check_settings(
            self,
            at_least_1=("epochs", "units", "batch_size", "patience"),
            above_0=("learning_rate", "clipnorm"),
            seeds=("seed",),
        )
        if unknown := [name for name in self.models if name not in REMEDIES]:
            raise ValueError(
                f"`models` must be among {', '.join(REMEDIES)}; received "
                f"{', '.join(unknown)}."
            )
        lengths = self.length or ((8, 16) if self.quick else (25, 50, 100, 200, 400))
        for task in tasks_of(self):
            if min(lengths) < task.shortest:
                raise ValueError(
                    f"`length` must be at least {task.shortest} for the "
                    f"{task.title}; received {min(lengths)}."
                )
        wanted = self.models or (QUICK_MODELS if self.quick else tuple(REMEDIES))
        return dataclasses.replace(
            self,
            length=tuple(sorted(set(lengths))),
            models=tuple(name for name in REMEDIES if name in wanted),
            epochs=self.epochs or (6 if self.quick else 24),
            units=self.units or (24 if self.quick else 64),
        )


def tasks_of(config):
    """The tasks asked for, in order."""
    return [TASKS[name] for name in task_names(config)]


def task_names(config):
    """The names of the tasks asked for, in order."""
    return list(TASKS) if config.data == "both" else [config.data]


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
    validation: tuple
    test: tuple

    def training_batches(self):
        """A `tf.data.Dataset` without end: every step gets sequences of its own."""
        import tensorflow as tf

        def batches():
            step = 0
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

    def training_batch(self, step):
        """Inputs and targets of a training step."""
        rng = _stream(self.seed, TRAINING, self.length, step)
        return self.task.sample(rng, self.batch_size, self.length)

    @property
    def steps(self):
        """T of the inputs."""
        return self.test[0].shape[1]

    @property
    def digest(self):
        """SHA-256 of the test sequences."""
        parts = (np.ascontiguousarray(array).tobytes() for array in self.test)
        return hashlib.sha256(b"".join(parts)).hexdigest()


def load_data(config, task=None, length=None):
    """Draws the held-out sequences of a task at a distance.

    Args:
        config: `Config`, complete.
        task: Name of the task; by default the first asked for.
        length: Distance in steps; by default the longest asked for.

    Returns:
        `Data`, a function of the seed and the distance alone.
    """
    task = TASKS[task or task_names(config)[0]]
    length = length or max(config.length)

    def drawn(stream, count):
        return task.sample(_stream(config.seed, stream, length), count, length)

    return Data(
        task=task,
        length=length,
        seed=config.seed,
        batch_size=config.batch_size,
        validation=drawn(HELD_BACK, VALIDATION),
        test=drawn(HELD_OUT, TEST),
    )


def _stream(*key):
    return np.random.default_rng(key)
