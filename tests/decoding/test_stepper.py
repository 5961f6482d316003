"""`Stepper`: stepping equals reading, whatever the layers, masks and states."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import Greedy, Stepper, generate
from keras_seq.layers import (
    ExplicitGRU,
    ExplicitLSTM,
    ExplicitSimpleRNN,
    PositionalEncoding,
)
from tests.decoding import oracle
from tests.decoding.models import stepper

MODEL = oracle.LanguageModel()
IDS = np.random.default_rng(3).integers(0, MODEL.vocabulary, (4, 7))
BOTH = {"return_sequences": True, "return_state": True}


def arrays(nest):
    return [keras.ops.convert_to_numpy(x) for x in keras.tree.flatten(nest)]


def assert_same(got, expected, atol=1e-5):
    for one, other in zip(arrays(got), arrays(expected), strict=True):
        np.testing.assert_allclose(one, other, atol=atol)


def step_through(reader, ids, state):
    outputs = []
    for t in range(ids.shape[1]):
        output, state = reader.step(ids[:, t], state)
        outputs.append(output)
    return keras.ops.stack(outputs, axis=1), state


@pytest.mark.parametrize("recurrent", [ExplicitLSTM, keras.layers.LSTM])
def test_reading_equals_the_oracle(recurrent):
    logits, _ = stepper(MODEL, recurrent).read(IDS)
    np.testing.assert_allclose(logits, MODEL.logits(IDS), atol=3e-5)


def folds(layer, **options):
    return lambda: [layer(5, bias_initializer="random_normal", **options, **BOTH)]


@pytest.mark.parametrize(
    "stack",
    [
        folds(ExplicitLSTM),
        folds(ExplicitGRU),
        folds(ExplicitGRU, reset_after=False),
        folds(ExplicitSimpleRNN, use_bias=False),
        lambda: [keras.layers.Dense(4), *folds(ExplicitLSTM)(), *folds(ExplicitGRU)()],
    ],
)
def test_a_loop_looks_the_product_with_the_input_up(stack):
    embedding = keras.layers.Embedding(MODEL.vocabulary, 3, mask_zero=True)
    reader = Stepper([embedding, *stack(), keras.layers.Dense(MODEL.vocabulary)])
    expected, _ = reader.read(IDS, mask=np.ones(IDS.shape, bool))
    first = next(layer for layer in reader.layers if hasattr(layer, "cell"))
    step, state, got = reader.prepared_step(), reader.initial_state(4), []
    first.cell.kernel.assign(first.cell.kernel * np.nan)  # it is not read again
    for t in range(IDS.shape[1]):
        logits, state = step(IDS[:, t], state)
        got.append(logits)
    np.testing.assert_allclose(np.stack(got, axis=1), expected, atol=1e-5)


@pytest.mark.parametrize(
    "stack",
    [
        lambda: [keras.layers.LSTM(5, **BOTH)],
        lambda: [ExplicitLSTM(5, zoneout=0.1, **BOTH)],
        lambda: [ExplicitLSTM(5, dtype="mixed_bfloat16", **BOTH)],
        lambda: [PositionalEncoding(), ExplicitLSTM(5, **BOTH)],
        lambda: [],
    ],
)
def test_a_loop_steps_what_has_no_such_product(stack):
    reader = Stepper([keras.layers.Embedding(7, 4), *stack()])
    assert reader.prepared_step() == reader.step
    many = Stepper([keras.layers.Embedding(257, 4), ExplicitLSTM(5, **BOTH)])
    assert many.prepared_step() == many.step


def test_generate_reads_the_weights_of_now():
    reader = stepper(MODEL, ExplicitLSTM)

    @tf.function
    def write():
        state = reader.initial_state(4)
        options = {"max_length": 5, "strategy": Greedy()}
        return generate(reader.step, state, IDS[:, 0], **options).log_probs

    before = write()
    for layer in reader.layers:
        layer.set_weights([0.5 * weight for weight in layer.get_weights()])
    state, tokens = reader.initial_state(4), IDS[:, 0]
    for t in range(5):
        logits, state = reader.step(tokens, state)
        tokens = np.argmax(logits, axis=-1)
        expected = np.max(tf.nn.log_softmax(logits), axis=-1)
        after = write()[:, t]
        np.testing.assert_allclose(after, expected, atol=1e-5)
        assert np.abs(after - before[:, t]).max() > 1e-3


STACKS = {
    "ExplicitLSTM": lambda: [ExplicitLSTM(5, **BOTH)],
    "with gates": lambda: [ExplicitLSTM(5, return_gates=True, **BOTH)],
    "LSTM": lambda: [keras.layers.LSTM(5, **BOTH)],
    "GRU": lambda: [keras.layers.GRU(5, **BOTH)],
    "GRU, reset before": lambda: [keras.layers.GRU(5, reset_after=False, **BOTH)],
    "SimpleRNN": lambda: [keras.layers.SimpleRNN(5, **BOTH)],
    "RNN of a cell": lambda: [keras.layers.RNN(keras.layers.GRUCell(5), **BOTH)],
    "RNN of cells": lambda: [
        keras.layers.RNN([keras.layers.LSTMCell(4), keras.layers.GRUCell(5)], **BOTH)
    ],
    "all kinds": lambda: [
        ExplicitLSTM(5, dropout=0.5, recurrent_dropout=0.5, **BOTH),
        keras.layers.Dropout(0.5),
        keras.layers.LayerNormalization(),
        keras.layers.GRU(3, **BOTH),
        keras.layers.Dense(4, "tanh"),
        keras.layers.SimpleRNN(6, **BOTH),
    ],
    "layers of sequences": lambda: [
        PositionalEncoding(),
        ExplicitLSTM(4, **BOTH),  # as many units as there are rows
        keras.layers.TimeDistributed(keras.layers.Dense(4, "tanh")),
        keras.layers.SpatialDropout1D(0.5),
        keras.layers.BatchNormalization(),
        keras.layers.GRU(4, **BOTH),
        PositionalEncoding(learned=True, max_length=20),
        keras.layers.RMSNormalization(),
        keras.layers.Activation("tanh"),
    ],
}


@pytest.mark.parametrize("name", STACKS)
def test_stepping_equals_reading(name):
    keras.utils.set_random_seed(0)
    reader = Stepper(
        [keras.layers.Embedding(11, 4), *STACKS[name](), keras.layers.Dense(11)]
    )
    whole, after = reader.read(IDS)
    stepped, state = step_through(reader, IDS, reader.initial_state(len(IDS)))
    assert_same(stepped, whole)
    assert_same(state, after)
    # Read, go on stepping, go on reading: it comes to the same.
    first, state = reader.read(IDS[:, :3])
    second, state = step_through(reader, IDS[:, 3:5], state)
    third, state = reader.read(IDS[:, 5:], initial_state=state)
    assert_same(keras.ops.concatenate([first, second, third], axis=1), whole)
    assert_same(state, after)
    result = generate(
        reader.step, after, IDS[:, 0], max_length=2, strategy=Greedy(), end_token=0
    )
    np.testing.assert_array_equal(
        result.ids[:, 0], reader.step(IDS[:, 0], after)[0].numpy().argmax(-1)
    )


@pytest.mark.parametrize("recurrent", [ExplicitLSTM, keras.layers.LSTM])
@pytest.mark.parametrize("side", ["right", "left"])
def test_the_state_is_that_behind_the_last_token_that_counts(recurrent, side):
    lengths = [7, 1, 4, 0]
    mask = np.arange(7) < np.array(lengths)[:, None]
    ids = IDS.copy()
    if side == "left":
        mask = mask[:, ::-1]
        for row, length in enumerate(lengths):
            ids[row, 7 - length :] = IDS[row, :length]
    reader = stepper(MODEL, recurrent)
    start = [
        [np.full((4, MODEL.units), 0.1 * (i + 1), "float32") for i in range(2)]
        for _ in MODEL.lstm
    ]
    for before in (None, start):
        outputs, state = reader.read(ids, mask=mask, initial_state=before)
        before = before or reader.initial_state(4)
        for row, length in enumerate(lengths):
            alone, expected = (
                step_through(
                    reader,
                    IDS[row : row + 1, :length],
                    [[x[row : row + 1] for x in layer] for layer in before],
                )
                if length
                else (None, [[x[row : row + 1] for x in y] for y in before])
            )
            assert_same([x[row : row + 1] for y in state for x in y], expected)
            if length:
                counted = np.asarray(outputs[row])[mask[row]]
                np.testing.assert_allclose(counted, alone[0], atol=1e-5)


def test_an_embedding_that_masks_zero():
    layers = [
        keras.layers.Embedding(11, 4, mask_zero=True),
        keras.layers.LSTM(5, **BOTH),
        keras.layers.Dense(11),
    ]
    reader = Stepper(layers)
    padded = np.array([[3, 4, 0, 0], [5, 6, 7, 8]])
    _, state = reader.read(padded)
    _, alone = reader.read(np.array([[3, 4]]))
    assert_same([x[:1] for x in state[0]], alone)
    # A mask that is given says more than the embedding knows.
    _, state = reader.read(padded, mask=np.ones((2, 4), bool))
    _, expected = step_through(reader, padded, reader.initial_state(2))
    assert_same(state, expected)


def test_mixed_precision():
    keras.utils.set_random_seed(0)
    policy = {"dtype": "mixed_float16"}
    for recurrent in (ExplicitLSTM, keras.layers.GRU):
        reader = Stepper(
            [
                keras.layers.Embedding(11, 4, **policy),
                recurrent(5, **BOTH, **policy),
                keras.layers.Dense(11, dtype="float32"),
            ]
        )
        whole, after = reader.read(IDS)
        stepped, state = step_through(reader, IDS, reader.initial_state(len(IDS)))
        assert {str(x.dtype) for x in arrays(state)} == {"float16"}
        assert_same(stepped, whole, atol=5e-3)
        assert_same(state, after, atol=5e-3)
        result = generate(
            reader.step, state, IDS[:, 0], max_length=3, strategy=Greedy()
        )
        assert np.isfinite(result.log_probs).all()


def test_the_layers_of_a_model_made_by_keras():
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(11, 4)(ids)
    x, _, _ = ExplicitLSTM(5, **BOTH)(x)
    model = keras.Model(ids, keras.layers.Dense(11)(keras.layers.Dropout(0.5)(x)))
    logits, _ = Stepper(model.layers).read(IDS)
    assert_same(logits, model(IDS))


def test_layers_that_are_not_built_are_built_inside():
    reader = Stepper(
        [
            keras.layers.Embedding(11, 4),
            ExplicitLSTM(5, **BOTH),
            keras.layers.Dense(11),
        ]
    )
    result = generate(
        reader.step,
        reader.initial_state(2),
        np.array([1, 2]),
        max_length=4,
        strategy=Greedy(),
    )
    logits, _ = reader.step(np.array([1, 2]), reader.initial_state(2))
    np.testing.assert_array_equal(result.ids[:, 0], logits.numpy().argmax(-1))


@pytest.mark.parametrize("side", ["right", "none"])
def test_positions_go_on_behind_the_last_token_that_counts(side):
    lengths = np.array([7, 3, 5, 0]) if side == "right" else np.full(4, 7)
    reader = Stepper(
        [
            keras.layers.Embedding(MODEL.vocabulary, 4),
            PositionalEncoding(),
            ExplicitLSTM(5, **BOTH),
        ]
    )
    mask = np.arange(7) < lengths[:, None]
    _, state = reader.read(IDS, mask=mask)
    np.testing.assert_array_equal(state[0][0], lengths)
    more = np.random.default_rng(8).integers(0, MODEL.vocabulary, (4, 2))
    found, state = step_through(reader, more, state)
    for row, length in enumerate(lengths):
        whole = np.concatenate([IDS[row, :length], more[row]])[None]
        expected, _ = reader.read(whole)
        np.testing.assert_allclose(found[row], expected[0, length:], atol=1e-5)
    np.testing.assert_array_equal(state[0][0], lengths + 2)


def test_positions_behind_an_embedding_that_masks():
    reader = Stepper(
        [keras.layers.Embedding(9, 4, mask_zero=True), PositionalEncoding()]
    )
    _, state = reader.read(np.array([[5, 6, 0], [5, 0, 0]]))
    np.testing.assert_array_equal(state[0][0], [2, 1])


def test_generation_knows_the_position():
    """Logits that are the position itself, as one hot."""

    @keras.saving.register_keras_serializable(package="tests")
    class Place(keras.layers.Layer):
        def call(self, inputs, start=0):
            start = keras.ops.reshape(keras.ops.cast(start, "int32"), (-1, 1))
            places = start + keras.ops.arange(keras.ops.shape(inputs)[1])
            return keras.ops.one_hot(places, 20) + 0 * inputs[..., :1]

    reader = Stepper([keras.layers.Embedding(20, 3), Place()])
    _, state = reader.read(np.array([[1, 2, 3, 4], [1, 2, 3, 4]]))
    found = generate(
        reader.step, state, np.array([0, 0]), max_length=5, strategy=Greedy()
    )
    np.testing.assert_array_equal(found.ids, [[4, 5, 6, 7, 8]] * 2)


def test_a_sequential_is_its_layers():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Embedding(11, 4), ExplicitLSTM(5, **BOTH)]
    layers.append(keras.layers.Dense(11))
    plain = Stepper(layers)
    nested = Stepper([layers[0], keras.Sequential(layers[1:])])
    assert_same(nested.read(IDS), plain.read(IDS))
    assert Stepper(keras.Sequential(layers)).layers == layers
    state = plain.initial_state(len(IDS))
    assert_same(nested.step(IDS[:, 0], state), plain.step(IDS[:, 0], state))
