"""What is the GRU's own: its two forms, its step, its biases, its activations."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_seq.ops import gru_step
from tests.kinds import KINDS, each_kind
from tests.reference import gru as reference
from tests.reference.recurrence import sigmoid

UNITS = 4
both_forms = each_kind("gru", "gru_reset_before")


@both_forms
def test_step_is_one_step(kind):
    reset_after = kind.options.get("reset_after", True)
    problem = kind.problem()
    rng = np.random.default_rng(4)
    x, h = rng.normal(size=2), rng.normal(size=UNITS)
    W, U = (
        reference.per_gate(problem[name]) for name in ("kernel", "recurrent_kernel")
    )
    bias, recurrent = problem["bias"], np.zeros(3 * UNITS)
    if reset_after:
        bias, recurrent = bias
    b, b_recurrent = reference.per_gate(bias), reference.per_gate(recurrent)
    projected = np.concatenate([x @ W[g] + b[g] for g in reference.GATES])
    h_1, gates = gru_step(
        tf.constant(projected[None]),
        tf.constant(h[None]),
        tf.constant(problem["recurrent_kernel"]),
        tf.constant(recurrent) if reset_after else None,
        reset_after=reset_after,
    )
    expected_h, expected_gates = reference.step(
        x, h, W, U, b, b_recurrent, reset_after=reset_after
    )
    np.testing.assert_allclose(h_1[0], expected_h, rtol=1e-12)
    for gate, value in zip(reference.GATES, gates, strict=True):
        np.testing.assert_allclose(value[0], expected_gates[gate], rtol=1e-12)


def test_the_two_forms_differ_but_agree_for_one_unit_without_bias():
    after, before = KINDS["gru"], KINDS["gru_reset_before"]
    for units, agree in ((1, True), (3, False)):
        problem = after.problem(units=units)
        del problem["bias"]
        h, other = (kind.run(problem)[0] for kind in (after, before))
        assert np.allclose(h, other, rtol=1e-10) == agree


@both_forms
def test_other_activations(kind):
    problem = kind.problem()
    h, _, gates = kind.run(
        problem,
        activation=ops.softsign,
        recurrent_activation=ops.hard_sigmoid,
        return_gates=True,
    )
    expected = kind.oracle(
        **problem,
        activation=lambda z: z / (1 + abs(z)),
        recurrent_activation=lambda z: np.clip(z / 6 + 0.5, 0, 1),
    )
    np.testing.assert_allclose(h, expected["h"], rtol=1e-10)
    for gate in kind.gates:
        np.testing.assert_allclose(gates[gate], expected[gate], rtol=1e-10)


def test_the_gates_by_hand():
    """One row, one unit, one step: figures that fit on paper."""
    W, U = np.array([[1.0, -1.0, 2.0]]), np.array([[0.5, 1.5, -1.0]])
    x, h = np.array([[[2.0]]]), np.array([[3.0]])
    problem = {"x": x, "h_0": h, "kernel": W, "recurrent_kernel": U}
    z, r = sigmoid(2 + 1.5), sigmoid(-2 + 4.5)
    candidate = np.tanh(4 - 3 * r)
    got, _, gates = KINDS["gru"].run(problem, return_gates=True)
    for value, want in (
        (gates["update"], z),
        (gates["reset"], r),
        (gates["candidate"], candidate),
        (got, 3 * z + (1 - z) * candidate),
    ):
        np.testing.assert_allclose(value, [[[want]]], rtol=1e-12)


@pytest.mark.parametrize(
    ("form", "other", "expected"),
    [
        ("gru", "gru_reset_before", r"\(2, 12\) with reset_after=True"),
        ("gru_reset_before", "gru", r"\(12,\) with reset_after=False"),
    ],
)
def test_the_bias_of_the_other_form_is_refused(form, other, expected):
    problem = {**KINDS[form].problem(), "bias": KINDS[other].problem()["bias"]}
    with pytest.raises(
        ValueError, match=f"`bias` must have shape {expected}"
    ) as raised:
        KINDS[form].run(problem)
    assert f"received {problem['bias'].shape}" in str(raised.value)
