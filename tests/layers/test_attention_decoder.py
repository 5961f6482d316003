"""The attention decoder against the oracle: whole sequences, steps, states, masks."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.layers import (
    AttentionDecoder,
    BahdanauAttention,
    BahdanauDecoder,
    ExplicitGRUCell,
    ExplicitLSTMCell,
    LuongAttention,
)
from tests.kinds import KINDS
from tests.layers.attentions import ATTENTIONS
from tests.layers.decoders import (
    FEATURES,
    HOLES,
    INPUTS,
    MASKS,
    MEMORY,
    OTHER,
    ROWS,
    SIZE,
    SOURCE,
    STEPS,
    UNITS,
    assert_close,
    assert_same_structure,
    cell_of,
    check_all,
    each_order,
    made,
    states_of,
    stepped,
    whole,
)
from tests.reference.recurrence import mask_patterns


@pytest.mark.parametrize("keras_cell", [False, True])
@each_order
@pytest.mark.parametrize("kind", KINDS)
def test_each_cell(kind, attend, feeding, keras_cell):
    cell = cell_of(kind, keras_cell=keras_cell, use_bias=feeding)
    decoder = made(
        cell,
        BahdanauAttention(3, dtype="float64"),
        attend=attend,
        input_feeding=feeding,
    )
    check_all(decoder, [kind])


@each_order
@pytest.mark.parametrize("name", ATTENTIONS)
def test_each_attention(name, attend, feeding):
    attention = ATTENTIONS[name](dtype="float64")
    options = {"attend": attend, "input_feeding": feeding, "output_units": 3}
    check_all(made(cell_of("lstm"), attention, **options), ["lstm"])


@pytest.mark.parametrize("pattern", ["none", "left", "right", "whole rows"])
@each_order
def test_each_mask(attend, feeding, pattern):
    attention = BahdanauAttention(3, dtype="float64", normalize=True)
    options = {"attend": attend, "input_feeding": feeding}
    decoder = made(cell_of("gru"), attention, **options)
    check_all(decoder, ["gru"], mask=MASKS[pattern])


@each_order
def test_several_cells_and_memories(attend, feeding):
    attentions = [
        ATTENTIONS[n](dtype="float64") for n in ("bahdanau-previous", "luong-dot")
    ]
    decoder = made(
        [cell_of("gru"), cell_of("lstm")],
        attentions,
        memory=[MEMORY, OTHER],
        attend=attend,
        input_feeding=feeding,
        output_units=6,
    )
    masks = [HOLES, mask_patterns(ROWS, SOURCE + 2)["left"]]
    check_all(decoder, ["gru", "lstm"], [MEMORY, OTHER], masks)
    check_all(decoder, ["gru", "lstm"], [MEMORY, OTHER], [None, masks[1]])


def test_a_list_of_one():
    decoder = made(
        [cell_of("simple_rnn")],
        [BahdanauAttention(3, dtype="float64")],
        memory=[MEMORY],
    )
    check_all(decoder, ["simple_rnn"], [MEMORY], [HOLES])


@each_order
def test_without_a_state_it_starts_with_zeros(attend, feeding):
    decoder = made(
        cell_of("lstm"),
        LuongAttention(dtype="float64"),
        attend=attend,
        input_feeding=feeding,
    )
    zeros = [np.zeros((ROWS, UNITS))] * 2
    assert_close(
        whole(decoder, MEMORY, None, None), whole(decoder, MEMORY, None, zeros)
    )
    assert_close(decoder(INPUTS, MEMORY), whole(decoder, MEMORY, None, zeros)[0])


@each_order
@pytest.mark.parametrize("name", ["bahdanau", "bahdanau-cumulative", "monotonic"])
def test_going_on(name, attend, feeding):
    decoder = made(
        [cell_of("lstm"), cell_of("lstm")],
        ATTENTIONS[name](dtype="float64"),
        attend=attend,
        input_feeding=feeding,
    )
    options = {"return_state": True, "return_attention_scores": True}
    outputs, state, weights = decoder(INPUTS, MEMORY, **options)
    first, middle, a = decoder(INPUTS[:, :1], MEMORY, **options)
    second, end, b = decoder(INPUTS[:, 1:], MEMORY, initial_state=middle, **options)
    assert_close(np.concatenate([first, second], 1), outputs)
    assert_close(np.concatenate([a, b], 1), weights)
    assert_close(end, state)
    assert_same_structure(middle, end)


def slopes(decoder, arguments, mask, **options):
    inputs, memory, *state = arguments = [tf.constant(a) for a in arguments]
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        outputs, end, weights = decoder(
            inputs,
            memory,
            memory_mask=mask,
            initial_state=state,
            return_state=True,
            return_attention_scores=True,
            **options,
        )
        results = [outputs, weights, *end.cell]
        loss = sum(tf.reduce_sum((n + 1.3) * y + y**3) for n, y in enumerate(results))
    return tape.gradient(
        loss,
        [*arguments, *decoder.trainable_variables],
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )


class Opaque(ExplicitLSTMCell):
    """Of a class of its own: nothing is derived by hand for it."""


@pytest.mark.parametrize("attend", ["before", "after"])
@pytest.mark.parametrize("feeding", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_fast_ways_have_the_gradients_of_the_slow_one(attend, feeding, training):
    options = {"attend": attend, "input_feeding": feeding}
    attentions = [
        BahdanauAttention(3, dtype="float64", dropout=0.3, seed=1) for _ in "12"
    ]
    fast = made(cell_of("lstm"), attentions[0], **options)
    slow = made(Opaque(UNITS, dtype="float64"), attentions[1], **options)
    mask = MASKS["whole rows"]
    memory = np.where(mask[..., None], MEMORY, np.nan)
    arguments = [INPUTS, memory, *states_of(fast)]
    found = [slopes(d, arguments, mask, training=training) for d in (fast, slow)]
    assert_close(*found)
    assert all(np.isfinite(slope).all() for slope in found[0])


@pytest.mark.parametrize("name", ["bahdanau-cumulative", "luong-concat", "monotonic"])
@each_order
def test_nothing_masked_reaches_anything(name, attend, feeding):
    attention = ATTENTIONS[name](dtype="float64")
    attention.noise = 0
    decoder = made(cell_of("lstm"), attention, attend=attend, input_feeding=feeding)
    mask = MASKS["whole rows"]
    found = [
        slopes(decoder, [INPUTS, memory, *states_of(decoder)], mask, training=True)
        for memory in (MEMORY, np.where(mask[..., None], MEMORY, np.nan))
    ]
    assert_close(*found, 0)
    assert all(np.isfinite(slope).all() for slope in found[0])


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize(
    ("attend", "feeding", "name"),
    [
        ("before", True, "bahdanau"),
        ("before", True, "bahdanau-cumulative"),
        ("after", True, "luong-general"),
        ("before", False, "monotonic-expected"),
    ],
)
def test_graphs(attend, feeding, name, jit_compile):
    attention = ATTENTIONS[name](dtype="float64")
    attention.noise = 0
    decoder = made(cell_of("gru"), attention, attend=attend, input_feeding=feeding)
    arguments = [INPUTS, MEMORY, *states_of(decoder)]

    def run():
        return slopes(decoder, arguments, HOLES, training=True)

    graph = tf.function(run, autograph=False, jit_compile=jit_compile)
    assert_close(graph(), run(), 1e-9)


@each_order
@pytest.mark.parametrize("name", ["bahdanau", "bahdanau-previous", "monotonic"])
def test_sizes_known_only_when_run(name, attend, feeding):
    decoder = made(
        cell_of("lstm"),
        ATTENTIONS[name](dtype="float64"),
        attend=attend,
        input_feeding=feeding,
    )

    def run(inputs, memory, mask):
        return decoder(inputs, memory, memory_mask=mask, return_state=True)

    graph = tf.function(
        run,
        input_signature=[
            tf.TensorSpec((None, None, FEATURES), "float64"),
            tf.TensorSpec((None, None, SIZE), "float64"),
            tf.TensorSpec((None, None), "bool"),
        ],
        autograph=False,
    )
    for rows, steps, source in ((1, 1, 1), (3, 4, 5), (2, 0, 3)):
        given = INPUTS[:rows, :steps], MEMORY[:rows, :source], HOLES[:rows, :source]
        found = graph(*given)
        assert_close(found, run(*given))
        assert found[0].shape == (rows, steps, UNITS + SIZE)


# Masks that come with tensors.


def test_the_mask_that_comes_with_each_memory():
    memory = np.where(MASKS["right"][..., None], MEMORY, 0)
    masking = keras.layers.Masking(dtype="float64")
    attentions = [BahdanauAttention(3, dtype="float64") for _ in "12"]
    decoder = made(cell_of("lstm"), attentions, memory=[MEMORY, OTHER])
    options = {"return_attention_scores": True}
    expected = decoder(
        INPUTS, [memory, OTHER], memory_mask=[MASKS["right"], None], **options
    )
    assert_close(decoder(INPUTS, [masking(memory), OTHER], **options), expected)
    given = [keras.Input(a.shape[1:], dtype="float64") for a in (INPUTS, MEMORY, OTHER)]
    found = decoder(given[0], [masking(given[1]), given[2]], **options)
    model = keras.Model(given, found)
    assert_close(model([INPUTS, memory, OTHER]), expected)


def test_the_mask_of_the_inputs_is_passed_on():
    inputs = keras.layers.Masking()(np.zeros((1, 3, 2), "float32"))
    decoder = BahdanauDecoder(4, 3)
    outputs, _ = decoder(inputs, MEMORY[:1], return_attention_scores=True)
    np.testing.assert_array_equal(outputs._keras_mask, [[False] * 3])
    assert np.any(outputs)
    memory = keras.layers.Masking()(np.where(MASKS["right"][..., None], MEMORY, 0))
    outputs = decoder(INPUTS, memory)
    assert getattr(outputs, "_keras_mask", None) is None


# Dropout and precision.


@each_order
def test_dropout_of_the_cell_is_the_same_at_every_step(attend, feeding):
    """And drawn anew for each sequence: a cell that shows what it is given."""
    cell = ExplicitGRUCell(UNITS, dropout=0.5, seed=5)
    options = {"attend": attend, "input_feeding": feeding}
    decoder = AttentionDecoder(cell, LuongAttention(), **options)
    ones = np.ones((8, 6, FEATURES), "float32")
    memory = np.zeros((8, SOURCE, SIZE), "float32")
    decoder.build(ones.shape, memory.shape)
    kernel = np.zeros(cell.kernel.shape)
    # The update gate is shut, and the candidate shows the two inputs.
    kernel[:FEATURES, 2 * UNITS : 2 * UNITS + FEATURES] = np.eye(FEATURES)
    bias = np.zeros((2, 3 * UNITS))
    bias[0, :UNITS] = -50
    cell.set_weights([kernel, np.zeros(cell.recurrent_kernel.shape), bias])
    runs = []
    for _ in range(2):
        shown = np.asarray(decoder(ones, memory, training=True)[..., :FEATURES])
        np.testing.assert_allclose(shown, np.broadcast_to(shown[:, :1], shown.shape))
        assert set(np.unique(shown.round(4))) == {
            0.0,
            np.tanh(2).astype("float32").round(4),
        }
        runs.append(shown)
    assert (runs[0] != runs[1]).any()
    outputs = decoder(ones, memory)
    np.testing.assert_allclose(outputs[..., :FEATURES], np.tanh(1), rtol=1e-5)


@each_order
def test_dropout_of_the_attention(attend, feeding):
    """What is returned is undropped; the contexts are not."""
    attention = BahdanauAttention(3, dropout=0.5, seed=6)
    decoder = AttentionDecoder(
        ExplicitLSTMCell(UNITS), attention, attend=attend, input_feeding=feeding
    )
    memory = np.broadcast_to(np.eye(SOURCE), (ROWS, SOURCE, SOURCE))
    outputs, weights = decoder(
        INPUTS, memory, training=True, return_attention_scores=True
    )
    np.testing.assert_allclose(np.sum(weights, -1), 1, rtol=1e-5)
    factors = np.asarray(outputs)[..., UNITS:] / np.asarray(weights)
    np.testing.assert_allclose(factors * (factors - 2), 0, atol=1e-4)
    assert 0.2 < np.mean(factors > 1) < 0.8
    assert (factors[:, 0] != factors[:, 1]).any()


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@each_order
def test_few_digits(attend, feeding, policy):
    options = {"attend": attend, "input_feeding": feeding, "output_units": 5}
    full = made(cell_of("lstm", "float32"), BahdanauAttention(3), "float32", **options)
    half = AttentionDecoder(
        cell_of("lstm", policy),
        BahdanauAttention(3, dtype=policy),
        dtype=policy,
        **options,
    )
    half.build(INPUTS.shape, MEMORY.shape)
    half.set_weights(full.get_weights())
    tolerance = 0.01 if policy == "mixed_float16" else 0.08
    expected = whole(full, MEMORY, HOLES, None)
    found = whole(half, MEMORY, HOLES, None, training=True)
    steps = stepped(half, MEMORY, HOLES, None)
    for results in (found, steps):
        outputs, state, weights = results
        for value in keras.tree.flatten(state):
            assert value.dtype == half.compute_dtype
        got = outputs, weights
        got = [np.asarray(keras.ops.cast(y, "float32")) for y in got]
        assert_close(got, [expected[0], expected[2]], tolerance)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.cast(half(INPUTS, MEMORY, training=True), "float32"))
    for slope in tape.gradient(loss, half.trainable_variables):
        assert slope.dtype == "float32"
        assert np.isfinite(slope).all()


# A cell of a user's own.


class Plain(keras.layers.Layer):
    """No `training`, no initial state, and an output that is not its state."""

    state_size = 4
    output_size = 3

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], 4), name="kernel")

    def call(self, inputs, states):
        (h,) = states
        h = keras.ops.tanh(keras.ops.matmul(inputs, self.kernel) + h)
        return 2 * h[:, :3], [h]


@each_order
def test_a_cell_of_ones_own(attend, feeding):
    decoder = made(
        Plain(dtype="float64"),
        BahdanauAttention(3, dtype="float64"),
        attend=attend,
        input_feeding=feeding,
    )
    found = whole(decoder, MEMORY, HOLES, None, training=True)
    assert found[0].shape == (ROWS, STEPS, 3 + SIZE)
    assert_close(stepped(decoder, MEMORY, HOLES, None), found)
    query = 3 if attend == "after" else 4
    assert decoder.attention.query_kernel.shape == (query, 3)
