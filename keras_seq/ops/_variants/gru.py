"""The GRU with layer normalisation."""

from keras import ops

from keras_seq.ops._projection import project
from keras_seq.ops._steps import gru_gates
from keras_seq.ops._structures import HiddenState
from keras_seq.ops._variants.normalise import unchanged
from keras_seq.ops.gru import GATES


class VariedGRU:
    """The GRU, packed (z, r, h̃), with LN where it is given.

    ```
    (x_z, x_r) = LN(x_t W_zr) + b_zr                     x_h = LN(x_t W_h) + b_h
    (z, r) = σ((x_z, x_r) + LN(h_{t-1} U_zr) + b'_zr)
    h̃   = tanh(x_h + r ⊙ (LN(h_{t-1} U_h) + b'_h))       with `reset_after`
    h̃   = tanh(x_h + LN((r ⊙ h_{t-1}) U_h))              without it
    h_t = z ⊙ h_{t-1} + (1 - z) ⊙ h̃
    ```
    """

    State = HiddenState
    gates = GATES
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
        recurrent_activation,
        reset_after,
        norms,
    ):
        units = recurrent_kernel.shape[0]
        self.sizes = 2 * units, units
        self.kernel = kernel
        self.recurrent_kernels = ops.split(recurrent_kernel, [2 * units], axis=-1)
        self.bias, recurrent_bias = bias, None
        if reset_after and bias is not None:
            self.bias, recurrent_bias = bias[0], bias[1]
        self.recurrent_biases = (
            (None, None)
            if recurrent_bias is None
            else ops.split(recurrent_bias, [2 * units])
        )
        self.input_dropout = input_dropout
        self.recurrent_dropouts = None, None
        if recurrent_dropout is not None:
            # As many masks as gates, or one for all.
            gates = recurrent_dropout[: min(2, recurrent_dropout.shape[0])]
            self.recurrent_dropouts = gates, recurrent_dropout[-1:]
        self.activation = activation
        self.recurrent_activation = recurrent_activation
        self.reset_after = reset_after
        self.norms_x, self.norms_h = (
            norms[name].parts(self.sizes) if norms else (unchanged, unchanged)
            for name in ("kernel", "recurrent")
        )

    def project(self, x):
        x = project(x, self.kernel, None, self.input_dropout)
        parts = ops.split(x, [self.sizes[0]], axis=-1)
        normed = [norm(part) for norm, part in zip(self.norms_x, parts, strict=True)]
        x = ops.concatenate(normed, axis=-1)
        return x if self.bias is None else x + self.bias

    def step(self, projected, state):
        (h_prev,) = state
        x_gates, x_h = ops.split(projected, [self.sizes[0]], axis=-1)
        z, r = ops.split(x_gates + self._from_h(0, h_prev), 2, axis=-1)

        def remember(r):
            if self.reset_after:
                return r * self._from_h(1, h_prev)
            return self._from_h(1, r * h_prev)

        h, gates = gru_gates(
            z, r, x_h, h_prev, remember, self.activation, self.recurrent_activation
        )
        return HiddenState(h), gates

    def _from_h(self, part, h):
        dropout, bias = self.recurrent_dropouts[part], self.recurrent_biases[part]
        a = self.norms_h[part](project(h, self.recurrent_kernels[part], None, dropout))
        return a if bias is None else a + bias
