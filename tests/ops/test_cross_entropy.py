"""Against float64 NumPy, and the gradient against TensorFlow's own."""

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.ops import cross_entropy

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 3, (3, 4, 7))
TARGETS = RNG.integers(0, 7, (3, 4))
MASK = np.arange(4) < np.array([[4], [2], [0]])
WEIGHTS = RNG.normal(size=(3, 4))


def oracle(logits, targets, smoothing):
    losses = np.zeros(targets.shape)
    for place in np.ndindex(*targets.shape):
        x = logits[place]
        p = np.exp(x) / np.exp(x).sum()
        wanted = np.full(len(x), smoothing / len(x))
        wanted[targets[place]] += 1 - smoothing
        losses[place] = -(wanted * np.log(p)).sum()
    return losses


def plain(logits, smoothing):
    """The same by operations that TensorFlow differentiates itself."""
    log_p = tf.nn.log_softmax(logits)
    wanted = (1 - smoothing) * tf.one_hot(TARGETS, 7, dtype=logits.dtype)
    return -tf.reduce_sum((wanted + smoothing / 7) * log_p, axis=-1)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_values(smoothing):
    found = cross_entropy(tf.constant(LOGITS), TARGETS, label_smoothing=smoothing)
    np.testing.assert_allclose(found, oracle(LOGITS, TARGETS, smoothing), rtol=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("mask", [None, MASK])
@pytest.mark.parametrize("run", ["eager", "graph", "xla"])
def test_gradient(smoothing, mask, run):
    counts = np.ones((3, 4)) if mask is None else mask.astype(float)

    def ours(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            losses = cross_entropy(x, TARGETS, label_smoothing=smoothing, mask=mask)
            loss = tf.reduce_sum(WEIGHTS * losses)
        return tape.gradient(loss, x)

    if run != "eager":
        ours = tf.function(ours, jit_compile=run == "xla")
    x = tf.constant(LOGITS)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(WEIGHTS * counts * plain(x, smoothing))
    np.testing.assert_allclose(ours(x), tape.gradient(loss, x), atol=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_sizes_known_only_when_run(smoothing):
    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], "float64"),
            tf.TensorSpec([None], "int32"),
        ]
    )
    def slope(logits, targets):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = cross_entropy(logits, targets, label_smoothing=smoothing)
        return tape.gradient(loss, logits)

    for row in range(3):
        x = tf.constant(LOGITS[row])
        p = tf.nn.softmax(x).numpy()
        wanted = (1 - smoothing) * np.eye(7)[TARGETS[row]] + smoothing / 7
        found = slope(x, TARGETS[row].astype("int32"))
        np.testing.assert_allclose(found, p - wanted, rtol=1e-9, atol=1e-12)


def test_integers_are_no_logits():
    with pytest.raises(ValueError, match=r"`logits` must be floats; received .*int"):
        cross_entropy(np.ones((2, 3), "int32"), np.zeros(2, "int32"))


def test_second_derivatives():
    def second(function):
        x = tf.constant(LOGITS)
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                loss = tf.reduce_sum(WEIGHTS * function(x))
            square = tf.reduce_sum(inner.gradient(loss, x) ** 2)
        return outer.gradient(square, x)

    ours = second(lambda x: cross_entropy(x, TARGETS, label_smoothing=0.2))
    np.testing.assert_allclose(ours, second(lambda x: plain(x, 0.2)), atol=1e-12)


def test_what_is_masked_may_be_anything():
    logits = np.where(MASK[..., None], LOGITS, np.nan)
    x = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(x)
        losses = cross_entropy(x, TARGETS, label_smoothing=0.1, mask=MASK)
    expected = np.where(MASK, oracle(LOGITS, TARGETS, 0.1), 0)
    np.testing.assert_allclose(losses, expected, rtol=1e-12)
    gradient = tape.gradient(losses, x).numpy()
    assert np.isfinite(gradient).all()
    assert not gradient[~MASK].any()


def test_tokens_that_cannot_be():
    logits = np.array([[1.0, -np.inf, 2.0]])
    x = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(x)
        losses = cross_entropy(x, np.array([0]))
    p = np.exp([1.0, 2.0]) / np.exp([1.0, 2.0]).sum()
    np.testing.assert_allclose(losses, [-np.log(p[0])], rtol=1e-12)
    np.testing.assert_allclose(tape.gradient(losses, x), [[p[0] - 1, 0, p[1]]])


def test_large_logits():
    losses = cross_entropy(np.array([[1e4, 0.0]], "float32"), np.array([1]))
    np.testing.assert_allclose(losses, [1e4])


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, float("nan")])
def test_refused(smoothing):
    with pytest.raises(ValueError, match=r"`label_smoothing` must be in \[0, 1\)"):
        cross_entropy(LOGITS, TARGETS, label_smoothing=smoothing)


@pytest.mark.parametrize("rows", [slice(0, 1), 0])
def test_shapes_that_would_be_broadcast(rows):
    with pytest.raises(ValueError, match="`targets` must have the shape of the logits"):
        cross_entropy(LOGITS, TARGETS[rows])
    with pytest.raises(ValueError, match="`mask` must have the shape of the logits"):
        cross_entropy(LOGITS, TARGETS, mask=MASK[rows])
