"""Two tasks that can only be solved by remembering over a distance.

Shapes: B sequences, T steps, D features of a step.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from keras_seq.typing import Tensor

SYMBOLS, REMEMBERED = 8, 10  # of copy memory
BLANK, GO = SYMBOLS, SYMBOLS + 1
Arrays = tuple[np.ndarray, np.ndarray]  # inputs and targets
CLOSE = 0.04  # a sum that is nearer than this counts as right


def adding(rng: np.random.Generator, count: int, length: int) -> Arrays:
    """The adding problem: the sum of the two marked numbers of a sequence.

    Args:
        rng: Where the numbers come from.
        count: B.
        length: T, at least 2.

    Returns:
        float32 arrays (B, T, 2) and (B, 1): of each step a number from U(0, 1) and
        its mark, which is 1 at one place in each half and else 0; and the sum of
        the two numbers that are marked.

    References:
        Hochreiter and Schmidhuber (1997), Long short-term memory (section 5.4).
        Le, Jaitly and Hinton (2015), A simple way to initialize recurrent networks
        of rectified linear units: with these halves.
    """
    rows = np.arange(count)
    numbers = rng.random((count, length), "float32")
    first = rng.integers(0, length // 2, count)
    second = rng.integers(length // 2, length, count)
    marks = np.zeros_like(numbers)
    marks[rows, first] = marks[rows, second] = 1
    total = numbers[rows, first] + numbers[rows, second]
    return np.stack([numbers, marks], axis=-1), total[:, None]


def marked_numbers(first: float, second: float, length: int, seed: int) -> np.ndarray:
    """A sequence of the adding problem, (1, length, 2), for two numbers.

    The first stands a quarter, the second three quarters down; the other numbers are
    drawn at random. ValueError for what is no such sequence.
    """
    for name, number in (("first", first), ("second", second)):
        if not 0 <= number <= 1:
            raise ValueError(f"`{name}` must be in [0, 1]; received {number!r}.")
    if length < 4:
        raise ValueError(f"`length` must be at least 4; received {length!r}.")
    sequence = np.random.default_rng(seed).random((1, length, 2), "float32")
    sequence[..., 1] = 0
    sequence[0, [length // 4, 3 * length // 4]] = [[first, 1], [second, 1]]
    return sequence


def copy_memory(rng: np.random.Generator, count: int, length: int) -> Arrays:
    """Copy memory: ten symbols are to be repeated after `length` steps.

    ```
    read     s_1 ... s_10   blank × (length - 1)   go   blank × 10
    write    blank × (length + 10)                      s_1 ... s_10
    ```

    Args:
        rng: Where the numbers come from.
        count: B.
        length: Steps between the last symbol and the first that is written, at
            least 1.

    Returns:
        What is read, one-hot, float32 (B, length + 20, 10), and what is to be
        written, int32 (B, length + 20): 0 to 7 are symbols, 8 is blank, 9 go.

    References:
        Hochreiter and Schmidhuber (1997), Long short-term memory.
        Arjovsky, Shah and Bengio (2016), Unitary evolution recurrent neural
        networks (section 5.1).
    """
    steps = length + 2 * REMEMBERED
    symbols = rng.integers(0, SYMBOLS, (count, REMEMBERED))
    read = np.full((count, steps), BLANK)
    read[:, :REMEMBERED] = symbols
    read[:, -REMEMBERED - 1] = GO
    written = np.full((count, steps), BLANK, "int32")
    written[:, -REMEMBERED:] = symbols
    return np.eye(SYMBOLS + 2, dtype="float32")[read], written


@dataclasses.dataclass(frozen=True)
class Task:
    """What a model is to learn, and when it has.

    Attributes:
        title: Name for readers.
        sample: Function of (rng, count, length) that gives inputs and targets.
        features: D of the inputs.
        outputs: D of the outputs.
        every_step: Whether an output is wanted at every step, not the last alone.
        loss: Name of the loss, as a reader knows it.
        shortest: The shortest distance at which it is defined.
        trivial: Function of the distance that gives the loss of a model that
            remembers nothing.
        threshold: Function of the distance that gives the loss below which it
            counts as solved.
        baseline: Name of a model that is tried at every distance, even if it learns
            nothing, to be compared with; or None.
    """

    title: str
    sample: Callable[[np.random.Generator, int, int], Arrays]
    features: int
    outputs: int
    every_step: bool
    loss: str
    shortest: int
    trivial: Callable[[int], float]
    threshold: Callable[[int], float]
    baseline: str | None = None

    def last_loss(self, target: Tensor, output: Tensor) -> Tensor:
        """The loss of the last step alone, (B,): how far back is it felt?"""
        import keras

        if self.every_step:
            return keras.losses.sparse_categorical_crossentropy(
                target[:, -1], output[:, -1], from_logits=True
            )
        return keras.losses.mean_squared_error(target, output)

    def right(self, target: Tensor, output: Tensor) -> Tensor:
        """What is right, 1 or 0: sums within 0.04, (B, 1), or symbols, (B, 10)."""
        from keras import ops

        if self.every_step:
            written = ops.argmax(output[:, -REMEMBERED:], axis=-1)
            hits = ops.equal(written, ops.cast(target[:, -REMEMBERED:], written.dtype))
        else:
            output = ops.cast(output, target.dtype)  # it may have 16 bits
            hits = ops.abs(output - target) < CLOSE
        return ops.cast(hits, "float32")


def copy_trivial(length: int) -> float:
    """The loss of blanks, then symbols at random: nothing is remembered."""
    return REMEMBERED * math.log(SYMBOLS) / (length + 2 * REMEMBERED)


TASKS = {
    "adding": Task(
        title="adding problem",
        sample=adding,
        features=2,
        outputs=1,
        every_step=False,
        loss="mean squared error",
        shortest=2,
        trivial=lambda length: 1 / 6,  # the variance of a sum of two U(0, 1)
        threshold=lambda length: 0.01,
        baseline="tanh",
    ),
    "copy": Task(
        title="copy memory",
        sample=copy_memory,
        features=SYMBOLS + 2,
        outputs=SYMBOLS + 2,
        every_step=True,
        loss="cross-entropy in nats a step",
        shortest=1,
        trivial=copy_trivial,
        threshold=lambda length: copy_trivial(length) / 10,
    ),
}
