"""Masks that come by themselves, from layers before, and go on to layers after."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.kinds import each_kind
from tests.layers.peers import UNITS
from tests.reference.recurrence import mask_patterns

MASKS = mask_patterns()
PATTERNS = ["right", "left", "holes", "whole rows", "all masked"]


def twin_models(kind, build):
    """Models built with our layer and with Keras's, with the same weights."""
    makers = (kind.layer, kind.keras_layer)
    models = [build(functools.partial(make, **kind.options)) for make in makers]
    rng = np.random.default_rng(0)
    values = [rng.normal(0, 0.7, w.shape) for w in models[0].get_weights()]
    for model in models:
        model.set_weights(values)
    return models


@pytest.mark.parametrize("pattern", PATTERNS)
@each_kind()
def test_masking_layer(kind, pattern):
    problem = kind.problem()
    x = np.where(MASKS[pattern][..., None], problem["x"], -7.0)
    inputs = keras.Input((None, 2), dtype="float64")
    masked = keras.layers.Masking(-7.0, dtype="float64")(inputs)
    layer = kind.layer(
        UNITS, return_gates=True, return_state=True, dtype="float64", **kind.options
    )
    model = keras.Model(inputs, layer(masked))
    layer.set_weights(kind.weights(problem))
    y, *state, gates = model(x)
    zeros = dict.fromkeys(kind.states, np.zeros((3, UNITS)))
    expected = kind.oracle(**{**problem, "x": x, **zeros}, mask=MASKS[pattern])
    np.testing.assert_allclose(state, expected["state"], rtol=1e-10)
    for gate in kind.gates:
        np.testing.assert_allclose(gates[gate], expected[gate], rtol=1e-10)
    assert tuple(y.shape) == (3, UNITS)


@pytest.mark.parametrize("pattern", PATTERNS)
@each_kind()
def test_embedding_and_three_layers_equal_keras(kind, pattern):
    tokens = np.where(MASKS[pattern], np.arange(15).reshape(3, 5) % 6 + 1, 0)

    def build(make):
        return keras.Sequential(
            [
                keras.Input((None,), dtype="int32"),
                keras.layers.Embedding(7, 3, mask_zero=True),
                make(4, return_sequences=True),
                keras.layers.Dropout(0.5),
                make(5, return_sequences=True, go_backwards=True),
                make(2),
            ]
        )

    ours, peer = twin_models(kind, build)
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


@each_kind("lstm", "gru", "simple_rnn")
def test_the_mask_goes_on_with_sequences_and_gates(kind):
    mask = MASKS["holes"]
    x = np.where(mask[..., None], kind.problem()["x"], 0.0).astype("float32")
    layer = kind.layer(4, return_sequences=True, return_gates=True)
    inputs = keras.Input((None, 2))
    sequence, gates = layer(keras.layers.Masking()(inputs))
    model = keras.Model(inputs, [ShowMask()(y) for y in (sequence, *gates.values())])
    for shown in model(x):
        np.testing.assert_array_equal(shown, mask)


@each_kind("lstm", "gru", "simple_rnn")
def test_the_mask_ends_where_the_sequence_ends(kind):
    layer = kind.layer(4, return_state=True)
    inputs = keras.Input((None, 2))
    for result in layer(keras.layers.Masking()(inputs)):
        with pytest.raises(AssertionError):
            keras.Model(inputs, ShowMask()(result))(np.ones((1, 2, 2), "float32"))


@each_kind("lstm", "gru", "simple_rnn")
def test_a_loss_leaves_masked_steps_out(kind):
    mask = MASKS["right"]
    x = np.where(mask[..., None], kind.problem()["x"], 0.0).astype("float32")
    target = np.random.default_rng(1).normal(size=(3, 5, 4)).astype("float32")

    def build(make):
        model = keras.Sequential(
            [
                keras.Input((None, 2)),
                keras.layers.Masking(),
                make(4, return_sequences=True),
            ]
        )
        model.compile("sgd", "mse", jit_compile=False)
        return model

    ours, peer = twin_models(kind, build)
    loss = ours.evaluate(x, target, verbose=0)
    np.testing.assert_allclose(loss, peer.evaluate(x, target, verbose=0), rtol=1e-5)
    other = np.where(mask[..., None], target, target + 9)
    np.testing.assert_allclose(ours.evaluate(x, other, verbose=0), loss, rtol=1e-5)


@each_kind("lstm", "gru", "simple_rnn")
def test_time_distributed_equals_keras(kind):
    x = np.random.default_rng(2).normal(size=(2, 3, 5, 4)).astype("float32")

    def build(make):
        inputs = keras.Input((3, 5, 4))
        return keras.Model(inputs, keras.layers.TimeDistributed(make(4))(inputs))

    ours, peer = twin_models(kind, build)
    np.testing.assert_allclose(ours(x), peer(x), atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [{}, {"recurrent_dropout": 0.2}, {"unroll": True}, {"layer_norm": True}],
    ids=["plain", "recurrent dropout", "unrolled", "layer norm"],
)
@each_kind()
def test_what_is_masked_may_be_nan(kind, options):
    mask = MASKS["holes"]
    slopes = []
    for masked in (0.0, np.nan):
        x = np.where(mask[..., None], kind.problem()["x"], masked)
        keras.utils.set_random_seed(1)
        layer = kind.layer(UNITS, dtype="float64", seed=1, **kind.options, **options)
        with tf.GradientTape() as tape:
            y = layer(tf.constant(x), mask=tf.constant(mask), training=True)
            loss = tf.reduce_sum(y**2)
        slopes.append(tape.gradient(loss, layer.trainable_weights))
    for expected, got in zip(*slopes, strict=True):
        assert np.isfinite(got).all()
        np.testing.assert_allclose(got, expected, rtol=1e-12)
