"""The decoder against the oracle: whole sequences, steps, states, masks."""

import inspect
import itertools
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import Greedy, generate
from keras_seq.layers import (
    AttentionDecoder,
    BahdanauAttention,
    BahdanauDecoder,
    DecoderState,
    ExplicitGRUCell,
    ExplicitLSTMCell,
    LuongAttention,
    MonotonicAttention,
)
from keras_seq.serving import Signature, check, export
from tests.kinds import KINDS
from tests.layers.attentions import ATTENTIONS, mechanism_of, randomise
from tests.reference import attention as reference
from tests.reference.recurrence import mask_patterns

ROWS, STEPS, SOURCE, FEATURES, UNITS, SIZE = 3, 4, 5, 2, 4, 4
RNG = np.random.default_rng(60)
INPUTS = RNG.normal(size=(ROWS, STEPS, FEATURES))
MEMORY = RNG.normal(size=(ROWS, SOURCE, SIZE))
OTHER = RNG.normal(size=(ROWS, SOURCE + 2, SIZE))
MASKS = mask_patterns(ROWS, SOURCE)
HOLES = MASKS["holes"]
ORDERS = list(itertools.product(["before", "after"], [True, False]))
each_order = pytest.mark.parametrize(("attend", "feeding"), ORDERS)


def cell_of(kind, dtype="float64", keras_cell=False, **options):
    kind = KINDS[kind]
    make = kind.keras_cell if keras_cell else kind.cell
    return make(UNITS, dtype=dtype, **kind.options, **options)


def made(cell, attention, dtype="float64", inputs=INPUTS, memory=MEMORY, **options):
    decoder = AttentionDecoder(cell, attention, dtype=dtype, **options)
    decoder.build(inputs.shape, keras.tree.map_structure(np.shape, memory))
    return randomise(decoder)


def states_of(decoder, seed=61):
    """An initial state of the cells, all numbers different."""
    rng = np.random.default_rng(seed)
    fresh = decoder.cell.get_initial_state(batch_size=ROWS)
    fresh = fresh if isinstance(fresh, list) else [fresh]
    return keras.tree.map_structure(lambda s: rng.normal(size=s.shape), fresh)


def oracle(decoder, kinds, memories, masks, states, **options):
    cells = [
        reference.Cell(
            kind, dict(zip(names, map(np.asarray, cell.weights), strict=True))
        )
        for kind, cell in zip(
            kinds, getattr(decoder.cell, "cells", [decoder.cell]), strict=True
        )
        if (names := ("kernel", "recurrent_kernel", "bias")[: len(cell.weights)])
    ]
    dense = decoder.output_dense
    return reference.decode(
        INPUTS,
        cells,
        states,
        [mechanism_of(attention, UNITS) for attention in decoder.attentions],
        memories,
        masks,
        attend=decoder.attend,
        input_feeding=decoder.input_feeding,
        output_kernel=None if dense is None else np.asarray(dense.kernel),
        **options,
    )


def assert_close(found, expected, tolerance=1e-10):
    found, expected = keras.tree.flatten(found), keras.tree.flatten(expected)
    for value, want in zip(found, expected, strict=True):
        assert value.shape == want.shape
        np.testing.assert_allclose(value, want, rtol=tolerance, atol=tolerance)


def whole(decoder, memory, mask, state, **options):
    return decoder(
        INPUTS.astype(decoder.compute_dtype),
        memory,
        memory_mask=mask,
        initial_state=state,
        return_state=True,
        return_attention_scores=True,
        **options,
    )


def stepped(decoder, memory, mask, state, keys=True):
    """The same as `whole`, a step at a time."""
    state = decoder.get_initial_state(memory, mask, state)
    keys = decoder.project_memory(memory) if keys else None
    outputs, weights = [], []
    for t in range(STEPS):
        output, state, scores = decoder.step(INPUTS[:, t], state, memory, keys, mask)
        outputs.append(output)
        weights.append(scores)
    weights = keras.tree.map_structure(lambda *all: np.stack(all, 1), *weights)
    return np.stack(outputs, 1), state, weights


def check_all(decoder, kinds, memory=MEMORY, mask=HOLES):
    """Values are the oracle's; steps are the whole."""
    states = states_of(decoder)
    several = isinstance(memory, list)
    stacked = isinstance(decoder.cell, keras.layers.StackedRNNCells)
    expected = oracle(
        decoder,
        kinds,
        memory if several else [memory],
        mask if several else [mask],
        states if stacked else [states],
    )
    outputs, state, weights = whole(decoder, memory, mask, states)
    assert isinstance(state, DecoderState)
    assert_close(outputs, expected["outputs"])
    assert_close(weights, expected["weights"])
    assert_close(state.cell, expected["state"])
    for keys in (True, False):
        found = stepped(decoder, memory, mask, states, keys)
        assert_close(found, (outputs, state, weights))
        assert_same_structure(found[1], state)


def assert_same_structure(first, second):
    keras.tree.assert_same_structure(first, second)
    dtypes = [[s.dtype for s in keras.tree.flatten(x)] for x in (first, second)]
    assert dtypes[0] == dtypes[1]


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


# Models.


def model_of(decoder):
    given = [keras.Input((None, FEATURES)), keras.Input((None, SIZE))]
    outputs, state, weights = decoder(
        *given, return_state=True, return_attention_scores=True
    )
    again = decoder(given[0], given[1], initial_state=state)
    return keras.Model(given, [outputs, *keras.tree.flatten(state), weights, again])


DECODERS = {
    "bahdanau": lambda: BahdanauDecoder(UNITS, 3),
    "bahdanau-gru": lambda: BahdanauDecoder(
        UNITS, 3, cell="gru", dropout=0.1, normalize=True, output_units=5
    ),
    "luong": lambda: AttentionDecoder(
        [ExplicitLSTMCell(UNITS), ExplicitGRUCell(3)],
        LuongAttention(),
        attend="after",
        output_units=5,
    ),
    "monotonic": lambda: AttentionDecoder(
        keras.layers.SimpleRNNCell(UNITS),
        MonotonicAttention(BahdanauAttention(3, location="previous")),
        input_feeding=False,
    ),
}
each_decoder = pytest.mark.parametrize("name", DECODERS)


@each_decoder
def test_saving(name, tmp_path):
    model = model_of(DECODERS[name]())
    randomise(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_close(loaded([INPUTS, MEMORY]), model([INPUTS, MEMORY]), 0)
    # Shapes are lists in a file.
    configs = [json.dumps(m.layers[-1].get_config()) for m in (loaded, model)]
    assert configs[0] == configs[1]


@keras.saving.register_keras_serializable(package="tests")
class Translator(keras.Model):
    def __init__(self, cells=2, **kwargs):
        super().__init__(**kwargs)
        self.cells = cells
        self.embedding = keras.layers.Embedding(9, FEATURES, mask_zero=True)
        self.decoder = AttentionDecoder(
            [ExplicitLSTMCell(UNITS) for _ in range(cells)], BahdanauAttention(3)
        )
        self.logits = keras.layers.Dense(9)

    def call(self, inputs, training=False):
        tokens, source = inputs
        memory = self.embedding(source)
        outputs = self.decoder(self.embedding(tokens), memory, training=training)
        return self.logits(outputs)

    def get_config(self):
        return {**super().get_config(), "cells": self.cells}


def test_a_model_of_ones_own(tmp_path):
    model = Translator()
    tokens, source = RNG.integers(1, 9, (4, 3)), RNG.integers(1, 9, (4, 5))
    source[:, 3:] = 0
    model.compile(
        keras.optimizers.Adam(0.03),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    history = model.fit([tokens, source], tokens, epochs=8, verbose=0).history
    assert history["loss"][-1] < 0.95 * history["loss"][0]
    logits = model([tokens, source])
    np.testing.assert_allclose(logits, model([tokens, source[:, :3]]), atol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_close(loaded([tokens, source]), logits, 0)


def test_generating_with_it():
    """Greedy in the compiled loop against the oracle, token by token."""
    decoder = made(cell_of("lstm"), BahdanauAttention(3, dtype="float64"))
    embedding, head = RNG.normal(size=(7, FEATURES)), RNG.normal(size=(UNITS + SIZE, 7))
    table = tf.constant(embedding)
    keys = decoder.project_memory(MEMORY)

    def step(tokens, state):
        x = tf.gather(table, tokens)
        output, state, weights = decoder.step(x, state, MEMORY, keys, HOLES)
        return tf.matmul(output, head), state, weights

    found = generate(
        step,
        decoder.get_initial_state(MEMORY, HOLES),
        np.zeros(ROWS, "int32"),
        max_length=5,
        strategy=Greedy(),
    )
    mechanism = mechanism_of(decoder.attention)
    names = "kernel", "recurrent_kernel", "bias"
    cell = dict(zip(names, map(np.asarray, decoder.cell.weights), strict=True))
    ids = np.zeros((ROWS, 1), int)
    for _ in range(5):
        expected = reference.decode(
            embedding[ids],
            [reference.Cell("lstm", cell)],
            [[np.zeros((ROWS, UNITS))] * 2],
            [mechanism],
            [MEMORY],
            [HOLES],
            attend="before",
        )
        chosen = (expected["outputs"][:, -1] @ head).argmax(-1)
        ids = np.concatenate([ids, chosen[:, None]], 1)
    np.testing.assert_array_equal(found.ids, ids[:, 1:])
    assert len(np.unique(ids)) > 2
    np.testing.assert_allclose(found.kept, expected["weights"][0], rtol=1e-8)


def test_exporting_it(tmp_path):
    model = model_of(BahdanauDecoder(UNITS, 3))

    def serve(inputs, memory):
        outputs, *_, weights, _ = model([inputs, memory])
        return {"outputs": outputs, "alignment": weights}

    shapes = {"inputs": (None, None, FEATURES), "memory": (None, None, SIZE)}
    signature = Signature(
        serve, {n: tf.TensorSpec(shape, tf.float32) for n, shape in shapes.items()}
    )
    request = {"inputs": INPUTS.tolist(), "memory": MEMORY.tolist()}
    export(
        model,
        tmp_path,
        {"serving_default": signature},
        warmup={"serving_default": [request]},
    )
    report = check(tmp_path, live={"serving_default": signature})
    assert report.signatures["serving_default"].rows == ROWS


# Arguments.

VALUES = {
    "units": 5,
    "attention_units": 3,
    "cell": "gru",
    "dropout": 0.25,
    "recurrent_dropout": 0.125,
    "attention_dropout": 0.375,
    "normalize": True,
    "seed": 8,
    "attend": "after",
    "input_feeding": False,
    "output_units": 6,
}


def parameters(layer):
    named = inspect.signature(layer.__init__).parameters.items()
    return [n for n, p in named if n != "self" and p.kind is not p.VAR_KEYWORD]


def test_every_argument_of_the_ready_made_is_kept():
    names = {*parameters(BahdanauDecoder), "attend", "input_feeding", "output_units"}
    assert set(VALUES) == names
    decoder = BahdanauDecoder(**VALUES, name="mine", dtype="float64", trainable=False)
    config = decoder.get_config()
    assert set(config) == {*names, "name", "dtype", "trainable"}
    for name, value in VALUES.items():
        assert config[name] == value
        if name != "cell":  # There stands the cell itself.
            assert getattr(decoder, name) == value
    assert type(decoder.cell) is ExplicitGRUCell
    assert decoder.cell.units == 5
    assert decoder.cell.dropout == 0.25
    assert decoder.cell.recurrent_dropout == 0.125
    attention = decoder.attention
    assert (attention.units, attention.dropout, attention.normalize) == (3, 0.375, True)
    assert attention.seed == decoder.cell.seed == 8
    assert attention.compute_dtype == decoder.cell.compute_dtype == "float64"
    assert BahdanauDecoder.from_config(config).get_config() == config


@pytest.mark.parametrize("several", [False, True])
def test_every_argument_is_kept(several):
    values = {
        "cell": [ExplicitLSTMCell(3), ExplicitGRUCell(4)]
        if several
        else ExplicitGRUCell(4),
        "attention": [LuongAttention(), BahdanauAttention(2)]
        if several
        else LuongAttention(scale="fixed"),
        **{name: VALUES[name] for name in ("attend", "input_feeding", "output_units")},
    }
    assert list(values) == parameters(AttentionDecoder)
    decoder = AttentionDecoder(**values, name="mine")
    config = decoder.get_config()
    assert set(config) == {*values, "name", "dtype", "trainable"}
    serialize = keras.saving.serialize_keras_object
    assert config["cell"] == serialize(values["cell"])
    assert config["attention"] == serialize(values["attention"])
    for name in ("attend", "input_feeding", "output_units"):
        assert getattr(decoder, name) == config[name] == values[name]
    assert decoder.attention == values["attention"]
    assert (decoder.cell.cells if several else decoder.cell) == values["cell"]
    again = AttentionDecoder.from_config(config)
    assert again.get_config() == config


def test_numpy_integers_are_integers():
    decoder = BahdanauDecoder(np.int64(4), np.int64(3), output_units=np.int32(2))
    config = decoder.get_config()
    for name in ("units", "attention_units", "output_units"):
        assert type(config[name]) is int


ATTENTION, CELL = LuongAttention(), ExplicitLSTMCell(4)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: AttentionDecoder(CELL, None), TypeError, "`attention` must .* None"),
        (lambda: AttentionDecoder(CELL, []), ValueError, "`attention` must not be an"),
        (
            lambda: AttentionDecoder(CELL, [ATTENTION, keras.layers.Attention()]),
            TypeError,
            "`attention` must be an attention of keras_seq.layers",
        ),
        (lambda: AttentionDecoder([], ATTENTION), TypeError, r"`cell` must .* \[\]"),
        (
            lambda: AttentionDecoder(keras.layers.LSTM(4), ATTENTION),
            TypeError,
            "`cell` must be a cell, such as ExplicitLSTMCell, .* <LSTM",
        ),
        (
            lambda: AttentionDecoder(ExplicitLSTMCell(4, dtype="float64"), ATTENTION),
            ValueError,
            "`cell` must compute in float32, .* computes in float64",
        ),
        (
            lambda: AttentionDecoder(CELL, ATTENTION, dtype="mixed_float16"),
            ValueError,
            "`attention` must compute in float16, .* computes in float32",
        ),
        (
            lambda: AttentionDecoder(CELL, ATTENTION, attend="later"),
            ValueError,
            "`attend` must be 'before' or 'after'; received 'later'",
        ),
        (
            lambda: AttentionDecoder(CELL, ATTENTION, input_feeding="yes"),
            ValueError,
            "`input_feeding` must be True or False; received 'yes'",
        ),
        (
            lambda: AttentionDecoder(CELL, ATTENTION, output_units=0),
            ValueError,
            "`output_units` must be a positive integer; received 0",
        ),
        (lambda: BahdanauDecoder(4, 3, cell="rnn"), ValueError, "`cell` must .* 'rnn'"),
        (lambda: BahdanauDecoder(0, 3), ValueError, "`units` must .* received 0"),
        (
            lambda: BahdanauDecoder(4, -1),
            ValueError,
            "`attention_units` .* received -1",
        ),
        (
            lambda: BahdanauDecoder(4, 3, attention_dropout=2),
            ValueError,
            r"`attention_dropout` must be in \[0, 1\); received 2",
        ),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()


def float32(*shape):
    return np.ones(shape, "float32")


@pytest.mark.parametrize(
    ("inputs", "memory", "options", "message"),
    [
        (float32(3, 2), float32(3, 5, 4), {}, r"`inputs` must have shape \(B, T, D\)"),
        (float32(3, 4, 2), float32(3, 5), {}, r"`memory` must have shape \(B, S, E\)"),
        (float32(3, 4, 2), float32(2, 5, 4), {}, "as many rows as `inputs`, 3; .* 2"),
        (
            float32(3, 4, 2),
            float32(3, 5, 4),
            {"memory_mask": float32(3, 4)},
            r"`memory_mask` must have shape \(B, S\) = \(3, 5\); received \(3, 4\)",
        ),
        (
            float32(3, 4, 2),
            float32(3, 5, 4),
            {"initial_state": [float32(3, 4)]},
            r"`initial_state` must be 2 tensors of shapes .* shapes \[\(3, 4\)\]",
        ),
        (
            float32(3, 4, 2),
            float32(3, 5, 4),
            {"initial_state": DecoderState([float32(3, 4)], ((),), ())},
            r"`initial_state` must be a DecoderState with tensors of shapes \[\(3, 4\)",
        ),
    ],
)
def test_bad_shapes(inputs, memory, options, message):
    with pytest.raises(ValueError, match=message):
        BahdanauDecoder(4, 3)(inputs, memory, **options)


def test_bad_lists():
    decoder = AttentionDecoder(
        [ExplicitLSTMCell(4), ExplicitLSTMCell(4)], [LuongAttention(), LuongAttention()]
    )
    inputs, memory = float32(3, 4, 2), float32(3, 5, 4)
    with pytest.raises(ValueError, match=r"`memory` must be a list of 2, .* one of 1"):
        decoder(inputs, [memory])
    decoder(inputs, [memory, memory])
    with pytest.raises(ValueError, match=r"`memory` must be a list of 2, .* received "):
        decoder.project_memory(memory)
    with pytest.raises(ValueError, match="`memory_mask` must be a list of 2"):
        decoder(inputs, [memory, memory], memory_mask=[float32(3, 5)])
    with pytest.raises(
        ValueError, match=r"`initial_state` must be a list of 2, .* of 1"
    ):
        decoder(inputs, [memory, memory], initial_state=[[float32(3, 4)] * 2])


def test_steps_need_weights_and_their_sizes():
    decoder = BahdanauDecoder(4, 3)
    memory = float32(3, 5, 4)
    state = decoder.get_initial_state(memory)
    with pytest.raises(ValueError, match="is not built: call it, or"):
        decoder.step(float32(3, 2), state, memory)
    decoder(float32(3, 4, 2), memory)
    with pytest.raises(ValueError, match=r"`input_t` must have shape \(B, 2\)"):
        decoder.step(float32(3, 1, 2), state, memory)
    with pytest.raises(ValueError, match=r"`inputs` must have shape \(B, T, 2\)"):
        decoder(float32(3, 4, 3), memory)
    with pytest.raises(ValueError, match=r"`memory` must have shape \(B, S, 4\)"):
        decoder(float32(3, 4, 2), memory[..., :2])


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
