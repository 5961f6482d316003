"""What makes hypotheses of different lengths comparable."""

from keras import ops

from keras_seq.typing import Tensor

# Attention of 0 has no logarithm. A softmax comes that low where it has all but
# decided; sparsemax gives zeros by design.
COVERAGE_FLOOR = 1e-6


def length_penalty(alpha: Tensor, lengths: Tensor) -> Tensor:
    """((5 + |Y|) / 6)^α, which grows with |Y|.

    Args:
        alpha: Scalar or tensor that broadcasts with `lengths`.
        lengths: int32 tensor: tokens, the end token counted.

    Returns:
        float32 tensor of the shape of `lengths`.
    """
    # Values of symbolic tensors can't be refused; a search with α < 0 could not
    # know when to end.
    alpha = ops.maximum(alpha, 0.0)
    return ops.power((5.0 + ops.cast(lengths, "float32")) / 6.0, alpha)


def coverage_penalty(beta: Tensor, coverage: Tensor, mask: Tensor | None) -> Tensor:
    """β Σ_s ln(min(max(c_s, floor), 1)), at most 0.

    Args:
        beta: Scalar or tensor that broadcasts to (B, W).
        coverage: The attention that each position got, shape (B, W, S).
        mask: True where a position counts, shape (B, S), or None for all.

    Returns:
        float32 tensor of shape (B, W).
    """
    logarithms = ops.log(ops.clip(coverage, COVERAGE_FLOOR, 1.0))
    if mask is not None:
        logarithms = ops.where(ops.expand_dims(mask, 1), logarithms, 0.0)
    return ops.maximum(beta, 0.0) * ops.sum(logarithms, axis=-1)
