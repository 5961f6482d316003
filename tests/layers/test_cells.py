"""The cells: by hand, against the layers, and in Keras's wrappers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.kinds import each_kind
from tests.layers.peers import UNITS, explicit
from tests.reference.recurrence import mask_patterns

ALL = dict.fromkeys(("return_sequences", "return_state", "return_gates"), True)


def cell_with_weights(kind, cell_class, **options):
    cell = cell_class(UNITS, **{"dtype": "float64", **kind.options, **options})
    cell.build((None, 2))
    cell.set_weights(kind.weights(kind.problem(), options.get("use_bias", True)))
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
@each_kind()
def test_step_by_step_equals_the_layer(kind, options):
    problem, options = kind.problem(), kind.accepted(**options)
    x, state = problem["x"], kind.state(problem)
    y, *final, all_gates = explicit(kind, **ALL, **options)(x, initial_state=state)
    cell = cell_with_weights(kind, kind.cell, **options)
    for t in range(x.shape[1]):
        h, state, gates = cell(x[:, t], tuple(state), return_gates=True)
        assert isinstance(state, list)
        assert state[0] is h
        np.testing.assert_allclose(h, y[:, t], rtol=1e-12)
        assert sorted(gates) == sorted(all_gates)
        for name, values in all_gates.items():
            np.testing.assert_allclose(gates[name], values[:, t], rtol=1e-12)
    np.testing.assert_allclose(state, final, rtol=1e-12)


@each_kind()
def test_a_step_equals_the_oracle_and_keras(kind):
    problem = kind.problem(length=1)
    x, state = problem["x"][:, 0], kind.state(problem)
    cell, peer = (cell_with_weights(kind, c) for c in (kind.cell, kind.keras_cell))
    for each in (cell, peer):
        each.set_weights(kind.weights(problem))
    h, got = cell(x, state)
    expected_h, expected_state = peer(x, state)
    np.testing.assert_allclose([h, *got], [expected_h, *expected_state], rtol=1e-12)
    _, _, gates = cell(x, state, return_gates=True)
    expected = kind.oracle(**problem)
    assert sorted(gates) == sorted(kind.gates)
    for gate, values in gates.items():
        np.testing.assert_allclose(values, expected[gate][:, 0], rtol=1e-12)


@each_kind("gru", "simple_rnn")
def test_a_single_state_comes_back_as_it_was_given(kind):
    problem = kind.problem()
    x, h_0 = problem["x"][:, 0], problem["h_0"]
    for cell_class in (kind.cell, kind.keras_cell):
        cell = cell_with_weights(kind, cell_class)
        h, state = cell(x, h_0)
        assert state is h
        h_again, (state,) = cell(x, (h_0,))
        assert state is h_again
        np.testing.assert_array_equal(h, h_again)


@each_kind()
def test_symbolic_step(kind):
    cell = kind.cell(UNITS, **kind.options)
    x, *state = (keras.Input((n,)) for n in (2, *[UNITS] * len(kind.states)))
    h, new_state, gates = cell(x, tuple(state), return_gates=True)
    shapes = {y.shape for y in (h, *new_state, *gates.values())}
    assert shapes == {(None, UNITS)}
    assert len(new_state) == len(kind.states)
    assert sorted(gates) == sorted(kind.gates)


@pytest.mark.parametrize("implementation", [1, 2])
@pytest.mark.parametrize(
    "rates", [{"dropout": 0.4}, {"recurrent_dropout": 0.4}], ids=str
)
@each_kind()
def test_dropout_by_hand_equals_the_layer(kind, rates, implementation):
    options = {"seed": 3, **kind.accepted(implementation=implementation), **rates}
    problem = kind.problem()
    x, start = problem["x"], kind.state(problem)
    layer = explicit(kind, **ALL, **options)
    y, *_, all_gates = layer(x, initial_state=start, training=True)
    cell, state = cell_with_weights(kind, kind.cell, **options), start
    for t in range(x.shape[1]):
        h, state, gates = cell(x[:, t], state, training=True, return_gates=True)
        assert tuple(h.shape) == (3, UNITS)
        np.testing.assert_allclose(h, y[:, t], rtol=1e-12)
        for name, values in all_gates.items():
            np.testing.assert_allclose(gates[name], values[:, t], rtol=1e-12)
    cell.reset_dropout_mask()
    cell.reset_recurrent_dropout_mask()
    other, _ = cell(x[:, 0], start, training=True)
    assert np.abs(other - y[:, 0]).max() > 1e-3


@pytest.mark.parametrize("mask", [None, mask_patterns()["holes"]])
@pytest.mark.parametrize(
    "options",
    [{}, {"dropout": 0.4}, {"dropout": 0.3, "recurrent_dropout": 0.4}],
    ids=str,
)
@each_kind()
def test_in_keras_rnn(kind, options, mask):
    problem = kind.problem()

    def run(cell_class):
        rnn = keras.layers.RNN(
            cell_with_weights(kind, cell_class, seed=4, **options),
            return_sequences=True,
            return_state=True,
            dtype="float64",
        )
        state = kind.state(problem)
        return rnn(problem["x"], initial_state=state, mask=mask, training=True)

    for got, expected in zip(run(kind.cell), run(kind.keras_cell), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12)


@each_kind()
def test_in_stacked_rnn_cells(kind):
    x = kind.problem()["x"]

    def run(cell_class):
        cells = [cell_class(n, dtype="float64", **kind.options) for n in (5, 3)]
        rnn = keras.layers.RNN(
            cells, return_sequences=True, return_state=True, dtype="float64"
        )
        rnn.build(x.shape)
        rng = np.random.default_rng(0)
        rnn.set_weights([rng.normal(size=w.shape) for w in rnn.get_weights()])
        return tf.nest.flatten(rnn(x))

    for got, expected in zip(run(kind.cell), run(kind.keras_cell), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12)


@each_kind()
def test_saved_in_keras_rnn(kind, tmp_path):
    x = kind.problem()["x"].astype("float32")
    cells = [kind.cell(3, **kind.options)]
    model = keras.Sequential([keras.Input((None, 2)), keras.layers.RNN(cells)])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), model(x))
    assert isinstance(loaded.layers[0].cell.cells[0], kind.cell)


@each_kind()
def test_the_layer_steps_with_its_own_cell(kind):
    x = kind.problem()["x"]
    layer = explicit(kind, return_sequences=True)
    y = layer(x)
    state = layer.cell.get_initial_state(batch_size=3)
    for t in range(x.shape[1]):
        h, state, _ = layer.cell(x[:, t], state, return_gates=True)
    np.testing.assert_allclose(h, y[:, -1], rtol=1e-12)
