"""Dropout: Keras's numbers for Keras's seed, and none at inference."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.kinds import each_kind
from tests.layers.peers import explicit, of_keras
from tests.reference.recurrence import mask_patterns

MASKS = mask_patterns()
RATES = [
    {"dropout": 0.4},
    {"recurrent_dropout": 0.3},
    {"dropout": 0.4, "recurrent_dropout": 0.3},
]


@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize("pattern", ["none", "holes"])
@pytest.mark.parametrize("implementation", [1, 2])
@pytest.mark.parametrize("rates", RATES, ids=str)
@each_kind()
def test_same_numbers_as_keras(kind, rates, implementation, pattern, unroll):
    problem = kind.problem()
    options = {
        "return_sequences": True,
        "return_state": True,
        "seed": 11,
        "unroll": unroll,
        **kind.accepted(implementation=implementation),
        **rates,
    }
    call = {
        "initial_state": kind.state(problem),
        "mask": MASKS[pattern],
        "training": True,
    }
    layer, peer = explicit(kind, **options), of_keras(kind, **options)
    first = None
    for _ in range(2):
        got, expected = layer(problem["x"], **call), peer(problem["x"], **call)
        for value, want in zip(got, expected, strict=True):
            np.testing.assert_allclose(value, want, rtol=1e-12)
        if first is not None:
            assert np.abs(got[0] - first).max() > 1e-3
        first = got[0]


@pytest.mark.parametrize("implementation", [1, 2])
@pytest.mark.parametrize("rates", RATES, ids=str)
@each_kind()
def test_gates_against_the_oracle(kind, rates, implementation):
    problem = kind.problem()
    x, state = problem["x"], kind.state(problem)
    layer = explicit(
        kind,
        return_sequences=True,
        return_gates=True,
        seed=12,
        **rates,
        **kind.accepted(implementation=implementation),
    )
    y, gates = layer(x, initial_state=state, training=True)

    # Keras draws the masks of the input first, then those of the state.
    generator = keras.random.SeedGenerator(12)
    own_masks = implementation == 1 or "recurrent_dropout" in rates

    def factors(like, rate):
        drawn = [
            keras.random.dropout(np.ones(like.shape), rate, seed=generator)
            for _ in range(kind.masks if own_masks else 1)
        ]
        return np.stack(drawn if own_masks else drawn * kind.masks)

    dropped = {}
    if "dropout" in rates:
        dropped["input_dropout"] = factors(x[:, 0], rates["dropout"])
    if "recurrent_dropout" in rates:
        dropped["recurrent_dropout"] = factors(state[0], rates["recurrent_dropout"])
    assert all((value == 0).any() and (value > 1).any() for value in dropped.values())
    expected = kind.oracle(**problem, **dropped)
    np.testing.assert_allclose(y, expected["h"], rtol=1e-6, atol=1e-9)
    for gate in kind.gates:
        np.testing.assert_allclose(gates[gate], expected[gate], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("rates", RATES, ids=str)
@each_kind()
def test_off_at_inference(kind, rates):
    problem = kind.problem()
    x, state = problem["x"], kind.state(problem)
    layer = explicit(kind, return_sequences=True, seed=13, **rates)
    expected = kind.oracle(**problem)["h"]
    np.testing.assert_allclose(layer(x, initial_state=state), expected, rtol=1e-10)
    trained = layer(x, initial_state=state, training=True)
    assert np.abs(trained - expected).max() > 1e-3
    np.testing.assert_allclose(layer(x, initial_state=state), expected, rtol=1e-10)


@each_kind()
def test_a_failed_call_leaves_no_masks_behind(kind):
    layer = explicit(kind, dropout=0.5, recurrent_dropout=0.5, seed=14, unroll=True)

    @tf.function(input_signature=[tf.TensorSpec((None, None, 2), "float64")])
    def unknown_length(x):
        return layer(x, training=True)

    x = kind.problem()["x"]
    with pytest.raises(ValueError, match="unroll"):
        unknown_length(x)
    assert tuple(layer(x[:2], training=True).shape) == (2, 4)
