"""What clipping did to the gradients of one step."""

from collections.abc import Iterable, Sequence

import keras
from keras import ops

from keras_seq.typing import Tensor


def with_step(
    totals: Tensor,
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[Tensor | None],
    clipped: Sequence[Tensor | None],
) -> Tensor:
    """The totals of clipping with one more step.

    Args:
        totals: float32 tensor (6,): the steps, those that were clipped, the sum of
            their factors, that of all norms, the largest norm, and the steps whose
            norm isn't finite, which count nowhere else but in the first.
        optimizer: The optimizer.
        gradients: Its gradients before clipping, a list; None where there is none.
        clipped: What it made of them.

    Returns:
        The new totals.
    """
    steps, clippings, factors, norms, largest, not_finite = ops.unstack(totals)
    gradients = [g for g in gradients if g is not None]
    lengths = _lengths(map(_entries, gradients))
    norm = _length(lengths)
    finite = ops.isfinite(norm)
    norm = ops.where(finite, norm, 0.0)
    acts, factor = ops.zeros_like(finite), ops.ones_like(norm)
    if any((optimizer.clipnorm, optimizer.global_clipnorm, optimizer.clipvalue)):
        acts = ops.logical_and(finite, _is_clipped(optimizer, gradients, lengths, norm))
        before = norm
        if any(map(_is_rows, gradients)):
            before = _length(_lengths(map(_summed, gradients)))
        clipped = [_summed(g) for g in clipped if g is not None]
        factor = _length(_lengths(clipped)) / ops.where(before > 0, before, 1.0)
    return ops.stack(
        [
            steps + 1,
            clippings + ops.cast(acts, "float32"),
            factors + ops.where(acts, factor, 0.0),
            norms + norm,
            ops.maximum(largest, norm),
            not_finite + ops.cast(ops.logical_not(finite), "float32"),
        ]
    )


def _is_clipped(
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[Tensor],
    lengths: Tensor,
    norm: Tensor,
) -> Tensor:
    """Whether the optimizer changes the gradient; it heeds the first that is set."""
    if optimizer.clipnorm:
        return ops.any(lengths > optimizer.clipnorm)
    if optimizer.global_clipnorm:
        return norm > optimizer.global_clipnorm
    entries = ops.stack([ops.max(ops.abs(_entries(g))) for g in gradients])
    return ops.any(ops.cast(entries, "float32") > optimizer.clipvalue)


def _lengths(tensors: Iterable[Tensor]) -> Tensor:
    return ops.stack([_length(tensor) for tensor in tensors])


def _length(tensor: Tensor) -> Tensor:
    return ops.sqrt(ops.sum(ops.square(ops.cast(tensor, "float32"))))


def _entries(gradient: Tensor) -> Tensor:
    """What the optimizer looks at: all entries, or the rows that there are."""
    return gradient.values if _is_rows(gradient) else gradient


def _summed(gradient: Tensor) -> Tensor:
    """The gradient with equal rows added up."""
    if not _is_rows(gradient):
        return gradient
    import tensorflow as tf

    return tf.convert_to_tensor(gradient)


def _is_rows(gradient: Tensor) -> bool:
    """Whether it is TensorFlow's gradient of a table of which rows were taken."""
    return hasattr(gradient, "indices") and hasattr(gradient, "dense_shape")
