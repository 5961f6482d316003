"""Tensors in named structures, and the one place where they become a flat list.

States, weights, probes and results travel as NamedTuples. None stands for what
there is not: no mask, no bias, nothing to show.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias

from keras import tree

from keras_seq.typing import Nest, Tensor

Gates: TypeAlias = Any
"""A dict of tensors by name, or None where the caller doesn't ask for it.

A union would make every caller who does ask say so to the type checker.
"""


class HiddenState(NamedTuple):
    """The state of a recurrence that carries its output alone."""

    h: Tensor


class LSTMState(NamedTuple):
    """The state of an LSTM: its output and its memory."""

    h: Tensor
    c: Tensor


def flattened(
    structure: Nest,
) -> tuple[list[Tensor], Callable[[Iterable[Tensor]], Nest]]:
    """The tensors of a structure, and the function that puts others in their places.

    Example:

    >>> tensors, packed = flattened((LSTMState(1, 2), None))
    >>> tensors
    [1, 2]
    >>> packed([3, 4])
    (LSTMState(h=3, c=4), None)
    """
    leaves = tree.flatten(structure)

    def packed(tensors: Iterable[Tensor]) -> Nest:
        rest = iter(tensors)
        full = [None if leaf is None else next(rest) for leaf in leaves]
        return tree.pack_sequence_as(structure, full)

    return [leaf for leaf in leaves if leaf is not None], packed


def map_tensors(function: Callable[..., Any], structure: Nest, *others: Nest) -> Nest:
    """A structure of results; None where the first structure has None."""
    return tree.map_structure(
        lambda x, *rest: None if x is None else function(x, *rest), structure, *others
    )


def parts_of(state: Any, *, h: bool, others: bool) -> Any:
    """A state with None instead of h, or of what it carries beside, if not wanted."""
    return state._make(
        value if (h if name == "h" else others) else None
        for name, value in zip(state._fields, state, strict=True)
    )
