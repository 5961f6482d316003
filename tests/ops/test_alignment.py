"""From energies to weights, against the oracle."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.ops import hard_monotonic, masked_softmax, monotonic, sparsemax
from tests.reference import attention as reference

SHAPES = [(1, 1), (4, 7), (3, 16)]


def masks(rows, source):
    place = np.arange(source)
    holes = (place + np.arange(rows)[:, None]) % 3 != 1
    holes[-1] = False
    return {
        "none": None,
        "holes": holes,
        "right": np.broadcast_to(place < max(source - 2, 1), (rows, source)),
        "left": np.broadcast_to(place >= source // 2, (rows, source)),
    }


def each_row(function, *arrays):
    mask = arrays[-1]
    return np.stack(
        [
            function(*(array[b] for array in arrays[:-1]), None if mask is None else m)
            for b, m in enumerate(arrays[0] if mask is None else mask)
        ]
    )


@pytest.mark.parametrize("name", ["none", "holes", "right", "left"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("function", "oracle"),
    [(masked_softmax, reference.softmax), (sparsemax, reference.sparsemax)],
)
def test_weights(function, oracle, shape, name):
    energies = np.random.default_rng(0).normal(0, 1.5, shape)
    mask = masks(*shape)[name]
    weights = function(energies, mask).numpy()
    np.testing.assert_allclose(
        weights, each_row(oracle, energies, mask), rtol=1e-12, atol=1e-14
    )
    if mask is not None:
        assert not weights[~mask].any()


@pytest.mark.parametrize("function", [masked_softmax, sparsemax])
def test_the_mask_broadcasts(function):
    energies = np.random.default_rng(1).normal(size=(4, 3, 7))
    mask = masks(4, 7)["holes"]
    weights = function(energies, mask[:, None])
    for t in range(3):
        np.testing.assert_array_equal(weights[:, t], function(energies[:, t], mask))


@pytest.mark.parametrize("function", [masked_softmax, sparsemax])
@pytest.mark.parametrize("hidden", [np.nan, np.inf, 1e30, -1e30])
def test_nothing_masked_reaches_a_result_or_a_gradient(function, hidden):
    energies = np.random.default_rng(2).normal(size=(4, 7))
    mask = masks(4, 7)["holes"]

    def both(energies):
        energies = tf.constant(energies)
        with tf.GradientTape() as tape:
            tape.watch(energies)
            weights = function(energies, mask)
            loss = tf.reduce_sum(weights * np.arange(1.0, 8))
        return weights, tape.gradient(loss, energies)

    expected = both(energies)
    for value, want in zip(
        both(np.where(mask, energies, hidden)), expected, strict=True
    ):
        np.testing.assert_array_equal(value, want)
    assert np.isfinite(expected[1]).all()
    assert not expected[1].numpy()[~mask].any()


def test_gradient_of_sparsemax():
    """The projection on the support: g - mean of g over it."""
    energies = tf.constant(np.random.default_rng(3).normal(size=(5, 6)))
    factors = np.random.default_rng(4).normal(size=(5, 6))
    with tf.GradientTape() as tape:
        tape.watch(energies)
        weights = sparsemax(energies)
        loss = tf.reduce_sum(weights * factors)
    support = weights.numpy() > 0
    assert 5 < support.sum() < 30
    mean = (factors * support).sum(1, keepdims=True) / support.sum(1, keepdims=True)
    np.testing.assert_allclose(
        tape.gradient(loss, energies), support * (factors - mean), atol=1e-12
    )


@pytest.mark.parametrize("function", [masked_softmax, sparsemax])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_few_digits(function, dtype):
    """Large negative energies; and a long source with many small weights."""
    mask = np.array([[True, True, False]])
    energies = keras.ops.cast(np.array([[-20000.0, -30000.0, 0.0]]), dtype)
    weights = function(energies, mask)
    assert keras.backend.standardize_dtype(weights.dtype) == dtype
    np.testing.assert_array_equal(keras.ops.cast(weights, "float32"), [[1, 0, 0]])
    energies = np.random.default_rng(5).normal(0, 1e-3, (1, 2000))
    weights = keras.ops.cast(function(keras.ops.cast(energies, dtype)), "float64")
    np.testing.assert_allclose(np.sum(weights), 1, atol=5e-3)


@pytest.mark.parametrize("source", [1, 2, 3, 5])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    ("function", "oracle"),
    [
        (monotonic, reference.monotonic_paths),
        (hard_monotonic, reference.hard_monotonic_paths),
    ],
)
def test_monotonic_step_by_step(function, oracle, source, masked):
    """Four steps from the first position on, against the sum over all paths."""
    choices = np.random.default_rng(source).uniform(size=(6, 4, source))
    choices[0, :, -1] = 1.0  # It surely stops.
    choices[1, 2] = 0.0  # It surely runs off.
    if masked:
        choices[2:4, :, 0] = 0
    expected = np.stack([oracle(one) for one in choices])
    weights = np.eye(source)[np.zeros(6, int)]
    for t in range(4):
        weights = function(choices[:, t], weights)
        np.testing.assert_allclose(weights, expected[:, t], rtol=1e-12, atol=1e-14)


def test_monotonic_where_the_source_is_known_only_when_run():
    specification = tf.TensorSpec((None,), "float32")
    graph = tf.function(
        lambda p, q: monotonic(p, q),
        input_signature=[specification] * 2,
        autograph=False,
    )
    rng = np.random.default_rng(6)
    for source in (1, 2, 7, 8, 9):
        p, q = rng.uniform(size=(2, source)).astype("float32")
        np.testing.assert_allclose(graph(p, q), monotonic(p, q), atol=1e-6)

    def slopes(p, q):
        with tf.GradientTape() as tape:
            tape.watch([p, q])
            loss = tf.reduce_sum(monotonic(p, q) ** 2)
        return tape.gradient(loss, [p, q])

    p, q = (tf.constant(a, "float32") for a in rng.uniform(size=(2, 9)))
    expected = slopes(p, q)
    unknown = tf.function(slopes, input_signature=[specification] * 2, autograph=False)(
        p, q
    )
    compiled = tf.function(slopes, autograph=False, jit_compile=True)(p, q)
    for found in (unknown, compiled):
        for value, want in zip(found, expected, strict=True):
            np.testing.assert_allclose(value, want, rtol=1e-5, atol=1e-6)


def test_monotonic_has_no_vanishing_divisor():
    """A long source, with choices of exactly 1 in it: finite, and exact."""
    p = np.full((1, 3000), 0.4)
    p[0, 100] = p[0, 2000] = 1.0
    p, previous = tf.constant(p, "float32"), np.zeros((1, 3000), "float32")
    previous[0, [0, 1000]] = 0.5
    with tf.GradientTape() as tape:
        tape.watch(p)
        weights = monotonic(p, previous)
        loss = tf.reduce_sum(weights * np.arange(3000, dtype="float32"))
    assert np.isfinite(tape.gradient(loss, p)).all()
    np.testing.assert_allclose(np.sum(weights), 1, rtol=1e-5)
    expected = 0.5 * 0.4 * 0.6 ** np.arange(20)
    for start in (0, 1000):
        np.testing.assert_allclose(
            weights[0, start : start + 20], expected, rtol=1e-4, atol=1e-9
        )
    assert not np.any(weights[0, 101:1000])
    assert not np.any(weights[0, 2001:])
