"""Encoder and decoder give the oracle's outputs and attention weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.layers import TransformerDecoder, TransformerEncoder
from tests.layers.transformers import (
    MASKS,
    MEMORY,
    MEMORY_MASKS,
    SIZES,
    D,
    X,
    assert_close,
    decoder,
    encoder,
    oracle,
    random,
)

each_norm = pytest.mark.parametrize("norm_first", [True, False])


@pytest.mark.parametrize("name", MASKS)
@each_norm
def test_encoder(norm_first, name):
    layer, mask = encoder(norm_first=norm_first), MASKS[name]
    outputs, scores = layer(X, mask=mask, return_attention_scores=True)
    expected, expected_scores, _ = oracle(layer, mask=mask)
    assert_close([outputs], [expected])
    assert_close(scores, expected_scores)
    np.testing.assert_array_equal(layer(X, mask=mask), outputs)


@pytest.mark.parametrize("name", MASKS)
@each_norm
def test_decoder(norm_first, name):
    layer = decoder(norm_first=norm_first)
    given = {"mask": MASKS[name], "memory_mask": MEMORY_MASKS[name]}
    outputs, scores, own = layer(
        X,
        MEMORY,
        return_attention_scores=True,
        return_self_attention_scores=True,
        **given,
    )
    expected, expected_own, expected_scores = oracle(layer, memory=MEMORY, **given)
    assert_close([outputs], [expected])
    assert_close(scores, expected_scores)
    assert_close(own, expected_own)
    np.testing.assert_array_equal(layer(X, MEMORY, **given), outputs)
    _, again = layer(X, MEMORY, return_self_attention_scores=True, **given)
    assert_close(again, expected_own)


@pytest.mark.parametrize("name", MASKS)
def test_language_model(name):
    layer, mask = decoder(memory=False), MASKS[name]
    outputs, scores = layer(X, mask=mask, return_attention_scores=True)
    expected, own, crossed = oracle(layer, mask=mask)
    assert crossed == []
    assert_close([outputs], [expected])
    assert_close(scores, own)


def test_options_of_the_equations():
    layer = encoder(activation="gelu", layer_norm_epsilon=0.3, num_heads=4)

    def gelu(z):
        return np.array(keras.activations.gelu(tf.constant(z)))

    expected, *_ = oracle(layer, activation=gelu)
    assert_close([layer(X)], [expected])


@pytest.mark.parametrize("name", ["right", "left", "holes", "row"])
def test_nothing_masked_is_seen_even_if_it_is_nan(name):
    mask, memory_mask = MASKS[name], MEMORY_MASKS[name]
    hurt = np.where(mask[..., None], X, np.nan)
    hurt_memory = np.where(memory_mask[..., None], MEMORY, np.nan)
    kept = encoder()(X, mask=mask).numpy()
    got = encoder()(hurt, mask=mask).numpy()
    assert np.isfinite(got).all()
    np.testing.assert_array_equal(got[mask], kept[mask])

    layer = decoder()
    kept = layer(X, MEMORY, mask=mask, memory_mask=memory_mask).numpy()
    got = layer(hurt, hurt_memory, mask=mask, memory_mask=memory_mask).numpy()
    assert np.isfinite(got).all()
    np.testing.assert_array_equal(got[mask], kept[mask])

    variables = [tf.Variable(hurt), tf.Variable(hurt_memory)]
    with tf.GradientTape() as tape:
        outputs = layer(*variables, mask=mask, memory_mask=memory_mask)
        loss = tf.reduce_sum(outputs**2)
    for slope in tape.gradient(loss, variables + layer.trainable_variables):
        assert np.isfinite(slope).all()


def test_a_step_sees_nothing_behind_it():
    layer, changed = decoder(), X.copy()
    changed[:, 3:] = 7.0 * random(9, *changed[:, 3:].shape)
    before, after = layer(X, MEMORY).numpy(), layer(changed, MEMORY).numpy()
    np.testing.assert_allclose(after[:, :3], before[:, :3], atol=1e-5)
    assert np.abs(after[:, 3:] - before[:, 3:]).max() > 0.1


@pytest.mark.parametrize("kind", ["functional", "eager", "function"])
def test_masks_that_come_with_the_inputs(kind):
    """An embedding's masks act, are passed on, and give way to explicit ones."""
    embed = keras.layers.Embedding(9, D, mask_zero=True)
    ids, source_ids = np.array([[3, 4, 0, 0]]), np.array([[0, 5, 6, 7, 0]])
    encode, decode = TransformerEncoder(**SIZES), TransformerDecoder(**SIZES)

    def run(ids, source_ids):
        memory, own = encode(embed(source_ids), return_attention_scores=True)
        outputs, scores, selves = decode(
            embed(ids),
            memory,
            return_attention_scores=True,
            return_self_attention_scores=True,
        )
        return outputs, own, scores, selves

    if kind == "functional":
        inputs = (
            keras.Input((None,), dtype="int32"),
            keras.Input((None,), dtype="int32"),
        )
        outputs, own, scores, selves = keras.Model(inputs, run(*inputs))(
            (ids, source_ids)
        )
    else:
        chosen = run if kind == "eager" else tf.function(run)
        outputs, own, scores, selves = chosen(tf.constant(ids), tf.constant(source_ids))
    if kind == "eager":
        np.testing.assert_array_equal(outputs._keras_mask, ids != 0)
    mask, memory_mask = ids != 0, source_ids != 0
    x, source = embed(ids).numpy(), embed(source_ids).numpy()
    memory, expected_own, _ = oracle(encode, source, mask=memory_mask)
    assert_close(own, expected_own)
    expected, expected_selves, expected_scores = oracle(
        decode, x, mask=mask, memory=memory, memory_mask=memory_mask
    )
    assert_close([outputs], [expected])
    assert_close(scores, expected_scores)
    assert_close(selves, expected_selves)


def test_an_explicit_mask_comes_before_the_implicit():
    embed = keras.layers.Embedding(9, D, mask_zero=True)
    ids = np.array([[3, 4, 0, 0]])
    mask = np.array([[True, False, True, True]])
    layer = decoder(memory=False)
    got = layer(embed(ids), mask=mask)
    expected, *_ = oracle(layer, embed(ids).numpy(), mask=mask)
    assert_close([got], [expected])
    np.testing.assert_array_equal(got._keras_mask, mask)


def test_unknown_batch_and_length():
    layers = encoder(), decoder(), decoder(memory=False)
    x, memory = keras.Input((None, D)), keras.Input((None, 6))
    encoded, encoder_scores = layers[0](x, return_attention_scores=True)
    decoded, scores = layers[1](x, memory, return_attention_scores=True)
    alone, own = layers[2](x, return_self_attention_scores=True)
    assert encoded.shape == decoded.shape == alone.shape == (None, None, D)
    assert encoder_scores[0].shape == scores[1].shape == (None, 2, None, None)
    model = keras.Model((x, memory), (encoded, encoder_scores, decoded, scores, own))
    for rows, steps, source in ((3, 5, 7), (2, 1, 3), (1, 4, 1)):
        given = X[:rows, :steps], MEMORY[:rows, :source]
        got = model(given)
        first, first_scores, _ = oracle(layers[0], given[0])
        second, _, second_scores = oracle(layers[1], given[0], memory=given[1])
        _, third, _ = oracle(layers[2], given[0])
        assert_close([got[0], *got[1], got[2]], [first, *first_scores, second])
        assert_close([*got[3], *got[4]], [*second_scores, *third])


def test_symbolic_shapes_are_those_of_the_results():
    layer = decoder()
    symbolic = layer(
        keras.Input((5, D), batch_size=3),
        keras.Input((7, 6), batch_size=3),
        return_attention_scores=True,
        return_self_attention_scores=True,
    )
    real = layer(
        X, MEMORY, return_attention_scores=True, return_self_attention_scores=True
    )
    flat = list(zip(*map(keras.tree.flatten, (symbolic, real)), strict=True))
    assert len(flat) == 5
    for one, other in flat:
        assert tuple(one.shape) == tuple(other.shape)
        assert one.dtype == keras.backend.standardize_dtype(other.dtype)
    assert encoder().compute_output_shape((4, 6, D)) == (4, 6, D)
    assert layer.compute_output_shape((4, 6, D)) == (4, 6, D)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_other_dtypes(policy):
    """Masks stay finite in half precision, and rows without a key give zeros."""
    dtype = keras.DTypePolicy(policy).compute_dtype
    coarse = {"float16": 2e-2, "bfloat16": 1.5e-1, "float64": 1e-10}[dtype]
    for name in ("holes", "row"):
        layer = decoder(dtype=policy)
        given = {"mask": MASKS[name], "memory_mask": MEMORY_MASKS[name]}
        outputs, scores = layer(X, MEMORY, return_attention_scores=True, **given)
        expected, _, expected_scores = oracle(layer, memory=MEMORY, **given)
        for got, wanted in zip(
            [outputs, *scores], [expected, *expected_scores], strict=True
        ):
            assert got.dtype == dtype
            np.testing.assert_allclose(tf.cast(got, "float64"), wanted, atol=coarse)


@pytest.mark.parametrize("jit_compile", [True, False])
def test_fit(jit_compile):
    inputs, source = keras.Input((4, D)), keras.Input((6, 6))
    memory = TransformerEncoder(1, 3, 7, dropout=0.1)(source)
    outputs = TransformerDecoder(1, 2, 9, dropout=0.1, attention_dropout=0.2)(
        inputs, memory
    )
    model = keras.Model((inputs, source), keras.layers.Dense(1)(outputs))
    model.compile(keras.optimizers.Adam(0.02), "mse", jit_compile=jit_compile)
    model.optimizer.build(model.trainable_variables)  # or `fit` traces twice
    given = random(11, 16, 4, D), random(12, 16, 6, 6)
    wanted = given[0].cumsum(1).mean(-1, keepdims=True)
    history = model.fit(given, wanted, epochs=15, verbose=0, batch_size=16)
    first, *_, last = history.history["loss"]
    assert last < 0.5 * first
