"""Zoneout and weight dropout in training: what is drawn, and what is done with it."""

import keras
import numpy as np
import pytest

from tests.kinds import KINDS
from tests.layers.peers import explicit
from tests.layers.variants import extras, made, options_of
from tests.reference import variants
from tests.reference.recurrence import mask_patterns

ALL = dict.fromkeys(("return_sequences", "return_state", "return_gates"), True)
HOLES = mask_patterns()["holes"]


def drawn(seed, rates, shape):
    """The zoneout masks of a layer with a seed, in the order in which it draws."""
    generator = keras.random.SeedGenerator(seed)
    return [
        (keras.random.uniform(shape, dtype="float32", seed=generator) < rate)
        .numpy()
        .astype("float64")
        if rate
        else 0.0
        for rate in rates
    ]


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lstm", "zoneout"),
        ("lstm", "pair"),
        ("lstm", "all"),
        ("gru", "all"),
        ("gru_reset_before", "zoneout"),
        ("simple_rnn", "all"),
    ],
)
def test_zoneout_in_training_against_the_equations(name, options, backwards):
    kind, options = KINDS[name], options_of(name, options)
    problem = kind.problem()
    rates = np.broadcast_to(options["zoneout"], len(kind.states))
    layer = made(name, options, seed=7, go_backwards=backwards, **ALL)
    *_, gates = results = layer(
        problem["x"], initial_state=kind.state(problem), mask=HOLES, training=True
    )
    expected = variants.run(
        **problem,
        kind=name,
        zoneout=drawn(7, rates, (5, 3, 4)),
        mask=HOLES,
        go_backwards=backwards,
        **extras(name, options),
    )
    states = results[1 : 1 + len(kind.states)]
    np.testing.assert_allclose(states, expected["state"], rtol=1e-10)
    for gate in kind.gates:
        np.testing.assert_allclose(gates[gate], expected[gate], rtol=1e-10)


@pytest.mark.parametrize("name", ["lstm", "gru", "simple_rnn"])
def test_the_rate_of_zoneout(name):
    kind = KINDS[name]
    rates = (0.25, 0.6) if name == "lstm" else (0.25,)
    zoneout = rates if name == "lstm" else rates[0]
    layer = kind.layer(20, zoneout=zoneout, seed=1, **ALL)
    x = np.random.default_rng(0).normal(size=(30, 20, 3)).astype("float32")
    h, *_, gates = layer(x, training=True)
    sequences = [h, gates["cell"]] if name == "lstm" else [h]
    for rate, values in zip(rates, sequences, strict=True):
        values = np.array(values)
        kept = values[:, 1:] == values[:, :-1]
        # Five deviations of a share of so many draws.
        assert abs(kept.mean() - rate) < 5 * np.sqrt(rate * (1 - rate) / kept.size)
        # Drawn afresh at each step, for each row and unit.
        for axis in range(3):
            spread = np.ptp(kept.mean(axis=axis))
            assert spread > 0
        both = (kept[:, 1:] & kept[:, :-1]).mean()
        assert abs(both - rate**2) < 0.02
    again = kind.layer(20, zoneout=zoneout, seed=1, **ALL)
    again.build(x.shape)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(x, training=True)[0], h)
    assert np.abs(again(x, training=True)[0] - h).max() > 1e-3


@pytest.mark.parametrize("name", ["lstm", "gru", "simple_rnn"])
def test_one_step_of_inference_is_the_mean_of_training(name):
    kind, options = KINDS[name], options_of(name, "zoneout")
    cell = made(name, options, cell=True, seed=2)
    problem = kind.problem()
    # The same row many times.
    x, *state = (
        np.repeat(array[:1], 4000, axis=0)
        for array in (problem["x"][:, 0], *kind.state(problem))
    )
    _, inferred = cell(x, state)
    _, trained = cell(x, state, training=True)
    for mean, values, before in zip(inferred, trained, state, strict=True):
        np.testing.assert_allclose(np.mean(values, axis=0), mean[0], atol=0.1)
        kept = (np.array(values) == before).mean()
        assert abs(kept - 0.3) < 5 * np.sqrt(0.21 / before.size)


@pytest.mark.parametrize("name", KINDS)
def test_masked_steps_stay_as_they_are(name):
    kind, options = KINDS[name], options_of(name, "all")
    problem = kind.problem()
    layer = made(name, options, seed=3, return_state=True)
    nothing = np.zeros((3, 5), bool)
    state = kind.state(problem)
    _, *final = layer(problem["x"], initial_state=state, mask=nothing, training=True)
    np.testing.assert_array_equal(final, state)


def kernel_mask(seed, shape, rate):
    generator = keras.random.SeedGenerator(seed)
    return keras.random.dropout(np.ones(shape, "float32"), rate, seed=generator).numpy()


@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize("name", KINDS)
def test_weight_dropout_is_a_mask_on_the_recurrent_kernel(name, unroll):
    kind, problem = KINDS[name], KINDS[name].problem()
    layer = explicit(kind, weight_dropout=0.4, seed=5, unroll=unroll, **ALL)
    _, *state, gates = layer(
        problem["x"], initial_state=kind.state(problem), training=True
    )
    mask = kernel_mask(5, problem["recurrent_kernel"].shape, 0.4)
    assert set(np.unique(mask)) == {0, np.float32(1 / 0.6)}
    masked = {**problem, "recurrent_kernel": problem["recurrent_kernel"] * mask}
    expected = kind.oracle(**masked)
    # The mask has the digits of float32.
    np.testing.assert_allclose(state, expected["state"], rtol=1e-6, atol=1e-9)
    for gate in kind.gates:
        np.testing.assert_allclose(gates[gate], expected[gate], rtol=1e-6, atol=1e-9)
    inferred, *_ = layer(problem["x"], initial_state=kind.state(problem))
    np.testing.assert_allclose(inferred, kind.oracle(**problem)["h"], rtol=1e-10)


@pytest.mark.parametrize("name", KINDS)
def test_gradient_of_a_dropped_kernel(name):
    import tensorflow as tf

    kind, problem = KINDS[name], KINDS[name].problem()
    mask = kernel_mask(6, problem["recurrent_kernel"].shape, 0.5)
    masked = {**problem, "recurrent_kernel": problem["recurrent_kernel"] * mask}
    found = []
    for layer in (
        explicit(kind, weight_dropout=0.5, seed=6),
        explicit(kind, masked),
    ):
        with tf.GradientTape() as tape:
            h = layer(problem["x"], training=True)
        found.append(tape.gradient(h, layer.trainable_variables))
    for weight, (got, expected) in enumerate(zip(*found, strict=True)):
        scale = mask if weight == 1 else 1
        np.testing.assert_allclose(got, expected * scale, rtol=1e-9, atol=1e-12)
    if name != "gru_reset_before":
        assert np.count_nonzero(found[0][1]) == np.count_nonzero(mask)


@pytest.mark.parametrize("options", [{}, {"zoneout": 1e-30}])
@pytest.mark.parametrize("name", KINDS)
def test_weight_dropout_by_hand_equals_the_layer(name, options):
    kind, problem = KINDS[name], KINDS[name].problem()
    more = {"weight_dropout": 0.4, "seed": 8}
    y = made(name, options, return_sequences=True, **more)(problem["x"], training=True)
    cell = made(name, options, cell=True, **more)
    state = cell.get_initial_state(batch_size=3)
    for t in range(5):
        h, state = cell(problem["x"][:, t], state, training=True)
        np.testing.assert_allclose(h, y[:, t], rtol=1e-12)
    cell.reset_recurrent_dropout_mask()
    other, _ = cell(problem["x"][:, 0], list(kind.state(problem)), training=True)
    cell.reset_recurrent_dropout_mask()
    another, _ = cell(problem["x"][:, 0], list(kind.state(problem)), training=True)
    assert np.abs(other - another).max() > 1e-3


@pytest.mark.parametrize("name", KINDS)
def test_weight_dropout_in_keras_rnn(name):
    problem = KINDS[name].problem()
    more = {"weight_dropout": 0.4, "seed": 9}
    y = made(name, {}, return_sequences=True, **more)(problem["x"], training=True)
    cell = made(name, {}, cell=True, **more)
    rnn = keras.layers.RNN(cell, return_sequences=True, dtype="float64")
    np.testing.assert_allclose(rnn(problem["x"], training=True), y, rtol=1e-12)


@pytest.mark.parametrize("name", KINDS)
def test_each_call_drops_other_weights(name):
    layer = made(name, {}, weight_dropout=0.4, seed=10)
    x = KINDS[name].problem()["x"]
    first, second = layer(x, training=True), layer(x, training=True)
    assert np.abs(first - second).max() > 1e-3
    assert layer.cell._kernel_mask is None
