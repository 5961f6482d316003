"""The LSTM recurrence against the oracle: values, and gradients of everything."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_seq.ops import lstm, lstm_step
from tests.reference import lstm as reference
from tests.reference.complex_step import gradients

GATES = reference.GATES
MASKS = reference.mask_patterns()
PROBLEM = reference.random_problem()
UNITS = 4


def run(problem, **options):
    arguments = {name: tf.constant(value) for name, value in problem.items()}
    return lstm(
        arguments["x"],
        (arguments["h_0"], arguments["c_0"]),
        arguments["kernel"],
        arguments["recurrent_kernel"],
        arguments.get("bias"),
        **options,
    )


def assert_equal(results, expected):
    h, state, gates = results
    np.testing.assert_allclose(h, expected["h"], rtol=1e-10)
    for value, want in zip(state, expected["state"], strict=True):
        np.testing.assert_allclose(value, want, rtol=1e-10)
    assert sorted(gates) == sorted((*GATES, "cell"))
    np.testing.assert_allclose(gates["cell"], expected["c"], rtol=1e-10)
    for gate in GATES:
        np.testing.assert_allclose(gates[gate], expected[gate], rtol=1e-10)


@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("pattern", MASKS)
def test_values(pattern, go_backwards, unroll):
    mask = MASKS[pattern]
    results = run(
        PROBLEM,
        mask=mask,
        go_backwards=go_backwards,
        unroll=unroll,
        return_gates=True,
    )
    expected = reference.lstm(**PROBLEM, mask=mask, go_backwards=go_backwards)
    assert_equal(results, expected)


@pytest.mark.parametrize("pattern", MASKS)
def test_masked_steps_have_no_gates_and_repeat_the_memory(pattern):
    mask = MASKS[pattern]
    _, _, gates = run(PROBLEM, mask=mask, return_gates=True)
    skipped = np.zeros((3, 5), bool) if mask is None else ~mask
    for gate in GATES:
        values = gates[gate].numpy()
        assert (values[skipped] == 0).all()
        assert (values[~skipped] != 0).all()
    memory = np.concatenate([PROBLEM["c_0"][:, None], gates["cell"]], axis=1)
    repeats = (memory[:, 1:] == memory[:, :-1]).all(-1)
    np.testing.assert_array_equal(repeats, skipped)


def test_without_bias():
    problem = {**PROBLEM, "bias": None}
    del problem["bias"]
    assert_equal(run(problem, return_gates=True), reference.lstm(**problem))


@pytest.mark.parametrize("gates_of_dropout", [1, 4])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("where", ["input", "recurrent", "both"])
def test_dropout_factors(where, masked, gates_of_dropout):
    rng = np.random.default_rng(1)
    factors = {
        "input_dropout": rng.uniform(0, 2, (gates_of_dropout, 3, 2)),
        "recurrent_dropout": rng.uniform(0, 2, (gates_of_dropout, 3, UNITS)),
    }
    if where != "both":
        factors = {f"{where}_dropout": factors[f"{where}_dropout"]}
    mask = MASKS["holes"] if masked else None
    results = run(
        PROBLEM,
        mask=mask,
        return_gates=True,
        **{name: tf.constant(value) for name, value in factors.items()},
    )
    per_gate = {
        name: np.broadcast_to(value, (4, *value.shape[1:]))
        for name, value in factors.items()
    }
    assert_equal(results, reference.lstm(**PROBLEM, mask=mask, **per_gate))


def test_other_activations():
    results = run(
        PROBLEM,
        activation=ops.softsign,
        recurrent_activation=ops.hard_sigmoid,
        return_gates=True,
    )
    expected = reference.lstm(
        **PROBLEM,
        activation=lambda z: z / (1 + abs(z)),
        recurrent_activation=lambda z: np.clip(z / 6 + 0.5, 0, 1),
    )
    assert_equal(results, expected)


@pytest.mark.parametrize("unroll", [False, True])
def test_what_is_not_asked_for_is_not_returned(unroll):
    expected = reference.lstm(**PROBLEM)
    h, state, gates = run(PROBLEM, return_sequences=False, unroll=unroll)
    assert h is None
    assert gates is None
    np.testing.assert_allclose(state[0], expected["state"][0], rtol=1e-10)
    h, _, gates = run(PROBLEM, return_sequences=False, return_gates=True, unroll=unroll)
    assert h is None
    np.testing.assert_allclose(gates["cell"], expected["c"], rtol=1e-10)


@pytest.mark.parametrize("compiled", [False, True])
def test_no_steps_gives_the_initial_state(compiled):
    def empty():
        return run({**PROBLEM, "x": PROBLEM["x"][:, :0]}, return_gates=True)

    h, state, gates = tf.function(empty)() if compiled else empty()
    assert tuple(h.shape) == tuple(gates["cell"].shape) == (3, 0, UNITS)
    np.testing.assert_array_equal(state[0], PROBLEM["h_0"])
    np.testing.assert_array_equal(state[1], PROBLEM["c_0"])


def test_numpy_arguments_and_float32():
    problem = {name: value.astype("float32") for name, value in PROBLEM.items()}
    h, _, _ = lstm(
        problem["x"],
        (problem["h_0"], problem["c_0"]),
        problem["kernel"],
        problem["recurrent_kernel"],
        problem["bias"],
        mask=MASKS["holes"],
        unroll=True,
    )
    assert h.dtype == "float32"
    expected = reference.lstm(**problem, mask=MASKS["holes"])
    np.testing.assert_allclose(h, expected["h"], atol=1e-5)


@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize("pattern", ["none", "holes", "all masked"])
@pytest.mark.parametrize("result", ["h", "state", "cell", *GATES])
def test_gradients_of_each_result(result, pattern, unroll):
    problem = reference.random_problem(rows=2, length=3, features=2, units=3, seed=2)
    mask = reference.mask_patterns(2, 3)[pattern]
    # Both states together are (2, B, units), everything else is (B, T, units).
    weights = np.random.default_rng(3).normal(size=(2, 3, 3))
    weights = weights[:, :2] if result == "state" else weights

    def oracle_loss(**arguments):
        results = reference.lstm(**arguments, mask=mask, go_backwards=True)
        results = {**results, "cell": results["c"], "state": np.stack(results["state"])}
        return (weights * results[result]).sum()

    arguments = {name: tf.constant(value) for name, value in problem.items()}
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        h, state, gates = run(
            arguments, mask=mask, go_backwards=True, unroll=unroll, return_gates=True
        )
        results = {**gates, "h": h, "state": tf.stack(state)}
        loss = tf.reduce_sum(weights * results[result])
    got = tape.gradient(loss, arguments, unconnected_gradients="zero")
    for name, expected in gradients(oracle_loss, problem).items():
        np.testing.assert_allclose(
            got[name], expected, rtol=1e-9, atol=1e-12, err_msg=name
        )


def test_step_is_one_step():
    rng = np.random.default_rng(4)
    x, h, c = rng.normal(size=2), rng.normal(size=UNITS), rng.normal(size=UNITS)
    W, U, b = (
        reference.per_gate(PROBLEM[name])
        for name in ("kernel", "recurrent_kernel", "bias")
    )
    z = np.concatenate([x @ W[g] + h @ U[g] + b[g] for g in GATES])
    h_1, c_1, gates = lstm_step(tf.constant(z[None]), tf.constant(c[None]))
    expected_h, expected_c, expected_gates = reference.step(x, h, c, W, U, b)
    np.testing.assert_allclose(h_1[0], expected_h, rtol=1e-12)
    np.testing.assert_allclose(c_1[0], expected_c, rtol=1e-12)
    for gate, value in zip(GATES, gates, strict=True):
        np.testing.assert_allclose(value[0], expected_gates[gate], rtol=1e-12)
