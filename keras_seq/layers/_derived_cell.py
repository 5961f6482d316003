"""A cell as equations with a gradient derived by hand, where it has one."""

import keras
from keras import ops

from keras_seq.layers.gru_cell import ExplicitGRUCell
from keras_seq.layers.lstm_cell import ExplicitLSTMCell
from keras_seq.layers.simple_rnn_cell import ExplicitSimpleRNNCell
from keras_seq.ops._derived import LSTM, GRUResetAfter, GRUResetBefore, SimpleRNN
from keras_seq.ops._derived.slopes import slope_of

LSTM_CELLS = (ExplicitLSTMCell, keras.layers.LSTMCell)
GRU_CELLS = (ExplicitGRUCell, keras.layers.GRUCell)
SIMPLE_CELLS = (ExplicitSimpleRNNCell, keras.layers.SimpleRNNCell)


def equations_of(cell, training):
    """The equations of a cell of this package or of Keras.

    Args:
        cell: A built cell.
        training: Whether its dropout acts.

    Returns:
        The equations, the kernel, the input bias or None, and the tuple of
        recurrent weights; or None if the cell computes something else: a
        variant, an activation without a known slope, another class.
    """
    if type(cell) not in (*LSTM_CELLS, *GRU_CELLS, *SIMPLE_CELLS):
        return None
    if getattr(cell, "varied", False) or getattr(cell, "weight_dropout", 0):
        return None
    if training and (cell.dropout or cell.recurrent_dropout):
        return None
    slope = slope_of(cell.activation)
    if type(cell) in SIMPLE_CELLS:
        if slope is None:
            return None
        weights = (cell.recurrent_kernel,)
        return SimpleRNN(cell.activation, slope, False), cell.kernel, cell.bias, weights
    recurrent_slope = slope_of(cell.recurrent_activation)
    if slope is None or recurrent_slope is None:
        return None
    form = cell.activation, cell.recurrent_activation, slope, recurrent_slope
    if type(cell) in LSTM_CELLS:
        return LSTM(*form), cell.kernel, cell.bias, (cell.recurrent_kernel,)
    if not cell.reset_after:
        split = ops.split(cell.recurrent_kernel, [2 * cell.units], axis=-1)
        return GRUResetBefore(*form), cell.kernel, cell.bias, tuple(split)
    if cell.bias is None:
        return GRUResetAfter(*form), cell.kernel, None, (cell.recurrent_kernel,)
    weights = (cell.recurrent_kernel, cell.bias[1])
    return GRUResetAfter(*form), cell.kernel, cell.bias[0], weights
