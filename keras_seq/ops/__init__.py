"""Pure functions: recurrences. Nothing here knows a Layer."""

from keras_seq.ops.lstm import lstm, lstm_step

__all__ = ["lstm", "lstm_step"]
