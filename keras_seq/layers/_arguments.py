"""Checks of constructor and call arguments that the layers share."""

import math
import numbers
from collections.abc import Sequence
from typing import Any

import keras

from keras_seq.layers._symbolic import is_symbolic, zeros_beside
from keras_seq.ops._engine.callers import called_from
from keras_seq.ops._masking import sequence_mask
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


def check_rate(name: str, rate: Any) -> float:
    """Refuses a rate that is none; it comes back as it was given."""
    given: float = rate
    if isinstance(rate, bool) or not isinstance(rate, numbers.Real):
        raise ValueError(f"`{name}` must be a number in [0, 1); received {rate!r}.")
    if not 0 <= float(rate) < 1:
        raise ValueError(f"`{name}` must be in [0, 1); received {rate!r}.")
    return given


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
    known = isinstance(use_cudnn, (bool, str)) and use_cudnn in ("auto", False, True)
    if not known or (use_cudnn is True and keras.backend.backend() != "torch"):
        raise ValueError(
            "`use_cudnn` must be 'auto' or False, or True on the PyTorch backend, "
            f"where it is PyTorch's own kernel; received {use_cudnn!r}."
        )


def check_numbers(name: str, value: Any) -> None:
    """Refuses what holds no numbers: strings, objects, complex numbers.

    Args:
        name: Of the argument.
        value: A tensor, or a list of tensors.
    """
    if isinstance(value, list) and all(hasattr(one, "dtype") for one in value):
        for one in value:
            check_numbers(name, one)
        return
    if not hasattr(value, "dtype"):
        value = _as_tensor(name, value)
    dtype = str(value.dtype)
    if not any(kind in dtype for kind in ("float", "int", "bool")):
        raise ValueError(f"`{name}` must be a tensor of numbers; received {dtype}.")


def check_tokens(name: str, tokens: Any) -> None:
    """Refuses what can't be token ids (B, T); floats may be whole, as in Keras."""
    check_numbers(name, tokens)
    shape = tuple(keras.ops.shape(tokens))
    if len(shape) != 2:
        raise ValueError(
            f"`{name}` must be token ids of shape (B, T); received shape {shape}."
        )


def check_token_or_none(name: str, token: Any, vocabulary_size: int) -> None:
    """Refuses what is neither None nor the id of a token."""
    if token is not None and not (is_whole(token, 0) and token < vocabulary_size):
        raise ValueError(
            f"`{name}` must be an integer in [0, {vocabulary_size}) or None; received "
            f"{token!r}."
        )


def check_reading(tokens: Any, states: Any, count: int) -> None:
    """Refuses what are no tokens, or no list of the states of several layers."""
    check_tokens("tokens", tokens)
    if states is None:
        return
    if not isinstance(states, (list, tuple)) or len(states) != count:
        listed = isinstance(states, (list, tuple))
        came = f"{len(states)} of them" if listed else type(states).__name__
        raise ValueError(
            f"`initial_state` must be a list of the states of {count} layers; received "
            f"{came}."
        )


def check_step_input(inputs: Tensor) -> None:
    """Refuses what is no step of an input for a cell."""
    check_numbers("inputs", inputs)
    if len(inputs.shape) != 2:
        raise ValueError(
            "`inputs` must be a step, of shape (B, D), of a sequence; received shape "
            f"{tuple(inputs.shape)}."
        )


def check_mask(mask: Tensor, sequences: Tensor, name: str = "mask") -> None:
    """Refuses a mask that is not (B, T), as far as the shapes are known."""
    expected = tuple(sequences.shape[:2])
    received = tuple(mask.shape)
    if not fits(received, expected):
        raise ValueError(
            f"`{name}` must have shape (B, T) = {expected}; received {received}."
        )


def check_states(
    name: str, states: Nest, state_size: int | Sequence[int], like: Tensor
) -> list[Tensor]:
    """Returns `states` as a list with one (batch, size) tensor a state.

    A state of one row is that of all rows.

    Args:
        name: Of the argument.
        states: One tensor, or a list of tensors.
        state_size: The size of the state, or of each of several.
        like: A tensor with as many rows, (B, ...).
    """
    batch = like.shape[0]
    sizes = state_size if isinstance(state_size, Sequence) else [state_size]
    if not isinstance(states, (list, tuple)):
        states = [states]
    if any(state is None or isinstance(state, dict) for state in states):
        raise ValueError(
            f"`{name}` must be {len(sizes)} tensors (B, units); received "
            f"{[type(state).__name__ for state in states]}."
        )
    states = [_as_tensor(name, state) for state in states]
    shapes = [tuple(state.shape) for state in states]
    matches = len(shapes) == len(sizes) and all(
        len(shape) == 2
        and shape[1] == size
        and (None in (shape[0], batch) or shape[0] in (1, batch))
        for shape, size in zip(shapes, sizes, strict=True)
    )
    if not matches:
        count = "B" if batch is None else batch
        expected = ", ".join(f"({count}, {size})" for size in sizes)
        tensors = "tensor of shape" if len(sizes) == 1 else "tensors of shapes"
        raise ValueError(
            f"`{name}` must be {len(sizes)} {tensors} {expected}; "
            f"received shapes {shapes}. A state of one row stands for all."
        )
    for state in states:
        check_numbers(name, state)
    return [
        _for_all_rows(state, like, size)
        if state.shape[0] == 1 and batch != 1
        else state
        for state, size in zip(states, sizes, strict=True)
    ]


def _for_all_rows(state: Tensor, like: Tensor, size: int) -> Tensor:
    """The state (1, size), once for each row of a tensor (B, ...)."""
    if is_symbolic(like):
        return state + zeros_beside(like, size, state.dtype)
    return keras.ops.broadcast_to(state, (keras.ops.shape(like)[0], size))


def counting(
    mask: Nest,
    lengths: Any,
    sequences: Tensor,
    name: str = "mask",
    lengths_name: str = "sequence_length",
) -> Tensor | None:
    """True where a step counts, by a mask and by lengths; None for everywhere.

    Args:
        mask: (B, T), in any form that Keras passes, or None.
        lengths: (B,), or None.
        sequences: What they are of, (B, T, ·).
        name: Of the mask.
        lengths_name: Of the lengths.
    """
    mask = as_mask(mask, name)
    if mask is not None:
        check_mask(mask, sequences, name)
    if lengths is None:
        return mask
    if is_symbolic(lengths, sequences):
        places = keras.ops.cumsum(keras.ops.ones_like(sequences[:, :, 0], "int32"), 1)
        in_time = places <= keras.ops.expand_dims(keras.ops.cast(lengths, "int32"), 1)
    else:
        shape = keras.ops.shape(sequences)
        in_time = sequence_mask(lengths, shape[1], name=lengths_name)
    if not fits(in_time.shape[:1], sequences.shape[:1]):
        raise ValueError(
            f"`{lengths_name}` must have shape (B,) = ({sequences.shape[0]},); "
            f"received ({in_time.shape[0]},)."
        )
    return in_time if mask is None else keras.ops.logical_and(mask, in_time)


def refuse_time_distributed(layer: Any) -> None:
    """Refuses `TimeDistributed`, which makes one wrong array of several results.

    To be called by the `call` and `compute_output_shape` of a layer that may return
    its state and gates: there is no other sign of the wrapper.
    """
    if not (layer.return_state or layer.return_gates):
        return
    if called_from("keras.src.layers.rnn.time_distributed", depth=2):
        flag = "return_gates" if layer.return_gates else "return_state"
        raise ValueError(
            "`keras.layers.TimeDistributed` takes layers of one output; received "
            f"{layer.name!r} with {flag}=True. `keras_seq.layers.TimeDistributed` "
            "takes any: it puts the axis beside the rows, (B, N, T, D) to "
            "(B · N, T, D), as `keras.ops.reshape` does."
        )


def as_mask(mask: Nest, name: str = "mask") -> Tensor | None:
    """A boolean mask from anything that Keras passes as one."""
    if isinstance(mask, (list, tuple)):
        mask = mask[0] if mask else None
    if mask is None:
        return None
    if not is_symbolic(mask):
        mask = _as_tensor(name, mask)
    check_numbers(name, mask)
    return keras.ops.cast(mask, "bool")


def _as_tensor(name: str, value: Any) -> Tensor:
    """The value as a tensor, or a refusal that names it."""
    try:
        return keras.ops.convert_to_tensor(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"`{name}` must be a tensor of numbers; received {type(value).__name__}: "
            f"{str(error).splitlines()[0]}"
        ) from None
