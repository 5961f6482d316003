"""Masks that come by themselves, from layers before, and go on to layers after."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.layers import ExplicitLSTM
from tests.layers.peers import PROBLEM, UNITS, weights
from tests.reference import lstm as reference

MASKS = reference.mask_patterns()
PATTERNS = ["right", "left", "holes", "whole rows", "all masked"]


def twin_models(build):
    """Models built with our layer and with Keras's, with the same weights."""
    models = [build(ExplicitLSTM), build(keras.layers.LSTM)]
    rng = np.random.default_rng(0)
    values = [rng.normal(0, 0.7, w.shape) for w in models[0].get_weights()]
    for model in models:
        model.set_weights(values)
    return models


@pytest.mark.parametrize("pattern", PATTERNS)
def test_masking_layer(pattern):
    x = np.where(MASKS[pattern][..., None], PROBLEM["x"], -7.0)
    inputs = keras.Input((None, 2), dtype="float64")
    masked = keras.layers.Masking(-7.0, dtype="float64")(inputs)
    layer = ExplicitLSTM(UNITS, return_gates=True, return_state=True, dtype="float64")
    model = keras.Model(inputs, layer(masked))
    layer.set_weights(weights())
    y, h, c, gates = model(x)
    expected = reference.lstm(
        **{**PROBLEM, "x": x, "h_0": np.zeros((3, 4)), "c_0": np.zeros((3, 4))},
        mask=MASKS[pattern],
    )
    np.testing.assert_allclose([h, c], expected["state"], rtol=1e-10)
    np.testing.assert_allclose(gates["output"], expected["output"], rtol=1e-10)
    np.testing.assert_allclose(gates["cell"], expected["c"], rtol=1e-10)
    assert tuple(y.shape) == (3, UNITS)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_embedding_and_three_layers_equal_keras(pattern):
    tokens = np.where(MASKS[pattern], np.arange(15).reshape(3, 5) % 6 + 1, 0)

    def build(lstm):
        return keras.Sequential(
            [
                keras.Input((None,), dtype="int32"),
                keras.layers.Embedding(7, 3, mask_zero=True),
                lstm(4, return_sequences=True),
                keras.layers.Dropout(0.5),
                lstm(5, return_sequences=True, go_backwards=True),
                lstm(2),
            ]
        )

    ours, peer = twin_models(build)
    np.testing.assert_allclose(ours(tokens), peer(tokens), atol=1e-6)


@keras.saving.register_keras_serializable(package="tests")
class ShowMask(keras.layers.Layer):
    """Gives the mask that comes with its input, as numbers."""

    supports_masking = True

    def call(self, inputs, mask=None):
        assert mask is not None
        return tf.cast(mask, inputs.dtype)

    def compute_output_shape(self, shape):
        return shape[:2]


def test_the_mask_goes_on_with_sequences_and_gates():
    mask = MASKS["holes"]
    x = np.where(mask[..., None], PROBLEM["x"], 0.0).astype("float32")
    layer = ExplicitLSTM(4, return_sequences=True, return_gates=True)
    inputs = keras.Input((None, 2))
    sequence, gates = layer(keras.layers.Masking()(inputs))
    model = keras.Model(
        inputs, [ShowMask()(y) for y in (sequence, gates["forget"], gates["cell"])]
    )
    for shown in model(x):
        np.testing.assert_array_equal(shown, mask)


def test_the_mask_ends_where_the_sequence_ends():
    layer = ExplicitLSTM(4, return_state=True)
    inputs = keras.Input((None, 2))
    for result in layer(keras.layers.Masking()(inputs)):
        with pytest.raises(AssertionError):
            keras.Model(inputs, ShowMask()(result))(np.ones((1, 2, 2), "float32"))


def test_a_loss_leaves_masked_steps_out():
    mask = MASKS["right"]
    x = np.where(mask[..., None], PROBLEM["x"], 0.0).astype("float32")
    target = np.random.default_rng(1).normal(size=(3, 5, 4)).astype("float32")

    def build(lstm):
        model = keras.Sequential(
            [
                keras.Input((None, 2)),
                keras.layers.Masking(),
                lstm(4, return_sequences=True),
            ]
        )
        model.compile("sgd", "mse", jit_compile=False)
        return model

    ours, peer = twin_models(build)
    loss = ours.evaluate(x, target, verbose=0)
    np.testing.assert_allclose(loss, peer.evaluate(x, target, verbose=0), rtol=1e-5)
    other = np.where(mask[..., None], target, target + 9)
    np.testing.assert_allclose(ours.evaluate(x, other, verbose=0), loss, rtol=1e-5)


def test_time_distributed_equals_keras():
    x = np.random.default_rng(2).normal(size=(2, 3, 5, 4)).astype("float32")

    def build(lstm):
        inputs = keras.Input((3, 5, 4))
        return keras.Model(inputs, keras.layers.TimeDistributed(lstm(4))(inputs))

    ours, peer = twin_models(build)
    np.testing.assert_allclose(ours(x), peer(x), atol=1e-6)
