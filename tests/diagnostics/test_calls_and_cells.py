"""Looking into every call of a layer, and into cells in `keras.layers.RNN`."""

import keras
import numpy as np
import pytest

from keras_seq.diagnostics import (
    GateMonitor,
    gate_activity,
    gradient_flow,
    state_jacobians,
)
from keras_seq.layers import ExplicitGRUCell, ExplicitLSTM, ExplicitLSTMCell
from tests.kinds import KINDS

RNG = np.random.default_rng(0)
MASK = np.array([[1, 1, 1, 0, 0], [0, 1, 0, 1, 1], [0, 0, 0, 0, 0]], bool)


def last(y, output):
    """A loss in which no unit counts as another does."""
    factors = keras.ops.arange(1, output.shape[-1] + 1, dtype=output.dtype)
    return keras.ops.sum(output * factors, axis=-1)


def assert_activity(activity, expected, gates, backwards=False):
    for name in (*gates, "hidden"):
        known = expected["h" if name == "hidden" else name]
        known = known[:, ::-1] if backwards else known
        np.testing.assert_allclose(
            activity.values[name], known, rtol=1e-9, atol=1e-12, err_msg=name
        )


@pytest.mark.parametrize("layer", [ExplicitLSTM, keras.layers.LSTM])
def test_both_calls_of_a_siamese_layer(layer):
    kind = KINDS["lstm"]
    problem = kind.problem()
    reader = layer(4, dtype="float64", name="reader")
    first, second = (keras.Input((None, 2), dtype="float64") for _ in range(2))
    model = keras.Model(
        [first, second], keras.layers.Concatenate()([reader(first), reader(second)])
    )
    reader.set_weights(kind.weights(problem))
    given = [problem["x"], problem["x"][:, ::-1] * 0.5]
    found = gate_activity(model, given, batch_size=2)
    assert list(found) == ["reader", "reader:2"]
    zeros = {name: np.zeros((3, 4)) for name in kind.states}
    for activity, x in zip(found.values(), given, strict=True):
        expected = kind.oracle(**{**problem, **zeros, "x": x})
        assert_activity(activity, expected, kind.gates)

    # The gradient of each call is that of a layer of its own with these weights.
    readers = [layer(4, dtype="float64", name=name) for name in ("one", "two")]
    apart = keras.Model(
        [first, second],
        keras.layers.Concatenate()(
            [one(x) for one, x in zip(readers, (first, second), strict=True)]
        ),
    )
    for one in readers:
        one.set_weights(kind.weights(problem))
    flows = gradient_flow(model, given, np.zeros(3), loss=last)
    expected = gradient_flow(apart, given, np.zeros(3), loss=last)
    assert list(flows) == ["reader", "reader:2"]
    for flow, other in zip(flows.values(), expected.values(), strict=True):
        for state in ("hidden", "cell"):
            np.testing.assert_allclose(
                flow.gradients[state], other.gradients[state], rtol=1e-9, atol=1e-14
            )
    row = [x[:1] for x in given]
    for name, other in (("reader", "one"), ("reader:2", "two")):
        np.testing.assert_allclose(
            state_jacobians(model, row, layer=name).jacobians["hidden"],
            state_jacobians(apart, row, layer=other).jacobians["hidden"],
            rtol=1e-9,
            atol=1e-14,
        )
    with pytest.raises(ValueError, match=r"one call .*\['reader', 'reader:2'\]"):
        state_jacobians(model, row)


def test_each_step_of_time_distributed():
    kind = KINDS["gru"]
    problem = kind.problem()
    reader = keras.layers.GRU(4, dtype="float64", name="reader")
    model = keras.Sequential(
        [
            keras.Input((None, 5, 2), dtype="float64"),
            keras.layers.TimeDistributed(reader, dtype="float64"),
        ]
    )
    reader.set_weights(kind.weights(problem))
    x = np.stack([problem["x"], -problem["x"]], axis=1)
    found = gate_activity(model, x)
    assert list(found) == ["reader", "reader:2"]
    for i, activity in enumerate(found.values()):
        step = {**problem, "x": x[:, i], "h_0": np.zeros((3, 4))}
        assert_activity(activity, kind.oracle(**step), kind.gates)
    assert list(gradient_flow(model, x, np.zeros(3), loss=last)) == list(found)


def test_a_number_of_steps_that_is_not_known_is_refused():
    import tensorflow as tf

    class Kept(keras.Layer):
        """Steps of the input, how many of them no shape says."""

        def call(self, x):
            return tf.boolean_mask(x, tf.reduce_any(x != 0, axis=[0, 2, 3]), axis=1)

    reader = keras.layers.GRU(4, name="reader")
    x = keras.Input((None, 5, 2))
    model = keras.Model(x, keras.layers.TimeDistributed(reader)(Kept()(x)))
    given = np.ones((2, 3, 5, 2), "float32")
    for look in (
        lambda: gate_activity(model, given),
        lambda: gradient_flow(model, given, np.zeros(2), loss=last),
    ):
        with pytest.raises(ValueError, match="'reader' outside of loops, maps and"):
            look()


@pytest.mark.parametrize("which", ["cell", "keras_cell"])
@pytest.mark.parametrize("backwards", [False, True])
def test_stacked_cells(which, backwards):
    """Against the oracles of their equations, one after the other."""
    kinds = [KINDS["lstm"], KINDS["gru"], KINDS["simple_rnn"]]
    problems = [
        kind.problem(features=features, units=units, seed=i)
        for i, (kind, features, units) in enumerate(
            zip(kinds, (2, 4, 3), (4, 3, 5), strict=True)
        )
    ]
    cells = [
        getattr(kind, which)(units, dtype="float64", name=name)
        for kind, units, name in zip(
            kinds, (4, 3, 5), ("one", "two", "two"), strict=True
        )
    ]
    layer = keras.layers.RNN(
        keras.layers.StackedRNNCells(cells, dtype="float64"),
        return_state=True,
        go_backwards=backwards,
        name="rnn",
        dtype="float64",
    )
    x, mask = keras.Input((None, 2), dtype="float64"), keras.Input((None,), dtype=bool)
    states = [
        [keras.Input((size,), dtype="float64") for size in sizes]
        for sizes in ((4, 4), (3,), (5,))
    ]
    results = layer(x, initial_state=states, mask=mask)
    model = keras.Model([x, mask, *keras.tree.flatten(states)], results)
    for cell, kind, problem in zip(cells, kinds, problems, strict=True):
        cell.set_weights(kind.weights(problem))
    begun = [
        value
        for kind, problem in zip(kinds, problems, strict=True)
        for value in kind.state(problem)
    ]
    given = [problems[0]["x"], MASK, *begun]
    before = model(given)
    found = gate_activity(model, given, batch_size=2)
    assert list(found) == ["rnn/one", "rnn/two", "rnn/two:2"]
    seen = problems[0]["x"]
    for activity, kind, problem in zip(found.values(), kinds, problems, strict=True):
        arguments = {**problem, "x": seen, "mask": MASK, "go_backwards": backwards}
        expected = kind.oracle(**arguments)
        assert_activity(activity, expected, kind.gates, backwards)
        np.testing.assert_array_equal(activity.mask, MASK)
        seen = expected["h"][:, ::-1] if backwards else expected["h"]
    # While it is looked into, the model gives what it gave.
    from keras_seq.diagnostics._interception import intercepted
    from keras_seq.diagnostics._recurrent_layers import recurrent_layers

    with intercepted(recurrent_layers(model), lambda name, part, run: run):
        during = model(given)
    keras.tree.assert_same_structure(before, during)
    for one, other in zip(
        keras.tree.flatten(before), keras.tree.flatten(during), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    chosen = gate_activity(model, given, layers=["rnn/two:2"])
    np.testing.assert_allclose(
        chosen["rnn/two:2"].values["hidden"],
        found["rnn/two:2"].values["hidden"],
        rtol=1e-9,
    )


def test_a_cell_that_stands_twice_in_a_stack():
    cell = keras.layers.GRUCell(4, name="twice")
    layer = keras.layers.RNN([cell, cell], return_sequences=True, name="rnn")
    model = keras.Sequential([keras.Input((5, 4)), layer])
    x = np.random.default_rng(8).normal(size=(2, 5, 4)).astype("float32")
    expected = model(x)
    found = gate_activity(model, x)
    assert list(found) == ["rnn/twice", "rnn/twice:2"]
    first, second = (one.values["hidden"] for one in found.values())
    np.testing.assert_allclose(second, expected, atol=1e-6)
    below = keras.layers.RNN(cell, return_sequences=True)(x)
    np.testing.assert_allclose(first, below, atol=1e-6)


def test_gradients_of_cells_are_those_of_the_layers():
    cells = [ExplicitLSTMCell(4, name="lstm"), keras.layers.GRUCell(3, name="gru")]
    stacked = keras.Sequential(
        [keras.Input((6, 2)), keras.layers.RNN(cells, name="rnn")]
    )
    layers = keras.Sequential(
        [
            keras.Input((6, 2)),
            keras.layers.LSTM(4, return_sequences=True, name="lstm"),
            keras.layers.GRU(3, name="gru"),
        ]
    )
    weights = [RNG.normal(size=w.shape) for w in stacked.get_weights()]
    stacked.set_weights(weights)
    layers.set_weights(weights)
    x = RNG.normal(size=(2, 6, 2)).astype("float32")
    flows = gradient_flow(stacked, x, np.zeros(2), loss=last)
    expected = gradient_flow(layers, x, np.zeros(2), loss=last)
    for name, other in expected.items():
        for state, gradient in other.gradients.items():
            np.testing.assert_allclose(
                flows[f"rnn/{name}"].gradients[state], gradient, rtol=1e-4, atol=1e-7
            )
    for name in ("lstm", "gru"):
        np.testing.assert_allclose(
            state_jacobians(stacked, x[:1], layer=f"rnn/{name}").jacobians["hidden"],
            state_jacobians(layers, x[:1], layer=name).jacobians["hidden"],
            rtol=1e-4,
            atol=1e-7,
        )


def test_a_cell_with_options_in_both_directions_with_a_state():
    """The weights of layer normalisation are the cell's too; states go on."""
    cell = ExplicitGRUCell(3, layer_norm=True)
    layer = keras.layers.RNN(cell, stateful=True, return_sequences=True, name="rnn")
    both = keras.layers.Bidirectional(layer)
    model = keras.Sequential([keras.Input(batch_shape=(2, 4, 3)), both])
    model.set_weights([RNG.normal(size=w.shape) for w in model.get_weights()])
    x = RNG.normal(size=(4, 4, 3)).astype("float32")
    expected = model.predict(x, batch_size=2, verbose=0)
    for one in (both.forward_layer, both.backward_layer):
        one.reset_state()
    found = gate_activity(model, x, batch_size=2)
    assert set(found) == {both.forward_layer.name, both.backward_layer.name}
    hidden = [
        found[layer.name].values["hidden"]
        for layer in (both.forward_layer, both.backward_layer)
    ]
    np.testing.assert_allclose(np.concatenate(hidden, axis=-1), expected, atol=1e-6)
    assert not np.any(keras.ops.convert_to_numpy(both.forward_layer.states[0]))


class Strange(keras.layers.GRUCell):
    def call(self, inputs, states, training=False):
        return super().call(inputs, states, training)


def test_what_is_not_seen_is_named():
    x = np.ones((2, 4, 3), "float32")
    strange = keras.layers.RNN(Strange(2), return_sequences=True, name="strange")
    alone = keras.Sequential([keras.Input((4, 3)), strange])
    for look in (
        lambda: gate_activity(alone, x),
        lambda: gradient_flow(alone, x, x, loss=last),
        lambda: state_jacobians(alone, x[:1]),
    ):
        with pytest.raises(ValueError, match=r"'strange' has cells .* \(Strange\)"):
            look()
    reader = keras.layers.LSTM(2, name="reader")
    model = keras.Sequential([keras.Input((4, 3)), strange, reader])
    with pytest.warns(UserWarning, match=r"not looked into: 'strange' has cells"):
        assert list(gate_activity(model, x)) == ["reader"]
    with pytest.warns(UserWarning, match=r"not looked into: 'strange' has cells"):
        gradient_flow(model, x, np.zeros(2), loss=last)
    gate_activity(model, x, layers=["reader"])  # no warning, which would be an error
    with pytest.raises(ValueError, match=r"among \['reader'\].*'strange' has cells"):
        gate_activity(model, x, layers=["strange"])


def test_cells_that_no_layer_runs_are_named():
    class Stepping(keras.Model):
        def __init__(self):
            super().__init__()
            self.reader = keras.layers.LSTM(2, name="reader", return_state=True)
            self.cell = keras.layers.StackedRNNCells(
                [keras.layers.LSTMCell(2)], name="stepped"
            )

        def call(self, x):
            _, *state = self.reader(x)
            return self.cell(x[:, 0], [state])[0]

    model = Stepping()
    x = np.ones((2, 4, 3), "float32")
    model(x)
    with pytest.warns(UserWarning, match="not looked into: '[^']*stepped'$"):
        assert list(gate_activity(model, x)) == ["reader"]


def test_a_monitor_has_a_line_for_each_call():
    reader = keras.layers.LSTM(2, name="reader")
    x = keras.Input((None, 2))
    model = keras.Model(x, keras.layers.Add()([reader(x), reader(-x)]))
    model.compile("sgd", "mse")
    given = np.ones((2, 3, 2), "float32")
    monitor = GateMonitor(given)
    model.fit(given, np.ones((2, 2)), verbose=0, callbacks=[monitor])
    names = [row["layer"] for row in monitor.history if row["gate"] == "forget"]
    assert names == ["reader", "reader:2"] * 2
