"""Models of Keras's layers are the oracle of those that are rebuilt."""

import keras
import numpy as np
import pytest

from keras_seq.layers import (
    ExplicitGRU,
    ExplicitGRUCell,
    ExplicitLSTM,
    ExplicitLSTMCell,
    ExplicitSimpleRNNCell,
    as_keras,
    explicit,
    load_keras_weights,
)

B, T, D = 4, 6, 3
KINDS = {
    "LSTM": keras.layers.LSTM,
    "GRU": keras.layers.GRU,
    "SimpleRNN": keras.layers.SimpleRNN,
}


@pytest.fixture
def x():
    return np.random.default_rng(1).normal(size=(B, T, D)).astype("float32")


def shaken(model):
    """The model with distinct random weights, biases too."""
    rng = np.random.default_rng(2)
    model.set_weights(
        [rng.normal(0, 0.5, weight.shape) for weight in model.get_weights()]
    )
    return model


def classes(model):
    return [type(layer).__name__ for layer in model._flatten_layers()]


def assert_same(model, other, *inputs):
    for found, expected in zip(
        keras.tree.flatten(other(*inputs)),
        keras.tree.flatten(model(*inputs)),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, atol=2e-6)


def nested():
    """Shared, bidirectional, in a model within the model, with all outputs used."""
    x = keras.Input((None, D))
    shared = keras.layers.GRU(D, return_sequences=True, name="shared")
    y = shared(shared(x))
    y = keras.layers.Bidirectional(keras.layers.LSTM(5, return_sequences=True))(y)
    inner = keras.Sequential(
        [keras.Input((None, 10)), keras.layers.SimpleRNN(4, return_state=True)]
    )
    h, state = inner(y)
    windows = keras.layers.TimeDistributed(keras.layers.LSTM(2))
    parts = windows(keras.layers.Reshape((T // 2, 2, D))(x))
    return shaken(keras.Model(x, [h, state, parts]))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_sequences": True, "use_bias": False},
        {"return_state": True, "go_backwards": True, "unroll": True},
        {"activation": "relu", "dropout": 0.3, "recurrent_dropout": 0.2, "seed": 7},
        {"return_sequences": True, "dtype": "mixed_bfloat16"},
        {"kernel_regularizer": "l2", "trainable": False},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_in_a_model(kind, options, x):
    inputs = keras.Input((T, D))
    model = keras.Model(inputs, KINDS[kind](4, name="reader", **options)(inputs))
    shaken(model)
    found = explicit(model)
    assert type(found.get_layer("reader")).__name__ == f"Explicit{kind}"
    if "dtype" in options:
        for a, b in zip(found.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    else:
        assert_same(model, found, x)
    assert len(found.trainable_weights) == len(model.trainable_weights)
    back = as_keras(found)
    assert classes(back) == classes(model)
    for name, value in model.get_layer("reader").get_config().items():
        assert back.get_layer("reader").get_config()[name] == value


@pytest.mark.parametrize("options", [{"reset_after": False}, {"use_cudnn": False}])
def test_options_of_one_kind(options, x):
    inputs = keras.Input((None, D))
    model = shaken(keras.Model(inputs, keras.layers.GRU(4, **options)(inputs)))
    assert_same(model, explicit(model), x)
    assert_same(model, as_keras(explicit(model)), x)


def test_wherever_a_layer_is(x):
    model = nested()
    before = model.get_weights()
    found = explicit(model)
    assert not set(KINDS) & set(classes(found))
    assert_same(model, found, x)
    back = as_keras(found)
    assert classes(back) == classes(model)
    assert_same(model, back, x)
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_training_goes_on_where_it_was(x):
    def made():
        keras.utils.set_random_seed(3)
        inputs = keras.Input((None, D))
        model = keras.Model(inputs, keras.layers.LSTM(4)(inputs))
        model.compile(keras.optimizers.Adam(0.01), "mse")
        return model

    def trained(model):
        return model.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0)

    y = np.random.default_rng(4).normal(size=(B, 4))
    model = made()
    trained(model)
    found = explicit(model)
    assert int(found.optimizer.iterations) == int(model.optimizer.iterations) == 4
    trained(model)
    trained(found)
    for a, b in zip(found.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_a_layer_by_itself(x):
    layer = keras.layers.LSTM(4)
    expected = layer(x)
    np.testing.assert_allclose(explicit(layer)(x), expected, atol=1e-6)


def test_what_is_not_built_is_rebuilt_without_weights():
    found = explicit(keras.Sequential([keras.layers.GRU(4)]))
    assert isinstance(found.layers[0], ExplicitGRU)
    assert not found.built


def test_a_subclass_stays(x):
    class Mine(keras.layers.LSTM):
        def call(self, sequences, initial_state=None, mask=None, training=False):
            return 2 * super().call(sequences, initial_state, mask, training)

    inputs = keras.Input((None, D))
    y = keras.layers.GRU(4, return_sequences=True)(inputs)
    model = shaken(keras.Model(inputs, Mine(4)(y)))
    found = explicit(model)
    assert {"Mine", "ExplicitGRU"} < set(classes(found))
    assert_same(model, found, x)


def test_files_of_weights(x, tmp_path):
    model = nested()
    path = tmp_path / "trained.weights.h5"
    model.save_weights(path)
    found = explicit(model)
    found.set_weights([0 * weight for weight in found.get_weights()])
    load_keras_weights(found, path)
    assert_same(model, found, x)


def test_a_model_that_is_saved(x, tmp_path):
    model = nested()
    model.save(tmp_path / "trained.keras")
    found = explicit(keras.models.load_model(tmp_path / "trained.keras"))
    found.save(tmp_path / "explicit.keras")
    assert_same(model, keras.models.load_model(tmp_path / "explicit.keras"), x)


@pytest.mark.parametrize(
    "option",
    [
        {"return_gates": True},
        {"peepholes": True},
        {"layer_norm": True},
        {"zoneout": 0.1},
        {"weight_dropout": 0.1},
    ],
    ids=str,
)
def test_options_that_keras_does_not_have(option):
    (name,) = option
    inputs = keras.Input((None, D))
    outputs = ExplicitLSTM(4, name="reader", **option)(inputs)
    with pytest.raises(ValueError, match=rf"'reader' has {name}="):
        as_keras(keras.Model(inputs, outputs))


CELLS = {
    "LSTMCell": (ExplicitLSTMCell, {}),
    "GRUCell": (ExplicitGRUCell, {"reset_after": False}),
    "SimpleRNNCell": (ExplicitSimpleRNNCell, {"activation": "relu"}),
}


@pytest.mark.parametrize("kind", CELLS)
def test_cells_become_those_of_keras(kind, x):
    ours, options = CELLS[kind]
    inputs = keras.Input((None, D))
    cells = [ours(4, **options), keras.layers.GRUCell(3)]
    model = shaken(keras.Model(inputs, keras.layers.RNN(cells)(inputs)))
    back = as_keras(model)
    assert {type(cell).__name__ for cell in back.layers[1].cell.cells} <= set(CELLS)
    assert_same(model, back, x)


def test_an_option_of_a_cell():
    layer = keras.layers.RNN(ExplicitLSTMCell(4, peepholes=True, name="mine"))
    with pytest.raises(ValueError, match="'mine' has peepholes=True"):
        as_keras(layer)


def test_what_is_frozen_stays_frozen(x):
    inputs = keras.Input((None, D))
    y = keras.layers.LSTM(4, return_sequences=True)(inputs)
    model = keras.Model(inputs, keras.layers.LSTM(4)(y))
    model.layers[1].cell.trainable = False
    model.compile("adam", "mse")
    model.fit(x, np.ones((B, 4)), verbose=0)
    found = explicit(model)
    before = found.get_weights()
    found.fit(x, np.ones((B, 4)), verbose=0)
    moved = [
        bool(np.abs(now - then).max() > 0)
        for now, then in zip(found.get_weights(), before, strict=True)
    ]
    assert moved == [False] * 3 + [True] * 3


@pytest.mark.parametrize("wrong", [None, "lstm", [keras.layers.LSTM(2)]])
def test_no_model(wrong):
    with pytest.raises(TypeError, match="`model` must be a Keras model or layer"):
        explicit(wrong)


def test_nothing_to_rebuild():
    with pytest.raises(ValueError, match="LSTM, GRU, SimpleRNN"):
        explicit(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]))
    with pytest.raises(ValueError, match="ExplicitLSTM"):
        as_keras(keras.Sequential([keras.Input((None, 3)), keras.layers.LSTM(2)]))


def test_no_such_file(tmp_path):
    inputs = keras.Input((None, D))
    model = keras.Model(inputs, ExplicitLSTM(4)(inputs))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_keras_weights(model, tmp_path / "nowhere.weights.h5")
