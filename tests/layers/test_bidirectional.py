"""`ExplicitLSTM` in `keras.layers.Bidirectional`, against Keras's LSTM there."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.layers import ExplicitLSTM
from tests.layers.peers import UNITS, weights
from tests.reference import lstm as reference

MASKS = reference.mask_patterns()
FORWARD = reference.random_problem(seed=20)
BACKWARD = {**reference.random_problem(seed=21), "x": FORWARD["x"]}
X = FORWARD["x"]
STATES = [problem[name] for problem in (FORWARD, BACKWARD) for name in ("h_0", "c_0")]


def bidirectional(layer_class=ExplicitLSTM, merge_mode="concat", **options):
    layer = keras.layers.Bidirectional(
        layer_class(UNITS, dtype="float64", use_cudnn=False, **options),
        merge_mode=merge_mode,
        dtype="float64",
    )
    layer.build(X.shape)
    layer.set_weights([*weights(FORWARD), *weights(BACKWARD)])
    return layer


def assert_equals_keras(mask, **options):
    def run(layer_class):
        layer = bidirectional(layer_class, **options)
        return tf.nest.flatten(layer(X, initial_state=STATES, mask=mask))

    got, expected = run(ExplicitLSTM), run(keras.layers.LSTM)
    for value, want in zip(got, expected, strict=True):
        np.testing.assert_allclose(value, want, rtol=1e-10)


@pytest.mark.parametrize("return_state", [False, True])
@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("merge_mode", ["concat", "sum", "mul", "ave", None])
def test_merging_equals_keras(merge_mode, return_sequences, return_state):
    assert_equals_keras(
        MASKS["holes"],
        merge_mode=merge_mode,
        return_sequences=return_sequences,
        return_state=return_state,
    )


@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("pattern", MASKS)
def test_masks_equal_keras(pattern, return_sequences):
    assert_equals_keras(MASKS[pattern], return_sequences=return_sequences)


def test_gradients_equal_keras():
    def run(layer_class):
        layer = bidirectional(layer_class, return_sequences=True)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(X, mask=MASKS["holes"]) ** 2)
        return tape.gradient(loss, [v.value for v in layer.trainable_variables])

    for got, expected in zip(run(ExplicitLSTM), run(keras.layers.LSTM), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-9)


@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("pattern", MASKS)
def test_gates_follow_the_states_of_their_direction(pattern, return_sequences):
    mask = MASKS[pattern]
    layer = bidirectional(
        return_state=True, return_gates=True, return_sequences=return_sequences
    )
    y, h, c, gates, h_back, c_back, gates_back = layer(
        X, initial_state=STATES, mask=mask
    )
    assert y.shape[-1] == 2 * UNITS
    for problem, state, shown, backwards in (
        (FORWARD, [h, c], gates, False),
        (BACKWARD, [h_back, c_back], gates_back, True),
    ):
        expected = reference.lstm(**problem, mask=mask, go_backwards=backwards)
        np.testing.assert_allclose(state, expected["state"], rtol=1e-10)
        np.testing.assert_allclose(shown["cell"], expected["c"], rtol=1e-10)
        for gate in reference.GATES:
            np.testing.assert_allclose(shown[gate], expected[gate], rtol=1e-10)


def test_another_layer_for_the_way_back():
    def build(layer_class):
        layer = keras.layers.Bidirectional(
            layer_class(UNITS, return_sequences=True, dtype="float64"),
            backward_layer=layer_class(
                3,
                activation="relu",
                go_backwards=True,
                return_sequences=True,
                dtype="float64",
            ),
            dtype="float64",
        )
        layer.build(X.shape)
        rng = np.random.default_rng(22)
        layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
        return layer(X, mask=MASKS["holes"])

    got = build(ExplicitLSTM)
    assert tuple(got.shape) == (3, 5, UNITS + 3)
    np.testing.assert_allclose(got, build(keras.layers.LSTM), rtol=1e-10)


def test_dropout_equals_keras():
    options = {"dropout": 0.3, "recurrent_dropout": 0.2, "seed": 23}
    got, expected = (
        bidirectional(layer_class, **options)(X, training=True)
        for layer_class in (ExplicitLSTM, keras.layers.LSTM)
    )
    np.testing.assert_allclose(got, expected, rtol=1e-10)


def test_stateful_equals_keras():
    ours, peer = (
        bidirectional(layer_class, stateful=True)
        for layer_class in (ExplicitLSTM, keras.layers.LSTM)
    )
    for _ in range(2):
        np.testing.assert_allclose(ours(X), peer(X), rtol=1e-10)
    ours.reset_state()
    peer.reset_state()
    np.testing.assert_allclose(ours(X), peer(X), rtol=1e-10)


def test_in_a_saved_functional_model(tmp_path):
    inputs = keras.Input((None, 2))
    layer = keras.layers.Bidirectional(
        ExplicitLSTM(3, return_sequences=True, return_state=True, return_gates=True)
    )
    y, _, _, gates, _, _, gates_back = layer(keras.layers.Masking()(inputs))
    model = keras.Model(
        inputs, {"y": y, "gates": gates, "gates_back": gates_back["forget"]}
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = np.where(MASKS["holes"][..., None], X, 0).astype("float32")
    got, expected = loaded(x), model(x)
    assert sorted(got["gates"]) == ["candidate", "cell", "forget", "input", "output"]
    for value, want in zip(
        tf.nest.flatten(got), tf.nest.flatten(expected), strict=True
    ):
        np.testing.assert_array_equal(value, want)
