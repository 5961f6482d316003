"""The decoder of a transformer, which shows its attention and can be stepped."""

from typing import Any

import keras
from keras import ops

from keras_seq.layers._arguments import as_mask, check_size
from keras_seq.layers._calls import TransformerDecoderCall
from keras_seq.layers._multi_head import (
    split_heads,
    visibility,
    visible_keys,
    visible_past,
    zero_masked,
)
from keras_seq.layers._symbolic import in_functional_models
from keras_seq.layers._transformer import (
    Keys,
    TransformerStack,
    check_memory,
    check_memory_mask,
    check_step,
)
from keras_seq.layers._transformer_cache import (
    Past,
    TransformerState,
    as_transformer_state,
    empty_state,
)
from keras_seq.typing import Integers, Nest, Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_seq")
class TransformerDecoder(TransformerStack):
    """A stack of causal self-attention, cross-attention and feed-forward layers.

    Each layer l = 1 .. L, with LN a layer normalisation of its own each time:

    ```
    x ← x + SelfAttention(LN(x))                    step t sees steps 1 .. t
    x ← x + CrossAttention(LN(x), memory)
    x ← x + W_2 activation(W_1 LN(x) + b_1) + b_2
    ```

    and LN(x) behind the last. With `norm_first=False`, as in the paper, each line
    is x ← LN(x + f(x)), with no LN behind the last. The attentions are those of
    `TransformerEncoder`; in the cross-attention the queries come from x, the keys
    and values from the memory, e.g. an encoder's outputs.

    Without a memory there is no cross-attention: a language model.

    It knows no order: add a `PositionalEncoding` first.

    Whole sequences (teacher forcing) are read by the call, single steps by
    `step`, to the same numbers but for rounding:

    ```
    keys = decoder.project_memory(memory)
    state = decoder.get_initial_state(memory, max_length=100)
    output_t, state, scores = decoder.step(input_t, state, memory, keys)
    ```

    A step costs what its own token costs: past keys and values are kept in the
    state. `read` reads several at once, a prompt for instance.

    Masking: a masked step or memory position is seen by none, whatever it holds,
    NaN too; as a query a masked step sees the others, and its output means
    nothing. Where nothing may be seen the weights are 0, and outputs are finite.
    The mask of the inputs is passed on.

    Weights, as `get_weights` orders them, layer by layer, vectors of size D where
    nothing else is said:

    ```
    γ, β; (W_q, W_k, W_v) (D, 3D), bias (3D,); W_o (D, D), bias;    self
    γ, β; W_q (D, D), bias; W_o (D, D), bias;                       cross
    γ, β; W_1 (D, intermediate_dim), bias (intermediate_dim,); W_2, bias
    ```

    then, with `norm_first`, γ, β of the last LN, and with a memory of E features
    W_k and W_v of the cross-attention of all layers, (W_k1, W_v1, W_k2, W_v2, ...)
    of shape (E, 2LD), and their bias (2LD,).

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
        kernel_initializer: Initialiser of the matrices, each by itself. One with
            a seed gives every matrix other numbers.
        bias_initializer: Initialiser of the biases.
        seed: Seed of the dropout.
        **kwargs: What every Keras layer takes.

    Call arguments:
        inputs: The embedded tokens that are read: in training the right ones,
            moved by one. Shape (B, T, D).
        memory: Shape (B, S, E), or None for a language model: always or never.
        memory_mask: True where a position counts. Shape (B, S). None for the mask
            that came with the memory, or for all. `keras_seq.ops.sequence_mask` makes
            one of lengths.
        mask: True where a step counts. Shape (B, T). None for the mask that came
            with the inputs, or for all.
        training: Whether dropout acts.
        return_attention_scores: Whether to return the weights of the
            cross-attention too; without a memory, those of the self-attention.
        return_self_attention_scores: Whether to return the weights of the
            self-attention too.
        inputs_mask: The mask that came with the inputs. Keras fills it in where
            there is a memory, and `mask` where there is none.

    Returns:
        Shape (B, T, D). With `return_attention_scores` a list of the weights of
        each layer follows: (B, H, T, S), without a memory (B, H, T, T). With
        `return_self_attention_scores` a list of (B, H, T, T) comes last.

    Raises:
        ValueError: If an argument is out of its range, H doesn't divide D, a
            shape doesn't fit, or a memory is given only sometimes.

    Example:

    >>> import numpy as np
    >>> decoder = TransformerDecoder(num_layers=2, num_heads=4, intermediate_dim=32)
    >>> memory = np.ones((3, 7, 8), "float32")
    >>> outputs, scores = decoder(
    ...     np.ones((3, 5, 16)), memory, return_attention_scores=True
    ... )
    >>> outputs.shape, len(scores), scores[0].shape
    (TensorShape([3, 5, 16]), 2, TensorShape([3, 4, 5, 7]))
    >>> keys = decoder.project_memory(memory)
    >>> state = decoder.get_initial_state(memory, max_length=10)
    >>> output_t, state, scores = decoder.step(np.ones((3, 16)), state, memory, keys)
    >>> output_t.shape, scores[0].shape, state.position.numpy()
    (TensorShape([3, 16]), TensorShape([3, 4, 7]), array([1, 1, 1], dtype=int32))

    References:
        Vaswani et al. (2017), Attention is all you need.
        Xiong et al. (2020), On layer normalization in the transformer
        architecture (`norm_first`).
    """

    __call__: TransformerDecoderCall

    def build(self, inputs_shape: Shape, memory_shape: Shape | None = None) -> None:
        numbers = self.build_stack(inputs_shape[-1], crosses=memory_shape is not None)
        self.memory_features: int | None = None
        # A dense layer, or None where no memory is given.
        self.memory_projection: Any = None
        if memory_shape is None:
            return
        self.memory_features = memory_shape[-1]
        parts = 2 * self.num_layers
        self.memory_projection = numbers.dense(
            parts * self.features, "memory_keys_values", parts=parts
        )
        self.memory_projection.build((None, None, self.memory_features))

    def call(
        self,
        inputs: Tensor,
        memory: Tensor | None = None,
        memory_mask: Tensor | None = None,
        mask: Tensor | None = None,
        training: bool | None = False,
        return_attention_scores: bool = False,
        return_self_attention_scores: bool = False,
        inputs_mask: Tensor | None = None,
    ) -> Nest:
        mask = as_mask(inputs_mask if mask is None else mask)
        memory_mask = as_mask(memory_mask)
        self.check_inputs(inputs, mask)
        self._check_memory(memory, memory_mask, inputs.shape[0])
        dtype = self.compute_dtype
        keys = None if memory is None else self._project_memory(memory, memory_mask)
        outputs, own, crossed = self.run_blocks(
            zero_masked(inputs, mask),
            visible_past(ops.shape(inputs)[1], mask, dtype),
            keys,
            visible_keys(memory_mask, dtype),
            training,
            scores=(
                return_self_attention_scores or keys is None,
                return_attention_scores,
            ),
        )
        results: tuple[Nest, ...] = (outputs,)
        if return_attention_scores:
            results += (own if keys is None else crossed,)
        if return_self_attention_scores:
            results += (own,)
        return results if len(results) > 1 else outputs

    @in_functional_models
    def project_memory(self, memory: Tensor, memory_mask: Tensor | None = None) -> Keys:
        """Keys and values of the cross-attention: once, for all layers and steps.

        Args:
            memory: Shape (B, S, E).
            memory_mask: True where a position counts, shape (B, S). Needed here
                only where the memory holds NaN or infinity behind it.

        Returns:
            A tuple of L pairs (keys, values), each (B, H, S, K).
        """
        self._check_built()
        return self._project_memory(memory, as_mask(memory_mask))

    @in_functional_models
    def get_initial_state(
        self,
        memory: Tensor | None = None,
        *,
        max_length: Integers,
        batch_size: Integers | None = None,
    ) -> TransformerState:
        """The state before the first step.

        Args:
            memory: As in the call. Its rows are counted.
            max_length: Number of steps that can be taken, a positive integer; or,
                on TensorFlow, a scalar int32 tensor.
            batch_size: B, an integer or scalar tensor: where there is no memory.

        Returns:
            A `TransformerState`.
        """
        self._check_built()
        if not hasattr(max_length, "shape"):
            check_size("max_length", max_length)
        if (memory is None) == (batch_size is None):
            raise ValueError(
                "Either `memory` or `batch_size` must be given, and not both; "
                f"received {batch_size=} and a memory of "
                f"{None if memory is None else tuple(memory.shape)}."
            )
        return empty_state(
            ops.shape(memory)[0] if batch_size is None else batch_size,
            self.num_layers,
            self.num_heads,
            max_length,
            self.features // self.num_heads,
            self.compute_dtype,
        )

    @in_functional_models
    def step(
        self,
        input_t: Tensor,
        state: TransformerState,
        memory: Tensor | None = None,
        keys: Keys | None = None,
        memory_mask: Tensor | None = None,
        training: bool | None = False,
    ) -> tuple[Tensor, TransformerState, list[Tensor]]:
        """Takes one step.

        Args:
            input_t: The embedded token. Shape (B, D).
            state: A `TransformerState`; its `position` is the step's.
            memory: As in the call; not needed where there are keys.
            keys: `project_memory(memory)`, or None to compute them here.
            memory_mask: As in the call.
            training: Whether dropout acts.

        Returns:
            The output (B, D), NaN past the state's `max_length`; the state; and
            a list of the weights of each layer: of the cross-attention (B, H, S),
            without a memory of the self-attention (B, H, max_length).
        """
        inputs = ops.expand_dims(ops.convert_to_tensor(input_t), 1)
        outputs, state, scores = self.read(
            inputs, state, memory, keys, memory_mask, training=training
        )
        return outputs[:, 0], state, [weights[:, :, 0] for weights in scores]

    @in_functional_models
    def read(
        self,
        inputs: Tensor,
        state: TransformerState,
        memory: Tensor | None = None,
        keys: Keys | None = None,
        memory_mask: Tensor | None = None,
        lengths: Tensor | None = None,
        training: bool | None = False,
    ) -> tuple[Tensor, TransformerState, list[Tensor]]:
        """Takes several steps at once.

        Args:
            inputs: The embedded tokens. Shape (B, T, D).
            state: A `TransformerState`; its `position` is the first step's.
            memory: As in the call; not needed where there are keys.
            keys: `project_memory(memory)`, or None to compute them here.
            memory_mask: As in the call.
            lengths: Steps that each row takes, T at most: integers of shape (B,).
                What stands behind them is read, but not remembered; it must be
                finite. None for T.
            training: Whether dropout acts.

        Returns:
            The outputs (B, T, D), NaN past the state's `max_length`; the state;
            and a list of the weights of each layer: of the cross-attention
            (B, H, T, S), without a memory of the self-attention (B, H, T,
            max_length).

        Raises:
            ValueError: If the shapes don't fit.
        """
        self._check_built()
        state = as_transformer_state(state)
        inputs = ops.cast(ops.convert_to_tensor(inputs), self.compute_dtype)
        self.check_inputs(inputs, None)
        memory_mask = as_mask(memory_mask)
        crosses = self.memory_projection is not None
        if keys is None and crosses:
            keys = self._project_memory(memory, memory_mask)
        check_step(inputs.shape[0], state, keys, lengths, crosses)
        if keys is not None and memory_mask is not None:
            batch, _, source, _ = keys[0][0].shape
            check_memory_mask(memory_mask, batch, source)
        past, dtype = Past(state, ops.shape(inputs)[1]), self.compute_dtype
        outputs, own, crossed = self.run_blocks(
            inputs,
            visibility(past.allowed(), dtype, none_is_blind=True),
            keys,
            visible_keys(memory_mask, dtype),
            training,
            scores=(keys is None, True),
            remember=past.remember,
        )
        if keys is None:
            crossed = [weights[..., : past.max_length] for weights in own]
        return past.nan_outside(outputs), past.next_state(lengths), crossed

    def _project_memory(self, memory: Tensor, memory_mask: Tensor | None) -> Keys:
        self._check_memory(memory, memory_mask, None)
        memory = ops.cast(ops.convert_to_tensor(memory), self.compute_dtype)
        parts = 2 * self.num_layers
        projected = self.memory_projection(zero_masked(memory, memory_mask))
        heads = split_heads(projected, parts, self.num_heads)
        return tuple(zip(heads[::2], heads[1::2], strict=True))

    def _check_memory(
        self, memory: Tensor | None, memory_mask: Tensor | None, batch: int | None
    ) -> None:
        if (memory is None) != (self.memory_projection is None):
            raise ValueError(
                "`memory` must be given always or never; it was "
                f"{'not ' if memory is not None else ''}given when the decoder was "
                "built."
            )
        if memory is not None:
            check_memory(memory, batch, self.memory_features)
            if memory_mask is not None:
                check_memory_mask(memory_mask, *memory.shape[:2])

    def _check_built(self) -> None:
        if not self.built:
            raise ValueError(
                f"{self.name!r} must be built before it is stepped: call it, or call "
                "`build((None, None, D), (None, None, E))`."
            )

    def compute_output_spec(
        self,
        inputs: Tensor,
        memory: Tensor | None = None,
        memory_mask: Tensor | None = None,
        mask: Tensor | None = None,
        training: bool | None = False,
        return_attention_scores: bool = False,
        return_self_attention_scores: bool = False,
        inputs_mask: Tensor | None = None,
    ) -> Nest:
        self.check_inputs(inputs, as_mask(mask))
        self._check_memory(memory, as_mask(memory_mask), inputs.shape[0])
        outputs = keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)
        batch, steps, _ = inputs.shape
        results: tuple[Nest, ...] = (outputs,)
        if return_attention_scores:
            source = steps if memory is None else memory.shape[1]
            results += (self.scores_spec(batch, steps, source),)
        if return_self_attention_scores:
            results += (self.scores_spec(batch, steps, steps),)
        return results if len(results) > 1 else outputs
