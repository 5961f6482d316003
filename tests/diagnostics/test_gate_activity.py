"""`gate_activity`: against the NumPy oracles, and counts by hand."""

import keras
import numpy as np
import pytest

from keras_seq.diagnostics import GateActivity, gate_activity
from keras_seq.layers import ExplicitGRU, ExplicitLSTM, ExplicitSimpleRNN
from tests.kinds import KINDS

RNG = np.random.default_rng(0)
PEERS = [
    (kind, layer)
    for name in ("lstm", "gru", "simple_rnn")
    for kind in [KINDS[name]]
    for layer in (kind.layer, kind.keras_layer)
]
MASK = np.array([[1, 1, 1, 0, 0], [0, 1, 0, 1, 1], [0, 0, 0, 0, 0]], bool)


@pytest.mark.parametrize(("kind", "layer"), PEERS)
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_every_gate_of_every_step(kind, layer, backwards, masked):
    problem = kind.problem(seed=3)
    reader = layer(4, dtype="float64", go_backwards=backwards)
    x = keras.Input((None, 2), dtype="float64")
    mask = keras.Input((None,), dtype="bool")
    states = [keras.Input((4,), dtype="float64") for _ in kind.states]
    output = reader(x, initial_state=states, mask=mask if masked else None)
    model = keras.Model([x, mask, *states], output)
    reader.set_weights(kind.weights(problem))
    given = [problem["x"], MASK, *(problem[name] for name in kind.states)]
    activity = gate_activity(model, given, batch_size=2)[reader.name]

    mask = MASK if masked else np.ones_like(MASK)
    expected = kind.oracle(**problem, mask=mask, go_backwards=backwards)
    np.testing.assert_array_equal(activity.mask, mask)
    names = {"hidden": "h", **{gate: gate for gate in kind.gates}}
    assert set(activity.values) == set(names)
    for name, known in names.items():
        values = expected[known][:, ::-1] if backwards else expected[known]
        np.testing.assert_allclose(
            activity.values[name], values, rtol=1e-9, atol=1e-12, err_msg=name
        )
    # The model gives what it gave.
    np.testing.assert_allclose(
        model(given), expected["state"][0] * mask.any(1)[:, None], rtol=1e-9
    )


def test_layers_that_return_all_give_it_still():
    """Gates used by the model, and those that are shown, are the same."""
    layer = ExplicitLSTM(3, return_sequences=True, return_gates=True)
    x = keras.Input((None, 2))
    h, gates = layer(x)
    model = keras.Model(x, keras.layers.Dense(1)(gates["forget"] + h))
    given = RNG.normal(size=(2, 4, 2)).astype("float32")
    activity = gate_activity(model, given)[layer.name]
    _, expected = layer(given)
    np.testing.assert_allclose(activity.values["forget"], expected["forget"], rtol=1e-6)


def test_all_layers_of_a_model():
    inner = keras.Sequential(
        [keras.layers.Bidirectional(keras.layers.GRU(2, return_sequences=True))]
    )
    last = ExplicitSimpleRNN(2)
    model = keras.Sequential([keras.Input((None, 3)), inner, last])
    x = RNG.normal(size=(2, 4, 3)).astype("float32")
    found = gate_activity(model, x)
    both = inner.layers[0]
    names = {both.forward_layer.name, both.backward_layer.name, last.name}
    assert set(found) == names
    outputs = np.concatenate(
        [
            found[layer.name].values["hidden"]
            for layer in (both.forward_layer, both.backward_layer)
        ],
        axis=-1,
    )
    np.testing.assert_allclose(outputs, inner(x), rtol=1e-5, atol=1e-6)
    assert set(gate_activity(model, x, layers=[last.name])) == {last.name}


def test_layers_of_one_path():
    """Two encoders that have one name in a model that isn't functional."""

    class Twice(keras.Model):
        def __init__(self):
            super().__init__()
            self.encoders = [
                keras.Sequential([keras.layers.LSTM(units, name="r")], name="encoder")
                for units in (3, 4)
            ]

        def call(self, x):
            return keras.ops.concatenate(
                [encode(x) for encode in self.encoders], axis=-1
            )

    model = Twice()
    with pytest.raises(ValueError, match=r"\['r', 'r:2'\] have no weights yet"):
        gate_activity(model, np.zeros((2, 5, 2)))
    x = RNG.normal(size=(2, 5, 2)).astype("float32")
    expected = model(x)
    first, second = gate_activity(model, x).items()
    assert second[0] == f"{first[0]}:2"
    hidden = [activity.values["hidden"][:, -1] for _, activity in (first, second)]
    np.testing.assert_allclose(np.concatenate(hidden, axis=-1), expected, rtol=1e-5)


@pytest.mark.parametrize("kind", [ExplicitGRU, keras.layers.GRU])
def test_states_are_carried_from_batch_to_batch(kind):
    layer = kind(3, stateful=True, return_sequences=True)
    model = keras.Sequential([keras.Input(batch_shape=(2, 4, 3)), layer])
    x = RNG.normal(size=(4, 4, 3)).astype("float32")
    expected = model.predict(x, batch_size=2, verbose=0)
    layer.reset_state()
    activity = gate_activity(model, x, batch_size=2)[layer.name]
    np.testing.assert_allclose(activity.values["hidden"], expected, atol=1e-6)
    assert not np.any(keras.ops.convert_to_numpy(layer.states[0]))


def test_subclasses_of_keras():
    class Named(keras.layers.LSTM):
        def __init__(self, units, colour="red", **options):
            super().__init__(units, **options)
            self.colour = colour

        def get_config(self):
            return {**super().get_config(), "colour": self.colour}

    class Doubled(keras.layers.LSTM):
        def call(self, sequences, initial_state=None, mask=None, training=False):
            return 2 * super().call(sequences, initial_state, mask, training)

    x = RNG.normal(size=(2, 4, 3)).astype("float32")
    model = keras.Sequential([keras.Input((4, 3)), Named(2, name="named")])
    hidden = gate_activity(model, x)["named"].values["hidden"]
    np.testing.assert_allclose(hidden[:, -1], model(x), atol=1e-6)
    model = keras.Sequential([keras.Input((4, 3)), Doubled(2, name="doubled")])
    with pytest.raises(ValueError, match="'doubled' is a Doubled, which has a `call`"):
        gate_activity(model, x)


def activity_of(mask, **gates):
    return GateActivity("layer", {k: np.array(v) for k, v in gates.items()}, mask)


def test_saturation_counts_what_counts():
    gate = [[[0.05, 0.95], [0.5, 0.91], [0.0, 0.0]], [[0.09, 0.5], [0.95, 0.2], [0, 0]]]
    mask = np.array([[1, 1, 0], [1, 1, 0]], bool)
    [(name, (closed, opened))] = activity_of(mask, forget=gate).saturation().items()
    assert name == "forget"
    np.testing.assert_allclose(closed, [0.5, 0])
    np.testing.assert_allclose(opened, [0.25, 0.5])
    closed, opened = activity_of(mask, forget=gate).saturation(0.5, 0.5)["forget"]
    np.testing.assert_allclose(closed, [0.5, 0.25])
    np.testing.assert_allclose(opened, [0.25, 0.5])
    none = activity_of(np.zeros((2, 3), bool), forget=gate).saturation()["forget"]
    assert np.isnan(none).all()


def test_half_life():
    """After that many steps the products of the gate are a half."""
    forget = np.array([[[0.5, 0.9, 1.0, 0.0], [0.25, 0.8, 1.0, 1.0], [0, 0, 0, 0]]])
    mask = np.array([[True, True, False]])
    half_life = activity_of(mask, forget=forget).half_life()
    rate = np.sqrt(forget[0, 0] * forget[0, 1])
    np.testing.assert_allclose(rate[:2] ** half_life[:2], 0.5)
    np.testing.assert_array_equal(half_life[2:], [np.inf, 0])
    update = activity_of(mask, update=forget).half_life()
    np.testing.assert_array_equal(update, half_life)
    with pytest.raises(ValueError, match="needs a forget or update gate; the layer"):
        activity_of(mask, hidden=forget).half_life()


def test_bad_arguments():
    model = keras.Sequential([keras.Input((None, 3)), ExplicitGRU(2)])
    with pytest.raises(ValueError, match="`x` must have at least one row"):
        gate_activity(model, np.zeros((0, 4, 3)))
    for wrong in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="`batch_size` must be a positive integer"):
            gate_activity(model, np.zeros((1, 4, 3)), batch_size=wrong)
    with pytest.raises(
        ValueError, match=r"`layers` must be names among \['.*in a list"
    ):
        gate_activity(model, np.zeros((1, 4, 3)), layers=model.layers[0].name)
    unbuilt = keras.Sequential([ExplicitGRU(2, name="raw")])
    with pytest.raises(ValueError, match=r"\['raw'\] have no weights yet"):
        gate_activity(unbuilt, np.zeros((1, 4, 3)))
    flat = GateActivity("a", {"forget": np.ones((1, 1, 1))}, np.ones((1, 1), bool))
    with pytest.raises(ValueError, match=r"0 <= low <= high <= 1; received low=0\.9"):
        flat.saturation(0.9, 0.1)
