"""What a recurrence is given and what it returns, as named structures."""

from typing import Any, NamedTuple

from keras_seq.typing import Tensor


class Given(NamedTuple):
    """What of a call can be differentiated. Its errors have the same form."""

    x: Tensor  # (B, T, D)
    state: Any  # `equations.State`, each (B, units)
    kernel: Tensor | None  # W, (D, packed); None where x is projected already
    bias: Tensor | None  # b
    weights: Any  # `equations.Weights`
    probes: Any = None  # `equations.State`, each (B, T, units)


class Results(NamedTuple):
    """What comes back. Its errors have the same form."""

    final: Any  # `equations.State`, each (B, units)
    h: Tensor | None  # (B, T, units)
    shown: Any  # `equations.Shown`, each (B, T, units), or None


class Wanted(NamedTuple):
    """What the caller asks for."""

    sequences: bool  # h of all steps
    shown: bool  # what the equations show
