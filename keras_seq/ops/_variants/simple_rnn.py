"""The simple recurrence with layer normalisation."""

from keras_seq.ops._projection import project
from keras_seq.ops._structures import HiddenState
from keras_seq.ops._variants.normalise import unchanged
from keras_seq.ops.simple_rnn import SHOWN, simple_rnn_step


class VariedSimpleRNN:
    """Elman's recurrence with LN where it is given.

    ```
    a_t = LN(x_t W + h_{t-1} U) + b
    h_t = tanh(a_t)
    ```
    """

    State = HiddenState
    gates = SHOWN
    carried = ()

    def __init__(
        self,
        kernel,
        recurrent_kernel,
        bias,
        *,
        input_dropout,
        recurrent_dropout,
        activation,
        norms,
    ):
        self.kernel, self.recurrent_kernel, self.bias = kernel, recurrent_kernel, bias
        self.input_dropout, self.recurrent_dropout = input_dropout, recurrent_dropout
        self.activation = activation
        self.norm = norms.get("pre_activation", unchanged)

    def project(self, x):
        return project(x, self.kernel, None, self.input_dropout)

    def step(self, projected, state):
        _, (a,) = simple_rnn_step(
            projected,
            state[0],
            self.recurrent_kernel,
            recurrent_dropout=self.recurrent_dropout,
            activation=None,
        )
        a = self.norm(a)
        if self.bias is not None:
            a = a + self.bias
        return HiddenState(self.activation(a)), (a,)
