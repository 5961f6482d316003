"""Checks of constructor and call arguments that the layers share."""

import math
import numbers
from collections.abc import Sequence
from typing import Any

import keras

from keras_seq.ops._shapes import fits
from keras_seq.typing import Nest, Tensor


def is_whole(value: Any, least: int) -> bool:
    """Whether a value is an integer of at least `least`."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return whole and value >= least


def is_above(value: Any, bound: float) -> bool:
    """Whether a value is a finite number above `bound`."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return number and bound < float(value) < math.inf


def check_size(name: str, value: Any) -> int:
    """Refuses a size, a count or a number of units that is none; an int comes back."""
    if not is_whole(value, least=1):
        raise ValueError(f"`{name}` must be a positive integer; received {value!r}.")
    return int(value)


def check_rate(name: str, rate: Any) -> None:
    if isinstance(rate, bool) or not isinstance(rate, numbers.Real):
        raise ValueError(f"`{name}` must be a number in [0, 1); received {rate!r}.")
    if not 0 <= float(rate) < 1:
        raise ValueError(f"`{name}` must be in [0, 1); received {rate!r}.")


def check_flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"`{name}` must be True or False; received {value!r}.")


def check_epsilon(epsilon: Any) -> None:
    """Refuses what can't be added to a variance."""
    if not is_above(epsilon, 0):
        raise ValueError(
            f"`layer_norm_epsilon` must be a positive number; received {epsilon!r}."
        )


def check_implementation(implementation: Any) -> None:
    if implementation not in (1, 2):
        raise ValueError(
            f"`implementation` must be 1 or 2; received {implementation!r}."
        )


def check_cudnn(use_cudnn: Any) -> None:
    if use_cudnn not in ("auto", False):
        raise ValueError(
            "`use_cudnn` must be 'auto' or False, since cuDNN shows no gates; "
            f"received {use_cudnn!r}."
        )


def check_mask(mask: Tensor, sequences: Tensor) -> None:
    """Refuses a mask that is not (B, T), as far as the shapes are known."""
    expected = tuple(sequences.shape[:2])
    received = tuple(mask.shape)
    if not fits(received, expected):
        raise ValueError(
            f"`mask` must have shape (B, T) = {expected}; received {received}."
        )


def check_states(
    name: str, states: Nest, state_size: int | Sequence[int], batch: int | None
) -> list[Tensor]:
    """Returns `states` as a list with one (batch, size) tensor a state."""
    sizes = state_size if isinstance(state_size, Sequence) else [state_size]
    if not isinstance(states, (list, tuple)):
        states = [states]
    if any(state is None or isinstance(state, dict) for state in states):
        raise ValueError(
            f"`{name}` must be {len(sizes)} tensors (B, units); received "
            f"{[type(state).__name__ for state in states]}."
        )
    states = [keras.ops.convert_to_tensor(state) for state in states]
    shapes = [tuple(state.shape) for state in states]
    matches = len(shapes) == len(sizes) and all(
        len(shape) == 2
        and shape[1] == size
        and (shape[0] is None or batch is None or shape[0] == batch)
        for shape, size in zip(shapes, sizes, strict=True)
    )
    if not matches:
        rows = "B" if batch is None else batch
        expected = ", ".join(f"({rows}, {size})" for size in sizes)
        tensors = "tensor of shape" if len(sizes) == 1 else "tensors of shapes"
        raise ValueError(
            f"`{name}` must be {len(sizes)} {tensors} {expected}; "
            f"received shapes {shapes}."
        )
    return states


def as_mask(mask: Nest) -> Tensor | None:
    """A boolean mask from anything that Keras passes as one."""
    if isinstance(mask, (list, tuple)):
        mask = mask[0] if mask else None
    return None if mask is None else keras.ops.cast(mask, "bool")
