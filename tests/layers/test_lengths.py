"""Lengths and ragged rows mean what the mask of the padding means.

What a mask means is held against the oracles in `test_masking` and `test_attention`.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.layers import (
    AttentionDecoder,
    BahdanauAttention,
    BahdanauDecoder,
    ExplicitGRUCell,
    ExplicitLSTM,
    LuongAttention,
    MonotonicAttention,
)
from tests.kinds import each_kind

B, T, D = 3, 5, 2
RNG = np.random.default_rng(0)
X = RNG.normal(size=(B, T, D)).astype("float32")
LENGTHS = np.array([T, 0, 2])
IN_TIME = np.arange(T) < LENGTHS[:, None]
HOLES = np.array([[1, 0, 1, 1, 1], [1, 1, 1, 1, 1], [0, 1, 1, 1, 0]], bool)
WRONG = {
    "beyond the end": ([T + 1, 0, 2], f"from 0 to {T}; received {T + 1}"),
    "negative": ([T, -1, 2], "received -1"),
    "of other rows": ([T, 0], r"\(B,\) = \(3,\); received \(2,\)"),
    "no integers": ([1.0, 0.0, 2.0], "must be integers"),
}
WRONG_ONES = pytest.mark.parametrize(("lengths", "expected"), WRONG.values(), ids=WRONG)


def assert_equal(received, expected):
    keras.tree.assert_same_structure(received, expected)
    flat = zip(keras.tree.flatten(received), keras.tree.flatten(expected), strict=True)
    for one, other in flat:
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def shows_all(kind, **options):
    return kind.layer(
        3, return_sequences=True, return_state=True, return_gates=True, **options
    )


@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
@each_kind("lstm", "gru", "simple_rnn")
def test_lengths_are_a_mask(kind, mode):
    layer = shows_all(kind)
    run = layer
    if mode != "eager":
        run = tf.function(layer, autograph=False, jit_compile=mode == "xla")
    assert_equal(run(X, sequence_length=LENGTHS), layer(X, mask=IN_TIME))
    both = run(X, mask=HOLES, sequence_length=LENGTHS)
    assert_equal(both, layer(X, mask=HOLES & IN_TIME))


@WRONG_ONES
def test_lengths_out_of_range(lengths, expected):
    with pytest.raises(ValueError, match="sequence_length.*" + expected):
        ExplicitLSTM(3)(X, sequence_length=lengths)


def test_lengths_in_a_model_that_is_saved(tmp_path):
    x, lengths = keras.Input((None, D)), keras.Input((), dtype="int32")
    layer = ExplicitLSTM(3, return_sequences=True)
    model = keras.Model([x, lengths], layer(x, sequence_length=lengths))
    model.compile("sgd", "mse")
    model.fit([X, LENGTHS], np.zeros((B, T, 3)), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_equal(loaded([X, LENGTHS]), layer(X, mask=IN_TIME))
    with pytest.raises(tf.errors.InvalidArgumentError, match="`sequence_length`"):
        loaded.predict([X, LENGTHS + 1], verbose=0)


@pytest.mark.parametrize("go_backwards", [False, True])
@each_kind("lstm", "gru", "simple_rnn")
def test_ragged_rows_are_padded_ones(kind, go_backwards):
    layer = shows_all(kind, go_backwards=go_backwards)
    ragged = tf.RaggedTensor.from_tensor(X, lengths=LENGTHS)
    h, *state, gates = layer(ragged)
    padded, *expected, shown = layer(X, mask=IN_TIME)
    assert_equal(state, expected)
    in_time = IN_TIME[:, ::-1] if go_backwards else IN_TIME
    for steps, want in ((h, padded), *((gates[name], shown[name]) for name in shown)):
        assert steps.row_lengths().numpy().tolist() == LENGTHS.tolist()
        np.testing.assert_allclose(steps.flat_values, want.numpy()[in_time], rtol=1e-6)


def test_ragged_rows_in_a_model():
    inputs = keras.Input((None, D), ragged=True)
    layer = ExplicitLSTM(3)
    model = keras.Model(inputs, keras.layers.Dense(2)(layer(inputs)))
    model.compile("sgd", "mse")
    ragged = tf.RaggedTensor.from_tensor(X, lengths=LENGTHS)
    expected = model.layers[-1](layer(X, mask=IN_TIME))
    np.testing.assert_allclose(model.predict(ragged, verbose=0), expected, rtol=1e-5)
    model.fit(ragged, np.zeros((B, 2)), verbose=0)


def test_ragged_rows_that_are_not_taken():
    layer, ragged = ExplicitLSTM(3), tf.RaggedTensor.from_tensor(X, lengths=LENGTHS)
    with pytest.raises(ValueError, match=r"sequence_length.*ragged"):
        layer(ragged, sequence_length=LENGTHS)
    with pytest.raises(ValueError, match="ragged in time alone"):
        layer(tf.ragged.stack([[[1.0, 2.0]], [[3.0]]]))


@pytest.mark.parametrize("mode", ["eager", "graph"])
@each_kind("lstm", "gru", "simple_rnn")
def test_a_state_of_one_row_is_that_of_all(kind, mode):
    layer = shows_all(kind, recurrent_dropout=0.5, seed=1)
    one = [RNG.normal(size=(1, 3)).astype("float32") for _ in kind.states]
    run = layer if mode == "eager" else tf.function(layer, autograph=False)
    for_all = [np.repeat(state, B, axis=0) for state in one]
    assert_equal(run(X, initial_state=one), layer(X, initial_state=for_all))
    cell = kind.cell(3)
    assert_equal(cell(X[:, 0], one), cell(X[:, 0], for_all))
    spec = tf.TensorSpec((None, None, D))
    unknown = tf.function(
        lambda x: layer(x, initial_state=one), input_signature=[spec], autograph=False
    )
    assert_equal(unknown(X), layer(X, initial_state=for_all))
    with pytest.raises(ValueError, match="one row stands for all"):
        layer(X, initial_state=[state[0] for state in one])


ATTENTIONS = {
    "bahdanau": lambda: BahdanauAttention(4),
    "location": lambda: BahdanauAttention(4, location="previous"),
    "luong": lambda: LuongAttention(),
    "monotonic": lambda: MonotonicAttention(BahdanauAttention(4)),
}
MEMORY = RNG.normal(size=(B, T, 4)).astype("float32")


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_lengths_of_a_memory(attention):
    layer = ATTENTIONS[attention]()
    shown = {"return_attention_scores": True}
    expected = layer(X, MEMORY, memory_mask=IN_TIME[:, :T], **shown)
    assert_equal(layer(X, MEMORY, memory_sequence_length=LENGTHS, **shown), expected)
    assert_equal(
        layer(X, MEMORY, HOLES, memory_sequence_length=LENGTHS, **shown),
        layer(X, MEMORY, HOLES & IN_TIME, **shown),
    )
    state = layer.get_initial_state(MEMORY)
    assert_equal(
        layer.step(X[:, 0], MEMORY, state=state, memory_sequence_length=LENGTHS),
        layer.step(X[:, 0], MEMORY, state=state, memory_mask=IN_TIME),
    )


@WRONG_ONES
def test_lengths_of_a_memory_out_of_range(lengths, expected):
    expected = "memory_sequence_length.*" + expected
    with pytest.raises(ValueError, match=expected):
        BahdanauAttention(4)(X, MEMORY, memory_sequence_length=lengths)
    decoder = BahdanauDecoder(3, 4)
    with pytest.raises(ValueError, match=expected):
        decoder(X, MEMORY, memory_sequence_length=lengths)
    decoder.build(X.shape, MEMORY.shape)
    with pytest.raises(ValueError, match=expected):
        decoder.step(
            X[:, 0],
            decoder.get_initial_state(MEMORY),
            MEMORY,
            memory_sequence_length=lengths,
        )


@pytest.mark.parametrize("attend", ["before", "after"])
def test_lengths_of_the_memories_of_a_decoder(attend):
    decoder = AttentionDecoder(
        ExplicitGRUCell(3), [BahdanauAttention(4), LuongAttention()], attend=attend
    )
    memories, masks = [MEMORY, MEMORY[:, :4]], [IN_TIME, None]
    expected = decoder(X, memories, masks)
    given = {"memory_sequence_length": [LENGTHS, None]}
    assert_equal(decoder(X, memories, **given), expected)
    state = decoder.get_initial_state(memories, **given)
    for t in range(T):
        output, state, _ = decoder.step(X[:, t], state, memories, **given)
    np.testing.assert_allclose(output, expected[:, -1], rtol=1e-5, atol=1e-6)
    with pytest.raises(
        ValueError, match="`memory_sequence_length` must be a list of 2"
    ):
        decoder(X, memories, memory_sequence_length=LENGTHS)


def test_a_decoder_with_lengths_in_a_model_that_is_saved(tmp_path):
    shapes = ((None, D), (None, 4))
    inputs = [*map(keras.Input, shapes), keras.Input((), dtype="int32")]
    decoder = BahdanauDecoder(3, 4)
    outputs = decoder(*inputs[:2], memory_sequence_length=inputs[2])
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_equal(loaded([X, MEMORY, LENGTHS]), decoder(X, MEMORY, IN_TIME))


def test_a_state_of_one_row_starts_a_decoder():
    decoder = BahdanauDecoder(3, 4)
    one = [RNG.normal(size=(1, 3)).astype("float32") for _ in range(2)]
    for_all = [np.repeat(state, B, axis=0) for state in one]
    assert_equal(
        decoder(X, MEMORY, initial_state=one), decoder(X, MEMORY, initial_state=for_all)
    )
