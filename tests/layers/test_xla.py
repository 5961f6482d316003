"""A training step of every layer with XLA and without: the same loss and gradients.

The sizes of batch and sequence are not known when it is traced, as in `fit`.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.layers import (
    AttentionDecoder,
    AttentionPooling,
    BahdanauAttention,
    BahdanauDecoder,
    EncoderDecoder,
    ExplicitGRU,
    ExplicitGRUCell,
    ExplicitLSTM,
    ExplicitLSTMCell,
    ExplicitSimpleRNN,
    ExplicitSimpleRNNCell,
    LuongAttention,
    MonotonicAttention,
    PositionalEncoding,
    RecurrentLanguageModel,
    TransformerDecoder,
    TransformerEncoder,
)

B, T, S, D, E, UNITS = 3, 5, 6, 4, 4, 4
RNG = np.random.default_rng(70)
X = RNG.normal(size=(B, T, D)).astype("float32")
MEMORY = RNG.normal(size=(B, S, E)).astype("float32")
COUNTS = np.arange(T) < np.array([[5], [3], [4]])
SEEN = np.arange(S) < np.array([[6], [4], [5]])
TOKENS, SOURCE = RNG.integers(1, 9, (B, T)), RNG.integers(1, 9, (B, S))


def recurrent(make, **options):
    """Every step and the gates of a recurrent layer, some steps masked."""
    layer = make(UNITS, return_sequences=True, return_gates=True, **options)
    return layer, lambda x, mask: layer(x, mask=mask, training=True), (X, COUNTS)


def decoder(*arguments, **options):
    layer = AttentionDecoder(*arguments, **options)

    def call(x, memory, mask):
        return layer(
            x, memory, memory_mask=mask, training=True, return_attention_scores=True
        )

    return layer, call, (X, MEMORY, SEEN)


def attention(layer):
    return layer, lambda q, m, mask: layer(q, m, memory_mask=mask), (X, MEMORY, SEEN)


def transformer(layer):
    if isinstance(layer, TransformerEncoder):
        return layer, lambda x, mask: layer(x, mask=mask, training=True), (X, COUNTS)

    def call(x, memory, mask):
        return layer(x, memory, memory_mask=mask, training=True)

    return layer, call, (X, MEMORY, SEEN)


def on_tokens(layer):
    return layer, lambda tokens: layer(tokens, training=True), (TOKENS,)


def translating(encode, decode, **options):
    layer = EncoderDecoder(encode, decode, 9, source_vocabulary=9, dim=D, **options)

    def call(source, target):
        return layer({"source": source, "target": target}, training=True)

    return layer, call, (SOURCE, TOKENS)


def bahdanau(**options):
    return BahdanauAttention(3, **options)


def pooled():
    layer = AttentionPooling(3)
    return layer, lambda x, mask: layer(x, mask=mask), (X, COUNTS)


SIZES = {"num_layers": 2, "num_heads": 2, "intermediate_dim": 6}
RECURRENT = {
    "lstm": (ExplicitLSTM, {}),
    "lstm, all variants": (
        ExplicitLSTM,
        {"layer_norm": True, "peepholes": True, "go_backwards": True},
    ),
    "lstm, relu": (ExplicitLSTM, {"activation": "relu", "use_bias": False}),
    "gru": (ExplicitGRU, {}),
    "gru, reset before": (ExplicitGRU, {"reset_after": False}),
    "gru, layer norm": (ExplicitGRU, {"layer_norm": True}),
    "simple": (ExplicitSimpleRNN, {}),
    "simple, layer norm": (ExplicitSimpleRNN, {"layer_norm": True}),
}
DECODERS = {
    "derived": lambda: decoder(ExplicitLSTMCell(UNITS), bahdanau()),
    "one of Keras's cells": lambda: decoder(keras.layers.GRUCell(UNITS), bahdanau()),
    "a variant": lambda: decoder(ExplicitLSTMCell(UNITS, peepholes=True), bahdanau()),
    "stacked": lambda: decoder(
        [ExplicitLSTMCell(UNITS), ExplicitGRUCell(UNITS)], bahdanau()
    ),
    "after": lambda: decoder(ExplicitGRUCell(UNITS), bahdanau(), attend="after"),
    "apart": lambda: decoder(
        ExplicitGRUCell(UNITS), bahdanau(), attend="after", input_feeding=False
    ),
    "apart, two memories": lambda: (
        lambda layer: (
            layer,
            lambda x, m, mask: layer(
                x, [m, m[:, 1:]], memory_mask=[mask, None], training=True
            ),
            (X, MEMORY, SEEN),
        )
    )(
        AttentionDecoder(
            ExplicitGRUCell(UNITS), [bahdanau(), LuongAttention()], input_feeding=False
        )
    ),
    "output units": lambda: decoder(
        ExplicitSimpleRNNCell(UNITS), bahdanau(), attend="after", output_units=3
    ),
    "normalised": lambda: decoder(
        ExplicitGRUCell(UNITS), bahdanau(normalize=True), attend="after"
    ),
    "sparsemax": lambda: decoder(
        ExplicitGRUCell(UNITS), bahdanau(probability="sparsemax")
    ),
    "previous weights": lambda: decoder(
        ExplicitGRUCell(UNITS), bahdanau(location="previous")
    ),
    "cumulative weights": lambda: decoder(
        ExplicitGRUCell(UNITS), bahdanau(location="cumulative")
    ),
    "monotonic": lambda: decoder(
        ExplicitGRUCell(UNITS), MonotonicAttention(bahdanau(), noise=0.0)
    ),
    "dot": lambda: decoder(ExplicitGRUCell(UNITS), LuongAttention(score="dot")),
    "general": lambda: decoder(ExplicitGRUCell(UNITS), LuongAttention()),
    "concat": lambda: decoder(
        ExplicitGRUCell(UNITS), LuongAttention(3, score="concat", scale="learned")
    ),
}
OTHERS = {
    "bahdanau attention": lambda: attention(bahdanau()),
    "luong attention": lambda: attention(LuongAttention(3, score="concat")),
    "monotonic attention": lambda: attention(
        MonotonicAttention(bahdanau(location="cumulative"), hard=False)
    ),
    "pooling": pooled,
    "positions": lambda: (
        lambda layer: (layer, lambda x: layer(x, training=True), (X,))
    )(PositionalEncoding(learned=True, max_length=8)),
    "transformer encoder": lambda: transformer(TransformerEncoder(**SIZES)),
    "transformer decoder": lambda: transformer(TransformerDecoder(**SIZES)),
    "language model": lambda: on_tokens(
        RecurrentLanguageModel(9, dim=D, units=UNITS, depth=2)
    ),
    "translation": lambda: translating(
        ExplicitGRU(UNITS, return_sequences=True), BahdanauDecoder(UNITS, 3)
    ),
    "translation, transformer": lambda: translating(
        TransformerEncoder(**SIZES),
        TransformerDecoder(**SIZES),
        positions=PositionalEncoding(),
        readout=False,
    ),
}
CASES = {
    **{
        name: lambda make=make, options=options: recurrent(make, **options)
        for name, (make, options) in RECURRENT.items()
    },
    **{f"decoder, {name}": made for name, made in DECODERS.items()},
    **OTHERS,
}
# What is drawn is not drawn alike by XLA: it must compile, and give numbers.
DRAWN = {
    "lstm": lambda: recurrent(
        ExplicitLSTM,
        dropout=0.3,
        recurrent_dropout=0.2,
        weight_dropout=0.1,
        zoneout=(0.1, 0.2),
    ),
    "gru": lambda: recurrent(ExplicitGRU, dropout=0.3, recurrent_dropout=0.2),
    "decoder": lambda: decoder(
        ExplicitLSTMCell(UNITS, dropout=0.2, recurrent_dropout=0.2), bahdanau()
    ),
    "attention in a decoder": lambda: decoder(
        ExplicitGRUCell(UNITS), bahdanau(dropout=0.2)
    ),
    "monotonic": lambda: decoder(
        ExplicitGRUCell(UNITS), MonotonicAttention(bahdanau(), dropout=0.1)
    ),
    "transformer": lambda: transformer(TransformerDecoder(**SIZES, dropout=0.2)),
    "language model": lambda: on_tokens(
        RecurrentLanguageModel(
            9,
            dim=D,
            units=UNITS,
            word_dropout=0.1,
            input_dropout=0.2,
            output_dropout=0.2,
            weight_dropout=0.2,
        )
    ),
}


def training_step(make):
    """A function of the loss and its gradients, its signature, and what it takes."""
    keras.utils.set_random_seed(71)
    layer, call, arrays = make()
    given = [tf.constant(array) for array in arrays]
    call(*given)
    rng = np.random.default_rng(72)
    layer.set_weights([rng.normal(0, 0.6, w.shape) for w in layer.get_weights()])

    def step(*given):
        with tf.GradientTape() as tape:
            outputs = keras.tree.flatten(call(*given))
            loss = tf.add_n([tf.reduce_sum(tf.sin(y)) for y in outputs])
        weights = [weight.value for weight in layer.trainable_variables]
        return loss, tape.gradient(loss, weights)

    signature = [
        tf.TensorSpec([None, None, *array.shape[2:]], array.dtype) for array in given
    ]
    return step, signature, given


@pytest.mark.parametrize("case", CASES)
def test_the_same_numbers(case):
    step, signature, given = training_step(CASES[case])
    (expected, slopes), (loss, found) = (
        tf.function(step, signature, autograph=False, jit_compile=jit)(*given)
        for jit in (False, True)
    )
    np.testing.assert_allclose(loss, expected, rtol=1e-5, atol=1e-5)
    for slope, want in zip(found, slopes, strict=True):
        np.testing.assert_allclose(
            tf.convert_to_tensor(slope), tf.convert_to_tensor(want), atol=2e-4
        )


@pytest.mark.parametrize("case", DRAWN)
def test_what_is_drawn_compiles(case):
    step, signature, given = training_step(DRAWN[case])
    compiled = tf.function(step, signature, autograph=False, jit_compile=True)
    loss, slopes = compiled(*given)
    assert np.isfinite(loss)
    assert all(np.isfinite(tf.convert_to_tensor(slope)).all() for slope in slopes)
