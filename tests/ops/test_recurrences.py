"""The GRU and the simple recurrence against their oracles: values and gradients."""

import numpy as np
import pytest
import tensorflow as tf

from tests.kinds import each_kind
from tests.reference.complex_step import gradients
from tests.reference.recurrence import mask_patterns

each = each_kind("gru", "gru_reset_before", "simple_rnn")
MASKS = mask_patterns()


def run(kind, problem, **options):
    arguments = {name: tf.constant(value) for name, value in problem.items()}
    return kind.run(arguments, **options)


def assert_equal(kind, results, expected):
    h, state, gates = results
    assert isinstance(state, tuple)
    np.testing.assert_allclose(h, expected["h"], rtol=1e-10)
    np.testing.assert_allclose(state, expected["state"], rtol=1e-10)
    assert sorted(gates) == sorted(kind.gates)
    for gate, values in gates.items():
        np.testing.assert_allclose(values, expected[gate], rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("pattern", MASKS)
@each
def test_values(kind, pattern, go_backwards, unroll):
    problem = kind.problem()
    options = {"mask": MASKS[pattern], "go_backwards": go_backwards}
    results = run(kind, problem, **options, unroll=unroll, return_gates=True)
    assert_equal(kind, results, kind.oracle(**problem, **options))


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("masked", [False, True])
@each
def test_in_a_graph_where_halves_are_made(kind, masked, rows):
    problem = kind.problem(rows, 6, seed=1)
    mask = mask_patterns(rows, 6)["holes"] if masked else None
    traced = tf.function(lambda: run(kind, problem, mask=mask, return_gates=True))
    assert_equal(kind, traced(), kind.oracle(**problem, mask=mask))


@pytest.mark.parametrize("pattern", MASKS)
@each
def test_masked_steps_have_no_gates(kind, pattern):
    mask = MASKS[pattern]
    _, _, gates = run(kind, kind.problem(), mask=mask, return_gates=True)
    counts = np.ones((3, 5), bool) if mask is None else mask
    for values in gates.values():
        np.testing.assert_array_equal(
            values.numpy() != 0, np.broadcast_to(counts[..., None], (3, 5, 4))
        )


@each
def test_without_bias(kind):
    problem = kind.problem()
    del problem["bias"]
    results = run(kind, problem, return_gates=True)
    assert_equal(kind, results, kind.oracle(**problem))


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("where", ["input", "recurrent", "both"])
@each
def test_dropout_factors(kind, where, compiled, shared):
    problem, mask = kind.problem(), MASKS["holes"]
    rng = np.random.default_rng(1)
    drawn = 1 if shared else kind.masks
    factors = {
        "input_dropout": rng.uniform(0, 2, (drawn, 3, 2)),
        "recurrent_dropout": rng.uniform(0, 2, (drawn, 3, 4)),
    }
    if where != "both":
        factors = {f"{where}_dropout": factors[f"{where}_dropout"]}

    def dropped():
        return run(kind, problem, mask=mask, return_gates=True, **factors)

    per_gate = {
        name: np.broadcast_to(value, (kind.masks, *value.shape[1:]))
        for name, value in factors.items()
    }
    results = tf.function(dropped)() if compiled else dropped()
    assert_equal(kind, results, kind.oracle(**problem, mask=mask, **per_gate))


@pytest.mark.parametrize("unroll", [False, True])
@each
def test_what_is_not_asked_for_is_not_returned(kind, unroll):
    problem = kind.problem()
    expected = kind.oracle(**problem)
    options = {"return_sequences": False, "unroll": unroll}
    h, state, gates = run(kind, problem, **options)
    assert h is None
    assert gates is None
    np.testing.assert_allclose(state, expected["state"], rtol=1e-10)
    h, _, gates = run(kind, problem, return_gates=True, **options)
    assert h is None
    for gate in kind.gates:
        np.testing.assert_allclose(gates[gate], expected[gate], rtol=1e-10)


@pytest.mark.parametrize("compiled", [False, True])
@each
def test_no_steps_gives_the_initial_state(kind, compiled):
    problem = kind.problem(length=0)

    def empty():
        return run(kind, problem, return_gates=True)

    h, state, gates = tf.function(empty)() if compiled else empty()
    assert tuple(h.shape) == (3, 0, 4)
    assert {tuple(values.shape) for values in gates.values()} == {(3, 0, 4)}
    np.testing.assert_array_equal(state[0], problem["h_0"])


@each
def test_numpy_arguments_and_float32(kind):
    problem = {k: value.astype("float32") for k, value in kind.problem().items()}
    h, _, _ = kind.run(problem, mask=MASKS["holes"], unroll=True)
    assert h.dtype == "float32"
    expected = kind.oracle(**problem, mask=MASKS["holes"])
    np.testing.assert_allclose(h, expected["h"], atol=1e-5)


@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize("pattern", ["none", "holes", "all masked"])
@each
def test_gradients_of_each_result(kind, pattern, unroll):
    problem = kind.problem(rows=2, length=3, features=2, units=3, seed=2)
    mask = mask_patterns(2, 3)[pattern]
    options = {"mask": mask, "go_backwards": True}
    arguments = {name: tf.constant(value) for name, value in problem.items()}
    for number, result in enumerate(("h", "state", *kind.gates)):
        shape = (1, 2, 3) if result == "state" else (2, 3, 3)
        weights = np.random.default_rng(number).normal(size=shape)

        def oracle_loss(result=result, weights=weights, **arguments):
            values = kind.oracle(**arguments, **options)[result]
            return (weights * np.asarray(values)).sum()

        with tf.GradientTape() as tape:
            tape.watch(arguments)
            h, state, gates = kind.run(
                arguments, **options, unroll=unroll, return_gates=True
            )
            results = {**gates, "h": h, "state": tf.stack(state)}
            loss = tf.reduce_sum(weights * results[result])
        got = tape.gradient(loss, arguments, unconnected_gradients="zero")
        for name, expected in gradients(oracle_loss, problem).items():
            np.testing.assert_allclose(
                got[name], expected, rtol=1e-9, atol=1e-12, err_msg=f"{result} {name}"
            )
