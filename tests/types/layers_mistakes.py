"""Mistakes in calls of the layers: a type checker must find each of them."""

import numpy as np

from keras_seq import ops
from keras_seq.layers import (
    AttentionDecoder,
    AttentionPooling,
    BahdanauAttention,
    BahdanauDecoder,
    ChronoBias,
    EncoderDecoder,
    ExplicitGRU,
    ExplicitGRUCell,
    ExplicitLSTM,
    ExplicitLSTMCell,
    ExplicitSimpleRNN,
    ExplicitStack,
    LuongAttention,
    MonotonicAttention,
    PositionalEncoding,
    RecurrentLanguageModel,
    SuffixAttention,
    TransformerDecoder,
    TransformerEncoder,
)

x = np.ones((2, 5, 3), "float32")
memory = np.ones((2, 7, 4), "float32")

gru_cell = ExplicitGRUCell(8)
attention = BahdanauAttention(8)
decoder = AttentionDecoder(gru_cell, attention)
encoder = TransformerEncoder(2, 3, 12)
transformer = TransformerDecoder(2, 3, 12)
model = RecurrentLanguageModel(11, dim=4, units=6)
cell = ExplicitLSTMCell(4)
lstm = ExplicitLSTM(4)
pooling = AttentionPooling(4)

# Arguments of constructors.
ExplicitLSTM("5")  # wrong: units is a number
ExplicitStack("rnn", 4)  # wrong: there is no such kind
lstm(x, sequence_length="5")  # wrong: lengths are numbers
ExplicitLSTM(5, activation=3)  # wrong: an activation is a name or a function
ExplicitLSTM(5, zoneout="x")  # wrong: zoneout is a number or a pair
ExplicitGRU(5, zoneout=(0.1, 0.2))  # wrong: a GRU has one state
ExplicitLSTM(5, kernel_initializer=0.1)  # wrong: no initializer
ExplicitLSTM(5, return_gates="yes")  # wrong: a flag
ExplicitLSTM(5, return_gate=True)  # wrong: return_gates
ExplicitLSTM(5, use_cudnn="yes")  # wrong: True, False or "auto"
ExplicitGRU(5, peepholes=True)  # wrong: a GRU has none
ExplicitSimpleRNN(5, dropout="0.1")  # wrong: a number
ExplicitLSTMCell(5, implementation=3)  # wrong: 1 or 2
ExplicitGRUCell(5, units_forget_bias=True)  # wrong: an unknown keyword
ExplicitLSTM(5, nam="lstm")  # wrong: name
ExplicitLSTM(5, seed="7")  # wrong: a number
ChronoBias("long")  # wrong: a number
ChronoBias(100, gates="rnn")  # wrong: lstm or gru
BahdanauAttention()  # wrong: units is needed
BahdanauAttention(8, location="next")  # wrong: previous or cumulative
BahdanauAttention(8, probability="hardmax")  # wrong: softmax or sparsemax
LuongAttention(score="dots")  # wrong: dot
MonotonicAttention(8)  # wrong: it wraps an attention
AttentionPooling(4, 8)  # wrong: use_bias is a flag
AttentionDecoder(gru_cell, attention, attend="first")  # wrong: before or after
AttentionDecoder(gru_cell, 6)  # wrong: an attention, not its size
BahdanauDecoder(8, 6, cell="rnn")  # wrong: lstm or gru
BahdanauDecoder(8, 6, input_feed=False)  # wrong: input_feeding
TransformerEncoder(2, 4)  # wrong: intermediate_dim is needed
TransformerEncoder(2, 4, 8, norm_first="yes")  # wrong: a flag
PositionalEncoding(512)  # wrong: by keyword only
PositionalEncoding(learned=True, max_length="512")  # wrong: a number
SuffixAttention("1024")  # wrong: a number
SuffixAttention(8)(x)  # wrong: the tokens, too
RecurrentLanguageModel(11, dim=4)  # wrong: units is needed
RecurrentLanguageModel(11, dim=4, units=6, depth="2")  # wrong: a number
EncoderDecoder(ExplicitGRU(8), BahdanauDecoder(8, 6), "11")  # wrong: a number

# Arguments of calls.
lstm(x, return_gates="yes")  # wrong: return_gates is told to the constructor
lstm(x, masks=None)  # wrong: mask
lstm(x, training="no")  # wrong: a flag
lstm.get_config(True)  # wrong: it takes nothing
cell(x[:, 0])  # wrong: states are needed
cell(x[:, 0], [x, x], return_gate=True)  # wrong: return_gates
attention(x, memory, scores=True)  # wrong: return_attention_scores
attention(x)  # wrong: memory is needed
attention.step(x, memory, key=None)  # wrong: keys
decoder(x, memory, return_states=True)  # wrong: return_state
decoder.step(x[:, 0], decoder.get_initial_state(memory))  # wrong: memory is needed
decoder.get_initial_state(memory, max_length=5)  # wrong: that is a transformer's
transformer(x, memory, return_scores=True)  # wrong: return_attention_scores
transformer.get_initial_state(memory)  # wrong: max_length is needed
transformer.get_initial_state(memory, max_length="5")  # wrong: a number
model([1, 2], return_gates=True)  # wrong: return_state
model.initial_state("1")  # wrong: a number

# Results.
x_t = x[:, 0]
begun = decoder.get_initial_state(memory)
past = transformer.get_initial_state(memory, max_length=5)
h, state, gates = cell(x_t, [x_t, x_t])  # wrong: two without return_gates
h, state = cell(x_t, [x_t, x_t], return_gates=True)  # wrong: three
c, w, state = attention(x, memory, return_attention_scores=True)  # wrong: two
context, weights = attention.step(x_t, memory)  # wrong: three
h, gates, extra = decoder(x, memory, return_attention_scores=True)  # wrong: two
outputs, state, weights = decoder(x, memory, return_state=True)  # wrong: two
output, weights = decoder.step(x_t, begun, memory)  # wrong: three
a, b, c = transformer(x, memory, return_attention_scores=True)  # wrong: two
output, crossed = transformer.step(x_t, past, memory)  # wrong: three
encoded, scores, more = encoder(x, return_attention_scores=True)  # wrong: two
logits, h, c = model(x, return_state=True)  # wrong: two
pooled, weights, more = pooling(x, return_attention_scores=True)  # wrong: two

# The recurrences by themselves.
zeros = np.zeros((2, 4))
h, state, gates = ops.lstm(x, (zeros, zeros), x, x)
gates["forget"]  # wrong: without return_gates there are none
h, (h_T, c_T), gates = ops.gru(x, (zeros,), x, x)  # wrong: a GRU has one state
ops.simple_rnn(x, (zeros,), x, x, return_gates="all")  # wrong: a flag
ops.sequence_mask("5", 3)  # wrong: lengths are numbers
