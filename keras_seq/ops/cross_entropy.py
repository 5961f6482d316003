"""Cross-entropy with integer targets and label smoothing, and its gradient."""

from collections.abc import Callable

import keras
from keras import ops

from keras_seq.ops._engine.custom_gradient import with_gradient
from keras_seq.ops._shapes import fits
from keras_seq.typing import Tensor


def cross_entropy(
    logits: Tensor,
    targets: Tensor,
    *,
    label_smoothing: float = 0.0,
    mask: Tensor | None = None,
) -> Tensor:
    """The cross-entropy of each target under softmax(logits).

    ```
    ℓ = (1 - ε) (-ln p_y) + ε/V Σ_v (-ln p_v)           p = softmax(x)
      = ln Σ_v exp(x_v) - (1 - ε) x_y - ε mean(x)
    δx = δℓ (p - (1 - ε) onehot(y) - ε/V)
    ```

    The gradient is computed as it stands here, which takes a few passes over the
    logits: with a large V they are what a language model's loss costs.

    Args:
        logits: x. Shape (..., V).
        targets: y, integers in [0, V). Shape (...).
        label_smoothing: ε, a number in [0, 1).
        mask: True where a target counts, shape (...), or None for all. Elsewhere
            loss and gradient are 0, whatever the logits are, NaN too.

    Returns:
        ℓ in nats, shape (...).

    Raises:
        ValueError: If `label_smoothing` is out of its range, the logits are no
            floats, or the shapes don't fit.

    Example:

    >>> import numpy as np
    >>> logits = np.log([[0.5, 0.25, 0.25]])
    >>> np.exp(-cross_entropy(logits, np.array([0]))).round(3)
    array([0.5])

    References:
        Szegedy et al. (2016), Rethinking the Inception architecture for computer
        vision, section 7.
    """
    if not 0 <= label_smoothing < 1:
        raise ValueError(
            f"`label_smoothing` must be in [0, 1); received {label_smoothing!r}."
        )
    given: Tensor = ops.convert_to_tensor(logits)
    dtype = keras.backend.standardize_dtype(given.dtype)
    if not keras.backend.is_float_dtype(dtype):
        raise ValueError(f"`logits` must be floats; received dtype {dtype}.")
    targets = ops.cast(targets, "int32")
    _check_shape("targets", targets, given)
    if mask is not None:
        mask = ops.cast(mask, "bool")
        _check_shape("mask", mask, given)

    def losses(x: Tensor, normaliser: Tensor) -> Tensor:
        target = ops.take_along_axis(x, ops.expand_dims(targets, -1), axis=-1)[..., 0]
        if label_smoothing:
            mean = ops.mean(x, axis=-1)
            target = (1 - label_smoothing) * target + label_smoothing * mean
        found = normaliser - target
        return found if mask is None else ops.where(mask, found, ops.zeros_like(found))

    def plain(x: Tensor) -> Tensor:
        if mask is not None:
            x = ops.where(ops.expand_dims(mask, -1), x, ops.ones_like(x))
        return losses(x, ops.logsumexp(x, axis=-1))

    def derived(x: Tensor, _: bool) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        normaliser = ops.logsumexp(x, axis=-1)

        def gradient(d_loss: Tensor) -> Tensor:
            d_loss = ops.expand_dims(d_loss, -1)
            size = ops.shape(x)[-1]
            d_x = ops.exp(x - ops.expand_dims(normaliser, -1))
            d_x = d_x - label_smoothing / ops.cast(size, x.dtype)
            hit = ops.expand_dims(targets, -1) == ops.arange(size, dtype="int32")
            d_x = d_loss * ops.where(hit, d_x - (1 - label_smoothing), d_x)
            if mask is not None:
                d_x = ops.where(ops.expand_dims(mask, -1), d_x, ops.zeros_like(d_x))
            return d_x

        return losses(x, normaliser), gradient

    return with_gradient(derived, plain, given)


def _check_shape(name: str, given: Tensor, logits: Tensor) -> None:
    """Refuses what would be broadcast, as far as the sizes are known."""
    received, expected = tuple(given.shape), tuple(logits.shape)[:-1]
    if not fits(received, expected):
        raise ValueError(
            f"`{name}` must have the shape of the logits without V, {expected}; "
            f"received {received}."
        )
