"""The gradient derived by hand against TensorFlow's own of the same loop."""

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.ops import lstm
from tests.reference.lstm import mask_patterns

B, T, D, UNITS = 5, 6, 3, 4
MASKS = {"none": None, **mask_patterns(B, T)}


def problem(dtype="float64", steps=T):
    rng = np.random.default_rng(7)
    shapes = {
        "x": (B, steps, D),
        "h": (B, UNITS),
        "c": (B, UNITS),
        "W": (D, 4 * UNITS),
        "U": (UNITS, 4 * UNITS),
        "b": (4 * UNITS,),
    }
    return {k: tf.constant(rng.normal(size=s), dtype) for k, s in shapes.items()}


def results(arguments, training, **options):
    """Everything the function returns, as one flat list."""
    x, h, c, *weights = arguments.values()
    sequence, state, gates = lstm(x, (h, c), *weights, training=training, **options)
    flat = [] if sequence is None else [sequence]
    return [*flat, *state, *(gates or {}).values()]


def gradients(arguments, training, **options):
    """Results, and the gradients of a loss on all of them."""
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        outputs = results(arguments, training, **options)
        # Another error for every element of every output.
        loss = sum(
            tf.reduce_sum((number + 1.3) * y + y**3) for number, y in enumerate(outputs)
        )
    return outputs, tape.gradient(
        loss, arguments, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )


def assert_same(arguments, tolerance=1e-11, run=gradients, **options):
    by_hand, derived = run(arguments, True, **options)
    own, expected = run(arguments, False, **options)
    for a, e in zip(by_hand, own, strict=True):
        np.testing.assert_allclose(a, e, rtol=tolerance, atol=tolerance)
    for name in arguments:
        np.testing.assert_allclose(
            derived[name], expected[name], rtol=tolerance, atol=tolerance, err_msg=name
        )


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("return_gates", [False, True])
@pytest.mark.parametrize("go_backwards", [False, True])
def test_every_gradient(mask, return_gates, go_backwards):
    assert_same(
        problem(),
        mask=MASKS[mask],
        return_gates=return_gates,
        go_backwards=go_backwards,
    )


def test_of_the_last_state_alone():
    assert_same(problem(), return_sequences=False)


@pytest.mark.parametrize("return_gates", [False, True])
@pytest.mark.parametrize("steps", [0, 1])
def test_few_steps(steps, return_gates):
    assert_same(problem(steps=steps), return_gates=return_gates)


@pytest.mark.parametrize("gate", ["input", "forget", "candidate", "output", "cell"])
def test_of_a_loss_on_one_gate(gate):
    def run(arguments, training):
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            x, h, c, *weights = arguments.values()
            _, _, gates = lstm(
                x, (h, c), *weights, training=training, return_gates=True
            )
            loss = tf.reduce_sum(gates[gate] ** 2)
        return [], tape.gradient(loss, arguments)

    assert_same(problem(), run=run)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_in_graphs(jit_compile):
    mask = tf.constant(mask_patterns(B, T)["holes"])

    def run(arguments, training):
        function = tf.function(
            lambda a: gradients(a, training, mask=mask, return_gates=True),
            jit_compile=jit_compile,
        )
        return function(arguments)

    assert_same(problem("float32"), 2e-5, run=run)


def test_with_unknown_batch_and_length():
    specs = {
        name: tf.TensorSpec(
            [None] * (value.shape.rank - 1) + value.shape[-1:]
            if name in "xhc"
            else value.shape,
            value.dtype,
        )
        for name, value in problem().items()
    }

    @tf.function(input_signature=[specs])
    def function(arguments):
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            loss = sum(tf.reduce_sum(y**2) for y in results(arguments, True))
        return tape.gradient(loss, arguments)

    for steps in (1, 4):
        arguments = problem(steps=steps)
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            loss = sum(tf.reduce_sum(y**2) for y in results(arguments, False))
        expected = tape.gradient(loss, arguments)
        for name, value in function(arguments).items():
            np.testing.assert_allclose(value, expected[name], rtol=1e-11, atol=1e-11)


def test_second_derivatives():
    def run(arguments, training):
        with tf.GradientTape() as outer:
            outer.watch(arguments)
            _, first = gradients(arguments, training, return_gates=True)
            loss = sum(tf.reduce_sum(g**2) for g in first.values())
        return [], outer.gradient(loss, arguments)

    assert_same(problem(), run=lambda *a: tf.function(run, reduce_retracing=True)(*a))
