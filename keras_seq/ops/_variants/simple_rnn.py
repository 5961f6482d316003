"""The simple recurrence with layer normalisation."""

from keras_seq.ops._projection import project
from keras_seq.ops._variants.normalise import unchanged
from keras_seq.ops.simple_rnn import SHOWN


class VariedSimpleRNN:
    """Elman's recurrence with LN where it is given.

    ```
    a_t = LN(x_t W + h_{t-1} U) + b
    h_t = tanh(a_t)
    ```
    """

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
        (h_prev,) = state
        from_h = project(h_prev, self.recurrent_kernel, None, self.recurrent_dropout)
        a = self.norm(projected + from_h)
        if self.bias is not None:
            a = a + self.bias
        return (self.activation(a),), (a,)
