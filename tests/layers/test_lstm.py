"""`ExplicitLSTM` against the oracle and against `keras.layers.LSTM`: values."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.layers import ExplicitLSTM
from tests.layers.peers import (
    PROBLEM,
    UNITS,
    explicit_lstm,
    keras_lstm,
    results_and_gradients,
)
from tests.reference import lstm as reference
from tests.reference.complex_step import gradients

MASKS = reference.mask_patterns()
X, STATE = PROBLEM["x"], [PROBLEM["h_0"], PROBLEM["c_0"]]


def assert_all_close(got, expected, tolerance=1e-9):
    for value, want in zip(got, expected, strict=True):
        np.testing.assert_allclose(value, want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize("zero_output_for_mask", [False, True])
@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("pattern", MASKS)
def test_equals_keras(
    pattern, go_backwards, return_sequences, zero_output_for_mask, unroll
):
    options = {
        "return_state": True,
        "return_sequences": return_sequences,
        "go_backwards": go_backwards,
        "zero_output_for_mask": zero_output_for_mask,
        "unroll": unroll,
    }
    mask = MASKS[pattern]
    got = results_and_gradients(explicit_lstm(**options), mask=mask)
    if go_backwards and zero_output_for_mask:
        # Unrolled, Keras 3.15 puts its zeros where the mask of the other
        # direction has them; its loop puts them where they belong.
        options["unroll"] = False
    expected = results_and_gradients(keras_lstm(**options), mask=mask)
    assert_all_close(got[0], expected[0])
    assert_all_close(got[1], expected[1])


@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("zero_output_for_mask", [False, True])
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("pattern", MASKS)
def test_equals_the_oracle(
    pattern, go_backwards, zero_output_for_mask, return_sequences
):
    mask = MASKS[pattern]
    layer = explicit_lstm(
        return_sequences=return_sequences,
        return_state=True,
        return_gates=True,
        go_backwards=go_backwards,
        zero_output_for_mask=zero_output_for_mask,
    )
    y, h, c, gates = layer(X, initial_state=STATE, mask=mask)
    expected = reference.lstm(**PROBLEM, mask=mask, go_backwards=go_backwards)
    output = reference.layer_output(
        expected["h"],
        mask,
        go_backwards=go_backwards,
        zero_output_for_mask=zero_output_for_mask,
        return_sequences=return_sequences,
    )
    assert_all_close([y, h, c], [output, *expected["state"]])
    assert sorted(gates) == sorted((*reference.GATES, "cell"))
    assert_all_close([gates["cell"]], [expected["c"]])
    for gate in reference.GATES:
        np.testing.assert_allclose(gates[gate], expected[gate], rtol=1e-9)


@pytest.mark.parametrize("result", ["cell", *reference.GATES])
@pytest.mark.parametrize("pattern", ["none", "left", "holes"])
def test_a_loss_on_a_gate_trains_everything(pattern, result):
    problem = reference.random_problem(rows=2, length=3, units=3, seed=5)
    mask = reference.mask_patterns(2, 3)[pattern]
    layer = explicit_lstm(problem, return_gates=True)
    weights = np.random.default_rng(6).normal(size=(2, 3, 3))

    def oracle_loss(**arguments):
        results = reference.lstm(**arguments, mask=mask)
        return (weights * results["c" if result == "cell" else result]).sum()

    x, *state = (tf.constant(problem[name]) for name in ("x", "h_0", "c_0"))
    with tf.GradientTape() as tape:
        tape.watch((x, state))
        _, gates = layer(x, initial_state=state, mask=mask)
        loss = tf.reduce_sum(weights * gates[result])
    sources = [x, *state, *(v.value for v in layer.trainable_variables)]
    got = tape.gradient(loss, sources, unconnected_gradients="zero")
    names = ("x", "h_0", "c_0", "kernel", "recurrent_kernel", "bias")
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
def test_options_equal_keras(options):
    options = {"return_sequences": True, "return_state": True, **options}
    got = results_and_gradients(explicit_lstm(**options), mask=MASKS["holes"])
    expected = results_and_gradients(keras_lstm(**options), mask=MASKS["holes"])
    assert_all_close(got[0], expected[0])
    assert_all_close(got[1], expected[1])


def test_without_initial_state_starts_from_zero():
    problem = {**PROBLEM, "h_0": np.zeros((3, UNITS)), "c_0": np.zeros((3, UNITS))}
    y = explicit_lstm(return_sequences=True)(X)
    assert_all_close([y], [reference.lstm(**problem)["h"]])


def test_a_mask_of_numbers():
    layer = explicit_lstm(return_sequences=True)
    expected = layer(X, mask=MASKS["holes"])
    assert_all_close([layer(X, mask=MASKS["holes"].astype("float32"))], [expected])
    assert_all_close([layer(X, mask=MASKS["holes"].astype("int64"))], [expected])


def test_masked_values_do_not_matter():
    mask = MASKS["holes"]
    other = np.where(mask[..., None], X, 1e6)
    layer = explicit_lstm(return_sequences=True, return_state=True, return_gates=True)
    got = tf.nest.flatten(layer(other, mask=mask))
    assert_all_close(got, tf.nest.flatten(layer(X, mask=mask)))


@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (5, 1)])
def test_one_row_and_one_step(shape, unroll):
    problem = reference.random_problem(*shape, seed=7)
    layer = explicit_lstm(
        problem, return_sequences=True, return_gates=True, unroll=unroll
    )
    y, gates = layer(problem["x"], initial_state=[problem["h_0"], problem["c_0"]])
    expected = reference.lstm(**problem)
    assert_all_close([y, gates["forget"]], [expected["h"], expected["forget"]])


def test_a_thousand_steps():
    problem = reference.random_problem(rows=2, length=1000, seed=8)
    mask = np.random.default_rng(9).random((2, 1000)) < 0.9
    options = {"return_sequences": True, "return_state": True}
    layer = explicit_lstm(problem, return_gates=True, **options)
    peer = keras_lstm(problem, **options)
    run = tf.function(lambda: results_and_gradients(layer, problem, mask, keep=3))
    results, slopes = run()
    expected = reference.lstm(**problem, mask=mask)
    y, h, c, *_ = results
    assert_all_close([h, c], expected["state"])
    assert_all_close(
        [y],
        [
            reference.layer_output(
                expected["h"], mask, zero_output_for_mask=False, return_sequences=True
            )
        ],
    )
    run_peer = tf.function(lambda: results_and_gradients(peer, problem, mask))
    assert_all_close(slopes, run_peer()[1], tolerance=1e-7)


def test_any_length_in_one_trace():
    layer = explicit_lstm(return_sequences=True, return_gates=True)
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
        problem = reference.random_problem(rows, length, seed=length)
        x, mask = problem["x"], problem["x"][..., 0] > -0.3
        y, gates = run(x, mask)
        expected_y, expected_gates = layer(x, mask=mask)
        assert tuple(y.shape) == (rows, length, UNITS)
        assert_all_close([y], [expected_y])
        for name, value in gates.items():
            assert_all_close([value], [expected_gates[name]])
    assert len(traces) == 1


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("unroll", [False, True])
def test_no_steps_gives_the_initial_state(unroll, masked):
    layer = explicit_lstm(
        return_sequences=True, return_state=True, return_gates=True, unroll=unroll
    )
    mask = np.zeros((3, 0), bool) if masked else None
    y, h, c, gates = layer(X[:, :0], initial_state=STATE, mask=mask)
    assert tuple(y.shape) == tuple(gates["input"].shape) == (3, 0, UNITS)
    assert_all_close([h, c], STATE)
    last = explicit_lstm(unroll=unroll)(X[:, :0], mask=mask)
    assert_all_close([last], [np.zeros((3, UNITS))])


def test_no_rows():
    y = explicit_lstm(return_sequences=True)(X[:0])
    assert tuple(y.shape) == (0, 5, UNITS)


def test_integer_input_equals_keras():
    x = np.arange(30).reshape(3, 5, 2) % 7
    assert_all_close([explicit_lstm()(x)], [keras_lstm()(x)])


@pytest.mark.parametrize("unit_forget_bias", [False, True])
def test_initialisers_equal_keras(unit_forget_bias):
    def fresh(layer_class):
        layer = layer_class(
            UNITS,
            kernel_initializer=keras.initializers.RandomNormal(seed=1),
            recurrent_initializer=keras.initializers.Orthogonal(seed=2),
            bias_initializer=keras.initializers.RandomUniform(seed=3),
            unit_forget_bias=unit_forget_bias,
        )
        layer.build((None, None, 3))
        return layer

    layer, peer = fresh(ExplicitLSTM), fresh(keras.layers.LSTM)
    assert [v.path.split("/")[1:] for v in layer.weights] == [
        v.path.split("/")[1:] for v in peer.weights
    ]
    assert_all_close(layer.get_weights(), peer.get_weights(), tolerance=0)
