"""Attention pooling by its equations, masks, saving, other precisions, gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.layers import AttentionPooling
from tests.reference.attention import softmax
from tests.reference.recurrence import mask_patterns

ROWS, STEPS, SIZE = 3, 5, 4


def random(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def built(**options):
    layer = AttentionPooling(6, **options)
    layer.build((None, None, SIZE))
    layer.set_weights([random(i, *w.shape) for i, w in enumerate(layer.weights)])
    return layer


def oracle(layer, x, mask):
    """Weights and result, a row and a step at a time, in float64."""
    kernel, energy, *bias = (w.astype("float64") for w in layer.get_weights())
    weights, pooled = [], []
    for row, counts in zip(x.astype("float64"), mask, strict=True):
        hidden = [np.tanh(step @ kernel + (bias[0] if bias else 0)) for step in row]
        a = softmax(np.array([(h @ energy)[0] for h in hidden]), counts)
        weights.append(a)
        total = np.zeros(row.shape[-1])
        for t in np.flatnonzero(counts):
            total += a[t] * row[t]
        pooled.append(total)
    return np.array(pooled), np.array(weights)


@pytest.mark.parametrize("pattern", mask_patterns(ROWS, STEPS))
@pytest.mark.parametrize("use_bias", [True, False])
def test_against_the_equations(pattern, use_bias):
    mask = mask_patterns(ROWS, STEPS)[pattern]
    layer, x = built(use_bias=use_bias), random(9, ROWS, STEPS, SIZE)
    counts = np.ones((ROWS, STEPS), bool) if mask is None else mask
    hidden = np.where(counts[..., None], x, np.nan)
    pooled, weights = layer(hidden, mask=mask, return_attention_scores=True)
    expected, a = oracle(layer, x, counts)
    np.testing.assert_allclose(weights, a, atol=1e-6)
    np.testing.assert_allclose(pooled, expected, atol=1e-5)
    np.testing.assert_allclose(layer(hidden, mask=mask), pooled)


def test_the_mask_that_comes_along_and_one_step():
    ids = np.array([[3, 1, 0], [2, 0, 0]])
    vectors = keras.layers.Embedding(5, SIZE, mask_zero=True)(ids)
    layer = built()
    expected, _ = oracle(layer, np.asarray(vectors), ids > 0)
    np.testing.assert_allclose(layer(vectors), expected, atol=1e-5)
    x = random(3, 2, 1, SIZE)
    np.testing.assert_allclose(layer(x), x[:, 0], rtol=1e-6)


@pytest.mark.parametrize("jit_compile", [True, False])
def test_trained_saved_and_loaded(tmp_path, jit_compile):
    inputs = keras.Input((None, SIZE))
    outputs = keras.layers.Dense(1)(AttentionPooling(3, name="pooling")(inputs))
    model = keras.Model(inputs, outputs)
    model.compile("adam", "mse", jit_compile=jit_compile)
    x = random(4, 8, STEPS, SIZE)
    model.optimizer.build(model.trainable_variables)  # or `fit` traces twice
    before = model.get_weights()
    model.fit(x, x[:, 1, :1], verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        assert (old != new).any()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        again.predict(x, verbose=0), model.predict(x, verbose=0)
    )
    config = model.get_layer("pooling").get_config()
    assert AttentionPooling.from_config(config).get_config() == config


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_precisions(dtype):
    layer, x = built(dtype=dtype), random(5, ROWS, STEPS, SIZE)
    mask = mask_patterns(ROWS, STEPS)["whole rows"]
    pooled = layer(x, mask=mask)
    assert pooled.dtype == layer.compute_dtype
    expected, _ = oracle(layer, x, mask)
    close = {"mixed_float16": 5e-3, "mixed_bfloat16": 5e-2, "float64": 1e-6}[dtype]
    np.testing.assert_allclose(np.asarray(pooled, "float64"), expected, atol=close)


def test_gradients_are_finite_where_all_is_masked():
    layer = built()
    x = tf.constant(np.full((2, 3, SIZE), np.nan, "float32"))
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(layer(x, mask=np.zeros((2, 3), bool)))
    for slope in tape.gradient(loss, [x, *layer.trainable_variables]):
        assert np.isfinite(slope).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: AttentionPooling(0), "`units` must be a positive integer; received 0"),
        (lambda: AttentionPooling(2, use_bias=1), "`use_bias` must be True or False"),
        (lambda: AttentionPooling(2)(np.zeros((2, 3))), r"`inputs` must have shape"),
        (
            lambda: AttentionPooling(2)(np.zeros((2, 3, 4)), mask=np.ones((2, 4))),
            r"`mask` must have shape \(B, T\) = \(2, 3\)",
        ),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
