"""A stateful layer: two halves in two calls are one long sequence."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.layers import ExplicitLSTM
from tests.layers.peers import PROBLEM, explicit_lstm, keras_lstm
from tests.reference import lstm as reference

X, MASK = PROBLEM["x"], reference.mask_patterns()["holes"]
OPTIONS = {"return_sequences": True, "return_gates": True}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_two_halves_are_one_sequence(masked, compiled):
    mask = MASK if masked else np.ones_like(MASK)
    layer = explicit_lstm(stateful=True, **OPTIONS)
    run = tf.function(layer) if compiled else layer
    halves = [run(X[:, s], mask=mask[:, s]) for s in (slice(0, 3), slice(3, 5))]
    y, gates = explicit_lstm(**OPTIONS)(X, mask=mask)
    # The last output is not part of the state: a half that begins with a
    # masked step begins with 0.
    seen = np.concatenate([np.cumsum(mask[:, :3], 1), np.cumsum(mask[:, 3:], 1)], 1)
    y = np.where((seen > 0)[..., None], y, 0)
    np.testing.assert_allclose(np.concatenate([h[0] for h in halves], 1), y)
    for name, whole in gates.items():
        parts = np.concatenate([half[1][name] for half in halves], axis=1)
        np.testing.assert_allclose(parts, whole, rtol=1e-10)


def test_equals_keras_call_by_call():
    layer, peer = explicit_lstm(stateful=True), keras_lstm(stateful=True)
    for _ in range(3):
        np.testing.assert_allclose(layer(X), peer(X), rtol=1e-12)
    for state, expected in zip(layer.states, peer.states, strict=True):
        np.testing.assert_allclose(state, expected, rtol=1e-12)


def test_reset_state_starts_again():
    layer = explicit_lstm(stateful=True)
    first, second = layer(X), layer(X)
    assert np.abs(second - first).max() > 1e-3
    layer.reset_state()
    np.testing.assert_allclose(layer(X), first, rtol=1e-12)


def test_a_given_initial_state_goes_first():
    state = [PROBLEM["h_0"], PROBLEM["c_0"]]
    layer = explicit_lstm(stateful=True, return_state=True)
    layer(X)
    _, h, c = layer(X, initial_state=state)
    expected = reference.lstm(**PROBLEM)["state"]
    np.testing.assert_allclose([h, c], expected, rtol=1e-10)
    np.testing.assert_allclose([s.numpy() for s in layer.states], expected, rtol=1e-10)


@pytest.mark.parametrize("state", [None, [PROBLEM["h_0"][:2], PROBLEM["c_0"][:2]]])
def test_another_batch_size_is_refused(state):
    layer = explicit_lstm(stateful=True)
    with pytest.raises(ValueError, match=r"`sequences` of 3 rows; received 2"):
        layer(X[:2], initial_state=state)


def test_an_unknown_batch_size_is_refused():
    with pytest.raises(ValueError, match="batch size must be static"):
        ExplicitLSTM(4, stateful=True)(keras.Input((None, 2)))


def test_in_a_model():
    model = keras.Sequential(
        [keras.Input(batch_shape=(3, 5, 2)), ExplicitLSTM(4, stateful=True)]
    )
    model.compile("sgd", "mse", jit_compile=False)
    first = model.predict(X, batch_size=3, verbose=0)
    second = model.predict(X, batch_size=3, verbose=0)
    assert np.abs(second - first).max() > 1e-4
    for layer in model.layers:
        layer.reset_state()
    np.testing.assert_allclose(
        model.predict(np.concatenate([X, X]), batch_size=3, verbose=0),
        np.concatenate([first, second]),
        rtol=1e-6,
    )
    model.fit(X, np.zeros((3, 4)), batch_size=3, shuffle=False, verbose=0)
