"""One step of an LSTM that shows its gates."""

import keras

from keras_seq.layers._arguments import check_states
from keras_seq.layers._recurrent_cell import RecurrentCell
from keras_seq.ops import lstm_step
from keras_seq.ops._projection import project
from keras_seq.ops.lstm import GATES


@keras.saving.register_keras_serializable(package="keras_seq")
class ExplicitLSTMCell(RecurrentCell, keras.layers.LSTMCell):
    """One step of an LSTM, with its gates on request.

    ```
    i  = σ(x_t W_i + h_{t-1} U_i + b_i)        input gate
    f  = σ(x_t W_f + h_{t-1} U_f + b_f)        forget gate
    c̃  = tanh(x_t W_c + h_{t-1} U_c + b_c)     candidate
    o  = σ(x_t W_o + h_{t-1} U_o + b_o)        output gate
    c_t = f ⊙ c_{t-1} + i ⊙ c̃
    h_t = o ⊙ tanh(c_t)
    ```

    Weights, their layout and every constructor argument are those of
    `keras.layers.LSTMCell`: `kernel` W (D, 4 · units), `recurrent_kernel` U
    (units, 4 · units) and `bias` b (4 · units,), packed in the order
    (i, f, c̃, o). `set_weights` takes a Keras cell's weights as they are.

    Args:
        units: Size of the state, a positive integer.
        activation: Stands where the equations say tanh.
        recurrent_activation: Stands where the equations say σ.
        use_bias: Whether there is a b.
        kernel_initializer: Initialiser of W.
        recurrent_initializer: Initialiser of U.
        bias_initializer: Initialiser of b.
        unit_forget_bias: Whether b_f starts at 1, so that a new cell
            remembers (Jozefowicz et al., 2015).
        kernel_regularizer: Regulariser of W.
        recurrent_regularizer: Regulariser of U.
        bias_regularizer: Regulariser of b.
        kernel_constraint: Constraint on W.
        recurrent_constraint: Constraint on U.
        bias_constraint: Constraint on b.
        dropout: Share of x_t's features set to 0 in training, in [0, 1): the
            same ones at every step until `reset_dropout_mask()`.
        recurrent_dropout: Share of h_{t-1}'s units set to 0 in training, in
            [0, 1): the same until `reset_recurrent_dropout_mask()`.
        seed: Seed of the dropout.
        implementation: 2 shares one dropout mask on x_t between the gates; 1
            draws one for each gate, as `recurrent_dropout` always does.

    Call arguments:
        inputs: x_t. Shape (B, D).
        states: h_{t-1} and c_{t-1}, each of shape (B, units).
        training: Whether dropout acts.
        return_gates: Whether to return the gates too.

    Returns:
        h_t of shape (B, units) and the new state `[h_t, c_t]`; with
        `return_gates=True` also a dict of (B, units) tensors "input",
        "forget", "candidate", "output" and "cell" (c_t).

    Raises:
        ValueError: If `units` is not a positive integer, a dropout rate is
            outside [0, 1), or `states` doesn't fit.

    Example:

    >>> import numpy as np
    >>> cell = ExplicitLSTMCell(4)
    >>> h, c = cell.get_initial_state(batch_size=1)
    >>> for x_t in np.ones((3, 1, 2), "float32"):
    ...     h, (h, c), gates = cell(x_t, (h, c), return_gates=True)
    >>> sorted(gates)
    ['candidate', 'cell', 'forget', 'input', 'output']

    References:
        Hochreiter and Schmidhuber (1997), Long short-term memory.
        Gers, Schmidhuber and Cummins (2000), Learning to forget.
        Gal and Ghahramani (2016), A theoretically grounded application of
        dropout in recurrent neural networks.
    """

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        implementation=2,
        **kwargs,
    ):
        super().__init__(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            implementation=implementation,
            **kwargs,
        )

    def call(self, inputs, states, training=False, return_gates=False):
        h_prev, c_prev = check_states(
            "states", states, self.state_size, inputs.shape[0]
        )
        input_dropout, recurrent_dropout = self.dropout_masks(inputs, h_prev, training)
        z = project(inputs, self.kernel, self.bias, input_dropout)
        z += project(h_prev, self.recurrent_kernel, None, recurrent_dropout)
        h, c, gates = lstm_step(
            z,
            c_prev,
            activation=self.activation,
            recurrent_activation=self.recurrent_activation,
        )
        if not return_gates:
            return h, [h, c]
        named = dict(zip(GATES, gates, strict=True))
        return h, [h, c], {**named, "cell": c}

    def get_config(self):
        return {**super().get_config(), "implementation": self.implementation}
