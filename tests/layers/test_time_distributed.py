"""`TimeDistributed`: what the layer by itself gives for each of the N."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.diagnostics import gate_activity
from keras_seq.layers import (
    ExplicitGRU,
    ExplicitLSTM,
    ExplicitStack,
    TimeDistributed,
)

B, N, T, D, UNITS = 2, 3, 5, 4, 3
X = np.random.default_rng(1).normal(size=(B, N, T, D)).astype("float32")
COUNTS = np.random.default_rng(2).random((B, N, T)) > 0.4
COUNTS[1, 2] = False
BOTH = {"return_state": True, "return_gates": True}
LAYERS = {
    "one output": lambda: ExplicitGRU(UNITS),
    "gates alone": lambda: ExplicitLSTM(UNITS, return_gates=True),
    "all": lambda: ExplicitLSTM(UNITS, return_sequences=True, **BOTH),
    "both directions": lambda: keras.layers.Bidirectional(
        ExplicitLSTM(UNITS, return_sequences=True, **BOTH)
    ),
    "a stack": lambda: ExplicitStack("gru", UNITS, 2, bidirectional=True, **BOTH),
    "one of Keras's": lambda: keras.layers.LSTM(UNITS, return_state=True),
}


def shaken(layer):
    rng = np.random.default_rng(3)
    layer.set_weights([rng.normal(0, 0.5, w.shape) for w in layer.get_weights()])
    return layer


def one_by_one(layer, x, mask=None):
    """The layer on each of the N, put together behind them."""
    results = [
        layer(x[:, n], mask=None if mask is None else mask[:, n])
        for n in range(x.shape[1])
    ]
    return keras.tree.map_structure(lambda *parts: np.stack(parts, axis=1), *results)


def assert_same(found, expected):
    found, expected = (keras.tree.flatten(nest) for nest in (found, expected))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("kind", LAYERS)
def test_what_the_layer_gives_for_each(kind):
    layer, mask = LAYERS[kind](), COUNTS if kind != "gates alone" else None
    wrapper = TimeDistributed(layer)
    wrapper(X)
    shaken(wrapper)
    expected = one_by_one(layer, X, mask)
    assert_same(wrapper(X, mask=mask), expected)
    shapes = wrapper.compute_output_shape(X.shape)
    keras.tree.map_structure(
        lambda shape, array: np.testing.assert_array_equal(shape.shape, array.shape),
        keras.tree.map_shape_structure(keras.KerasTensor, shapes),
        expected,
    )


def test_in_a_model_that_is_saved(tmp_path):
    inputs = keras.Input((None, None, D))
    layer = ExplicitLSTM(UNITS, return_gates=True, name="reader")
    h, gates = TimeDistributed(layer)(inputs)
    model = shaken(keras.Model(inputs, [ExplicitGRU(2)(h), gates["forget"]]))
    h, gates = one_by_one(layer, X)
    expected = [model.layers[-1](h), gates["forget"]]
    assert_same(model(X), expected)
    model.save(tmp_path / "model.keras")
    assert_same(keras.models.load_model(tmp_path / "model.keras")(X), expected)
    (activity,) = gate_activity(model, X, layers=["reader"]).values()
    values = activity.values["forget"].reshape(B, N, T, UNITS)
    np.testing.assert_allclose(values, gates["forget"], atol=1e-5)


def test_gradients_when_the_sizes_are_known_late():
    wrapper = TimeDistributed(ExplicitLSTM(UNITS, return_gates=True))
    wrapper(X)
    shaken(wrapper)

    def slopes(call, x):
        with tf.GradientTape() as tape:
            h, gates = call(x)
            loss = tf.reduce_sum(tf.sin(h)) + tf.reduce_sum(gates["input"] ** 2)
        return tape.gradient(loss, wrapper.trainable_variables)

    def apart(x):
        parts = [wrapper.layer(x[:, n]) for n in range(N)]
        return keras.tree.map_structure(lambda *y: tf.stack(y, 1), *parts)

    spec = tf.TensorSpec((None, None, None, D))
    traced = tf.function(
        lambda x: slopes(wrapper, x), [spec], autograph=False, jit_compile=True
    )
    for one, other in zip(traced(X), slopes(apart, X), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_masks_of_texts_of_sentences():
    """Words are masked by the embedding, sentences by having no word."""
    ids = np.array([[[3, 1, 0], [2, 0, 0]], [[1, 2, 3], [0, 0, 0]]])
    embedding = keras.layers.Embedding(5, D, mask_zero=True)
    reader = ExplicitLSTM(UNITS, return_gates=True)
    inputs = keras.Input((None, None), dtype="int32")
    h, _ = TimeDistributed(reader)(embedding(inputs))
    summary = ExplicitGRU(2)
    model = shaken(keras.Model(inputs, summary(h)))
    table = np.asarray(embedding.embeddings)
    for row, sentences in enumerate(([[3, 1], [2]], [[1, 2, 3]])):
        read = [reader(table[None, words])[0][0] for words in sentences]
        expected = summary(np.stack(read)[None])[0]
        np.testing.assert_allclose(model(ids)[row], expected, atol=1e-5)


def test_a_mask_of_the_n():
    layer = shaken_of(ExplicitLSTM(UNITS))
    counts = np.array([[True, True, False], [True, False, False]])
    x = keras.ops.convert_to_tensor(X)
    x._keras_mask = keras.ops.convert_to_tensor(counts)
    h = TimeDistributed(layer)(x)
    expected = one_by_one(layer, X) * counts[..., None]
    np.testing.assert_allclose(h, expected, atol=1e-5)
    np.testing.assert_array_equal(h._keras_mask, counts)


def test_a_mask_of_the_n_goes_on_with_every_output():
    layer = shaken_of(ExplicitLSTM(UNITS, return_state=True))
    x = keras.ops.convert_to_tensor(X)
    x._keras_mask = keras.ops.convert_to_tensor(COUNTS[:, :, 0])
    for output in TimeDistributed(layer)(x):
        np.testing.assert_array_equal(output._keras_mask, COUNTS[:, :, 0])


def shaken_of(layer):
    layer.build((None, None, D))
    return shaken(layer)


# Keras says so of a model itself, wherever it is called.
@pytest.mark.filterwarnings("ignore:.*does not support masking:UserWarning")
def test_a_model_that_gives_one_vector():
    inner = keras.Sequential([keras.Input((None, D)), ExplicitLSTM(UNITS)])
    y = TimeDistributed(shaken(inner))(X, mask=COUNTS)
    np.testing.assert_allclose(y, one_by_one(inner, X, COUNTS), atol=1e-5)


def test_no_rows():
    wrapper = TimeDistributed(ExplicitLSTM(UNITS, return_gates=True))
    for x in (X[:0], X[:, :0]):
        h, gates = wrapper(x)
        assert h.shape == (*x.shape[:2], UNITS)
        assert gates["cell"].shape == (*x.shape[:3], UNITS)


def test_what_does_not_fit():
    layer = ExplicitLSTM(3, stateful=True, name="mine")
    with pytest.raises(ValueError, match=r"stateful.*received 'mine'"):
        TimeDistributed(layer)
    with pytest.raises(ValueError, match=r"`inputs` must have shape \(B, N, ...\)"):
        TimeDistributed(keras.layers.Dense(3))(X[0, 0])
    for mask in (COUNTS[:, :2], COUNTS[0], COUNTS[..., None]):
        for layer in (ExplicitLSTM(3), keras.layers.Dense(3)):  # which takes no mask
            with pytest.raises(ValueError, match=r"`mask` must have shape \(B, N\)"):
                TimeDistributed(layer)(X, mask=mask)
