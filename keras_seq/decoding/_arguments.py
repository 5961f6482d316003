"""Checks of numbers that may be tensors, whose values may not be known yet."""

import numbers

import keras
import numpy as np
from keras import ops


def check_numbers(name, value, expected, accepts, *, whole=False):
    """Refuses a number, or a tensor of shape () or (B,), that is out of range.

    Args:
        name: Name of the argument.
        value: A number, or anything with a shape and a dtype. The values of a
            symbolic tensor are not known and pass.
        expected: What is expected, in words.
        accepts: Function from a number to whether it is in range.
        whole: Whether only integers are accepted.

    Raises:
        ValueError: If the value is refused.
    """
    kind = numbers.Integral if whole else numbers.Real
    if isinstance(value, kind) and not isinstance(value, bool):
        values = [value]
    elif hasattr(value, "dtype") and not isinstance(value, numbers.Number):
        if len(value.shape) > 1:
            raise ValueError(
                f"`{name}` must be a scalar or of shape (B,); received shape "
                f"{tuple(value.shape)}."
            )
        dtype = getattr(value.dtype, "name", str(value.dtype))
        if "int" not in dtype and (whole or "float" not in dtype):
            raise ValueError(
                f"`{name}` must be {expected}; received a tensor of dtype {dtype}."
            )
        values = known_values(value)
    else:
        raise ValueError(f"`{name}` must be {expected}; received {value!r}.")
    if not all(accepts(number) for number in values):
        raise ValueError(f"`{name}` must be {expected}; received {value!r}.")


def check_whole(name, value, least):
    """Refuses what is no integer in [least, 2³¹), nor a tensor of such."""
    check_numbers(
        name,
        value,
        f"an integer in [{least}, 2**31) or a tensor of such",
        lambda number: least <= number < 2**31,
        whole=True,
    )


def check_rows(name, value, batch):
    """Refuses a tensor of shape (B,) with another B than `batch`."""
    rows = value.shape[0] if len(value.shape) else None
    if rows is not None and batch is not None and rows != batch:
        raise ValueError(
            f"`{name}` must be a scalar or of shape (B,) = ({batch},); received "
            f"shape ({rows},)."
        )


def check_row_count(name, value, batch):
    """Refuses a tensor whose leading B is another than `batch`; None is any."""
    rows = value.shape[0]
    if None not in (rows, batch) and rows != batch:
        raise ValueError(
            f"`{name}` must have as many rows as `start_tokens`, {batch}; received "
            f"shape {tuple(value.shape)}."
        )


def as_column(name, value, dtype, batch):
    """A scalar, or a (B,) tensor as a column that broadcasts over (B, ·)."""
    value = ops.cast(ops.convert_to_tensor(value), dtype)
    check_rows(name, value, batch)
    return ops.expand_dims(value, -1) if len(value.shape) else value


def as_tokens(name, tokens, rank, shape):
    """Token ids as int32; refuses what is no integer tensor of this rank."""
    tokens = ops.convert_to_tensor(tokens)
    dtype = keras.backend.standardize_dtype(tokens.dtype)
    if len(tokens.shape) != rank or "int" not in dtype:
        raise ValueError(
            f"`{name}` must be integers of shape {shape}; received dtype "
            f"{dtype}, shape {tuple(tokens.shape)}."
        )
    return ops.cast(tokens, "int32")


def as_integers(name, value, ranks, shape, least):
    """An integer array or tensor, as it was given or, of a list, in NumPy.

    Args:
        name: Name of the argument.
        value: What was given.
        ranks: The ranks that are accepted.
        shape: The shapes in words.
        least: The smallest value accepted.
    """
    if not hasattr(value, "dtype"):
        value = np.asarray(value)
        if not value.size:
            value = value.astype("int32")  # an empty list says nothing of its kind
    dtype = keras.backend.standardize_dtype(value.dtype)
    if len(value.shape) not in ranks or "int" not in dtype:
        raise ValueError(
            f"`{name}` must be integers of shape {shape}; received dtype {dtype}, "
            f"shape {tuple(value.shape)}."
        )
    wrong = [number for number in known_values(value) if number < least]
    if wrong:
        raise ValueError(f"`{name}` must be at least {least}; received {min(wrong)}.")
    return value


def check_end_token(end_token, vocabulary_size):
    """Refuses an end token that is neither None nor an id in the vocabulary."""
    if end_token is None:
        return
    whole = isinstance(end_token, numbers.Integral) and not isinstance(end_token, bool)
    size = 2**31 if vocabulary_size is None else vocabulary_size
    if not whole or not 0 <= end_token < size:
        raise ValueError(
            f"`end_token` must be an integer in [0, {size}) or None; received "
            f"{end_token!r}."
        )


def known_values(tensor):
    """The numbers in a tensor as a flat list; none if it is symbolic."""
    try:
        return keras.ops.convert_to_numpy(tensor).reshape(-1).tolist()
    except Exception:  # each backend has its own error for a symbolic tensor
        return []
