"""Keras layers that show their inner workings."""

from keras_seq.layers.gru import ExplicitGRU
from keras_seq.layers.gru_cell import ExplicitGRUCell
from keras_seq.layers.initializers import ChronoBias, ForgetBias
from keras_seq.layers.lstm import ExplicitLSTM
from keras_seq.layers.lstm_cell import ExplicitLSTMCell
from keras_seq.layers.simple_rnn import ExplicitSimpleRNN
from keras_seq.layers.simple_rnn_cell import ExplicitSimpleRNNCell

__all__ = [
    "ChronoBias",
    "ExplicitGRU",
    "ExplicitGRUCell",
    "ExplicitLSTM",
    "ExplicitLSTMCell",
    "ExplicitSimpleRNN",
    "ExplicitSimpleRNNCell",
    "ForgetBias",
]
