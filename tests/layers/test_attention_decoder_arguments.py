"""Arguments of the attention decoder, good and bad."""

import inspect

import keras
import numpy as np
import pytest

from keras_seq.layers import (
    AttentionDecoder,
    BahdanauAttention,
    BahdanauDecoder,
    DecoderState,
    ExplicitGRUCell,
    ExplicitLSTMCell,
    LuongAttention,
)

VALUES = {
    "units": 5,
    "attention_units": 3,
    "cell": "gru",
    "dropout": 0.25,
    "recurrent_dropout": 0.125,
    "attention_dropout": 0.375,
    "normalize": True,
    "seed": 8,
    "attend": "after",
    "input_feeding": False,
    "output_units": 6,
}


def parameters(layer):
    named = inspect.signature(layer.__init__).parameters.items()
    return [n for n, p in named if n != "self" and p.kind is not p.VAR_KEYWORD]


def test_every_argument_of_the_ready_made_is_kept():
    names = {*parameters(BahdanauDecoder), "attend", "input_feeding", "output_units"}
    assert set(VALUES) == names
    decoder = BahdanauDecoder(**VALUES, name="mine", dtype="float64", trainable=False)
    config = decoder.get_config()
    assert set(config) == {*names, "name", "dtype", "trainable"}
    for name, value in VALUES.items():
        assert config[name] == value
        if name != "cell":  # There stands the cell itself.
            assert getattr(decoder, name) == value
    assert type(decoder.cell) is ExplicitGRUCell
    assert decoder.cell.units == 5
    assert decoder.cell.dropout == 0.25
    assert decoder.cell.recurrent_dropout == 0.125
    attention = decoder.attention
    assert (attention.units, attention.dropout, attention.normalize) == (3, 0.375, True)
    assert (decoder.cell.seed, attention.seed) == (8, 9)
    assert attention.compute_dtype == decoder.cell.compute_dtype == "float64"
    assert BahdanauDecoder.from_config(config).get_config() == config


@pytest.mark.parametrize("several", [False, True])
def test_every_argument_is_kept(several):
    values = {
        "cell": [ExplicitLSTMCell(3), ExplicitGRUCell(4)]
        if several
        else ExplicitGRUCell(4),
        "attention": [LuongAttention(), BahdanauAttention(2)]
        if several
        else LuongAttention(scale="fixed"),
        **{name: VALUES[name] for name in ("attend", "input_feeding", "output_units")},
    }
    assert list(values) == parameters(AttentionDecoder)
    decoder = AttentionDecoder(**values, name="mine")
    config = decoder.get_config()
    assert set(config) == {*values, "name", "dtype", "trainable"}
    serialize = keras.saving.serialize_keras_object
    assert config["cell"] == serialize(values["cell"])
    assert config["attention"] == serialize(values["attention"])
    for name in ("attend", "input_feeding", "output_units"):
        assert getattr(decoder, name) == config[name] == values[name]
    assert decoder.attention == values["attention"]
    assert (decoder.cell.cells if several else decoder.cell) == values["cell"]
    again = AttentionDecoder.from_config(config)
    assert again.get_config() == config


def test_numpy_integers_are_integers():
    decoder = BahdanauDecoder(np.int64(4), np.int64(3), output_units=np.int32(2))
    config = decoder.get_config()
    for name in ("units", "attention_units", "output_units"):
        assert type(config[name]) is int


def test_cell_and_attention_drop_independently():
    decoder = BahdanauDecoder(40, 3, dropout=0.5, attention_dropout=0.5, seed=3)
    on_input, _ = decoder.cell.dropout_masks(float32(2, 40), float32(2, 40), True)
    (on_weights,) = decoder.attention.draw(1, 2, 40, True)
    assert np.any(on_input[0] != on_weights[0])


ATTENTION, CELL = LuongAttention(), ExplicitLSTMCell(4)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: AttentionDecoder(CELL, None), TypeError, "`attention` must .* None"),
        (lambda: AttentionDecoder(CELL, []), ValueError, "`attention` must not be an"),
        (
            lambda: AttentionDecoder(CELL, [ATTENTION, keras.layers.Attention()]),
            TypeError,
            "`attention` must be an attention of keras_seq.layers",
        ),
        (lambda: AttentionDecoder([], ATTENTION), TypeError, r"`cell` must .* \[\]"),
        (
            lambda: AttentionDecoder(keras.layers.LSTM(4), ATTENTION),
            TypeError,
            "`cell` must be a cell, such as ExplicitLSTMCell, .* <LSTM",
        ),
        (
            lambda: AttentionDecoder(ExplicitLSTMCell(4, dtype="float64"), ATTENTION),
            ValueError,
            "`cell` must compute in float32, .* computes in float64",
        ),
        (
            lambda: AttentionDecoder(CELL, ATTENTION, dtype="mixed_float16"),
            ValueError,
            "`attention` must compute in float16, .* computes in float32",
        ),
        (
            lambda: AttentionDecoder(CELL, ATTENTION, attend="later"),
            ValueError,
            "`attend` must be 'before' or 'after'; received 'later'",
        ),
        (
            lambda: AttentionDecoder(CELL, ATTENTION, input_feeding="yes"),
            ValueError,
            "`input_feeding` must be True or False; received 'yes'",
        ),
        (
            lambda: AttentionDecoder(CELL, ATTENTION, output_units=0),
            ValueError,
            "`output_units` must be a positive integer; received 0",
        ),
        (lambda: BahdanauDecoder(4, 3, cell="rnn"), ValueError, "`cell` must .* 'rnn'"),
        (
            lambda: BahdanauDecoder(4, 3, cell=["gru"]),
            ValueError,
            r"`cell` must .* received \['gru'\]",
        ),
        (lambda: BahdanauDecoder(0, 3), ValueError, "`units` must .* received 0"),
        (
            lambda: BahdanauDecoder(4, -1),
            ValueError,
            "`attention_units` .* received -1",
        ),
        (
            lambda: BahdanauDecoder(4, 3, attention_dropout=2),
            ValueError,
            r"`attention_dropout` must be in \[0, 1\); received 2",
        ),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()


def float32(*shape):
    return np.ones(shape, "float32")


@pytest.mark.parametrize(
    ("inputs", "memory", "options", "message"),
    [
        (float32(3, 2), float32(3, 5, 4), {}, r"`inputs` must have shape \(B, T, D\)"),
        (float32(3, 4, 2), float32(3, 5), {}, r"`memory` must have shape \(B, S, E\)"),
        (float32(3, 4, 2), float32(2, 5, 4), {}, "as many rows as `inputs`, 3; .* 2"),
        (
            float32(3, 4, 2),
            float32(3, 5, 4),
            {"memory_mask": float32(3, 4)},
            r"`memory_mask` must have shape \(B, S\) = \(3, 5\); received \(3, 4\)",
        ),
        (
            float32(3, 4, 2),
            float32(3, 5, 4),
            {"initial_state": [float32(3, 4)]},
            r"`initial_state` must be 2 tensors of shapes .* shapes \[\(3, 4\)\]",
        ),
        (
            float32(3, 4, 2),
            float32(3, 5, 4),
            {"initial_state": DecoderState([float32(3, 4)], ((),), ())},
            r"`initial_state` must be a DecoderState with tensors of shapes \[\(3, 4\)",
        ),
    ],
)
def test_bad_shapes(inputs, memory, options, message):
    with pytest.raises(ValueError, match=message):
        BahdanauDecoder(4, 3)(inputs, memory, **options)


def test_bad_lists():
    decoder = AttentionDecoder(
        [ExplicitLSTMCell(4), ExplicitLSTMCell(4)], [LuongAttention(), LuongAttention()]
    )
    inputs, memory = float32(3, 4, 2), float32(3, 5, 4)
    with pytest.raises(ValueError, match=r"`memory` must be a list of 2, .* one of 1"):
        decoder(inputs, [memory])
    decoder(inputs, [memory, memory])
    with pytest.raises(ValueError, match=r"`memory` must be a list of 2, .* received "):
        decoder.project_memory(memory)
    with pytest.raises(ValueError, match="`memory_mask` must be a list of 2"):
        decoder(inputs, [memory, memory], memory_mask=[float32(3, 5)])
    with pytest.raises(
        ValueError, match=r"`initial_state` must be a list of 2, .* of 1"
    ):
        decoder(inputs, [memory, memory], initial_state=[[float32(3, 4)] * 2])


def test_steps_need_weights_and_their_sizes():
    decoder = BahdanauDecoder(4, 3)
    memory = float32(3, 5, 4)
    state = decoder.get_initial_state(memory)
    with pytest.raises(ValueError, match="is not built: call it, or"):
        decoder.step(float32(3, 2), state, memory)
    decoder(float32(3, 4, 2), memory)
    with pytest.raises(ValueError, match=r"`input_t` must have shape \(B, 2\)"):
        decoder.step(float32(3, 1, 2), state, memory)
    with pytest.raises(ValueError, match="as many rows as `input_t`, 3; received 1"):
        decoder.step(float32(3, 2), state, memory[:1])
    with pytest.raises(
        ValueError, match=r"`memory_mask` must have .*; received \(5,\)"
    ):
        decoder.step(float32(3, 2), state, memory, memory_mask=float32(5))
    with pytest.raises(ValueError, match=r"`inputs` must have shape \(B, T, 2\)"):
        decoder(float32(3, 4, 3), memory)
    with pytest.raises(ValueError, match=r"`memory` must have shape \(B, S, 4\)"):
        decoder(float32(3, 4, 2), memory[..., :2])
