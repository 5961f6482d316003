"""Entries at places that are known to exist.

Keras's functions of the same purpose also count from the end where an index is below 0,
and so take several operations more each, which in a small step are most of its time.
"""

import keras
from keras import ops, tree

from keras_seq.typing import Nest, Tensor


def take(values: Tensor, places: Tensor) -> Tensor:
    """`values[places]`."""
    if keras.backend.backend() != "tensorflow":
        return ops.take(values, places, axis=0)
    import tensorflow as tf

    return tf.gather(values, places)


def pick(values: Tensor, index: Tensor) -> Tensor:
    """Row by row `values[b, index[b]]`: of (B, N, ...) and (B, M), (B, M, ...)."""
    if keras.backend.backend() != "tensorflow":
        for _ in range(len(values.shape) - 2):
            index = ops.expand_dims(index, -1)
        return ops.take_along_axis(values, index, axis=1)
    import tensorflow as tf

    return tf.gather(values, index, batch_dims=1)


def take_rows(nest: Nest, rows: Tensor) -> Nest:
    """Of each tensor these rows, as many as it has."""

    def taken(x: Tensor) -> Tensor:
        # The shape is told again: more may be known of x than of `rows`.
        return ops.reshape(take(x, rows), ops.shape(x))

    return tree.map_structure(taken, nest)
