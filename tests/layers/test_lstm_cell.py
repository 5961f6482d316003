"""`ExplicitLSTMCell`: by hand, against the layer, and in Keras's wrappers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.layers import ExplicitLSTM, ExplicitLSTMCell
from tests.layers.peers import PROBLEM, UNITS, explicit_lstm, weights
from tests.reference import lstm as reference

X, STATE = PROBLEM["x"], [PROBLEM["h_0"], PROBLEM["c_0"]]


def cell_with_weights(cell_class=ExplicitLSTMCell, **options):
    cell = cell_class(UNITS, **{"dtype": "float64", **options})
    cell.build((None, X.shape[-1]))
    cell.set_weights(weights(use_bias=options.get("use_bias", True)))
    return cell


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_bias": False},
        {"activation": "softsign", "recurrent_activation": "hard_sigmoid"},
    ],
    ids=str,
)
def test_step_by_step_equals_the_layer(options):
    layer = explicit_lstm(
        return_sequences=True, return_state=True, return_gates=True, **options
    )
    y, *state, all_gates = layer(X, initial_state=STATE)
    cell = cell_with_weights(**options)
    h, c = STATE
    for t in range(X.shape[1]):
        h, (h, c), gates = cell(X[:, t], (h, c), return_gates=True)
        np.testing.assert_allclose(h, y[:, t], rtol=1e-12)
        assert sorted(gates) == sorted(all_gates)
        for name, values in all_gates.items():
            np.testing.assert_allclose(gates[name], values[:, t], rtol=1e-12)
    np.testing.assert_allclose([h, c], state, rtol=1e-12)


def test_a_step_equals_the_oracle_and_keras():
    cell, peer = cell_with_weights(), cell_with_weights(keras.layers.LSTMCell)
    h, state = cell(X[:, 0], STATE)
    expected_h, expected_state = peer(X[:, 0], STATE)
    assert isinstance(state, list)
    np.testing.assert_allclose([h, *state], [expected_h, *expected_state], rtol=1e-12)
    _, _, gates = cell(X[:, 0], STATE, return_gates=True)
    expected = reference.lstm(**{**PROBLEM, "x": X[:, :1]})
    np.testing.assert_allclose(gates["cell"], expected["c"][:, 0], rtol=1e-12)
    for gate in reference.GATES:
        np.testing.assert_allclose(gates[gate], expected[gate][:, 0], rtol=1e-12)


def test_symbolic_step():
    cell = ExplicitLSTMCell(UNITS)
    x, h, c = (keras.Input((n,)) for n in (2, UNITS, UNITS))
    h_1, (h_2, c_1), gates = cell(x, (h, c), return_gates=True)
    assert h_1.shape == h_2.shape == c_1.shape == (None, UNITS)
    assert {name: g.shape for name, g in gates.items()} == dict.fromkeys(
        ("input", "forget", "candidate", "output", "cell"), (None, UNITS)
    )


@pytest.mark.parametrize("implementation", [1, 2])
@pytest.mark.parametrize(
    "rates", [{"dropout": 0.4}, {"recurrent_dropout": 0.4}], ids=str
)
def test_dropout_by_hand_equals_the_layer(rates, implementation):
    options = {"seed": 3, "implementation": implementation, **rates}
    layer = explicit_lstm(return_sequences=True, return_gates=True, **options)
    y, all_gates = layer(X, initial_state=STATE, training=True)
    cell = cell_with_weights(**options)
    h, c = STATE
    for t in range(X.shape[1]):
        h, (h, c), gates = cell(X[:, t], (h, c), training=True, return_gates=True)
        assert tuple(h.shape) == (3, UNITS)
        np.testing.assert_allclose(h, y[:, t], rtol=1e-12)
        np.testing.assert_allclose(gates["input"], all_gates["input"][:, t], rtol=1e-12)
    cell.reset_dropout_mask()
    cell.reset_recurrent_dropout_mask()
    other, _ = cell(X[:, 0], STATE, training=True)
    assert np.abs(other - y[:, 0]).max() > 1e-3


@pytest.mark.parametrize("mask", [None, reference.mask_patterns()["holes"]])
@pytest.mark.parametrize(
    "options",
    [{}, {"dropout": 0.4}, {"dropout": 0.3, "recurrent_dropout": 0.4}],
    ids=str,
)
def test_in_keras_rnn(options, mask):
    def run(cell_class):
        cell = cell_with_weights(cell_class, seed=4, **options)
        rnn = keras.layers.RNN(
            cell, return_sequences=True, return_state=True, dtype="float64"
        )
        return rnn(X, initial_state=STATE, mask=mask, training=True)

    for got, expected in zip(
        run(ExplicitLSTMCell), run(keras.layers.LSTMCell), strict=True
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_in_stacked_rnn_cells():
    def run(cell_class):
        cells = [cell_class(5, dtype="float64"), cell_class(3, dtype="float64")]
        rnn = keras.layers.RNN(
            cells, return_sequences=True, return_state=True, dtype="float64"
        )
        rnn.build(X.shape)
        rng = np.random.default_rng(0)
        rnn.set_weights([rng.normal(size=w.shape) for w in rnn.get_weights()])
        return tf.nest.flatten(rnn(X))

    for got, expected in zip(
        run(ExplicitLSTMCell), run(keras.layers.LSTMCell), strict=True
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_saved_in_keras_rnn(tmp_path):
    model = keras.Sequential(
        [keras.Input((None, 2)), keras.layers.RNN([ExplicitLSTMCell(3)] * 1)]
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        loaded(X.astype("float32")), model(X.astype("float32"))
    )
    assert isinstance(loaded.layers[0].cell.cells[0], ExplicitLSTMCell)


def test_the_layer_steps_with_its_own_cell():
    layer = ExplicitLSTM(UNITS, return_sequences=True, dtype="float64")
    y = layer(X)
    h, c = layer.cell.get_initial_state(batch_size=3)
    for t in range(X.shape[1]):
        h, (h, c), _ = layer.cell(X[:, t], (h, c), return_gates=True)
    np.testing.assert_allclose(h, y[:, -1], rtol=1e-12)
