"""Cross-entropy over the real tokens of padded sequences, and its metrics."""

import numbers
from typing import Any

import keras
from keras import ops

from keras_seq.ops import cross_entropy
from keras_seq.ops._shapes import fits
from keras_seq.typing import ArrayLike, Tensor

# A target that no vocabulary has, and that float32 holds exactly: Keras makes
# floats of the targets on their way to `call`.
_NOT_COUNTED = -(2**31)


@keras.saving.register_keras_serializable(package="keras_seq")
class SequenceCrossEntropy(keras.losses.Loss):
    """Cross-entropy a token, of the real tokens of a batch alone.

    ```
    loss = Σ_t w_t [(1 − ε) (−log p_t(y_t)) + ε/V Σ_v (−log p_t(v))] / Σ_t w_t
    p_t  = softmax(logits_t)
    ```

    over all tokens t of the batch whose target is not `mask_id`; w is the
    sample weight, 1 without one. ε is `label_smoothing`: the target keeps 1 − ε,
    and every id of the vocabulary, the target and the padding among them, gets
    ε/V, as in `keras.losses.CategoricalCrossentropy` and in PyTorch (fairseq
    spreads ε over the others). The entropy of these targets is not subtracted,
    so the lowest possible loss is not 0.

    Padding changes nothing: tokens with the target `mask_id`, with the sample
    weight 0, or masked by Keras (in the mask that a layer put on the logits)
    add nothing, whatever their logits are, NaN included, and they have no
    gradient. A batch without any real token has the loss 0. No one-hot targets
    are made, and what is added up is float32 even in mixed precision.

    Masked by `keras.losses.SparseCategoricalCrossentropy(ignore_class=0)`, the
    loss has no smoothing, and a sample weight takes part in the sum but not in
    the divisor.

    Args:
        label_smoothing: ε, in [0, 1).
        from_logits: Whether the predictions are logits. If not, they are
            probabilities; as in Keras, those below
            `keras.config.epsilon()` count as that much.
        mask_id: Target that marks padding; None if there is none.
        name: Name of the loss.
        dtype: Type of the computation, "float32" or "float64": in 16 bits, Keras
            would round the targets on their way.

    Call arguments:
        y_true: Integer targets of shape (B, T).
        y_pred: Logits of shape (B, T, V).
        sample_weight: Weights of shape (B, T), (B, 1) or (B,), or None.

    Returns:
        Scalar, in nats. It is NaN if a real target is outside [0, V).

    Raises:
        ValueError: If an argument is out of its range, or the shapes don't fit.

    Example:

    >>> loss = SequenceCrossEntropy()
    >>> logits = ops.log([[[0.25, 0.5, 0.25], [0.1, 0.1, 0.8]]])
    >>> round(float(loss([[1, 0]], logits)), 4)  # log 2: the 0 is padding
    0.6931

    References:

    - [Szegedy et al., 2016](https://arxiv.org/abs/1512.00567), section 7
    """

    def __init__(
        self,
        *,
        label_smoothing: float = 0.0,
        from_logits: bool = True,
        mask_id: int | None = 0,
        name: str = "sequence_cross_entropy",
        dtype: str = "float32",
    ) -> None:
        super().__init__(name=name, reduction="mean_with_sample_weight", dtype=dtype)
        if self.dtype not in ("float32", "float64"):
            raise ValueError(
                f"`dtype` must be 'float32' or 'float64'; received {self.dtype!r}."
            )
        _check_smoothing(label_smoothing)
        _check_mask_id(mask_id)
        self.label_smoothing = label_smoothing
        self.from_logits = from_logits
        self.mask_id = mask_id

    def __call__(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> Tensor:
        """The loss of a batch; see the class."""
        y_true, weight = _targets_and_weights(
            y_true, y_pred, sample_weight, self.mask_id, self.dtype
        )
        return super().__call__(y_true, y_pred, weight)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of every token, shape (B, T); 0 where it is padding."""
        y_true = ops.cast(y_true, "int32")
        real = ops.not_equal(y_true, _NOT_COUNTED)
        if self.mask_id is not None:
            real = ops.logical_and(real, ops.not_equal(y_true, self.mask_id))
        if not self.from_logits:
            # Here, not only in the loss: 0 · NaN is NaN, in the gradient too.
            y_pred = ops.where(real[..., None], y_pred, 1.0)
            y_pred = ops.log(ops.maximum(y_pred, keras.config.epsilon()))
        known = ops.logical_and(y_true >= 0, y_true < ops.shape(y_pred)[-1])
        losses = cross_entropy(
            y_pred,
            ops.where(ops.logical_and(real, known), y_true, 0),
            label_smoothing=self.label_smoothing,
            mask=real,
        )
        return ops.where(
            ops.logical_or(known, ops.logical_not(real)), losses, float("nan")
        )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "label_smoothing": self.label_smoothing,
            "from_logits": self.from_logits,
            "mask_id": self.mask_id,
            "name": self.name,
            "dtype": self.dtype,
        }


class _TokenMean(keras.metrics.Metric):
    """Mean over all real tokens since the last reset.

    `keras.metrics.Mean` first takes the mean over the steps of each batch, so
    that tokens of a long batch count less than those of a short one.
    """

    def __init__(
        self,
        *,
        mask_id: int | None = 0,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        _check_mask_id(mask_id)
        self.mask_id = mask_id
        self.total = self.add_variable((), initializer="zeros", name="total")
        self.count = self.add_variable((), initializer="zeros", name="count")

    def update_state(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        """Takes in a batch; the arguments are those of the loss."""
        y_true, weight = _targets_and_weights(
            y_true, y_pred, sample_weight, self.mask_id, self.dtype
        )
        values = ops.cast(self.token_values(y_true, y_pred), self.dtype)
        self.total.assign_add(ops.sum(values * weight))
        self.count.assign_add(ops.sum(weight))

    def token_values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The value of every token, finite where the token does not count."""
        raise NotImplementedError

    def result(self) -> Tensor:
        return ops.divide_no_nan(self.total, self.count)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mask_id": self.mask_id}


@keras.saving.register_keras_serializable(package="keras_seq")
class TokenNats(_TokenMean):
    """Mean of −log p(y) over the real tokens, in nats: no label smoothing.

    What a token is worth does not depend on the batch it is in, as it does in
    `keras.metrics.SparseCategoricalCrossentropy` and in the logged loss, which
    are means of means.

    Args:
        from_logits: Whether the predictions are logits; else probabilities.
        mask_id: Target that marks padding, which is left out; None if there is
            none.
        name: Name of the metric.
        dtype: Type of the computation.

    Call arguments: those of `SequenceCrossEntropy`.

    Example:

    >>> nats = TokenNats()
    >>> nats.update_state([[1, 0]], ops.zeros((1, 2, 4)))
    >>> round(float(nats.result()), 4)  # log 4
    1.3863
    """

    def __init__(
        self,
        *,
        from_logits: bool = True,
        mask_id: int | None = 0,
        name: str | None = "nats",
        dtype: str | None = None,
    ) -> None:
        super().__init__(mask_id=mask_id, name=name, dtype=dtype)
        self.from_logits = from_logits
        self._cross_entropy = SequenceCrossEntropy(
            from_logits=from_logits, mask_id=mask_id
        )

    def token_values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """−log p of every token."""
        y_pred = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        return self._cross_entropy.call(y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "from_logits": self.from_logits}


@keras.saving.register_keras_serializable(package="keras_seq")
class Perplexity(TokenNats):
    """Perplexity a token: e to the power of `TokenNats`, 1 at best.

    Args:
        from_logits: As for `TokenNats`.
        mask_id: As for `TokenNats`.
        name: Name of the metric.
        dtype: Type of the computation.

    Example:

    >>> perplexity = Perplexity()
    >>> perplexity.update_state([[1, 0]], ops.zeros((1, 2, 4)))
    >>> round(float(perplexity.result()), 4)
    4.0
    """

    def __init__(
        self,
        *,
        from_logits: bool = True,
        mask_id: int | None = 0,
        name: str | None = "perplexity",
        dtype: str | None = None,
    ) -> None:
        super().__init__(
            from_logits=from_logits, mask_id=mask_id, name=name, dtype=dtype
        )

    def result(self) -> Tensor:
        """The perplexity of what was taken in; 1 of nothing."""
        return ops.exp(super().result())


@keras.saving.register_keras_serializable(package="keras_seq")
class TokenAccuracy(_TokenMean):
    """Share of the real tokens whose likeliest id is the target.

    Args:
        mask_id: Target that marks padding, which is left out; None if there is
            none.
        name: Name of the metric.
        dtype: Type of the computation.

    Call arguments: those of `SequenceCrossEntropy`.

    Example:

    >>> accuracy = TokenAccuracy()
    >>> accuracy.update_state([[1, 2, 0]], ops.one_hot([[1, 1, 0]], 3))
    >>> float(accuracy.result())
    0.5
    """

    def __init__(
        self,
        *,
        mask_id: int | None = 0,
        name: str | None = "accuracy",
        dtype: str | None = None,
    ) -> None:
        super().__init__(mask_id=mask_id, name=name, dtype=dtype)

    def token_values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """1 where the likeliest id is the target, else 0."""
        return ops.equal(ops.cast(ops.argmax(y_pred, axis=-1), "int32"), y_true)


def _check_smoothing(label_smoothing: object) -> None:
    if (
        not isinstance(label_smoothing, numbers.Real)
        or not 0 <= float(label_smoothing) < 1
    ):
        raise ValueError(
            f"`label_smoothing` must be in [0, 1); received {label_smoothing!r}."
        )


def _check_mask_id(mask_id: object) -> None:
    if mask_id is not None and not isinstance(mask_id, numbers.Integral):
        raise ValueError(f"`mask_id` must be an integer or None; received {mask_id!r}.")


def _targets_and_weights(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    sample_weight: ArrayLike | None,
    mask_id: int | None,
    dtype: str,
) -> tuple[Tensor, Tensor]:
    """Weights of shape (B, T), and the targets, marked where the weight is 0."""
    mask = getattr(y_pred, "_keras_mask", None)
    targets = ops.cast(ops.convert_to_tensor(y_true), "int32")
    shape, logits_shape = targets.shape, ops.convert_to_tensor(y_pred).shape
    if not fits(shape, logits_shape[:-1]):
        raise ValueError(
            "`y_true` must be targets of shape (B, T) for `y_pred` of shape (B, T, "
            f"V); received {tuple(shape)} and {tuple(logits_shape)}."
        )
    weight = ops.ones_like(targets, dtype=dtype)
    if mask_id is not None:
        weight *= ops.cast(ops.not_equal(targets, mask_id), dtype)
    for name, given in (("mask", mask), ("sample_weight", sample_weight)):
        if given is not None:
            factor = ops.cast(ops.convert_to_tensor(given), dtype)
            received = tuple(factor.shape)
            while len(factor.shape) < len(shape):
                factor = factor[..., None]
            if not fits(factor.shape, shape, or_one=True):
                raise ValueError(
                    f"`{name}` must have shape (B, T), (B, 1) or (B,) with (B, T) = "
                    f"{tuple(shape)}; received {received}."
                )
            weight *= factor
    return ops.where(weight != 0, targets, _NOT_COUNTED), weight
