"""What counts, and what a masked step does: nothing."""

from typing import Any

import keras
from keras import ops

from keras_seq.typing import ArrayLike, Integers, Tensor


def sequence_mask(
    lengths: ArrayLike, length: Integers, *, name: str = "lengths"
) -> Tensor:
    """The mask of rows that are padded behind their ends, from their lengths.

    For whoever comes from lengths (`pack_padded_sequence` in PyTorch,
    `sequence_length` in TensorFlow 1): what takes a mask takes this, such as
    `keras.layers.Bidirectional`.

    Args:
        lengths: How many steps of each row count, integers, 0 or more. Shape (B,).
        length: T, which none of them exceeds; an integer, or a tensor of one.
        name: What the lengths are called where they are refused.

    Returns:
        True where a step counts. Shape (B, T).

    Raises:
        ValueError: If they are no integers, not of shape (B,), or out of range. What is
            only known when a graph of TensorFlow runs is refused then, by its
            InvalidArgumentError; a function that XLA compiles, JAX's too, refuses
            nothing: there what exceeds T counts as T, and what is below 0 as 0.

    Example:

    >>> sequence_mask([2, 0, 3], 3).numpy().astype(int)
    array([[1, 1, 0],
           [0, 0, 0],
           [1, 1, 1]])
    """
    given = ops.convert_to_tensor(lengths)
    dtype = keras.backend.standardize_dtype(given.dtype)
    if len(given.shape) != 1 or not keras.backend.is_int_dtype(dtype):
        raise ValueError(
            f"`{name}` must be integers of shape (B,); received dtype {dtype}, shape "
            f"{tuple(given.shape)}."
        )
    # T may be beyond what the lengths' own type can count.
    dtype = "int64" if dtype in ("int64", "uint32", "uint64") else "int32"
    given = ops.cast(given, dtype)
    known = _known(given)
    most = _known(length)
    wrong = [] if known is None else [int(n) for n in known if n < 0]
    if known is not None and most is not None:
        wrong += [int(n) for n in known if n > most]
    if wrong:
        top = "T" if most is None else f"{int(most)}"
        raise ValueError(f"`{name}` must be from 0 to {top}; received {wrong[0]}.")
    if keras.backend.backend() == "tensorflow" and (known is None or most is None):
        given = _in_range_when_run(name, given, length)
    steps = ops.arange(length, dtype=dtype)
    return ops.expand_dims(steps, 0) < ops.expand_dims(given, 1)


def _known(value: Any) -> Any:
    """The numbers of a tensor as an array, or None within a graph or a compiled one."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.get_static_value(tf.convert_to_tensor(value))
    if keras.backend.backend() == "jax":
        import jax

        if isinstance(value, jax.core.Tracer):
            return None
    return ops.convert_to_numpy(value)


def _in_range_when_run(name: str, lengths: Tensor, length: Integers) -> Tensor:
    import tensorflow as tf

    most = tf.cast(length, lengths.dtype)
    message = f"`{name}` must be from 0 to T"
    assertions = [
        tf.debugging.assert_non_negative(lengths, message),
        tf.debugging.assert_less_equal(lengths, most, message),
    ]
    with tf.control_dependencies(assertions):
        return tf.identity(lengths)


def probed(probe: Any, after: Any) -> Any:
    """The state behind a step, with the probe of its h added if there is one.

    That of an LSTM's memory is added within the step: h is made of it.
    """
    return after if probe is None else after._replace(h=after.h + probe.h)


def skipped(counts: Tensor | None, after: Any, before: Any) -> Any:
    """The state behind a step, which is that before it where the step is masked.

    Args:
        counts: True where the step counts, shape (B, 1), or None for everywhere.
        after: The state that the step computed, a NamedTuple of (B, units) tensors.
        before: The state before it.

    Example:

    >>> import numpy as np
    >>> from keras_seq.ops._structures import HiddenState
    >>> after, before = HiddenState(np.ones((2, 1))), HiddenState(np.zeros((2, 1)))
    >>> skipped(np.array([[True], [False]]), after, before).h.numpy().tolist()
    [[1.0], [0.0]]
    """
    if counts is None:
        return after
    return after._make(
        ops.where(counts, new, old) for new, old in zip(after, before, strict=True)
    )


def zero_where_masked(counts: Tensor | None, x: Tensor) -> Tensor:
    """Puts 0 where a step is masked."""
    return x if counts is None else ops.where(counts, x, ops.zeros_like(x))


def one_where_masked(counts: Tensor | None, x: Tensor) -> Tensor:
    """Puts 1 where a step is masked."""
    return x if counts is None else ops.where(counts, x, ops.ones_like(x))
