"""Batches that are a function of the epoch, as a data set."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from keras_seq.extras import require
from keras_seq.training._arguments import check_positive_integer
from keras_seq.typing import Nest

if TYPE_CHECKING:
    import tensorflow as tf


def epoch_dataset(
    batches: Callable[[int], Iterable[Any]],
    signature: Nest,
    *,
    size: int | None,
    first_epoch: int | None = None,
) -> "tf.data.Dataset":
    """Makes a `tf.data.Dataset` of batches, epoch by epoch.

    Args:
        batches: Function from the number of an epoch to an iterable of its batches.
            It is called once an epoch, from another thread.
        signature: `tf.TensorSpec`s of a batch, nested as it is.
        size: Number of batches in an epoch, for one pass; else None will do.
        first_epoch: None gives one pass, over epoch 0. A number gives all epochs
            from it on, without end, for `fit` with `steps_per_epoch`: epoch for
            epoch the same, wherever it starts.

    Returns:
        The dataset, which knows how many batches it has: Keras warns of one that
        ends when it can't know that it would.

    Example:

    >>> import tensorflow as tf
    >>> spec = tf.TensorSpec([], tf.int32)
    >>> def batches(epoch):
    ...     return [10 * epoch, 10 * epoch + 1]
    >>> [int(x) for x in epoch_dataset(batches, spec, size=2)]
    [0, 1]
    >>> endless = epoch_dataset(batches, spec, size=2, first_epoch=3)
    >>> [int(x) for x in endless.take(3)]
    [30, 31, 40]
    """
    tf = require("tensorflow", "recipes")

    def generate() -> Iterator[Any]:
        epoch = first_epoch or 0
        while True:
            yield from batches(epoch)
            epoch += 1
            if first_epoch is None:
                return

    dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
    if first_epoch is not None:
        size = tf.data.INFINITE_CARDINALITY
    return dataset.apply(tf.data.experimental.assert_cardinality(size)).prefetch(2)


def passes_per_epoch(steps: int, fewest: int) -> int:
    """How often data are read in an epoch that has so many steps at least.

    After each epoch it is decided whether to go on, and of few data an epoch would be
    a step or two: where patience is counted in epochs, a training would end before it
    had begun.

    Args:
        steps: Training steps of one pass over the data, at least 1.
        fewest: Training steps of an epoch, at least 1.

    Returns:
        Passes in an epoch, at least 1.

    Raises:
        ValueError: If a number is less than 1.

    Example:

    >>> passes_per_epoch(2, 50), passes_per_epoch(120, 50)
    (25, 1)
    """
    check_positive_integer("steps", steps)
    check_positive_integer("fewest", fewest)
    return -(-fewest // steps)
