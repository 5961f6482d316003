"""Whether what a recurrence is given fits together."""

import keras
from keras import ops

from keras_seq.ops._shapes import fits
from keras_seq.ops._structures import map_tensors


def checked(inputs, initial_state, mask):
    """The arguments of a recurrence as tensors, x with 0 where it is masked.

    What is masked may be anything, NaN too, and must reach no product.

    Args:
        inputs: x. Shape (B, T, D).
        initial_state: The state, a NamedTuple of (B, units) tensors.
        mask: True where a step counts, shape (B, T), or None.

    Returns:
        x, the state, and the mask, boolean, or None.

    Raises:
        ValueError: If x is no tensor of floats of three axes, or another argument
            has other rows or steps. What is only known when a graph runs is
            refused then, by TensorFlow's InvalidArgumentError.
    """
    x = ops.convert_to_tensor(inputs)
    state = map_tensors(ops.convert_to_tensor, initial_state)
    dtype = keras.backend.standardize_dtype(x.dtype)
    if len(x.shape) != 3 or not keras.backend.is_float_dtype(dtype):
        raise ValueError(
            "`inputs` must be floats of shape (B, T, D); received dtype "
            f"{dtype}, shape {tuple(x.shape)}."
        )
    rows, steps = x.shape[:2]
    for array in state:
        if not fits(array.shape[:1], (rows,)):
            raise ValueError(
                f"`initial_state` must have as many rows as `inputs`, {rows}; received "
                f"shape {tuple(array.shape)}."
            )
    if mask is not None:
        mask = ops.cast(mask, "bool")
        if not fits(tuple(mask.shape), (rows, steps)):
            raise ValueError(
                f"`mask` must have shape (B, T) = {(rows, steps)}; received "
                f"{tuple(mask.shape)}."
            )
    if keras.backend.backend() == "tensorflow":
        x = _checked_when_run(x, state, mask)
    if mask is not None:
        x = ops.where(ops.expand_dims(mask, -1), x, ops.zeros_like(x))
    return x, state, mask


def _checked_when_run(x, state, mask):
    """Gives x, behind assertions on what is not known yet."""
    import tensorflow as tf

    assertions = [
        tf.debugging.assert_equal(
            tf.shape(array)[0],
            tf.shape(x)[0],
            "`initial_state` must have as many rows as `inputs`",
        )
        for array in state
        if None in (array.shape[0], x.shape[0])
    ]
    if mask is not None and None in (*mask.shape, *x.shape[:2]):
        assertions.append(
            tf.debugging.assert_equal(
                tf.shape(mask), tf.shape(x)[:2], "`mask` must have shape (B, T)"
            )
        )
    if not assertions:
        return x
    with tf.control_dependencies(assertions):
        return tf.identity(x)
