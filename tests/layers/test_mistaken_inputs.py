"""Layers and models refuse inputs that are none, and name them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.layers import (
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
    PositionalEncoding,
    RecurrentLanguageModel,
    TransformerEncoder,
)

X = np.ones((2, 3, 4), "float32")
STRINGS = tf.fill((2, 3, 4), "a")
COMPLEX = np.ones((2, 3, 4), "complex64")
RECURRENT = [ExplicitLSTM, ExplicitGRU, ExplicitSimpleRNN]


@pytest.mark.parametrize("wrong", [STRINGS, COMPLEX], ids=["strings", "complex"])
@pytest.mark.parametrize(
    ("name", "call"),
    [
        *(("sequences", lambda x, kind=kind: kind(3)(x)) for kind in RECURRENT),
        ("mask", lambda x: ExplicitLSTM(3)(X, mask=x[:, :, 0])),
        ("initial_state", lambda x: ExplicitGRU(4)(X, initial_state=x[:, 0])),
        ("inputs", lambda x: ExplicitLSTMCell(3)(x[:, 0], [np.ones((2, 3))] * 2)),
        ("states", lambda x: ExplicitGRUCell(4)(X[:, 0], [x[:, 0]])),
        ("query", lambda x: BahdanauAttention(3)(x, X)),
        ("memory", lambda x: BahdanauAttention(3)(X, x)),
        ("keys", lambda x: BahdanauAttention(4)(X, X, keys=x)),
        ("memory_mask", lambda x: BahdanauAttention(3)(X, X, memory_mask=x[:, :, 0])),
        ("inputs", lambda x: BahdanauDecoder(3, 3)(x, X)),
        ("memory", lambda x: BahdanauDecoder(3, 3)(X, x)),
        ("inputs", lambda x: AttentionPooling(3)(x)),
        ("inputs", lambda x: PositionalEncoding()(x)),
        ("inputs", lambda x: TransformerEncoder(1, 2, 4)(x)),
        ("tokens", lambda x: RecurrentLanguageModel(5, dim=2, units=2)(x[:, :, 0])),
    ],
)
def test_what_holds_no_numbers(name, call, wrong):
    with pytest.raises(ValueError, match=f"`{name}` must be a tensor of numbers; rec"):
        call(wrong)


@pytest.mark.parametrize("kind", RECURRENT)
def test_symbolic_inputs(kind):
    with pytest.raises(ValueError, match=r"`sequences` must be .* received string"):
        kind(3)(keras.Input((None, 4), dtype="string"))
    with pytest.raises(ValueError, match=r"`unroll` must be False .*\(None, None, 4\)"):
        kind(3, unroll=True)(keras.Input((None, 4)))
    assert kind(3, unroll=True)(keras.Input((5, 4))).shape == (None, 3)


@pytest.mark.parametrize("wrong", [{"a": X}, [X]])
def test_a_nest_for_a_sequence(wrong):
    with pytest.raises(ValueError, match="`sequences` must be one tensor"):
        ExplicitLSTM(3)(wrong)


@pytest.mark.parametrize(
    "cell", [ExplicitLSTMCell(3), ExplicitGRUCell(3), ExplicitSimpleRNNCell(3)]
)
def test_a_sequence_for_a_step(cell):
    states = [np.zeros((2, 3), "float32")] * len(cell.get_initial_state(2))
    with pytest.raises(ValueError, match=r"`inputs` must be a step, .*\(2, 3, 4\)"):
        cell(X, states)


def test_a_language_model():
    model = RecurrentLanguageModel(5, dim=2, units=2, depth=2)
    with pytest.raises(ValueError, match=r"`tokens` must be .* received shape \(3,\)"):
        model.read(np.ones(3, "int32"))
    for state in (3, "ab", {}, [], [[np.ones((1, 2))] * 2]):
        with pytest.raises(ValueError, match=r"`initial_state` must be .* 2 layers"):
            model.read(np.ones((1, 3), "int32"), initial_state=state)
    for token in (-1, 5, True, 1.0, "a"):
        with pytest.raises(ValueError, match=r"`start_token` must be an integer"):
            RecurrentLanguageModel(5, dim=2, units=2, start_token=token)


def test_an_encoder_decoder():
    encoder = ExplicitGRU(4, return_sequences=True)
    decoder = BahdanauDecoder(4, 4)
    for name, layers in (("encoder", (None, decoder)), ("decoder", (encoder, 3))):
        with pytest.raises(
            TypeError, match=f"`{name}` must be a Keras layer; received"
        ):
            EncoderDecoder(*layers, 5)
    with pytest.raises(TypeError, match="`positions` must be a Keras layer; received"):
        EncoderDecoder(encoder, decoder, 5, positions="sinus")
    with pytest.raises(ValueError, match="`readout` must be True or False"):
        EncoderDecoder(encoder, decoder, 5, readout="yes")
    model = EncoderDecoder(encoder, decoder, 5, source_vocabulary=5, dim=2)
    ids = np.ones((1, 3), "int32")
    model({"source": ids, "target": ids})
    with pytest.raises(ValueError, match=r"`inputs` must be a dict of .*\['source'\]"):
        model.call({"source": ids})
    with pytest.raises(ValueError, match=r"a dict .* received ndarray"):
        model.call(ids)
    for name in ("source", "target"):
        given = {"source": ids, "target": ids, name: ids[0]}
        with pytest.raises(ValueError, match=rf"`{name}` must be .* shape \(3,\)"):
            model.call(given)
