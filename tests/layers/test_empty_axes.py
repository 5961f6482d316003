"""Memories without a position, batches without a row, targets without a step."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.layers import (
    AttentionDecoder,
    AttentionPooling,
    BahdanauAttention,
    BahdanauDecoder,
    ExplicitGRUCell,
    ExplicitLSTMCell,
    LuongAttention,
    MonotonicAttention,
    TransformerDecoder,
    TransformerEncoder,
)
from tests.layers.attentions import ATTENTIONS, randomise

SIZE = 4
RNG = np.random.default_rng(70)
ANY = tf.TensorSpec((None, None, SIZE), "float32")
SIZES = [(0, 3, 2), (2, 3, 0), (0, 0, 2), (0, 0, 0)]  # of rows, positions, steps


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def assert_same(got, expected):
    for one, other in zip(
        keras.tree.flatten(got), keras.tree.flatten(expected), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ATTENTIONS)
def test_attention_to_nothing(name):
    layer = ATTENTIONS[name](dtype="float32")
    layer.build((None, None, SIZE), (None, None, SIZE))
    randomise(layer)

    def attend(query, memory):
        return layer(query, memory, return_attention_scores=True)

    for run in (attend, tf.function(attend, input_signature=[ANY, ANY])):
        context, weights = run(normal(2, 3, SIZE), normal(2, 0, SIZE))
        np.testing.assert_array_equal(context, np.zeros((2, 3, SIZE)))
        assert weights.shape == (2, 3, 0)
        for rows, positions, steps in SIZES:
            context, weights = run(
                normal(rows, steps, SIZE), normal(rows, positions, SIZE)
            )
            assert context.shape == (rows, steps, SIZE)
            assert weights.shape == (rows, steps, positions)


def test_pooling_of_nothing():
    layer = AttentionPooling(3)
    layer.build((None, None, SIZE))
    for run in (layer.call, tf.function(layer.call, input_signature=[ANY])):
        np.testing.assert_array_equal(run(normal(2, 0, SIZE)), np.zeros((2, SIZE)))
        assert run(normal(0, 3, SIZE)).shape == (0, SIZE)


def bahdanau(**options):
    return BahdanauAttention(3, **options)


DECODERS = {
    "bahdanau": lambda: BahdanauDecoder(5, 3),
    "bahdanau gru": lambda: BahdanauDecoder(5, 3, cell="gru"),
    "bahdanau after": lambda: AttentionDecoder(
        ExplicitGRUCell(5), bahdanau(), attend="after"
    ),
    "location": lambda: AttentionDecoder(
        ExplicitGRUCell(5), bahdanau(location="cumulative", location_kernel_size=3)
    ),
    "luong after": lambda: AttentionDecoder(
        ExplicitLSTMCell(5), LuongAttention(), attend="after"
    ),
    "luong concat": lambda: AttentionDecoder(
        ExplicitLSTMCell(5), LuongAttention(3, score="concat")
    ),
    "monotonic": lambda: AttentionDecoder(
        ExplicitLSTMCell(5), MonotonicAttention(bahdanau())
    ),
    "stacked": lambda: AttentionDecoder(
        [ExplicitGRUCell(5), ExplicitLSTMCell(3)], bahdanau()
    ),
    "transformer": lambda: TransformerDecoder(2, 2, 8),
}


@pytest.mark.parametrize("name", DECODERS)
def test_a_memory_without_positions_is_one_that_is_masked(name):
    """In the outputs and in the gradients, eagerly and in a graph of any size."""
    decoder = DECODERS[name]()
    inputs = normal(2, 3, SIZE)
    decoder(inputs, normal(2, 3, SIZE))
    randomise(decoder)

    def outputs(inputs, memory, mask):
        with tf.GradientTape() as tape:
            found, scores = decoder(
                inputs, memory, memory_mask=mask, return_attention_scores=True
            )
            loss = tf.reduce_sum(found * tf.cos(found))
        variables = decoder.trainable_variables
        gradients = [
            tf.zeros(variable.shape) if gradient is None else gradient
            for variable, gradient in zip(
                variables, tape.gradient(loss, variables), strict=True
            )
        ]
        return found, gradients, scores

    masked = outputs(inputs, normal(2, 3, SIZE), np.zeros((2, 3), bool))
    signature = [ANY, ANY, tf.TensorSpec((None, None), "bool")]
    for run in (outputs, tf.function(outputs, input_signature=signature)):
        empty = run(inputs, normal(2, 0, SIZE), np.zeros((2, 0), bool))
        assert_same(empty[:2], masked[:2])
        for one, other in zip(
            keras.tree.flatten(empty[2]), keras.tree.flatten(masked[2]), strict=True
        ):
            assert one.shape == (*other.shape[:-1], 0)
        for rows, positions, steps in SIZES:
            found, gradients, _ = run(
                normal(rows, steps, SIZE),
                normal(rows, positions, SIZE),
                np.ones((rows, positions), bool),
            )
            assert found.shape == (rows, steps, masked[0].shape[-1])
            assert all(not np.any(keras.ops.convert_to_numpy(g)) for g in gradients)


def test_an_encoder_of_nothing():
    encoder = TransformerEncoder(2, 2, 8)
    encoder(normal(2, 3, SIZE))
    for run in (encoder.call, tf.function(encoder.call, input_signature=[ANY])):
        assert run(normal(2, 0, SIZE)).shape == (2, 0, SIZE)
        assert run(normal(0, 3, SIZE)).shape == (0, 3, SIZE)
