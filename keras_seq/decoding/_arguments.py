"""Checks of numbers that may be tensors, whose values may not be known yet."""

import numbers
import typing
from collections.abc import Callable, Collection, Sequence

import keras
import numpy as np
from keras import ops

from keras_seq.typing import Array, ArrayLike, Nest, Numbers, Tensor

Id: typing.TypeAlias = int | np.integer
"""Of a token."""

Ids: typing.TypeAlias = Array | Sequence[Id]
"""Of tokens: an integer array, or a list."""

EndToken: typing.TypeAlias = Id | Sequence[Id]
"""The token that ends a row, or several, each of which does."""

StopSequences: typing.TypeAlias = Array | Sequence[Ids]
"""Sequences of tokens, each of which ends a row."""


def check_numbers(
    name: str,
    value: typing.Any,
    expected: str,
    accepts: Callable[[float], bool],
    *,
    whole: bool = False,
) -> None:
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
    kind: type[typing.Any] = numbers.Integral if whole else numbers.Real
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


def check_whole(name: str, value: object, least: int) -> None:
    """Refuses what is no integer in [least, 2³¹), nor a tensor of such."""
    check_numbers(
        name,
        value,
        f"an integer in [{least}, 2**31) or a tensor of such",
        lambda number: least <= number < 2**31,
        whole=True,
    )


def check_count(name: str, value: object, most: int | None = None) -> None:
    """Refuses what is no positive integer, up to `most`, nor a tensor of such."""
    check_numbers(
        name,
        value,
        "a positive integer" if most is None else f"an integer in [1, {most}]",
        lambda number: number > 0 and (most is None or number <= most),
        whole=True,
    )


def check_rows(name: str, value: Numbers, batch: int | None) -> None:
    """Refuses a tensor of shape (B,) with another B than `batch`."""
    shape: tuple[int | None, ...] = getattr(value, "shape", ())
    rows = shape[0] if len(shape) else None
    if rows is not None and batch is not None and rows != batch:
        raise ValueError(
            f"`{name}` must be a scalar or of shape (B,) = ({batch},); received "
            f"shape ({rows},)."
        )


def check_row_count(name: str, value: Array, batch: int | None) -> None:
    """Refuses a tensor whose leading B is another than `batch`; None is any."""
    rows = value.shape[0]
    if None not in (rows, batch) and rows != batch:
        raise ValueError(
            f"`{name}` must have as many rows as `start_tokens`, {batch}; received "
            f"shape {tuple(value.shape)}."
        )


def check_leading_rows(
    name: str, nest: Nest, batch: int | None, *, none_is_fine: bool = False
) -> None:
    """Refuses a nest with a leaf that has no row for each of the start tokens.

    Args:
        name: Name of the argument.
        nest: Nest of tensors with a leading B.
        batch: B; None where it is not known, as the rows of a symbolic tensor.
        none_is_fine: Whether leaves may be None.
    """
    for path, leaf in keras.tree.flatten_with_path(nest):
        if leaf is None and none_is_fine:
            continue
        place = name + "".join(f"[{key!r}]" for key in path)
        rows = "as many rows as" if batch is None else f"{batch} rows, one for each of"
        expected = f"a tensor with {rows} `start_tokens`"
        came = "None"
        if leaf is not None:
            shape: tuple[int | None, ...] = tuple(
                as_tensor(place, leaf, expected).shape
            )
            if shape and (None in (shape[0], batch) or shape[0] == batch):
                continue
            came = f"shape {shape}"
        raise ValueError(f"`{place}` must be {expected}; received {came}.")


def as_column(name: str, value: float | Array, dtype: str, batch: int | None) -> Tensor:
    """A scalar, or a (B,) tensor as a column that broadcasts over (B, ·)."""
    column = ops.cast(ops.convert_to_tensor(value), dtype)
    check_rows(name, column, batch)
    return ops.expand_dims(column, -1) if len(column.shape) else column


def as_tensor(name: str, value: typing.Any, expected: str) -> Tensor:
    """The value as a tensor; refuses what can't be made one, or is ragged."""
    try:
        if not hasattr(value, "row_splits"):
            return ops.convert_to_tensor(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        pass  # each backend has its own words for it, which name no argument
    raise ValueError(f"`{name}` must be {expected}; received {brief(value)}.")


def brief(value: object) -> str:
    """What was received, in a line that can be read."""
    text = repr(value)
    return text if len(text) <= _BRIEF else f"{text[:_BRIEF]}…"


_BRIEF = 200


def dtype_of(value: Array) -> str:
    """The name of the dtype, also where Keras has none such."""
    try:
        return keras.backend.standardize_dtype(value.dtype)
    except ValueError:
        kind = getattr(value.dtype, "kind", "")
        return "string" if kind in {"U", "S"} else str(value.dtype)


def as_tokens(
    name: str, tokens: typing.Any, rank: int, shape: str, least: int = -(2**31)
) -> Tensor:
    """Token ids as int32; refuses what is no integer tensor of this rank."""
    ids = as_integers(name, tokens, (rank,), shape, least)
    return ops.cast(as_tensor(name, ids, f"integers of shape {shape}"), "int32")


def as_integers(
    name: str, value: typing.Any, ranks: Collection[int], shape: str, least: int
) -> Array:
    """An integer array or tensor, as it was given or, of a list, in NumPy.

    Args:
        name: Name of the argument.
        value: What was given.
        ranks: The ranks that are accepted.
        shape: The shapes in words.
        least: The smallest value accepted; the largest is that of int32.
    """
    given = value
    if not hasattr(value, "dtype"):
        try:
            value = np.asarray(value)
        except (TypeError, ValueError):
            raise ValueError(
                f"`{name}` must be integers of shape {shape}; received lists of "
                f"different lengths, {brief(given)}."
            ) from None
        if not value.size:
            value = value.astype("int32")  # an empty list says nothing of its kind
    dtype = dtype_of(value)
    if dtype == "object" or hasattr(value, "row_splits"):
        raise ValueError(
            f"`{name}` must be integers of shape {shape}; received {brief(given)}."
        )
    if len(value.shape) not in ranks or "int" not in dtype:
        raise ValueError(
            f"`{name}` must be integers of shape {shape}; received dtype {dtype}, "
            f"shape {tuple(value.shape)}."
        )
    values = known_values(value)
    if values and min(values) < least:
        raise ValueError(f"`{name}` must be at least {least}; received {min(values)}.")
    if values and max(values) >= 2**31:
        raise ValueError(f"`{name}` must be below 2**31; received {max(values)}.")
    return value


def check_boolean(name: str, value: object) -> bool:
    """Refuses what is no boolean of Python's or NumPy's."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"`{name}` must be True or False; received {brief(value)}.")
    return bool(value)


def end_tokens(end_token: typing.Any) -> tuple[int, ...]:
    """The ids of the end tokens, each once, in their order."""
    if end_token is None:
        return ()
    several = end_token if isinstance(end_token, Sequence) else (end_token,)
    return tuple(dict.fromkeys(int(token) for token in several))


def check_end_token(end_token: typing.Any, vocabulary_size: int | None) -> None:
    """Refuses an end token that is neither None nor an id in the vocabulary.

    Nor a list of such ids.
    """
    if end_token is None:
        return
    size = 2**31 if vocabulary_size is None else vocabulary_size
    listed = isinstance(end_token, Sequence) and not isinstance(end_token, (str, bytes))
    for token in end_token if listed else (end_token,):
        whole = isinstance(token, numbers.Integral) and not isinstance(token, bool)
        if not whole or not 0 <= token < size:
            raise ValueError(
                f"`end_token` must be an integer in [0, {size}), a list of such, or "
                f"None; received {end_token!r}."
            )


def check_in_vocabulary(name: str, ids: Array, vocabulary_size: int) -> None:
    known = known_values(ids)
    if known and max(known) >= vocabulary_size:
        raise ValueError(
            f"`{name}` must be below the vocabulary's size {vocabulary_size}; "
            f"received {max(known)}."
        )


def known_values(tensor: ArrayLike) -> list[float]:
    """The numbers in a tensor as a flat list; none if it is symbolic."""
    try:
        return keras.ops.convert_to_numpy(tensor).reshape(-1).tolist()
    except Exception:  # each backend has its own error for a symbolic tensor
        return []


def marked(tokens: Tensor, vocabulary_size: int | Tensor) -> Tensor:
    """Which tokens are among these of each row: (B, P) gives booleans (B, V).

    -1 stands for none.
    """
    rows, count = ops.shape(tokens)
    # What is none is marked in a column that is cut off again.
    column = ops.where(tokens < 0, vocabulary_size, tokens)
    row = ops.expand_dims(ops.arange(rows, dtype="int32"), -1)
    row = ops.broadcast_to(row, (rows, count))
    places = ops.stack([ops.reshape(x, (-1,)) for x in (row, column)], axis=-1)
    found = ops.scatter_update(
        ops.zeros((rows, vocabulary_size + 1), "int32"),
        places,
        ops.ones_like(places[:, 0]),
    )
    return found[:, :vocabulary_size] > 0
