"""Keras layers that show their inner workings."""

from keras_seq.layers.lstm import ExplicitLSTM
from keras_seq.layers.lstm_cell import ExplicitLSTMCell

__all__ = ["ExplicitLSTM", "ExplicitLSTMCell"]
