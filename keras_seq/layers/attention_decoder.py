"""A recurrent decoder that attends to a memory at every step."""

import typing

import keras
from keras import ops, tree

from keras_seq.layers._arguments import as_mask, check_states
from keras_seq.layers._attention import (
    AttentionMechanism,
    check_memory,
    without_masked,
)
from keras_seq.layers._derived_cell import equations_of
from keras_seq.layers.bahdanau_attention import BahdanauAttention
from keras_seq.ops._engine.attended import attended_recurrence
from keras_seq.ops._scan import scan


class DecoderState(typing.NamedTuple):
    """The state of an `AttentionDecoder` between two steps.

    Attributes:
        cell: List of the cell's states, (B, units) each; for several cells a
            list of such lists.
        attention: Tuple with what each attention remembers: a tuple of (B, S)
            tensors.
        fed: The output that is fed to the next step with `attend="after"` and
            `input_feeding`, in a tuple; else an empty tuple.
    """

    cell: typing.Any
    attention: typing.Any
    fed: typing.Any


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
    h is the first state of the cell, of the last one of several.

    A single LSTM, GRU or simple cell (of this package or of Keras, with
    activations whose slopes are known) that attends before with a plain
    `BahdanauAttention` runs with a gradient derived by hand, its weight
    gradients gathered behind the loop. Any other cell and attention works too.

    Args:
        cell: A cell, or a list of cells of which each reads the output of the
            one before.
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
        initial_state: States of the cell, e.g. the encoder's last; or a
            `DecoderState` to go on from. 0 by default.
        return_state: Whether to return the state behind the last step too.
        return_attention_scores: Whether to return the attention weights too.
        training: Whether dropout acts.

    Returns:
        The outputs, shape (B, T, units + E) or (B, T, output_units). With
        `return_state` a `DecoderState` follows, with `return_attention_scores`
        the weights (B, T, S), for several attentions a list of such.

    Raises:
        ValueError: If an argument is out of its range or the shapes don't fit.
        TypeError: If `attention` is no attention of this package.

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

    def __init__(
        self,
        cell,
        attention,
        *,
        attend="before",
        input_feeding=True,
        output_units=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        several = isinstance(attention, (list, tuple))
        attentions = list(attention) if several else [attention]
        for one in attentions:
            if not isinstance(one, AttentionMechanism):
                raise TypeError(
                    "`attention` must be an attention of keras_seq.layers, such as "
                    f"BahdanauAttention, or a list of such; received {one!r}."
                )
        if not attentions:
            raise ValueError("`attention` must not be an empty list.")
        if attend not in ("before", "after"):
            raise ValueError(
                f"`attend` must be 'before' or 'after'; received {attend!r}."
            )
        if output_units is not None and output_units < 1:
            raise ValueError(
                "`output_units` must be a positive integer or None; received "
                f"{output_units!r}."
            )
        if isinstance(cell, (list, tuple)):
            cell = keras.layers.StackedRNNCells(list(cell))
        self.cell = cell
        self.attentions = attentions
        self.several = several
        self.attend = attend
        self.input_feeding = input_feeding
        self.output_units = output_units
        self.output_dense = None
        if output_units is not None:
            self.output_dense = keras.layers.Dense(
                output_units,
                activation="tanh",
                use_bias=False,
                name="output",
                dtype=self.dtype_policy,
            )
        self.supports_masking = True

    @property
    def attention(self):
        """The attention, or the list of them."""
        return self.attentions if self.several else self.attentions[0]

    def build(self, inputs_shape, memory_shape, *args, **kwargs):
        memories = memory_shape if self.several else [memory_shape]
        if len(memories) != len(self.attentions):
            raise ValueError(
                f"`memory` must be a list of {len(self.attentions)}, one for each "
                f"attention; received {len(memories)}."
            )
        units = _size_of_h(self.cell)
        context = sum(shape[-1] for shape in memories)
        output = units + context if self.output_units is None else self.output_units
        features = inputs_shape[-1]
        if self.input_feeding:
            features += context if self.attend == "before" else output
        if not self.cell.built:
            self.cell.build((inputs_shape[0], features))
        for attention, shape in zip(self.attentions, memories, strict=True):
            if not attention.built:
                attention.build((inputs_shape[0], units), tuple(shape))
        if self.output_dense is not None and not self.output_dense.built:
            self.output_dense.build((None, units + context))

    def project_memory(self, memory):
        """The keys of the memory, to be computed once for many steps.

        Args:
            memory: As in the call.

        Returns:
            Keys of shape (B, S, ·); a list of such for several attentions.
        """
        keys = [
            attention.project_memory(one)
            for attention, one in zip(self.attentions, self._list(memory), strict=True)
        ]
        return keys if self.several else keys[0]

    def get_initial_state(self, memory, memory_mask=None, cell_state=None):
        """The state before the first step.

        Args:
            memory: As in the call.
            memory_mask: As in the call.
            cell_state: States of the cell, or None for zeros.

        Returns:
            A `DecoderState`.
        """
        memories = self._list(memory)
        masks = self._masks(memory_mask)
        batch = ops.shape(memories[0])[0]
        if cell_state is None:
            cell_state = self.cell.get_initial_state(batch_size=batch)
        cell_state = self._check_cell_state(cell_state, memories[0].shape[0])
        attention = tuple(
            tuple(attention.get_initial_state(one, mask))
            for attention, one, mask in zip(
                self.attentions, memories, masks, strict=True
            )
        )
        fed: tuple = ()
        if self.input_feeding and self.attend == "after":
            fed = (ops.zeros((batch, self._output_size(memories)), self.compute_dtype),)
        return DecoderState(cell_state, attention, fed)

    def step(self, input_t, state, memory, keys=None, memory_mask=None, training=False):
        """Takes one step.

        Args:
            input_t: The embedded token. Shape (B, D).
            state: A `DecoderState`.
            memory: As in the call; what it holds where it is masked must be
                finite.
            keys: `project_memory(memory)`, or None to compute them here.
            memory_mask: As in the call.
            training: Whether dropout acts.

        Returns:
            The output (B, units + E) or (B, output_units), the state, and the
            attention weights (B, S), for several attentions a list of such.
        """
        keys = self.project_memory(memory) if keys is None else keys
        given = self._list(memory), self._list(keys), self._masks(memory_mask)
        output, state, weights = self._step(
            ops.cast(input_t, self.compute_dtype), state, *given, None, training
        )
        return output, state, weights if self.several else weights[0]

    def _step(self, x_t, state, memories, keys, masks, drawn, training):
        attended = None
        if self.attend == "before":
            query = self._query(state.cell)
            attended = self._look(query, state, memories, keys, masks, drawn, training)
            if self.input_feeding:
                x_t = ops.concatenate([x_t, *attended[0]], axis=-1)
        elif self.input_feeding:
            x_t = ops.concatenate([x_t, state.fed[0]], axis=-1)
        h, cell_state = self.cell(x_t, state.cell, training=training)
        if attended is None:
            attended = self._look(h, state, memories, keys, masks, drawn, training)
        contexts, weights, attention = attended
        output = self._output(ops.concatenate([h, *contexts], axis=-1))
        fed = (output,) if state.fed else ()
        cell_state = tree.pack_sequence_as(state.cell, tree.flatten(cell_state))
        return output, DecoderState(cell_state, attention, fed), weights

    def _query(self, cell_state):
        """Gives h, the first state of the last cell."""
        stacked = isinstance(self.cell, keras.layers.StackedRNNCells)
        return cell_state[-1][0] if stacked else cell_state[0]

    def _look(self, query, state, memories, keys, masks, drawn, training):
        drawn = [None] * len(memories) if drawn is None else drawn
        contexts, weights, states = [], [], []
        for attention, *given, remembered, numbers in zip(
            self.attentions,
            memories,
            keys,
            masks,
            state.attention,
            drawn,
            strict=True,
        ):
            context, weight, after = attention.step(
                query, *given, remembered, training, numbers
            )
            contexts.append(context)
            weights.append(weight)
            states.append(tuple(after))
        return contexts, weights, tuple(states)

    def _output(self, h_and_context):
        if self.output_dense is None:
            return h_and_context
        return self.output_dense(h_and_context)

    def call(
        self,
        inputs,
        memory,
        memory_mask=None,
        initial_state=None,
        return_state=False,
        return_attention_scores=False,
        training=False,
    ):
        memories, masks = self._list(memory), self._masks(memory_mask)
        for one, mask in zip(memories, masks, strict=True):
            check_memory(inputs, one, mask)
        memories = [
            without_masked(ops.cast(one, self.compute_dtype), mask)
            for one, mask in zip(memories, masks, strict=True)
        ]
        keys = [
            attention.project_memory(one)
            for attention, one in zip(self.attentions, memories, strict=True)
        ]
        state = initial_state
        if not isinstance(state, DecoderState):
            state = self.get_initial_state(
                memories if self.several else memories[0],
                masks if self.several else masks[0],
                state,
            )
        batch, steps = ops.shape(inputs)[:2]
        drawn = [
            attention.draw(steps, batch, ops.shape(one)[1], training)
            for attention, one in zip(self.attentions, memories, strict=True)
        ]
        derived = self._derived(training)
        run = self._run if derived is None else self._run_derived
        outputs, weights, state = run(
            inputs, state, memories, keys, masks, drawn, training, derived
        )
        results: tuple = (outputs,)
        if return_state:
            results += (state,)
        if return_attention_scores:
            results += (weights if self.several else weights[0],)
        return results if len(results) > 1 else outputs

    def _derived(self, training):
        """The cell's equations where the whole step has a gradient by hand."""
        attention = self.attentions[0]
        plain = (
            len(self.attentions) == 1
            and type(attention) is BahdanauAttention
            and attention.probability == "softmax"
            and attention.location is None
        )
        if not plain or self.attend != "before" or not self.input_feeding:
            return None
        return equations_of(self.cell, training)

    def _run_derived(
        self, inputs, state, memories, keys, masks, drawn, training, derived
    ):
        equations, kernel, bias, weights = derived
        (attention,) = self.attentions

        def cast(weight):
            return ops.cast(weight, self.compute_dtype)

        features = inputs.shape[-1]
        projected = ops.matmul(inputs, cast(kernel[:features]))
        if bias is not None:
            projected = projected + cast(bias)
        h, contexts, scores, final = attended_recurrence(
            equations,
            projected,
            tuple(state.cell),
            keys[0],
            memories[0],
            attention.energy_weights(),
            cast(attention.query_kernel),
            cast(kernel[features:]),
            tuple(map(cast, weights)),
            mask=masks[0],
            factors=drawn[0][0] if drawn[0] else None,
        )
        outputs = self._output(ops.concatenate([h, contexts], axis=-1))
        return outputs, [scores], DecoderState(list(final), ((),), ())

    def _run(self, inputs, state, memories, keys, masks, drawn, training, derived):
        sequences = [ops.transpose(inputs, (1, 0, 2)), *tree.flatten(drawn)]
        flat = tuple(tree.flatten(state))
        if training:
            # One step outside the loop, for its side effect: the cells draw the
            # masks of their dropout, which hold for the whole sequence.
            self._reset_dropout()
            first = ops.sum(sequences[0][:1], axis=0)
            self._step(first, state, memories, keys, masks, None, training)

        def step(flat, sliced):
            before = tree.pack_sequence_as(state, list(flat))
            numbers = tree.pack_sequence_as(drawn, list(sliced[1:]))
            output, after, weights = self._step(
                sliced[0], before, memories, keys, masks, numbers, training
            )
            return tuple(tree.flatten(after)), (output, *weights)

        output = ops.zeros(
            (ops.shape(inputs)[0], self._output_size(memories)), self.compute_dtype
        )
        like = [memory[:, :, 0] for memory in memories]
        final, emitted = scan(step, flat, tuple(sequences), emit_like=(output, *like))
        self._reset_dropout()
        outputs, *weights = (ops.transpose(array, (1, 0, 2)) for array in emitted)
        return outputs, weights, tree.pack_sequence_as(state, list(final))

    def _reset_dropout(self):
        for cell in getattr(self.cell, "cells", [self.cell]):
            if hasattr(cell, "reset_dropout_mask"):
                cell.reset_dropout_mask()
                cell.reset_recurrent_dropout_mask()

    def _list(self, given):
        if not self.several:
            return [ops.convert_to_tensor(given)]
        if not isinstance(given, (list, tuple)) or len(given) != len(self.attentions):
            raise ValueError(
                f"`memory` must be a list of {len(self.attentions)}, one for each "
                f"attention; received {given!r}."
            )
        return [ops.convert_to_tensor(one) for one in given]

    def _masks(self, memory_mask):
        if memory_mask is None:
            return [None] * len(self.attentions)
        masks = memory_mask if self.several else [memory_mask]
        return [as_mask(mask) for mask in masks]

    def _output_size(self, memories):
        if self.output_units is not None:
            return self.output_units
        return _size_of_h(self.cell) + sum(memory.shape[-1] for memory in memories)

    def _check_cell_state(self, state, batch):
        sizes = self.cell.state_size
        if isinstance(self.cell, keras.layers.StackedRNNCells):
            if not isinstance(state, (list, tuple)) or len(state) != len(sizes):
                raise ValueError(
                    f"`initial_state` must be a list of {len(sizes)}, the states of "
                    f"each cell; received {state!r}."
                )
            checked = [
                check_states("initial_state", one, size, batch)
                for one, size in zip(state, sizes, strict=True)
            ]
        else:
            checked = check_states("initial_state", state, sizes, batch)
        return tree.map_structure(lambda s: ops.cast(s, self.compute_dtype), checked)

    def compute_mask(self, inputs, previous_mask=None):
        if isinstance(previous_mask, (list, tuple)):
            return previous_mask[0]
        return previous_mask

    def get_config(self):
        cell = self.cell
        cells = getattr(cell, "cells", cell)
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "cell": serialize(cells),
            "attention": serialize(self.attention),
            "attend": self.attend,
            "input_feeding": self.input_feeding,
            "output_units": self.output_units,
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for name in ("cell", "attention"):
            config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)


def _size_of_h(cell):
    """Size of the first state of the last cell."""
    last = getattr(cell, "cells", [cell])[-1].state_size
    return last[0] if isinstance(last, (list, tuple)) else last
