"""`state_jacobians`: against differences, and powers of a matrix."""

import keras
import numpy as np
import pytest

from keras_seq.diagnostics import state_jacobians
from keras_seq.layers import ExplicitGRU, ExplicitLSTM, ExplicitSimpleRNN
from tests.kinds import each_kind

RNG = np.random.default_rng(0)
MOVED = 1e-6


@each_kind()
@pytest.mark.parametrize("peer", [False, True], ids=["explicit", "keras"])
def test_by_differences(kind, peer):
    """∂h_T/∂h_t, with padding behind T: the NumPy recurrence from a moved state."""
    problem = kind.problem(rows=1, seed=3)
    mask = np.array([[1, 1, 0, 1, 0]], bool)
    layer = (kind.keras_layer if peer else kind.layer)(
        4, dtype="float64", **kind.options
    )
    x, m = keras.Input((None, 2), dtype="float64"), keras.Input((None,), dtype="bool")
    states = [keras.Input((4,), dtype="float64") for _ in kind.states]
    model = keras.Model([x, m, *states], layer(x, initial_state=states, mask=m))
    layer.set_weights(kind.weights(problem))
    given = [problem["x"], mask, *(problem[name] for name in kind.states)]
    found = state_jacobians(model, given)
    assert found.layer == layer.name
    np.testing.assert_array_equal(found.mask, mask[0])

    for t in np.flatnonzero(mask[0]):
        seen = dict(problem, x=problem["x"][:, : t + 1])
        results = kind.oracle(**seen, mask=mask[:, : t + 1])
        for number, name in enumerate(("hidden", "cell")[: len(kind.states)]):
            expected = np.zeros((4, 4))
            for unit in range(4):
                ends = []
                for moved in (MOVED, -MOVED):
                    state = [np.array(array) for array in results["state"]]
                    state[number][:, unit] += moved
                    if number == 1:
                        state[0] = results["output"][:, t] * np.tanh(state[1])
                    rest = dict(problem, x=problem["x"][:, t + 1 :])
                    rest.update(zip(kind.states, state, strict=True))
                    if rest["x"].shape[1]:
                        state = kind.oracle(**rest, mask=mask[:, t + 1 :])["state"]
                    ends.append(state[0][0])
                expected[:, unit] = (ends[0] - ends[1]) / (2 * MOVED)
            np.testing.assert_allclose(
                found.jacobians[name][t], expected, rtol=1e-5, atol=1e-9
            )
            np.testing.assert_allclose(
                found.spectral_norms(name)[t],
                np.linalg.norm(expected, 2),
                rtol=1e-5,
                atol=1e-9,
            )
    assert np.isnan(found.spectral_norms()[~mask[0]]).all()


def test_powers_of_a_matrix():
    """A linear recurrence: ∂h_T/∂h_t is Uᵀ to the T - t."""
    layer = ExplicitSimpleRNN(3, activation="linear", dtype="float64")
    model = keras.Sequential([keras.Input((None, 2), dtype="float64"), layer])
    U = RNG.normal(size=(3, 3))
    kernel, _, bias = layer.get_weights()
    layer.set_weights([kernel, U, bias])
    found = state_jacobians(model, RNG.normal(size=(1, 6, 2)))
    for t in range(6):
        np.testing.assert_allclose(
            found.jacobians["hidden"][t], np.linalg.matrix_power(U.T, 5 - t), rtol=1e-9
        )
    values = found.singular_values()
    np.testing.assert_allclose(values[4], np.linalg.svd(U)[1], rtol=1e-9)


def test_many_units_in_parts():
    """More units than run at once: the rows are put together in order."""
    layer = ExplicitGRU(70)
    model = keras.Sequential([keras.Input((None, 2)), layer])
    found = state_jacobians(model, RNG.normal(size=(1, 3, 2)).astype("float32"))
    jacobians = found.jacobians["hidden"]
    np.testing.assert_allclose(jacobians[2], np.eye(70))
    assert np.linalg.matrix_rank(jacobians[1]) == 70


def test_bad_arguments():
    two = keras.Sequential(
        [
            keras.Input((None, 2)),
            ExplicitLSTM(2, return_sequences=True, name="lower"),
            keras.layers.GRU(2, name="upper"),
        ]
    )
    x = np.ones((2, 3, 2), "float32")
    with pytest.raises(ValueError, match=r"`layer` must name one .*'lower', 'upper'"):
        state_jacobians(two, x[:1])
    with pytest.raises(ValueError, match=r"`x` must have one row; received \[2\]"):
        state_jacobians(two, x, layer="upper")
    found = state_jacobians(two, x[:1], layer="upper")
    with pytest.raises(ValueError, match=r"`state` must be one of \['hidden'\]"):
        found.spectral_norms("cell")
    assert set(state_jacobians(two, x[:1], layer="lower").jacobians) == {
        "hidden",
        "cell",
    }
