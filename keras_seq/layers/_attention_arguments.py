"""Checks of arguments that the attention layers share."""

import math
import numbers
from typing import Any

import keras
from keras import ops

from keras_seq.layers._arguments import as_mask, counting
from keras_seq.ops._shapes import fits
from keras_seq.typing import ArrayLike, Shape, Tensor


def check_number(name: str, value: Any, least: float | None = None) -> float:
    """Refuses what is no finite number of at least `least`; a float comes back."""
    number = not isinstance(value, bool) and isinstance(value, numbers.Real)
    if not number or not math.isfinite(value) or (least is not None and value < least):
        wanted = "a number" if least is None else f"a number, {least} or more"
        raise ValueError(f"`{name}` must be {wanted}; received {value!r}.")
    return float(value)


def check_dtype(
    name: str, layer: keras.layers.Layer, owner: keras.layers.Layer
) -> None:
    """Refuses a layer that computes with other numbers than the one it is part of."""
    if layer.compute_dtype != owner.compute_dtype:
        raise ValueError(
            f"`{name}` must compute in {owner.compute_dtype}, as {owner.name!r} does; "
            f"received {layer.name!r}, which computes in {layer.compute_dtype}. Give "
            "all of them the same `dtype`."
        )


def check_shape(
    name: str, shape: Shape, *forms: str, features: int | None = None
) -> None:
    """Refuses a shape that has none of the forms.

    Args:
        name: Of the argument.
        shape: None where a size is not known; that of the last axis must be.
        forms: A letter for each axis: "BTD" for (B, T, D).
        features: Size of the last axis, or None for any.
    """
    shape = tuple(shape)
    size = shape[-1] if len(shape) in map(len, forms) else None
    if size is None or size != (features or size):
        letters = [[*form[:-1], str(features or form[-1])] for form in forms]
        wanted = " or ".join(f"({', '.join(form)})" for form in letters)
        raise ValueError(f"`{name}` must have shape {wanted}; received {shape}.")


def check_rows(name: str, shape: Shape, memory_shape: Shape) -> None:
    """Refuses a memory that has not as many rows as what attends to it."""
    if not fits(memory_shape[:1], shape[:1]):
        raise ValueError(
            f"`memory` must have as many rows as `{name}`, {shape[0]}; received "
            f"{memory_shape[0]}."
        )


def check_beside(name: str, array: Tensor, memory: Tensor, rank: int) -> None:
    """Refuses a mask or keys, (B, S) or (B, S, ·), that don't fit the memory."""
    received, expected = tuple(array.shape), tuple(memory.shape[:2])
    if len(received) != rank or not fits(received[:2], expected):
        axes = ("B", "S", "·")[:rank]
        sizes = (*expected, "·")[:rank]
        raise ValueError(
            f"`{name}` must have shape ({', '.join(axes)}) = "
            f"({', '.join(map(str, sizes))}); received {received}."
        )


def memory_mask_of(
    memory: Tensor, memory_mask: Any, lengths: ArrayLike | None
) -> Tensor | None:
    """True where a position of a memory counts, by a mask and by lengths, or None."""
    mask = as_mask(memory_mask, "memory_mask")
    if mask is not None:
        check_beside("memory_mask", mask, memory, 2)
    return counting(mask, lengths, memory, lengths_name="memory_sequence_length")


def new_initializer(initializer: Any) -> Any:
    """The initialiser, or one like it: an unseeded one repeats what it drew."""
    if isinstance(initializer, keras.initializers.Initializer):
        return initializer.clone()
    return initializer


def without_masked(memory: Tensor, memory_mask: Tensor | None) -> Tensor:
    """The memory with zeros where it is masked: it may hold anything there."""
    if memory_mask is None:
        return memory
    mask = ops.expand_dims(memory_mask, -1)
    return ops.where(mask, memory, ops.zeros_like(memory))
