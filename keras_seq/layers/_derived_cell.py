"""A cell as equations with a gradient derived by hand, where it has one."""

from typing import Any

import keras
from keras import ops

from keras_seq.layers.gru_cell import ExplicitGRUCell
from keras_seq.layers.lstm_cell import ExplicitLSTMCell
from keras_seq.layers.simple_rnn_cell import ExplicitSimpleRNNCell
from keras_seq.ops._derived import LSTM, GRUResetAfter, GRUResetBefore, SimpleRNN
from keras_seq.ops._derived.slopes import slope_of
from keras_seq.typing import Nest, Tensor

LSTM_CELLS = (ExplicitLSTMCell, keras.layers.LSTMCell)
GRU_CELLS = (ExplicitGRUCell, keras.layers.GRUCell)
SIMPLE_CELLS = (ExplicitSimpleRNNCell, keras.layers.SimpleRNNCell)


def equations_of(cell: Any, training: bool | None) -> Nest:
    """The equations of a cell of this package or of Keras.

    Args:
        cell: A built cell.
        training: Whether its dropout acts.

    Returns:
        The equations, the kernel, the input bias or None, and the tuple of
        recurrent weights, in the dtype that the cell computes in; or None if the
        cell computes something else: a variant, an activation without a known
        slope, another class.
    """
    if type(cell) not in (*LSTM_CELLS, *GRU_CELLS, *SIMPLE_CELLS):
        return None
    dropouts = ("dropout", "recurrent_dropout", "weight_dropout")
    if training and any(getattr(cell, name, 0) for name in dropouts):
        return None
    if getattr(cell, "varied", False):
        return None
    activations = [cell.activation]
    if type(cell) not in SIMPLE_CELLS:
        activations.append(cell.recurrent_activation)
    slopes = [slope_of(activation) for activation in activations]
    if None in slopes:
        return None
    dtype = cell.compute_dtype
    kernel, recurrent_kernel = (
        ops.cast(kernel, dtype) for kernel in (cell.kernel, cell.recurrent_kernel)
    )
    bias = None if cell.bias is None else ops.cast(cell.bias, dtype)
    weights: tuple[Tensor, ...] = (recurrent_kernel,)
    if type(cell) in SIMPLE_CELLS:
        return SimpleRNN(cell.activation, slopes[0], False), kernel, bias, weights
    form = *activations, *slopes
    if type(cell) in LSTM_CELLS:
        return LSTM(*form), kernel, bias, weights
    if not cell.reset_after:
        weights = tuple(ops.split(recurrent_kernel, [2 * cell.units], axis=-1))
        return GRUResetBefore(*form), kernel, bias, weights
    if bias is not None:
        weights, bias = (recurrent_kernel, bias[1]), bias[0]
    return GRUResetAfter(*form), kernel, bias, weights
