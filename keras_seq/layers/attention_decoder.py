"""A recurrent decoder that attends to a memory at every step."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import keras
from keras import ops

from keras_seq.layers._arguments import check_flag, check_numbers, check_size
from keras_seq.layers._attention_arguments import (
    check_dtype,
    check_rows,
    check_shape,
    memory_mask_of,
    without_masked,
)
from keras_seq.layers._calls import AttentionDecoderCall
from keras_seq.layers._decoder_state import (
    DecoderState,
    Sources,
    as_decoder_state,
    cells_of,
    check_cell,
    each_of,
    hidden_size,
    initial_state_of,
    output_size,
)
from keras_seq.layers._decoder_steps import take_step, take_steps
from keras_seq.layers._symbolic import in_functional_models
from keras_seq.layers.attention_mechanism import AttentionMechanism
from keras_seq.typing import LayerOptions, Nest, Shape, Tensor

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

__all__ = ["AttentionDecoder", "DecoderState"]


@keras.saving.register_keras_serializable(package="keras_seq")
class AttentionDecoder(keras.layers.Layer):
    """Runs a cell over a sequence while it attends to a memory.

    With `attend="before"`, the order of Bahdanau et al., a step looks first:

    ```
    context_t = attention(h_{t-1}, memory)
    h_t, state_t = cell([y_{t-1}; context_t], state_{t-1})
    output_t = [h_t; context_t]
    ```

    With `attend="after"`, the order of Luong et al., it looks last, and its
    output is fed to the next step:

    ```
    h_t, state_t = cell([y_{t-1}; output_{t-1}], state_{t-1})
    context_t = attention(h_t, memory)
    output_t = [h_t; context_t]
    ```

    With `output_units` the output is tanh([h_t; context_t] W_o) instead, Luong's
    attentional vector. With `input_feeding=False` the cell sees y_{t-1} alone.
    h_t is what the cell gives out, and h_{t-1} its first state; of several cells
    the last one's.

    Any cell and any attention works. Two cases are faster, with weight gradients
    gathered behind the loop, if the cells are LSTM, GRU or simple cells (of this
    package or of Keras) with activations whose slopes are known, and without
    dropout in training: a single cell that attends before with `BahdanauAttention`
    (softmax, no `location`); and any number of cells with `input_feeding=False`,
    where the attention acts on all steps at once.

    Masked steps of `inputs` are taken like the others: their mask is passed on to
    the layers behind, so that no loss counts them.

    Args:
        cell: A cell, or a list of cells of which each reads the output of the
            one before. It computes in the dtype of the decoder, as the attention
            does.
        attention: A `BahdanauAttention`, `LuongAttention` or
            `MonotonicAttention`; or a list of such, one for each memory.
        attend: "before" or "after".
        input_feeding: Whether context (or output) enters the cell.
        output_units: Size of the attentional vector, or None for [h; context].
        **kwargs: What every Keras layer takes.

    Call arguments:
        inputs: The embedded tokens that are read, y_0 .. y_{T-1}: in training
            the right ones, moved by one (teacher forcing). Shape (B, T, D).
        memory: Shape (B, S, E); with several attentions a list of such.
        memory_mask: True where a position counts, shape (B, S), or None for the
            mask that came with the memory, or for all; a list for several.
        memory_sequence_length: How many positions of each row count, integers of shape
            (B,), a list for several; as a mask of padding, and with a mask both hold.
        initial_state: States of the cell, e.g. the encoder's last, of B rows or of one
            for all; or a `DecoderState` to go on from. 0 by default.
        return_state: Whether to return the state behind the last step too.
        return_attention_scores: Whether to return the attention weights too.
        training: Whether dropout acts. Its masks are drawn anew for each call; what
            a cell drops is the same at every step.

    Returns:
        The outputs, shape (B, T, units + E) or (B, T, output_units). With
        `return_state` a `DecoderState` follows, with `return_attention_scores`
        the weights (B, T, S), for several attentions a list of such.

    Raises:
        ValueError: If an argument is out of its range or the shapes don't fit.
        TypeError: If `cell` is no cell, or `attention` no attention of this package.

    Example:

    >>> import numpy as np
    >>> from keras_seq.layers import BahdanauAttention, ExplicitGRUCell
    >>> decoder = AttentionDecoder(ExplicitGRUCell(8), BahdanauAttention(6))
    >>> outputs, weights = decoder(
    ...     np.ones((2, 3, 5)), np.ones((2, 7, 4)), return_attention_scores=True
    ... )
    >>> outputs.shape, weights.shape
    (TensorShape([2, 3, 12]), TensorShape([2, 3, 7]))

    References:
        Bahdanau, Cho and Bengio (2015), Neural machine translation by jointly
        learning to align and translate.
        Luong, Pham and Manning (2015), Effective approaches to attention-based
        neural machine translation.
    """

    __call__: AttentionDecoderCall

    def __init__(
        self,
        cell: keras.layers.Layer | Sequence[keras.layers.Layer],
        attention: AttentionMechanism | Sequence[AttentionMechanism],
        *,
        attend: Literal["before", "after"] = "before",
        input_feeding: bool = True,
        output_units: int | None = None,
        **kwargs: "Unpack[LayerOptions]",
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(cell, (list, tuple)) and cell:
            cell = keras.layers.StackedRNNCells(list(cell), dtype=self.dtype_policy)
        several = isinstance(attention, (list, tuple))
        attentions: list[Any] = list(attention) if several else [attention]
        if not attentions:
            raise ValueError("`attention` must not be an empty list.")
        for one in attentions:
            if not isinstance(one, AttentionMechanism):
                raise TypeError(
                    "`attention` must be an attention of keras_seq.layers, such as "
                    f"BahdanauAttention, or a list of such; received {one!r}."
                )
            check_dtype("attention", one, self)
        for one in cells_of(cell):
            check_cell(one, self)
        if attend not in ("before", "after"):
            raise ValueError(
                f"`attend` must be 'before' or 'after'; received {attend!r}."
            )
        check_flag("input_feeding", input_feeding)
        if output_units is not None:
            output_units = check_size("output_units", output_units)
        self.cell: Any = cell
        self.attentions: list[AttentionMechanism] = attentions
        self.several = several
        self.attend = attend
        self.input_feeding = input_feeding
        self.output_units = output_units
        self.output_dense: keras.layers.Dense | None = None
        if output_units is not None:
            self.output_dense = keras.layers.Dense(
                output_units,
                activation="tanh",
                use_bias=False,
                name="output",
                dtype=self.dtype_policy,
            )
        self.supports_masking = True
        self._sizes: tuple[Any, list[Any]] = (None, [None] * len(attentions))

    @property
    def attention(self) -> AttentionMechanism | list[AttentionMechanism]:
        """The attention, or the list of them."""
        return self.attentions if self.several else self.attentions[0]

    def build(self, inputs_shape: Shape, memory_shape: Shape | Sequence[Shape]) -> None:
        check_shape("inputs", inputs_shape, "BTD")
        memories = self._each("memory", memory_shape)
        h = output_size(self.cell)
        query = h if self.attend == "after" else hidden_size(self.cell)
        for attention, shape in zip(self.attentions, memories, strict=True):
            check_shape("memory", shape, "BSE")
            check_rows("inputs", inputs_shape, shape)
            if not attention.built:
                attention.build((inputs_shape[0], query), tuple(shape))
        context = sum(shape[-1] for shape in memories)
        features: Any = inputs_shape[-1]
        if self.input_feeding and self.attend == "before":
            features += context
        elif self.input_feeding:
            features += self.output_units or h + context
        if not self.cell.built:
            self.cell.build((inputs_shape[0], features))
        if self.output_dense is not None and not self.output_dense.built:
            self.output_dense.build((None, h + context))
        self._sizes = inputs_shape[-1], [shape[-1] for shape in memories]

    @in_functional_models
    def project_memory(self, memory: Nest) -> Nest:
        """The keys of the memory, to be computed once for many steps.

        Args:
            memory: As in the call; what it holds where it is masked must be finite.

        Returns:
            Keys of shape (B, S, ·); a list of such for several attentions.
        """
        memories = self._each("memory", memory)
        keys = [
            attention.project_memory(ops.convert_to_tensor(one))
            for attention, one in zip(self.attentions, memories, strict=True)
        ]
        return keys if self.several else keys[0]

    def get_initial_state(
        self,
        memory: Nest,
        memory_mask: Nest = None,
        cell_state: Nest = None,
        memory_sequence_length: Nest = None,
    ) -> DecoderState:
        """The state before the first step.

        Args:
            memory: As in the call.
            memory_mask: As in the call.
            cell_state: States of the cell, or None for zeros.
            memory_sequence_length: As in the call.

        Returns:
            A `DecoderState`.
        """
        memories, masks = self._sources(memory, memory_mask, memory_sequence_length)
        return initial_state_of(self, memories, masks, cell_state)

    @in_functional_models
    def step(
        self,
        input_t: Tensor,
        state: DecoderState,
        memory: Nest,
        keys: Nest = None,
        memory_mask: Nest = None,
        training: bool | None = False,
        memory_sequence_length: Nest = None,
    ) -> tuple[Tensor, DecoderState, Nest]:
        """Takes one step.

        Args:
            input_t: The embedded token. Shape (B, D).
            state: A `DecoderState`.
            memory: As in the call; what it holds where it is masked must be
                finite.
            keys: `project_memory(memory)`, or None to compute them here.
            memory_mask: As in the call.
            training: Whether dropout acts. What the cells drop stays the same from
                step to step until their `reset_dropout_mask()` and
                `reset_recurrent_dropout_mask()`.
            memory_sequence_length: As in the call.

        Returns:
            The output (B, units + E) or (B, output_units), the state, and the
            attention weights (B, S), for several attentions a list of such.
        """
        if not self.built:
            raise ValueError(
                f"layer {self.name!r} is not built: call it, or "
                "`build(inputs_shape, memory_shape)`, before `step`."
            )
        input_t = ops.cast(input_t, self.compute_dtype)
        check_shape("input_t", input_t.shape, "BD", features=self._sizes[0])
        keys = self.project_memory(memory) if keys is None else keys
        memories, masks = self._sources(memory, memory_mask, memory_sequence_length)
        sources = Sources(memories, self._each("keys", keys), masks)
        for one in sources.memories:
            check_rows("input_t", input_t.shape, one.shape)
        drawn = [None] * len(self.attentions)
        output, state, weights = take_step(
            self, input_t, as_decoder_state(state), sources, drawn, training
        )
        return output, state, weights if self.several else weights[0]

    def join(self, h: Tensor, contexts: Sequence[Tensor]) -> Tensor:
        """The output [h; context], or what `output_units` makes of it.

        Args:
            h: Shape (..., units).
            contexts: List of tensors (..., E).
        """
        output = ops.concatenate([h, *contexts], axis=-1)
        return output if self.output_dense is None else self.output_dense(output)

    def output_size(self, memories: Sequence[Tensor]) -> int:
        """Size of the output, for a list of memories."""
        context = sum(memory.shape[-1] for memory in memories)
        return self.output_units or output_size(self.cell) + context

    def call(
        self,
        inputs: Tensor,
        memory: Nest,
        memory_mask: Nest = None,
        initial_state: Nest = None,
        return_state: bool = False,
        return_attention_scores: bool = False,
        training: bool | None = False,
        memory_sequence_length: Nest = None,
    ) -> Nest:
        check_numbers("inputs", inputs)
        inputs = ops.cast(inputs, self.compute_dtype)
        features, sizes = self._sizes
        check_shape("inputs", inputs.shape, "BTD", features=features)
        memories, masks = self._sources(memory, memory_mask, memory_sequence_length)
        for one, size in zip(memories, sizes, strict=True):
            check_shape("memory", one.shape, "BSE", features=size)
            check_rows("inputs", inputs.shape, one.shape)
        memories = [
            without_masked(one, mask) for one, mask in zip(memories, masks, strict=True)
        ]
        keys = [
            attention.project_memory(one)
            for attention, one in zip(self.attentions, memories, strict=True)
        ]
        batch, steps = ops.shape(inputs)[:2]
        drawn = [
            attention.draw(steps, batch, ops.shape(one)[1], training)
            for attention, one in zip(self.attentions, memories, strict=True)
        ]
        outputs, weights, state = take_steps(
            self,
            inputs,
            initial_state_of(self, memories, masks, initial_state),
            Sources(memories, keys, masks),
            drawn,
            training,
        )
        results: tuple[Nest, ...] = (outputs,)
        if return_state:
            results += (state,)
        if return_attention_scores:
            results += (weights if self.several else weights[0],)
        return results if len(results) > 1 else outputs

    def _each(self, name: str, given: Nest) -> list[Any]:
        """A list with what is given for each attention."""
        return each_of(name, given, len(self.attentions)) if self.several else [given]

    def _sources(
        self, memory: Nest, memory_mask: Nest, lengths: Nest
    ) -> tuple[list[Tensor], list[Tensor | None]]:
        """Lists with the memories and their masks."""
        memories = self._each("memory", memory)
        check_numbers("memory", memories)
        memories = [ops.cast(one, self.compute_dtype) for one in memories]
        given = [
            [None] * len(memories) if value is None else self._each(name, value)
            for name, value in (
                ("memory_mask", memory_mask),
                ("memory_sequence_length", lengths),
            )
        ]
        together = zip(memories, *given, strict=True)
        return memories, [memory_mask_of(*one) for one in together]

    def compute_mask(self, inputs: Tensor, previous_mask: Nest = None) -> Tensor | None:
        if isinstance(previous_mask, (list, tuple)):
            return previous_mask[0]
        return previous_mask

    def get_config(self) -> dict[str, Any]:
        cell = self.cell
        if type(cell) is keras.layers.StackedRNNCells:
            cell = list(cell.cells)
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "cell": serialize(cell),
            "attention": serialize(self.attention),
            "attend": self.attend,
            "input_feeding": self.input_feeding,
            "output_units": self.output_units,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Self":
        config = dict(config)
        for name in ("cell", "attention"):
            config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)
