"""The loop over time against a Python loop in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.ops._scan import scan

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 2, 3))
Y = RNG.normal(size=(6, 2, 1))
STATE = (RNG.normal(size=(2, 3)), RNG.normal(size=(2, 1)))


def step(state, inputs):
    (a, b), (x, y) = state, inputs
    a, b = 0.5 * a + x * b, b - y
    return (a, b), (a * y, b, x)


def reference(length):
    state, emitted = STATE, []
    for t in range(length):
        state, out = step(state, (X[t], Y[t]))
        emitted.append(out)
    return state, [np.stack(stack) for stack in zip(*emitted, strict=True)]


def run(x, y, **kwargs):
    state = tuple(tf.constant(s) for s in STATE)
    like = (state[0], state[1], state[0])
    return scan(
        step,
        state,
        (tf.convert_to_tensor(x), tf.convert_to_tensor(y)),
        emit_like=like,
        **kwargs,
    )


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize("length", [1, 6])
def test_states_and_emissions(length, unroll, compiled):
    function = tf.function(run) if compiled else run
    state, emitted = function(X[:length], Y[:length], unroll=unroll)
    expected_state, expected_emitted = reference(length)
    for value, expected in zip(
        (*state, *emitted), (*expected_state, *expected_emitted), strict=True
    ):
        np.testing.assert_allclose(value, expected, rtol=1e-12)


@pytest.mark.parametrize("unroll", [False, True])
def test_nothing_emitted(unroll):
    def silent(state, inputs):
        return step(state, inputs)[0], ()

    state, emitted = scan(
        silent,
        tuple(tf.constant(s) for s in STATE),
        (tf.constant(X), tf.constant(Y)),
        unroll=unroll,
    )
    assert emitted == ()
    for value, expected in zip(state, reference(6)[0], strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-12)


@pytest.mark.parametrize("unroll", [False, True])
def test_no_steps_gives_the_initial_state_and_empty_stacks(unroll):
    state, emitted = run(X[:0], Y[:0], unroll=unroll)
    for value, expected in zip(state, STATE, strict=True):
        np.testing.assert_array_equal(value, expected)
    assert [tuple(e.shape) for e in emitted] == [(0, 2, 3), (0, 2, 1), (0, 2, 3)]


def test_unknown_length_in_one_trace_with_gradients():
    traces = []
    free = [
        tf.TensorSpec(shape, "float64")
        for shape in ((None, None, 3), (None, None, 1), (None, 3), (None, 1))
    ]

    def total_and_gradients(*arguments):
        traces.append(1)
        x, y, a, b = arguments
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            (_, end), emitted = scan(step, (a, b), (x, y), emit_like=(a, b, a))
            total = tf.reduce_sum(end) + sum(tf.reduce_sum(e**2) for e in emitted)
        return total, tape.gradient(total, arguments, unconnected_gradients="zero")

    compiled = tf.function(total_and_gradients, input_signature=free)
    for length in (0, 1, 4, 6):
        arguments = [tf.constant(v) for v in (X[:length], Y[:length], *STATE)]
        expected, expected_gradients = total_and_gradients(*arguments)
        value, gradients = compiled(*arguments)
        np.testing.assert_allclose(value, expected, rtol=1e-12)
        for got, want in zip(gradients, expected_gradients, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)
    eager = 4
    assert len(traces) == eager + 1


def test_xla_differentiates_the_loop():
    def total(x):
        state, emitted = run(x, Y)
        return tf.reduce_sum(state[0]) + tf.reduce_sum(emitted[0] ** 2)

    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = total(x)
        return tape.gradient(value, x)

    x = tf.constant(X)
    np.testing.assert_allclose(
        tf.function(gradient, jit_compile=True)(x), gradient(x), rtol=1e-10
    )


def test_unroll_needs_a_known_length():
    unknown = tf.TensorSpec((None, 2, 3), "float64")

    @tf.function(input_signature=[unknown])
    def unrolled(x):
        return run(x, x[..., :1], unroll=True)

    with pytest.raises(
        ValueError, match=r"`unroll=True` needs a static .* received None"
    ):
        unrolled(X)
