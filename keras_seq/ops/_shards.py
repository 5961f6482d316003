"""Work of a recurrence in two halves, side by side.

The matrix products of one time step are too small for TensorFlow to share
between processor cores, so a loop over time keeps one core busy. Two loops, each
over half of the rows, keep two busy without meeting at every step. A single row
cannot be halved; there each product is made in two halves.
"""

import keras
from keras import ops

# Above this size a step reads so many weights that the memory is the limit, and
# two loops would read them twice.
LARGEST_UNITS = 512


def in_halves(function, units, arguments, axes):
    """Applies `function` to two halves of the rows, where that is faster.

    Each row must be computed by itself, so that the result is the same. Halves
    are made in graphs of TensorFlow for processors; elsewhere, under XLA and
    for large states `function` is applied to the whole batch.

    Args:
        function: Takes `arguments`; returns a nest of tensors with rows along
            axis 0, and None.
        units: Size of the state.
        arguments: List of tensors, or None.
        axes: For each argument the axis of its rows.

    Returns:
        What `function` returns for all rows.
    """
    one_row = arguments[0].shape[axes[0]] == 1
    if one_row or units > LARGEST_UNITS or not _on_processor_in_a_graph():
        return function(*arguments)
    import tensorflow as tf

    rows = tf.shape(arguments[0])[axes[0]]
    halves = [
        (None, None) if x is None else _split(tf, x, rows, axis)
        for x, axis in zip(arguments, axes, strict=True)
    ]
    first, second = (function(*arguments) for arguments in zip(*halves, strict=True))
    return tf.nest.map_structure(
        lambda a, b: None if a is None else tf.concat([a, b], 0), first, second
    )


def _split(tf, x, rows, axis):
    """Two parts of a tensor; their shapes are known if that of x is."""
    if x.shape[axis] is not None:
        rows = x.shape[axis]
    return tf.split(x, [rows // 2, rows - rows // 2], axis)


def product_with(matrix, rows):
    """The function that multiplies (rows, K) by a matrix (K, N), many times.

    Args:
        matrix: Shape (K, N).
        rows: Number of rows, or None if it is not known.

    Returns:
        Function from (rows, K) to (rows, N).
    """
    if rows != 1 or matrix.shape[-1] < 2 or not _on_processor_in_a_graph():
        return lambda x: ops.matmul(x, matrix)
    left, right = ops.split(matrix, [matrix.shape[-1] // 2], axis=-1)
    return lambda x: ops.concatenate(
        [ops.matmul(x, left), ops.matmul(x, right)], axis=-1
    )


def _on_processor_in_a_graph():
    """Whether TensorFlow will run operations side by side as they stand."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf
    from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

    return (
        not tf.executing_eagerly()
        and not GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())
        and not tf.config.list_physical_devices("GPU")
    )
