"""The steps of an `AttentionDecoder`: one, and all of a sequence.

There are three ways through a sequence:

- Where nothing that is attended to enters the cell, the cell runs alone, and the
  attention acts on all its states at once.
- A cell and an attention whose equations are known run with a gradient derived
  by hand.
- Else one step is taken after the other.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import keras
from keras import ops, tree

from keras_seq.layers._decoder_state import (
    DecoderState,
    Sources,
    cells_of,
    hidden_of,
    output_size,
)
from keras_seq.layers._derived_cell import equations_of
from keras_seq.layers.bahdanau_attention import BahdanauAttention
from keras_seq.ops._engine.portable.attention import attention_recurrence
from keras_seq.ops._engine.recurrence import recurrence
from keras_seq.ops._scan import scan
from keras_seq.typing import Nest, Tensor

if TYPE_CHECKING:
    from keras_seq.layers.attention_decoder import AttentionDecoder


def take_step(
    decoder: "AttentionDecoder",
    x_t: Tensor,
    state: DecoderState,
    sources: Sources,
    drawn: Sequence[Any],
    training: bool | None,
) -> tuple[Tensor, DecoderState, list[Tensor]]:
    """Takes one step.

    Args:
        decoder: The decoder.
        x_t: Shape (B, D).
        state: A `DecoderState`.
        sources: `Sources`.
        drawn: What each attention's `draw` gave for this step; None for an
            attention that is to draw itself.
        training: Whether dropout acts.

    Returns:
        The output (B, ·), the state, and the list of attention weights (B, S).
    """
    attended = None
    if decoder.attend == "before":
        query = hidden_of(decoder.cell, state.cell)
        attended = _look(decoder, query, state, sources, drawn, training)
        if decoder.input_feeding:
            x_t = ops.concatenate([x_t, *attended[0]], axis=-1)
    elif decoder.input_feeding:
        x_t = ops.concatenate([x_t, state.fed[0]], axis=-1)
    h, cell_state = decoder.cell(x_t, state.cell, training=training)
    if attended is None:
        attended = _look(decoder, h, state, sources, drawn, training)
    contexts, weights, attention = attended
    output = decoder.join(h, contexts)
    fed = (output,) if state.fed else ()
    cell_state = tree.pack_sequence_as(state.cell, tree.flatten(cell_state))
    return output, DecoderState(cell_state, attention, fed), weights


def _look(
    decoder: "AttentionDecoder",
    query: Tensor,
    state: DecoderState,
    sources: Sources,
    drawn: Sequence[Any],
    training: bool | None,
) -> tuple[list[Tensor], list[Tensor], tuple[Any, ...]]:
    """Attends with one query a row: lists of contexts and weights, and the state."""
    contexts, weights, states = [], [], []
    for attention, *given, remembered, numbers in zip(
        decoder.attentions, *sources, state.attention, drawn, strict=True
    ):
        context, weight, after = attention.step(
            query, *given, remembered, training, numbers
        )
        contexts.append(context)
        weights.append(weight)
        states.append(tuple(after))
    return contexts, weights, tuple(states)


def take_steps(
    decoder: "AttentionDecoder",
    inputs: Tensor,
    state: DecoderState,
    sources: Sources,
    drawn: Sequence[Any],
    training: bool | None,
) -> tuple[Tensor, list[Tensor], DecoderState]:
    """Takes all steps of a sequence.

    Args:
        decoder: The decoder.
        inputs: Shape (B, T, D).
        state: A `DecoderState`.
        sources: `Sources`.
        drawn: What each attention's `draw` gave for T steps.
        training: Whether dropout acts.

    Returns:
        The outputs (B, T, ·), the list of attention weights (B, T, S), and the
        state.
    """
    given = decoder, inputs, state, sources, drawn, training
    if not decoder.input_feeding:
        return _apart(*given)
    if _is_derived(decoder):
        derived = equations_of(decoder.cell, training)
        if derived is not None:
            return _derived(*given, *derived)
    return _in_turn(*given)


def _apart(
    decoder: "AttentionDecoder",
    inputs: Tensor,
    state: DecoderState,
    sources: Sources,
    drawn: Sequence[Any],
    training: bool | None,
) -> tuple[Tensor, list[Tensor], DecoderState]:
    outputs, hidden, cell_state = _run_cells(decoder.cell, inputs, state.cell, training)
    queries = outputs
    if decoder.attend == "before":
        first = ops.expand_dims(hidden_of(decoder.cell, state.cell), 1)
        queries = ops.concatenate([first, hidden], axis=1)[:, :-1]
    contexts, weights, states = [], [], []
    for attention, *given, remembered, numbers in zip(
        decoder.attentions, *sources, state.attention, drawn, strict=True
    ):
        context, weight, after = attention.steps(
            queries, *given, remembered, numbers, training
        )
        contexts.append(context)
        weights.append(weight)
        states.append(tuple(after))
    outputs = decoder.join(outputs, contexts)
    return outputs, weights, DecoderState(cell_state, tuple(states), ())


def _run_cells(
    cell: Any, x: Tensor, state: Nest, training: bool | None
) -> tuple[Tensor, Tensor, Nest]:
    """Runs the cells, each over the whole output of the one before.

    Returns:
        The outputs and the first states of the last cell, (B, T, ·), and the
        state behind the last step.
    """
    if type(cell) is not keras.layers.StackedRNNCells:
        return _run_cell(cell, x, state, training)
    states = []
    for one, before in zip(cell.cells, state, strict=True):
        x, hidden, after = _run_cell(one, x, before, training)
        states.append(after)
    return x, hidden, states


def _run_cell(
    cell: Any, x: Tensor, state: Nest, training: bool | None
) -> tuple[Tensor, Tensor, Nest]:
    derived = equations_of(cell, training)
    if derived is not None:
        equations, kernel, bias, weights = derived
        results = recurrence(
            equations, x, tuple(state), kernel, bias, weights, training=training
        )
        return results.h, results.h, list(results.final)
    x = ops.transpose(x, (1, 0, 2))
    if training:
        _draw_dropout(cell, lambda: cell(_first(x), state, training=True))

    def step(flat: Sequence[Tensor], inputs: Sequence[Tensor]) -> Nest:
        before = tree.pack_sequence_as(state, list(flat))
        output, after = cell(inputs[0], before, training=training)
        after = tree.pack_sequence_as(state, tree.flatten(after))
        return tuple(tree.flatten(after)), (output, hidden_of(cell, after))

    hidden = hidden_of(cell, state)
    output = ops.zeros((ops.shape(hidden)[0], output_size(cell)), hidden.dtype)
    final, emitted = scan(
        step, tuple(tree.flatten(state)), (x,), emit_like=(output, hidden)
    )
    _reset_dropout(cell)
    outputs, hidden = (ops.transpose(array, (1, 0, 2)) for array in emitted)
    return outputs, hidden, tree.pack_sequence_as(state, list(final))


def _is_derived(decoder: "AttentionDecoder") -> bool:
    """Whether the attention is the one whose gradient is derived by hand."""
    attention = decoder.attentions[0]
    return (
        decoder.attend == "before"
        and len(decoder.attentions) == 1
        and type(attention) is BahdanauAttention
        and attention.probability == "softmax"
        and attention.location is None
    )


def _derived(
    decoder: "AttentionDecoder",
    inputs: Tensor,
    state: DecoderState,
    sources: Sources,
    drawn: Sequence[Any],
    training: bool | None,
    equations: Any,
    kernel: Tensor,
    bias: Tensor | None,
    weights: tuple[Tensor, ...],
) -> tuple[Tensor, list[Tensor], DecoderState]:
    (attention,), (numbers,) = decoder.attentions, drawn
    features = inputs.shape[-1]
    projected = ops.matmul(inputs, kernel[:features])
    if bias is not None:
        projected = projected + bias
    h, contexts, scores, final = attention_recurrence(
        equations,
        projected,
        tuple(state.cell),
        sources.keys[0],
        sources.memories[0],
        attention.energy_weights(),
        ops.cast(attention.query_kernel, decoder.compute_dtype),
        kernel[features:],
        weights,
        mask=sources.masks[0],
        factors=numbers[0] if numbers else None,
        training=training,
    )
    outputs = decoder.join(h, [contexts])
    return outputs, [scores], DecoderState(list(final), ((),), ())


def _in_turn(
    decoder: "AttentionDecoder",
    inputs: Tensor,
    state: DecoderState,
    sources: Sources,
    drawn: Sequence[Any],
    training: bool | None,
) -> tuple[Tensor, list[Tensor], DecoderState]:
    sequences = [ops.transpose(inputs, (1, 0, 2)), drawn]
    if training:
        x_t, numbers = tree.map_structure(_first, sequences)
        _draw_dropout(
            decoder.cell,
            lambda: take_step(decoder, x_t, state, sources, numbers, training),
        )

    def step(flat: Sequence[Tensor], sliced: Sequence[Tensor]) -> Nest:
        before = tree.pack_sequence_as(state, list(flat))
        x_t, numbers = tree.pack_sequence_as(sequences, list(sliced))
        output, after, weights = take_step(
            decoder, x_t, before, sources, numbers, training
        )
        return tuple(tree.flatten(after)), (output, *weights)

    size = decoder.output_size(sources.memories)
    output = ops.zeros((ops.shape(inputs)[0], size), decoder.compute_dtype)
    like = [memory[:, :, 0] for memory in sources.memories]
    final, emitted = scan(
        step,
        tuple(tree.flatten(state)),
        tuple(tree.flatten(sequences)),
        emit_like=(output, *like),
    )
    _reset_dropout(decoder.cell)
    outputs, *weights = (ops.transpose(array, (1, 0, 2)) for array in emitted)
    return outputs, weights, tree.pack_sequence_as(state, list(final))


def _first(sequence: Tensor) -> Tensor:
    """The first slice; zeros where there is none."""
    return ops.sum(sequence[:1], axis=0)


def _draw_dropout(cell: Any, step: Callable[[], object]) -> None:
    """Takes a step outside the loop, for its side effect.

    The cells draw the masks of their dropout, which hold for the whole sequence:
    what is drawn inside a loop cannot leave it.
    """
    _reset_dropout(cell)
    step()


def _reset_dropout(cell: Any) -> None:
    for one in cells_of(cell):
        if hasattr(one, "reset_dropout_mask"):
            one.reset_dropout_mask()
            one.reset_recurrent_dropout_mask()
