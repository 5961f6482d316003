"""The layers against the oracles and against Keras's own: values."""

import functools
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.kinds import KINDS, each_kind
from tests.layers.peers import UNITS, explicit, of_keras, results_and_gradients
from tests.reference.complex_step import gradients
from tests.reference.recurrence import layer_output, mask_patterns

MASKS = mask_patterns()
# Half of all settings of four switches, and of three: every three, and every two, of
# them come in each combination.
FOUR, THREE = (
    [some for some in itertools.product((False, True), repeat=n) if not sum(some) % 2]
    for n in (4, 3)
)


def assert_all_close(got, expected, tolerance=1e-9):
    for value, want in zip(got, expected, strict=True):
        np.testing.assert_allclose(value, want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("go_backwards", "return_sequences", "zero_output_for_mask", "unroll"), FOUR
)
@pytest.mark.parametrize("pattern", MASKS)
@each_kind()
def test_equals_keras(
    kind, pattern, go_backwards, return_sequences, zero_output_for_mask, unroll
):
    options = {
        "return_state": True,
        "return_sequences": return_sequences,
        "go_backwards": go_backwards,
        "zero_output_for_mask": zero_output_for_mask,
    }
    layer = explicit(kind, unroll=unroll, **options)
    got = results_and_gradients(kind, layer, mask=MASKS[pattern])
    (name,) = (name for name, other in KINDS.items() if other is kind)
    expected = by_keras(name, pattern, tuple(options.items()))
    assert_all_close(got[0], expected[0])
    assert_all_close(got[1], expected[1])


@functools.cache
def by_keras(name, pattern, options):
    """What Keras's loop gives, with which ours must agree unrolled too.

    Unrolled, Keras 3.15 puts the zeros of a backward run where the mask of the
    other direction has them.
    """
    kind = KINDS[name]
    layer = of_keras(kind, **dict(options))
    return results_and_gradients(kind, layer, mask=MASKS[pattern])


@pytest.mark.parametrize(
    ("go_backwards", "zero_output_for_mask", "return_sequences"), THREE
)
@pytest.mark.parametrize("pattern", MASKS)
@each_kind()
def test_equals_the_oracle(
    kind, pattern, go_backwards, zero_output_for_mask, return_sequences
):
    mask, problem = MASKS[pattern], kind.problem()
    layer = explicit(
        kind,
        return_sequences=return_sequences,
        return_state=True,
        return_gates=True,
        go_backwards=go_backwards,
        zero_output_for_mask=zero_output_for_mask,
    )
    y, *state, gates = layer(problem["x"], initial_state=kind.state(problem), mask=mask)
    expected = kind.oracle(**problem, mask=mask, go_backwards=go_backwards)
    output = layer_output(
        expected["h"],
        mask,
        go_backwards=go_backwards,
        zero_output_for_mask=zero_output_for_mask,
        return_sequences=return_sequences,
    )
    assert_all_close([y, *state], [output, *expected["state"]])
    assert sorted(gates) == sorted(kind.gates)
    for gate, values in gates.items():
        np.testing.assert_allclose(values, expected[gate], rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize(
    ("kind", "result"),
    [
        pytest.param(kind, result, id=f"{name}-{result}")
        for name, kind in KINDS.items()
        for result in kind.gates
    ],
)
@pytest.mark.parametrize("pattern", ["none", "left", "holes"])
def test_a_loss_on_a_gate_trains_everything(kind, pattern, result):
    problem = kind.problem(rows=2, length=3, units=3, seed=5)
    mask = mask_patterns(2, 3)[pattern]
    layer = explicit(kind, problem, return_gates=True)
    weights = np.random.default_rng(6).normal(size=(2, 3, 3))

    def oracle_loss(**arguments):
        return (weights * kind.oracle(**arguments, mask=mask)[result]).sum()

    x, *state = (tf.constant(problem[name]) for name in ("x", *kind.states))
    with tf.GradientTape() as tape:
        tape.watch((x, state))
        _, gates = layer(x, initial_state=state, mask=mask)
        loss = tf.reduce_sum(weights * gates[result])
    sources = [x, *state, *(v.value for v in layer.trainable_variables)]
    got = tape.gradient(loss, sources, unconnected_gradients="zero")
    names = ("x", *kind.states, "kernel", "recurrent_kernel", "bias")
    expected = gradients(oracle_loss, problem)
    assert all(np.abs(expected[name]).max() > 0 for name in names)
    assert_all_close(got, [expected[name] for name in names])


@pytest.mark.parametrize(
    "options",
    [
        {"activation": "relu", "recurrent_activation": "hard_sigmoid"},
        {"activation": "softsign", "recurrent_activation": "softmax"},
        {"activation": None},
        {"use_bias": False},
        {"implementation": 1},
    ],
    ids=str,
)
@each_kind()
def test_options_equal_keras(kind, options):
    asked = {"return_sequences": True, "return_state": True}
    options = {**asked, **kind.accepted(**options)}
    mask = MASKS["holes"]
    got = results_and_gradients(kind, explicit(kind, **options), mask=mask)
    expected = results_and_gradients(kind, of_keras(kind, **options), mask=mask)
    assert_all_close(got[0], expected[0])
    assert_all_close(got[1], expected[1])


@each_kind()
def test_without_initial_state_starts_from_zero(kind):
    problem = kind.problem()
    y = explicit(kind, return_sequences=True)(problem["x"])
    zeros = dict.fromkeys(kind.states, np.zeros((3, UNITS)))
    assert_all_close([y], [kind.oracle(**{**problem, **zeros})["h"]])


@each_kind()
def test_a_mask_of_numbers(kind):
    layer, x = explicit(kind, return_sequences=True), kind.problem()["x"]
    expected = layer(x, mask=MASKS["holes"])
    assert_all_close([layer(x, mask=MASKS["holes"].astype("float32"))], [expected])
    assert_all_close([layer(x, mask=MASKS["holes"].astype("int64"))], [expected])


@each_kind()
def test_masked_values_do_not_matter(kind):
    mask, x = MASKS["holes"], kind.problem()["x"]
    other = np.where(mask[..., None], x, 1e6)
    asked = ("return_sequences", "return_state", "return_gates")
    layer = explicit(kind, **dict.fromkeys(asked, True))
    got = tf.nest.flatten(layer(other, mask=mask))
    assert_all_close(got, tf.nest.flatten(layer(x, mask=mask)))


@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (5, 1)])
@each_kind()
def test_one_row_and_one_step(kind, shape, unroll):
    problem = kind.problem(*shape, seed=7)
    layer = explicit(
        kind, problem, return_sequences=True, return_gates=True, unroll=unroll
    )
    y, gates = layer(problem["x"], initial_state=kind.state(problem))
    expected = kind.oracle(**problem)
    assert_all_close([y], [expected["h"]])
    for gate, values in gates.items():
        assert_all_close([values], [expected[gate]])


@each_kind("lstm", "gru", "simple_rnn")
def test_a_thousand_steps(kind):
    problem = kind.problem(rows=2, length=1000, seed=8)
    # Elman's recurrence with weights as large as these is chaotic.
    if "simple_rnn" in kind.reference:
        problem["recurrent_kernel"] /= 2
    mask = np.random.default_rng(9).random((2, 1000)) < 0.9
    options = {"return_sequences": True, "return_state": True}
    layer = explicit(kind, problem, return_gates=True, **options)
    peer = of_keras(kind, problem, **options)
    keep = 1 + len(kind.states)
    run = tf.function(lambda: results_and_gradients(kind, layer, problem, mask, keep))
    results, slopes = run()
    expected = kind.oracle(**problem, mask=mask)
    output = layer_output(
        expected["h"], mask, zero_output_for_mask=False, return_sequences=True
    )
    assert_all_close(results[:keep], [output, *expected["state"]])
    run_peer = tf.function(lambda: results_and_gradients(kind, peer, problem, mask))
    assert_all_close(slopes, run_peer()[1], tolerance=1e-7)


@each_kind()
def test_any_length_in_one_trace(kind):
    layer = explicit(kind, return_sequences=True, return_gates=True)
    traces = []

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, None, 2), "float64"),
            tf.TensorSpec((None, None), "bool"),
        ]
    )
    def run(x, mask):
        traces.append(1)
        return layer(x, mask=mask)

    for rows, length in ((3, 5), (1, 1), (2, 11), (4, 0)):
        x = kind.problem(rows, length, seed=length)["x"]
        mask = x[..., 0] > -0.3
        y, gates = run(x, mask)
        expected_y, expected_gates = layer(x, mask=mask)
        assert tuple(y.shape) == (rows, length, UNITS)
        assert_all_close([y], [expected_y])
        for name, value in gates.items():
            assert_all_close([value], [expected_gates[name]])
    assert len(traces) == 1


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("unroll", [False, True])
@each_kind()
def test_no_steps_gives_the_initial_state(kind, unroll, masked):
    asked = ("return_sequences", "return_state", "return_gates")
    layer = explicit(kind, **dict.fromkeys(asked, True), unroll=unroll)
    mask = np.zeros((3, 0), bool) if masked else None
    problem = kind.problem()
    x, start = problem["x"][:, :0], kind.state(problem)
    y, *state, gates = layer(x, initial_state=start, mask=mask)
    for values in (y, *gates.values()):
        assert tuple(values.shape) == (3, 0, UNITS)
    assert_all_close(state, start)
    last = explicit(kind, unroll=unroll)(x, mask=mask)
    assert_all_close([last], [np.zeros((3, UNITS))])


@each_kind()
def test_no_rows(kind):
    y = explicit(kind, return_sequences=True)(kind.problem()["x"][:0])
    assert tuple(y.shape) == (0, 5, UNITS)


@each_kind()
def test_integer_input_equals_keras(kind):
    x = np.arange(30).reshape(3, 5, 2) % 7
    assert_all_close([explicit(kind)(x)], [of_keras(kind)(x)])


@each_kind()
def test_initialisers_equal_keras(kind):
    choices = [{}]
    if "lstm" in kind.reference:
        choices = [{"unit_forget_bias": False}, {"unit_forget_bias": True}]

    def fresh(layer_class, options):
        layer = layer_class(
            UNITS,
            kernel_initializer=keras.initializers.RandomNormal(seed=1),
            recurrent_initializer=keras.initializers.Orthogonal(seed=2),
            bias_initializer=keras.initializers.RandomUniform(seed=3),
            **kind.options,
            **options,
        )
        layer.build((None, None, 3))
        return layer

    for options in choices:
        layer, peer = (fresh(c, options) for c in (kind.layer, kind.keras_layer))
        assert [v.path.split("/")[1:] for v in layer.weights] == [
            v.path.split("/")[1:] for v in peer.weights
        ]
        assert_all_close(layer.get_weights(), peer.get_weights(), tolerance=0)
