"""Models with our layers saved, reloaded, rebuilt from Keras's, exported."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.kinds import KINDS, each_kind
from tests.reference.lstm import random_problem
from tests.reference.recurrence import mask_patterns

MASK = mask_patterns()["right"]
X = np.where(MASK[..., None], random_problem(seed=30)["x"], 0.0).astype("float32")


def functional_model(kind):
    inputs = keras.Input((None, 2), name="x")
    y, *state, gates = kind.layer(
        4,
        return_sequences=True,
        return_state=True,
        return_gates=True,
        activation="relu",
        go_backwards=True,
        zero_output_for_mask=True,
        dropout=0.2,
        seed=1,
        name="recurrent",
        **kind.options,
    )(keras.layers.Masking()(inputs))
    return keras.Model(
        inputs, {"y": y, **dict(zip(kind.states, state, strict=True)), **gates}
    )


@keras.saving.register_keras_serializable(package="tests")
class SubclassedModel(keras.Model):
    def __init__(self, kind, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.kind = KINDS[kind]
        self.first = self.kind.layer(3, return_sequences=True, return_gates=True)
        self.second = self.kind.layer(2, return_state=True)

    def call(self, x, mask=None):
        h, gates = self.first(x, mask=mask)
        shown = list(gates.values())[-len(self.kind.states) :]
        state = [gate[:, 0, :2] for gate in shown]
        return self.second(h, initial_state=state, mask=mask)

    def get_config(self):
        (kind,) = (name for name, kind in KINDS.items() if kind is self.kind)
        return {**super().get_config(), "kind": kind}


def assert_same(got, expected, tolerance=0.0):
    tf.nest.assert_same_structure(got, expected)
    for value, want in zip(
        tf.nest.flatten(got), tf.nest.flatten(expected), strict=True
    ):
        np.testing.assert_allclose(value, want, atol=tolerance)


@each_kind()
def test_functional_model(kind, tmp_path):
    model = functional_model(kind)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_same(loaded(X), model(X))
    assert type(loaded.get_layer("recurrent")) is kind.layer
    configs = [m.get_layer("recurrent").get_config() for m in (loaded, model)]
    assert configs[0] == configs[1]
    assert_same(loaded(X, training=True), model(X, training=True))


@pytest.mark.parametrize("name", ["lstm", "gru", "simple_rnn"])
def test_subclassed_model(name, tmp_path):
    model = SubclassedModel(name)
    expected = model(X, mask=MASK)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_same(loaded(X, mask=MASK), expected)


@each_kind()
def test_weights_file(kind, tmp_path):
    model, other = functional_model(kind), functional_model(kind)
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    assert_same(other(X), model(X))


def keras_model(kind):
    return keras.Sequential(
        [
            keras.Input((None, 2)),
            keras.layers.Masking(),
            kind.keras_layer(
                4, return_sequences=True, go_backwards=True, **kind.options
            ),
            keras.layers.Bidirectional(kind.keras_layer(3, **kind.options)),
            keras.layers.Dense(2),
        ]
    )


@each_kind()
def test_a_keras_model_with_the_class_name_changed(kind):
    def rebuilt(layer):
        if isinstance(layer, kind.keras_layer):
            return kind.layer.from_config(layer.get_config())
        if isinstance(layer, keras.layers.Bidirectional):
            return keras.layers.Bidirectional(rebuilt(layer.forward_layer))
        return type(layer).from_config(layer.get_config())

    model = keras_model(kind)
    ours = keras.models.clone_model(model, clone_function=rebuilt)
    ours.set_weights(model.get_weights())
    np.testing.assert_allclose(ours(X), model(X), atol=1e-6)
    for layer in (ours.layers[1], ours.layers[2].forward_layer):
        assert type(layer) is kind.layer


@each_kind()
def test_weights_go_both_ways_between_single_layers(kind):
    layer, peer, other = (
        make(4, **kind.options)
        for make in (kind.layer, kind.keras_layer, kind.keras_layer)
    )
    expected = peer(X)
    layer(X)
    layer.set_weights(peer.get_weights())
    np.testing.assert_allclose(layer(X), expected, atol=1e-6)
    other(X)
    other.set_weights(layer.get_weights())
    np.testing.assert_array_equal(other(X), expected)


@pytest.mark.parametrize(
    ("kind", "way"),
    [
        (KINDS["lstm"], "export"),
        (KINDS["lstm"], "saved_model"),
        (KINDS["simple_rnn"], "export"),
    ],
    ids=["lstm-export", "lstm-saved_model", "simple_rnn-export"],
)
def test_exported_model_shows_its_gates(kind, tmp_path, way):
    model = functional_model(kind)
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
