"""The recurrences with their gradients, derived by hand.

Each class states one recurrence for the loops of `keras_seq.ops._engine`, which
decide where products are gathered, what is kept, and in which order things run.
`equations.Equations` says what its methods take and give; `SimpleRNN` is the one to
read first.

This is the one statement of a recurrence for the engine's loops. It keeps what the
gradient needs, and computes what is one operation less: those that read as a
lecture are `lstm_step`, `gru_step` and `simple_rnn_step`.
"""

from keras_seq.ops._derived.gru import GRUResetAfter, GRUResetBefore
from keras_seq.ops._derived.lstm import LSTM
from keras_seq.ops._derived.simple_rnn import SimpleRNN

__all__ = ["LSTM", "GRUResetAfter", "GRUResetBefore", "SimpleRNN"]
