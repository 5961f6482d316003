"""The LSTM with layer normalisation, peepholes and a projection."""

from keras import ops

from keras_seq.ops._projection import project
from keras_seq.ops._steps import lstm_gates
from keras_seq.ops._structures import LSTMState
from keras_seq.ops._variants.normalise import unchanged
from keras_seq.ops.lstm import GATES


class VariedLSTM:
    """The LSTM, packed (i, f, c̃, o), with LN, p and V where they are given.

    ```
    z   = LN_x(x_t W) + LN_h(h_{t-1} U) + b
    i   = σ(z_i + p_i ⊙ c_{t-1})
    f   = σ(z_f + p_f ⊙ c_{t-1})
    c̃   = tanh(z_c)
    c_t = LN_c(f ⊙ c_{t-1} + i ⊙ c̃)
    o   = σ(z_o + p_o ⊙ c_t)
    h_t = (o ⊙ tanh(c_t)) V
    ```
    """

    State = LSTMState
    gates = GATES
    carried = ("cell",)

    def __init__(
        self,
        kernel,
        recurrent_kernel,
        bias,
        *,
        input_dropout,
        recurrent_dropout,
        activation,
        recurrent_activation,
        norms,
        peephole,
        projection,
    ):
        self.kernel, self.recurrent_kernel, self.bias = kernel, recurrent_kernel, bias
        self.input_dropout, self.recurrent_dropout = input_dropout, recurrent_dropout
        self.activation = activation
        self.recurrent_activation = recurrent_activation
        self.norm_x = norms.get("kernel", unchanged)
        self.norm_h = norms.get("recurrent", unchanged)
        self.norm_c = norms.get("state", unchanged)
        self.peephole = peephole
        self.projection = projection

    def project(self, x):
        z = self.norm_x(project(x, self.kernel, None, self.input_dropout))
        return z if self.bias is None else z + self.bias

    def step(self, projected, state, memory_probe=None):
        h_prev, c_prev = state
        from_h = project(h_prev, self.recurrent_kernel, None, self.recurrent_dropout)

        def settle(c):
            c = self.norm_c(c)
            return c if memory_probe is None else c + memory_probe

        h, c, gates = lstm_gates(
            projected + self.norm_h(from_h),
            c_prev,
            self.activation,
            self.recurrent_activation,
            peephole=self.peephole,
            settle=settle,
        )
        if self.projection is not None:
            h = ops.matmul(h, self.projection)
        return LSTMState(h, c), gates
