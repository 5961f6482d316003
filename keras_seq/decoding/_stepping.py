"""The step function that a user gives: how it is called, what it must return."""

import inspect
import typing
from collections.abc import Callable

import keras
from keras import ops, tree

from keras_seq.decoding._arguments import brief, check_leading_rows, dtype_of
from keras_seq.typing import Nest, Tensor

StepResults: typing.TypeAlias = tuple[Tensor, Nest] | tuple[Tensor, Nest, Nest]
"""Logits, the state after, and what is to be kept."""

Step: typing.TypeAlias = Callable[[Tensor, Nest], StepResults]
"""Reads the tokens, (B,), in a state."""

StepWithConstants: typing.TypeAlias = Callable[[Tensor, Nest, Nest], StepResults]
"""Reads besides what no step changes."""

Fields: typing.TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor, Nest, Tensor, Tensor]
"""Those of a `Generation`, in their order, and why each row ended."""


def check_step(step: typing.Any, constants: Nest) -> None:
    """Refuses what can't be called with tokens and state, and with constants if any."""
    if not callable(step):
        raise TypeError(f"`step` must be a function; received {step!r}.")
    names = (
        ("tokens", "state") if constants is None else ("tokens", "state", "constants")
    )
    try:
        signature = inspect.signature(step)
    except (TypeError, ValueError):
        return  # Python doesn't know of every function what it takes
    try:
        signature.bind(*names)
    except TypeError as error:
        given = "without" if constants is None else "with"
        raise TypeError(
            f"`step` must take ({', '.join(names)}) {given} `constants`; received "
            f"{brief(step)}, which takes {signature}: {error}."
        ) from None


def bind(step: typing.Any, constants: Nest) -> Step:
    """The step function of two arguments, the constants put in.

    Before a loop, the `step` of an object that has a `prepared_step` becomes that:
    the same step, with what is the same for every token computed once.
    """
    if constants is None:
        owner: typing.Any = getattr(step, "__self__", None)
        if hasattr(owner, "prepared_step") and step == owner.step:
            return typing.cast(Step, owner.prepared_step())
        return typing.cast(Step, step)
    return lambda tokens, state: step(tokens, state, constants)


def as_tensors(nest: Nest) -> Nest:
    """The nest with its leaves made tensors."""
    return tree.map_structure(ops.convert_to_tensor, nest)


def read_by(step: Step, tokens: Tensor, state: Nest) -> tuple[Tensor, Nest, Nest]:
    """The logits, the state after, and what is to be kept, or None."""
    logits, state, *keep = step(tokens, state)
    return logits, state, keep[0] if keep else None


def repeat_rows(nest: Nest, count: int) -> Nest:
    """Each row so often, one behind the other; None stays None."""
    return tree.map_structure(
        lambda x: None if x is None else ops.repeat(x, count, axis=0), nest
    )


def first_step(step: Step, tokens: Tensor, state: Nest) -> tuple[Tensor, Nest]:
    """Calls `step` once and checks what it returns.

    Returns:
        The logits, and what it gives to keep: None for nothing.
    """
    results = step(tokens, state)
    if not isinstance(results, (tuple, list)) or len(results) not in (2, 3):
        raise ValueError(
            "`step` must return (logits, state) or (logits, state, keep); received "
            f"{results!r}."
        )
    logits, new_state, *keep = results
    batch, shape = tokens.shape[0], tuple(getattr(logits, "shape", ()))
    if len(shape) != 2 or shape[0] not in (None, batch or shape[0]) or shape[1] == 0:
        came = f"shape {shape}" if hasattr(logits, "shape") else brief(logits)
        raise ValueError(
            "`step` must return logits of shape (B, V) with B = "
            f"{batch} and V > 0; received {came}."
        )
    dtype = dtype_of(logits)
    if "float" not in dtype:
        raise ValueError(
            "`step` must return logits in a floating-point dtype; received dtype "
            f"{dtype}, shape {shape}."
        )
    check_state("`step`", state, new_state)
    if not keep or keep[0] is None:
        return logits, None
    check_leading_rows("keep", keep[0], batch)
    return logits, keep[0]


def check_state(name: str, before: Nest, after: Nest) -> None:
    """Refuses a state whose structure, dtypes or shapes are not as before."""
    forms = [tree.map_structure(_Form, state) for state in (before, after)]
    if forms[0] != forms[1]:
        raise ValueError(
            f"{name} must return a state of the structure, dtypes and shapes of the "
            f"state it was given, {forms[0]}; received {forms[1]}."
        )


class _Form:
    """Dtype and shape of a tensor; sizes that are not known equal any."""

    shape: tuple[int | None, ...] = ()

    def __init__(self, leaf: typing.Any) -> None:
        if leaf is None:
            self.dtype = "None"
            return
        tensor = ops.convert_to_tensor(leaf)
        self.dtype = keras.backend.standardize_dtype(tensor.dtype)
        self.shape = tuple(tensor.shape)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Form)
            and self.dtype == other.dtype
            and len(self.shape) == len(other.shape)
            and all(
                a is None or b is None or a == b
                for a, b in zip(self.shape, other.shape, strict=True)
            )
        )

    def __repr__(self) -> str:
        return f"{self.dtype}{self.shape}"


def zero_unless(condition: Tensor, value: Tensor) -> Tensor:
    """The value where the condition (B, ...) holds, 0 elsewhere."""
    missing = len(value.shape) - len(condition.shape)
    condition = ops.reshape(condition, (*ops.shape(condition), *(1,) * missing))
    return ops.where(condition, value, ops.zeros_like(value))
