"""Dropout: Keras's numbers for Keras's seed, and none at inference."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.layers.peers import PROBLEM, explicit_lstm, keras_lstm
from tests.reference import lstm as reference

X, STATE = PROBLEM["x"], [PROBLEM["h_0"], PROBLEM["c_0"]]
MASKS = reference.mask_patterns()
RATES = [
    {"dropout": 0.4},
    {"recurrent_dropout": 0.3},
    {"dropout": 0.4, "recurrent_dropout": 0.3},
]


@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize("pattern", ["none", "holes"])
@pytest.mark.parametrize("implementation", [1, 2])
@pytest.mark.parametrize("rates", RATES, ids=str)
def test_same_numbers_as_keras(rates, implementation, pattern, unroll):
    options = {
        "return_sequences": True,
        "return_state": True,
        "seed": 11,
        "implementation": implementation,
        "unroll": unroll,
        **rates,
    }
    layer, peer = explicit_lstm(**options), keras_lstm(**options)
    first = None
    for _ in range(2):
        call = {"initial_state": STATE, "mask": MASKS[pattern], "training": True}
        got, expected = layer(X, **call), peer(X, **call)
        for value, want in zip(got, expected, strict=True):
            np.testing.assert_allclose(value, want, rtol=1e-12)
        if first is not None:
            assert np.abs(got[0] - first).max() > 1e-3
        first = got[0]


@pytest.mark.parametrize("implementation", [1, 2])
@pytest.mark.parametrize("rates", RATES, ids=str)
def test_gates_against_the_oracle(rates, implementation):
    options = {"seed": 12, "implementation": implementation, **rates}
    layer = explicit_lstm(return_sequences=True, return_gates=True, **options)
    y, gates = layer(X, initial_state=STATE, training=True)

    # Keras draws the masks of the input first, then those of the state.
    generator = keras.random.SeedGenerator(12)
    own_masks = implementation == 1 or "recurrent_dropout" in rates

    def factors(like, rate, own):
        drawn = [
            keras.random.dropout(np.ones(like.shape), rate, seed=generator)
            for _ in range(4 if own else 1)
        ]
        return np.stack(drawn if own else drawn * 4)

    dropped = {}
    if "dropout" in rates:
        dropped["input_dropout"] = factors(X[:, 0], rates["dropout"], own_masks)
    if "recurrent_dropout" in rates:
        dropped["recurrent_dropout"] = factors(
            STATE[0], rates["recurrent_dropout"], True
        )
    assert all((value == 0).any() and (value > 1).any() for value in dropped.values())
    expected = reference.lstm(**PROBLEM, **dropped)
    np.testing.assert_allclose(y, expected["h"], rtol=1e-6)
    np.testing.assert_allclose(gates["cell"], expected["c"], rtol=1e-6)
    for gate in reference.GATES:
        np.testing.assert_allclose(gates[gate], expected[gate], rtol=1e-6)


@pytest.mark.parametrize("rates", RATES, ids=str)
def test_off_at_inference(rates):
    layer = explicit_lstm(return_sequences=True, seed=13, **rates)
    expected = reference.lstm(**PROBLEM)["h"]
    np.testing.assert_allclose(layer(X, initial_state=STATE), expected, rtol=1e-10)
    trained = layer(X, initial_state=STATE, training=True)
    assert np.abs(trained - expected).max() > 1e-3
    np.testing.assert_allclose(layer(X, initial_state=STATE), expected, rtol=1e-10)


def test_a_failed_call_leaves_no_masks_behind():
    layer = explicit_lstm(dropout=0.5, recurrent_dropout=0.5, seed=14, unroll=True)

    @tf.function(input_signature=[tf.TensorSpec((None, None, 2), "float64")])
    def unknown_length(x):
        return layer(x, training=True)

    with pytest.raises(ValueError, match="unroll"):
        unknown_length(X)
    assert tuple(layer(X[:2], training=True).shape) == (2, 4)
