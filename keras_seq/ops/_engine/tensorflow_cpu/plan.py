"""What is run on each part, and the structures that go into and out of it."""

import dataclasses
from typing import Any, NamedTuple

from keras_seq.ops._engine.results import Wanted
from keras_seq.ops._structures import parts_of
from keras_seq.typing import Tensor


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What is run on each part, and what is wanted of it.

    Attributes:
        equations: Of `keras_seq.ops._derived`.
        wanted: `Wanted`.
        keep: Whether to keep what a gradient needs.
        rows: B of a part, or None if known only when it is run.
        units: Size of a state.
        dtype: Of the tensors.
        weight_shapes: `Shared` of shapes.
    """

    equations: Any
    wanted: Wanted
    keep: bool
    rows: int | None
    units: int
    dtype: Any
    weight_shapes: Any

    def listed(self, state, kept):
        """What is listed of the states, and of what the equations keep."""
        others = self.keep or self.wanted.shown
        states = parts_of(state, h=self.keep or self.wanted.sequences, others=others)
        if not self.keep:
            kept = self.equations.only_shown(kept) if self.wanted.shown else None
        return Lists(states, kept)


class Shared(NamedTuple):
    """What all parts read; or its errors, or its shapes."""

    kernel: Any  # W, or None where x is projected already
    bias: Any  # b, or None
    weights: Any  # `equations.Weights`; backwards as of `backward_layout`


class Forward(NamedTuple):
    """What a part is given."""

    x: Tensor  # (T, B, D)
    state: Any  # `equations.State`
    counts: Tensor | None  # (T, B, 1)


class Lists(NamedTuple):
    """Handles of lists, of as many items as the innermost loop makes turns."""

    states: Any  # `equations.State`, each list beginning with the initial state
    kept: Any  # `equations.Kept`, or None


class Found(NamedTuple):
    """What a part finds."""

    final: Any  # `equations.State`
    h: Tensor | None  # if wanted: before the first step and behind all of them,
    #                   ((T + 1) · B, units)
    shown: Any  # `equations.Shown`, each (T, B, ·), or None
    # Of what is kept, which stands last: see `graph_functions`.
    kept_h: Tensor | None = None  # as h, where that isn't wanted but needed
    lists: Any = None  # `Lists` of what a gradient needs beside h, or None


class Backward(NamedTuple):
    """What a part is given for the way back."""

    x: Tensor  # (T, B, D)
    counts: Tensor | None  # (T, B, 1)
    h: Tensor  # as in `Found`
    lists: Lists
    errors: Any  # `Results`, those of all steps (T, B, ·)


class Derivatives(NamedTuple):
    """What a part finds on the way back."""

    x: Tensor
    state: Any
    shared: Shared
