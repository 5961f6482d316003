"""Pure functions: recurrences, alignments, a loss. Nothing here knows a Layer.

Where a gradient is derived by hand there are second derivatives too: on TensorFlow
in eager mode, and in a `tf.function` that holds the tapes; on JAX in reverse mode;
on PyTorch with `create_graph`.
"""

from keras_seq.ops._engine.tensorflow_cpu.conditions import portable_graphs
from keras_seq.ops._masking import sequence_mask
from keras_seq.ops.alignment import (
    hard_monotonic,
    masked_softmax,
    monotonic,
    sparsemax,
)
from keras_seq.ops.cross_entropy import cross_entropy
from keras_seq.ops.gru import gru, gru_step
from keras_seq.ops.lstm import lstm, lstm_step
from keras_seq.ops.simple_rnn import simple_rnn, simple_rnn_step

__all__ = [
    "cross_entropy",
    "gru",
    "gru_step",
    "hard_monotonic",
    "lstm",
    "lstm_step",
    "masked_softmax",
    "monotonic",
    "portable_graphs",
    "sequence_mask",
    "simple_rnn",
    "simple_rnn_step",
    "sparsemax",
]
