"""The encoder of a transformer, which shows its attention."""

import keras
from keras import ops

from keras_seq.layers._arguments import as_mask
from keras_seq.layers._calls import TransformerEncoderCall
from keras_seq.layers._multi_head import visible_keys, zero_masked
from keras_seq.layers._transformer import TransformerStack
from keras_seq.typing import Nest, Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_seq")
class TransformerEncoder(TransformerStack):
    """A stack of self-attention and feed-forward layers.

    Each layer l = 1 .. L, with LN a layer normalisation of its own each time:

    ```
    x ← x + SelfAttention(LN(x))
    x ← x + W_2 activation(W_1 LN(x) + b_1) + b_2
    ```

    and LN(x) behind the last. With `norm_first=False`, as in the paper,

    ```
    x ← LN(x + SelfAttention(x))
    x ← LN(x + W_2 activation(W_1 x + b_1) + b_2)
    ```

    with no LN behind the last. Each of H heads h, of size K = D / H, has

    ```
    q, k, v = x W_q + b_q, x W_k + b_k, x W_v + b_v     its own part of each
    a_ts = softmax_s(q_t · k_s / √K)
    SelfAttention(x)_t = [Σ_s a_ts v_s of all heads] W_o + b_o
    ```

    It knows no order: add a `PositionalEncoding` first.

    Masking: a masked step is seen by none, whatever it holds, NaN too; as a query
    it sees the others, and its output means nothing. A row that is masked
    whole attends to nothing: its weights are 0 and its outputs are finite. The
    mask is passed on.

    Weights, as `get_weights` orders them, layer by layer, vectors of size D where
    nothing else is said:

    ```
    γ, β; (W_q, W_k, W_v) (D, 3D), bias (3D,); W_o (D, D), bias;
    γ, β; W_1 (D, intermediate_dim), bias (intermediate_dim,); W_2, bias
    ```

    and, with `norm_first`, γ, β of the last LN. In W_q, W_k and W_v the heads lie
    side by side. PyTorch's `in_proj_weight` is the transpose of the packed one.
    Each of W_q, W_k and W_v is started by itself, as if it were not packed.

    Args:
        num_layers: L, a positive integer.
        num_heads: H, a positive integer that divides D.
        intermediate_dim: Size of the feed-forward layer, a positive integer.
        dropout: Share of the features that is set to 0 in training, in [0, 1),
            of what each part adds to x.
        attention_dropout: Share of the attention weights that is set to 0 in
            training, in [0, 1); None for `dropout`. The weights that are
            returned are those before dropout.
        activation: Of the feed-forward layer.
        norm_first: Whether LN comes before each part or behind it.
        layer_norm_epsilon: Is added to the variance; positive.
        kernel_initializer: Initialiser of the matrices. One with a seed gives
            every matrix other numbers.
        bias_initializer: Initialiser of the biases.
        seed: Seed of the dropout.
        **kwargs: What every Keras layer takes.

    Call arguments:
        inputs: Shape (B, S, D).
        mask: True where a step counts. Shape (B, S). None for the mask that came
            with the inputs, or for all.
        training: Whether dropout acts.
        return_attention_scores: Whether to return the attention weights too.

    Returns:
        Shape (B, S, D). With `return_attention_scores` a list of the weights of
        each layer, (B, H, S, S), follows: of each query, over the keys.

    Raises:
        ValueError: If an argument is out of its range, H doesn't divide D, or
            a shape doesn't fit.

    Example:

    >>> import numpy as np
    >>> encoder = TransformerEncoder(num_layers=2, num_heads=4, intermediate_dim=32)
    >>> outputs, scores = encoder(np.ones((3, 5, 16)), return_attention_scores=True)
    >>> outputs.shape, len(scores), scores[0].shape
    (TensorShape([3, 5, 16]), 2, TensorShape([3, 4, 5, 5]))

    References:
        Vaswani et al. (2017), Attention is all you need.
        Xiong et al. (2020), On layer normalization in the transformer
        architecture (`norm_first`).
    """

    __call__: TransformerEncoderCall

    def build(self, inputs_shape: Shape) -> None:
        self.build_stack(inputs_shape[-1], crosses=False)

    def call(
        self,
        inputs: Tensor,
        mask: Tensor | None = None,
        training: bool | None = False,
        return_attention_scores: bool = False,
    ) -> Nest:
        mask = as_mask(mask)
        self.check_inputs(inputs, mask)
        x = zero_masked(ops.cast(inputs, self.compute_dtype), mask)
        visible = visible_keys(mask, self.compute_dtype)
        x, scores, _ = self.run_blocks(
            x, visible, None, None, training, (return_attention_scores, False)
        )
        return (x, scores) if return_attention_scores else x

    def compute_output_spec(
        self,
        inputs: Tensor,
        mask: Tensor | None = None,
        training: bool | None = False,
        return_attention_scores: bool = False,
    ) -> Nest:
        self.check_inputs(inputs, as_mask(mask))
        outputs = keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return outputs
        batch, steps, _ = inputs.shape
        return outputs, self.scores_spec(batch, steps, steps)
