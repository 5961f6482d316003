"""Checks of numbers that may be tensors, whose values may not be known yet."""

import numbers

import keras


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
        values = _known_values(value)
    else:
        raise ValueError(f"`{name}` must be {expected}; received {value!r}.")
    if not all(accepts(number) for number in values):
        raise ValueError(f"`{name}` must be {expected}; received {value!r}.")


def check_rows(name, value, batch):
    """Refuses a tensor of shape (B,) with another B than `batch`."""
    rows = value.shape[0] if len(value.shape) else None
    if rows is not None and batch is not None and rows != batch:
        raise ValueError(
            f"`{name}` must be a scalar or of shape (B,) = ({batch},); received "
            f"shape ({rows},)."
        )


def _known_values(tensor):
    try:
        return keras.ops.convert_to_numpy(tensor).reshape(-1).tolist()
    except Exception:  # each backend has its own error for a symbolic tensor
        return []
