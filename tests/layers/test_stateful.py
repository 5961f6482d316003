"""A stateful layer: two halves in two calls are one long sequence."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.kinds import each_kind
from tests.layers.peers import explicit, of_keras
from tests.reference.recurrence import mask_patterns

MASK = mask_patterns()["holes"]
OPTIONS = {"return_sequences": True, "return_gates": True}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@each_kind("lstm", "gru", "simple_rnn")
def test_two_halves_are_one_sequence(kind, masked, compiled):
    x, mask = kind.problem()["x"], MASK if masked else np.ones_like(MASK)
    layer = explicit(kind, stateful=True, **OPTIONS)
    run = tf.function(layer) if compiled else layer
    halves = [run(x[:, s], mask=mask[:, s]) for s in (slice(0, 3), slice(3, 5))]
    y, gates = explicit(kind, **OPTIONS)(x, mask=mask)
    # The last output is not part of the state: a half that begins with a
    # masked step begins with 0.
    seen = np.concatenate([np.cumsum(mask[:, :3], 1), np.cumsum(mask[:, 3:], 1)], 1)
    y = np.where((seen > 0)[..., None], y, 0)
    np.testing.assert_allclose(np.concatenate([h[0] for h in halves], 1), y)
    for name, whole in gates.items():
        parts = np.concatenate([half[1][name] for half in halves], axis=1)
        np.testing.assert_allclose(parts, whole, rtol=1e-10)


@each_kind()
def test_equals_keras_call_by_call(kind):
    x = kind.problem()["x"]
    layer, peer = explicit(kind, stateful=True), of_keras(kind, stateful=True)
    for _ in range(3):
        np.testing.assert_allclose(layer(x), peer(x), rtol=1e-12)
    for state, expected in zip(layer.states, peer.states, strict=True):
        np.testing.assert_allclose(state, expected, rtol=1e-12)


@each_kind()
def test_reset_state_starts_again(kind):
    x = kind.problem()["x"]
    layer = explicit(kind, stateful=True)
    first, second = layer(x), layer(x)
    assert np.abs(second - first).max() > 1e-3
    layer.reset_state()
    np.testing.assert_allclose(layer(x), first, rtol=1e-12)


@each_kind()
def test_a_given_initial_state_goes_first(kind):
    problem = kind.problem()
    x, start = problem["x"], kind.state(problem)
    layer = explicit(kind, stateful=True, return_state=True)
    layer(x)
    _, *state = layer(x, initial_state=start)
    expected = kind.oracle(**problem)["state"]
    np.testing.assert_allclose(state, expected, rtol=1e-10)
    np.testing.assert_allclose([s.numpy() for s in layer.states], expected, rtol=1e-10)


@pytest.mark.parametrize("given", [False, True])
@each_kind()
def test_another_batch_size_is_refused(kind, given):
    problem = kind.problem(rows=2)
    x, state = problem["x"], kind.state(problem) if given else None
    layer = explicit(kind, stateful=True)
    with pytest.raises(ValueError, match=r"`sequences` of 3 rows; received 2"):
        layer(x, initial_state=state)


@each_kind()
def test_an_unknown_batch_size_is_refused(kind):
    with pytest.raises(ValueError, match="batch size must be static"):
        kind.layer(4, stateful=True)(keras.Input((None, 2)))


@each_kind("lstm", "gru")
def test_in_a_model(kind):
    x = kind.problem()["x"]
    model = keras.Sequential(
        [keras.Input(batch_shape=(3, 5, 2)), kind.layer(4, stateful=True)]
    )
    model.compile("sgd", "mse", jit_compile=False)
    first = model.predict(x, batch_size=3, verbose=0)
    second = model.predict(x, batch_size=3, verbose=0)
    assert np.abs(second - first).max() > 1e-4
    for layer in model.layers:
        layer.reset_state()
    np.testing.assert_allclose(
        model.predict(np.concatenate([x, x]), batch_size=3, verbose=0),
        np.concatenate([first, second]),
        rtol=1e-6,
    )
    model.fit(x, np.zeros((3, 4)), batch_size=3, shuffle=False, verbose=0)
