"""`probes`: zeros added to the states, whose gradient is that of the states.

The oracle runs the NumPy recurrence to a step, moves the state there, and runs on:
central differences in float64.
"""

import numpy as np
import pytest
import tensorflow as tf

from keras_seq import ops
from tests.kinds import each_kind

MOVED = 1e-6


def lengths(problem):
    return problem["x"].shape[0], problem["x"].shape[1], problem["h_0"].shape[1]


def loss_from(kind, problem, upstream, mask, t, states):
    """Σ_{s ≥ t} a_s · h_s of each row, if step t ended in `states`."""
    total = (upstream[:, t] * states[0]).sum(-1)
    if t + 1 < problem["x"].shape[1]:
        rest = dict(problem, x=problem["x"][:, t + 1 :])
        rest.update(zip(kind.states, states, strict=True))
        after = kind.oracle(**rest, mask=mask[:, t + 1 :])["h"]
        total += (upstream[:, t + 1 :] * after).sum((1, 2))
    return total


def by_differences(kind, problem, upstream, mask):
    """∂L/∂h_t, and of an LSTM ∂L/∂c_t with h_t = o_t tanh(c_t): each (B, T, units)."""
    rows, steps, units = lengths(problem)
    gradients = [np.zeros((rows, steps, units)) for _ in kind.states]
    for t in range(steps):
        seen = dict(problem, x=problem["x"][:, : t + 1])
        results = kind.oracle(**seen, mask=mask[:, : t + 1])
        for state, unit in np.ndindex(len(kind.states), units):
            losses = []
            for moved in (MOVED, -MOVED):
                states = [np.array(array) for array in results["state"]]
                states[state][:, unit] += moved
                if state == 1:
                    states[0] = results["output"][:, t] * np.tanh(states[1])
                losses.append(loss_from(kind, problem, upstream, mask, t, states))
            gradients[state][:, t, unit] = (losses[0] - losses[1]) / (2 * MOVED)
    return [gradient * mask[..., None] for gradient in gradients]


def derived(kind, problem, upstream, mask, run=lambda function: function, **options):
    arguments = {name: tf.constant(value) for name, value in problem.items()}
    rows, steps, units = lengths(problem)

    def gradients():
        probes = [tf.zeros((rows, steps, units), "float64") for _ in kind.states]
        with tf.GradientTape() as tape:
            tape.watch(probes)
            h, _, _ = kind.run(
                arguments, mask=tf.constant(mask), probes=probes, **options
            )
            loss = tf.reduce_sum(h * upstream)
        return tape.gradient(loss, probes)

    return [gradient.numpy() for gradient in run(gradients)()]


MASKS = {
    "none": np.ones((3, 5), bool),
    "holes": np.array([[1, 0, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 0, 0, 0]], bool),
}
RUNS = {
    "eager": (lambda function: function, {}),
    "graph": (tf.function, {"training": True}),
    "xla": (lambda function: tf.function(function, jit_compile=True), {}),
    "unrolled": (lambda function: function, {"unroll": True}),
}


@each_kind()
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize(("run", "options"), RUNS.values(), ids=RUNS)
def test_gradient_of_every_state(kind, mask, run, options):
    problem = kind.problem(seed=3)
    upstream = np.random.default_rng(4).normal(size=(3, 5, 4))
    expected = by_differences(kind, problem, upstream, mask)
    if mask.all():
        assert all((np.abs(gradient) > 1e-4).any(-1).all() for gradient in expected)
    found = derived(kind, problem, upstream, mask, run, **options)
    for received, wanted in zip(found, expected, strict=True):
        # The output of a masked step repeats the state: its error counts there.
        np.testing.assert_allclose(received, wanted, rtol=1e-5, atol=1e-8)


@each_kind()
def test_backwards(kind):
    problem = kind.problem(seed=3)
    upstream = np.random.default_rng(4).normal(size=(3, 5, 4))
    reverse = dict(problem, x=problem["x"][:, ::-1])
    mask = MASKS["none"]
    expected = by_differences(kind, reverse, upstream, mask)
    found = derived(kind, problem, upstream, mask, go_backwards=True)
    for received, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(received[:, ::-1], wanted, rtol=1e-5, atol=1e-8)


@each_kind()
@pytest.mark.parametrize("unroll", [False, True])
def test_they_are_added(kind, unroll):
    """Probes other than 0 move the states, and nothing else changes the result."""
    problem = kind.problem(seed=3)
    rng = np.random.default_rng(5)
    probes = [rng.normal(size=(3, 5, 4)) for _ in kind.states]
    h, state, _ = kind.run(problem, probes=probes, unroll=unroll)
    expected = [problem[name] for name in kind.states]
    for t in range(5):
        step = dict(problem, x=problem["x"][:, t : t + 1])
        step.update(zip(kind.states, expected, strict=True))
        results = kind.oracle(**step)
        expected = [np.array(array) for array in results["state"]]
        if len(expected) > 1:
            expected[1] += probes[1][:, t]
            expected[0] = results["output"][:, 0] * np.tanh(expected[1])
        expected[0] += probes[0][:, t]
        np.testing.assert_allclose(h[:, t], expected[0], rtol=1e-10)
    for received, wanted in zip(state, expected, strict=True):
        np.testing.assert_allclose(received, wanted, rtol=1e-10)


def test_a_loss_on_gates_and_memory_counts():
    """The gradient holds what the gates and "cell" of the step and later ones bring."""
    rng = np.random.default_rng(6)
    x, h_0, c_0 = rng.normal(size=(2, 3, 2)), *rng.normal(size=(2, 2, 3))
    weights = rng.normal(size=(2, 12)), rng.normal(size=(3, 12))
    names = ("input", "forget", "candidate", "output", "cell")
    factors = dict(zip(names, rng.normal(size=(5, 2, 3, 3)), strict=True))

    def gradients(**options):
        probes = [tf.zeros((2, 3, 3), "float64")] * 2
        with tf.GradientTape() as tape:
            tape.watch(probes)
            _, _, gates = ops.lstm(
                x, (h_0, c_0), *weights, return_gates=True, probes=probes, **options
            )
            loss = sum(tf.reduce_sum(gates[name] * factors[name]) for name in names)
        return tape.gradient(loss, probes)

    for hand, auto in zip(gradients(), gradients(unroll=True), strict=True):
        np.testing.assert_allclose(hand, auto, rtol=1e-10)
