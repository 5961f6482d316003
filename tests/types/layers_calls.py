"""Calls of the layers as they are documented: a type checker must accept them."""

import keras
import numpy as np

from keras_seq.layers import (
    AttentionDecoder,
    AttentionMechanism,
    AttentionPooling,
    BahdanauAttention,
    BahdanauDecoder,
    ChronoBias,
    DecoderState,
    EncoderDecoder,
    ExplicitGRU,
    ExplicitGRUCell,
    ExplicitLSTM,
    ExplicitLSTMCell,
    ExplicitSimpleRNN,
    ExplicitSimpleRNNCell,
    ExplicitStack,
    ForgetBias,
    LuongAttention,
    MonotonicAttention,
    PositionalEncoding,
    RecurrentLanguageModel,
    SuffixAttention,
    TimeDistributed,
    TransformerDecoder,
    TransformerEncoder,
    TransformerState,
)
from keras_seq.ops import gru, lstm, sequence_mask, simple_rnn, sparsemax

x = np.ones((2, 5, 3), "float32")
mask = np.ones((2, 5), bool)
memory = np.ones((2, 7, 4), "float32")
memory_mask = np.ones((2, 7), bool)

# Recurrent layers: positional as in Keras, and by keyword.
ExplicitLSTM(4)
ExplicitLSTM(4, "tanh", "sigmoid", False)
ExplicitLSTM(
    4,
    activation=None,
    recurrent_activation=keras.activations.hard_sigmoid,
    kernel_initializer=keras.initializers.GlorotUniform(seed=1),
    recurrent_initializer="identity",
    bias_initializer=ChronoBias(100, seed=3),
    unit_forget_bias=False,
    kernel_regularizer="l2",
    recurrent_regularizer=keras.regularizers.L2(1e-4),
    activity_regularizer=None,
    kernel_constraint=keras.constraints.MaxNorm(2),
    dropout=0,
    recurrent_dropout=0.1,
    seed=7,
    use_cudnn=False,
    implementation=1,
    peepholes=True,
    layer_norm=True,
    layer_norm_epsilon=1e-5,
    zoneout=(0.1, 0.2),
    weight_dropout=0.5,
    zero_output_for_mask=True,
    name="lstm",
    dtype="mixed_bfloat16",
    trainable=False,
)
ExplicitLSTM(4, zoneout=0.1, dtype=np.float32)
ExplicitLSTM(4, zoneout=[0.1, 0.2], dtype=keras.DTypePolicy("float64"))
ExplicitLSTM(4, bias_initializer=ForgetBias(2.0), unit_forget_bias=False)
layer = ExplicitLSTM(4, return_sequences=True, return_state=True, return_gates=True)
h, h_last, c_last, gates = layer(x)
h, h_last, c_last, gates = layer(x, [h_last, c_last], mask=mask, training=True)
print(gates["forget"].shape, layer.units, layer.return_gates, layer.name)
h_last = ExplicitLSTM(4, proj_size=2)(x, sequence_length=np.array([5, 2]))
h_last = ExplicitLSTM(4)(x, sequence_length=[5, 2])
h, shown = ExplicitGRU(4, return_sequences=True, return_gates=True)(x)
h, h_last = ExplicitGRU(4, return_sequences=True, return_state=True)(x)
ExplicitGRU(4, reset_after=False, stateful=True)(x, initial_state=h_last)
h, shown = ExplicitSimpleRNN(4, activation="relu", return_gates=True)(x)
keras.layers.Bidirectional(ExplicitGRU(4, return_sequences=True))(x)
keras.Sequential([keras.Input((None, 3)), ExplicitGRU(4), keras.layers.Dense(1)])
clone = ExplicitLSTM.from_config(layer.get_config())
clone.build((None, None, 3))
clone.set_weights(layer.get_weights())

stack = ExplicitStack("lstm", 4, num_layers=2, bidirectional=True, return_state=True)
y, states = stack(x, mask=mask)
y, states = stack(x, states, sequence_length=[5, 2])

# Functional models.
inputs = keras.Input((None, 3))
outputs, gates = ExplicitGRU(4, return_sequences=True, return_gates=True)(inputs)
model = keras.Model(inputs, [outputs, gates["update"]])
pooled, scores = AttentionPooling(4)(outputs, return_attention_scores=True)

embedded = keras.layers.Embedding(9, 4, mask_zero=True)(keras.Input((None,)))
outputs = ExplicitLSTM(4, return_sequences=True)(embedded)
ExplicitLSTM(4)(keras.ops.flip(x, axis=1), mask=keras.ops.not_equal(x[..., 0], 0))
ExplicitLSTM(4)(keras.ops.convert_to_tensor(x))

# Cells, stepped by hand.
cell = ExplicitLSTMCell(4, zoneout=(0.1, 0.2))
h, c = cell.get_initial_state(batch_size=2)
h, (h, c), gates = cell(x[:, 0], (h, c), return_gates=True)
h, (h, c) = cell(x[:, 0], [h, c])
h, (h, c) = cell(x[:, 0], [h, c], training=True)
print(gates["cell"].shape)
gru_cell = ExplicitGRUCell(4)
(h,) = gru_cell.get_initial_state(batch_size=2)
h, (h,), gates = gru_cell(x[:, 0], (h,), return_gates=True)
h, h = gru_cell(x[:, 0], h)
simple_cell = ExplicitSimpleRNNCell(4, activation="relu", zoneout=0.1)
h, (h,), shown = simple_cell(x[:, 0], [h], return_gates=True)

# Attention.
attention = BahdanauAttention(8, location="previous", normalize=True)
context = attention(x[:, 0], memory)
context, weights = attention(x, memory, memory_mask, return_attention_scores=True)
keys = attention.project_memory(memory)
context = attention(x, memory, keys=keys)
context = attention(x, memory, memory_sequence_length=[7, 3])
state = attention.get_initial_state(memory)
context, weights, state = attention.step(x[:, 0], memory, keys, memory_mask, state)
flag = bool(np.any(mask))
result = attention(x, memory, return_attention_scores=flag)
BahdanauAttention(8, probability=sparsemax, dropout=0.1, seed=None)
LuongAttention()
LuongAttention(8, score="concat", scale="fixed", probability="sparsemax")
MonotonicAttention(LuongAttention(scale="learned"), noise=0, energy_bias=-1)
pooled = AttentionPooling(4)(x)
pooled, weights = AttentionPooling(4)(x, mask, return_attention_scores=True)


class NearestAttention(AttentionMechanism):
    """What a user defines."""

    def energies(self, query, keys, state=()):
        apart = query[:, :, None] - keys[:, None]
        return keras.ops.negative(keras.ops.sum(keras.ops.square(apart), axis=-1))


context, weights = NearestAttention()(
    np.ones((2, 4)), memory, return_attention_scores=True
)

# Decoders.
decoder = AttentionDecoder(ExplicitGRUCell(8), BahdanauAttention(6))
AttentionDecoder(
    [keras.layers.LSTMCell(8), ExplicitLSTMCell(8)],
    LuongAttention(),
    attend="after",
    input_feeding=False,
    output_units=5,
)
outputs = decoder(x, memory)
outputs, weights = decoder(x, memory, memory_mask, return_attention_scores=True)
outputs, decoder_state = decoder(x, memory, return_state=True)
outputs, decoder_state, weights = decoder(
    x, memory, return_state=True, return_attention_scores=True
)
outputs = decoder(x, memory, initial_state=decoder_state)
several = AttentionDecoder(
    ExplicitGRUCell(8), [BahdanauAttention(6), LuongAttention(scale="fixed")]
)
outputs, (first, second) = several(
    x, [memory, memory], [memory_mask, None], return_attention_scores=True
)
ready = BahdanauDecoder(8, 6, cell="gru", dropout=0.1, output_units=5, name="decoder")
ready.build((2, 5, 3), (2, 7, 4))
begun: DecoderState = ready.get_initial_state(memory, memory_mask)
ready_keys = ready.project_memory(memory)
output, begun, weights = ready.step(x[:, 0], begun, memory, ready_keys, memory_mask)
print(begun.cell, begun.attention, begun.fed)

# Transformers.
encoder = TransformerEncoder(2, 3, 12, activation="gelu", attention_dropout=None)
encoded = encoder(x, mask)
encoded, layer_scores = encoder(x, return_attention_scores=True)
print(len(layer_scores), layer_scores[0].shape)
transformer = TransformerDecoder(num_layers=2, num_heads=3, intermediate_dim=12)
outputs = transformer(x, memory, training=True)
outputs, crossed = transformer(x, memory, return_attention_scores=True)
outputs, own = transformer(x, memory, return_self_attention_scores=True)
outputs, crossed, own = transformer(
    x, memory, return_attention_scores=True, return_self_attention_scores=True
)
pairs = transformer.project_memory(memory, memory_mask)
past: TransformerState = transformer.get_initial_state(memory, max_length=10)
past = transformer.get_initial_state(max_length=10, batch_size=2)
output, past, crossed = transformer.step(x[:, 0], past, memory, pairs)
outputs, past, crossed = transformer.read(x, past, keys=pairs, lengths=np.array([5, 3]))
print(past.position, crossed[0].shape)
PositionalEncoding()(x)
PositionalEncoding(max_wavelength=100.0, scale=True)(x, start=2)
PositionalEncoding(learned=True, max_length=9)(x[:, 0], start=np.array([1, 2]))
remembering = SuffixAttention(1024, longest=16)
logits = remembering(x, tokens=np.zeros((2, 5), int))
logits, memories = remembering(x, np.zeros((2, 5), int), return_state=True)
logits, looked = remembering(
    x, np.zeros((2, 5), int), memories, return_attention_scores=True
)
empty = remembering.get_initial_state(2)

# Models.
translator = EncoderDecoder(
    ExplicitGRU(8, return_sequences=True),
    BahdanauDecoder(8, 6),
    11,
    source_vocabulary=9,
    dim=4,
    name="translator",
)
tokens = {"source": np.array([[5, 6, 7]]), "target": np.array([[1, 4]])}
logits = translator(tokens)
logits, aligned = translator(tokens, return_attention_scores=True)
beginning, constants = translator.begin(tokens["source"], 10)
logits, beginning, aligned = translator.step(np.array([1]), beginning, constants)
language_model = RecurrentLanguageModel(11, dim=4, units=6, depth=2, batch_size=None)
ids = np.array([[1, 5, 7, 2]])
logits = language_model(ids)
logits, carried = language_model(ids[:, :3], return_state=True)
logits = language_model(ids, carried)
logits, carried = language_model.step(ids[:, 3], carried)
h, carried = language_model.read(ids, language_model.initial_state(1))
logits = language_model.logits(h, training=False)
language_model.reset_state()

# As users' own layers hand it on.
h = ExplicitLSTM(4)(x, training=None)

# The recurrences by themselves.
W, U, zeros = np.ones((3, 16)), np.ones((4, 16)), np.zeros((2, 4))
h, (h_T, c_T), none = lstm(x, (zeros, zeros), W, U, mask=sequence_mask([5, 2], 5))
h, (h_T, c_T), gates = lstm(x, [zeros, zeros], W, U, return_gates=True)
print(gates["forget"].shape, gates.items())
h, (h_T,), gates = gru(x, [zeros], W[:, :12], U[:, :12], return_gates=True)
h, (h_T,), gates = simple_rnn(x, [zeros], W[:, :4], U[:, :4], return_gates=flag)

# Several sequences in a row.
TimeDistributed(ExplicitLSTM(4, return_gates=True), name="each")(x[None], mask=mask)
TimeDistributed(keras.layers.Dense(2))(x, training=True)
