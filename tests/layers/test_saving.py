"""Models with `ExplicitLSTM` saved, reloaded, rebuilt from Keras's, exported."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.layers import ExplicitLSTM
from tests.reference import lstm as reference

MASK = reference.mask_patterns()["right"]
X = np.where(MASK[..., None], reference.random_problem(seed=30)["x"], 0.0).astype(
    "float32"
)


def functional_model():
    inputs = keras.Input((None, 2), name="x")
    y, h, c, gates = ExplicitLSTM(
        4,
        return_sequences=True,
        return_state=True,
        return_gates=True,
        activation="relu",
        go_backwards=True,
        zero_output_for_mask=True,
        dropout=0.2,
        seed=1,
        name="lstm",
    )(keras.layers.Masking()(inputs))
    return keras.Model(inputs, {"y": y, "h": h, "c": c, **gates})


@keras.saving.register_keras_serializable(package="tests")
class SubclassedModel(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.first = ExplicitLSTM(3, return_sequences=True, return_gates=True)
        self.second = ExplicitLSTM(2, return_state=True)

    def call(self, x, mask=None):
        h, gates = self.first(x, mask=mask)
        state = [gates["forget"][:, 0, :2], gates["cell"][:, 0, :2]]
        return self.second(h, initial_state=state, mask=mask)


def assert_same(got, expected, tolerance=0.0):
    tf.nest.assert_same_structure(got, expected)
    for value, want in zip(
        tf.nest.flatten(got), tf.nest.flatten(expected), strict=True
    ):
        np.testing.assert_allclose(value, want, atol=tolerance)


def test_functional_model(tmp_path):
    model = functional_model()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_same(loaded(X), model(X))
    assert type(loaded.get_layer("lstm")) is ExplicitLSTM
    lstms = [m.get_layer("lstm").get_config() for m in (loaded, model)]
    assert lstms[0] == lstms[1]
    assert_same(loaded(X, training=True), model(X, training=True))


def test_subclassed_model(tmp_path):
    model = SubclassedModel()
    expected = model(X, mask=MASK)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_same(loaded(X, mask=MASK), expected)


def test_weights_file(tmp_path):
    model, other = functional_model(), functional_model()
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    assert_same(other(X), model(X))


def keras_model():
    return keras.Sequential(
        [
            keras.Input((None, 2)),
            keras.layers.Masking(),
            keras.layers.LSTM(4, return_sequences=True, go_backwards=True),
            keras.layers.Bidirectional(keras.layers.LSTM(3)),
            keras.layers.Dense(2),
        ]
    )


def test_a_keras_model_with_the_class_name_changed():
    def rebuilt(layer):
        if isinstance(layer, keras.layers.LSTM):
            return ExplicitLSTM.from_config(layer.get_config())
        if isinstance(layer, keras.layers.Bidirectional):
            return keras.layers.Bidirectional(rebuilt(layer.forward_layer))
        return type(layer).from_config(layer.get_config())

    model = keras_model()
    ours = keras.models.clone_model(model, clone_function=rebuilt)
    ours.set_weights(model.get_weights())
    assert [type(layer).__name__ for layer in ours.layers[1:3]] == [
        "ExplicitLSTM",
        "Bidirectional",
    ]
    np.testing.assert_allclose(ours(X), model(X), atol=1e-6)
    for layer in (ours.layers[1], ours.layers[2].forward_layer):
        assert type(layer) is ExplicitLSTM


def test_weights_go_both_ways_between_single_layers():
    layer, peer = ExplicitLSTM(4), keras.layers.LSTM(4)
    expected = peer(X)
    layer(X)
    layer.set_weights(peer.get_weights())
    np.testing.assert_allclose(layer(X), expected, atol=1e-6)
    other = keras.layers.LSTM(4)
    other(X)
    other.set_weights(layer.get_weights())
    np.testing.assert_array_equal(other(X), expected)


@pytest.mark.parametrize("way", ["export", "saved_model"])
def test_exported_model_shows_its_gates(tmp_path, way):
    model = functional_model()
    if way == "export":
        model.export(tmp_path / "out", verbose=False)
    else:
        specification = tf.TensorSpec((None, None, 2), name="x")
        serve = tf.function(lambda x: model(x), input_signature=[specification])
        tf.saved_model.save(model, tmp_path / "out", signatures=serve)
    loaded = tf.saved_model.load(tmp_path / "out")
    run = loaded.signatures["serving_default"]
    for rows, length in ((3, 5), (1, 2)):
        x = tf.constant(X[:rows, :length])
        got = run(x)
        expected = model(x)
        assert sorted(got) == sorted(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(got[name], value, atol=1e-6)
