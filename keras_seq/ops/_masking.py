"""What a masked step does: nothing."""

from typing import Any

from keras import ops

from keras_seq.typing import Tensor


def skipped(counts: Tensor | None, after: Any, before: Any) -> Any:
    """The state behind a step, which is that before it where the step is masked.

    Args:
        counts: True where the step counts, shape (B, 1), or None for everywhere.
        after: The state that the step computed, a NamedTuple of (B, units) tensors.
        before: The state before it.

    Example:

    >>> import numpy as np
    >>> from keras_seq.ops._structures import HiddenState
    >>> after, before = HiddenState(np.ones((2, 1))), HiddenState(np.zeros((2, 1)))
    >>> skipped(np.array([[True], [False]]), after, before).h.numpy().tolist()
    [[1.0], [0.0]]
    """
    if counts is None:
        return after
    return after._make(
        ops.where(counts, new, old) for new, old in zip(after, before, strict=True)
    )


def zero_where_masked(counts: Tensor | None, x: Tensor) -> Tensor:
    """Puts 0 where a step is masked."""
    return x if counts is None else ops.where(counts, x, ops.zeros_like(x))


def one_where_masked(counts: Tensor | None, x: Tensor) -> Tensor:
    """Puts 1 where a step is masked."""
    return x if counts is None else ops.where(counts, x, ops.ones_like(x))
