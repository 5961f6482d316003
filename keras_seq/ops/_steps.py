"""The gates of one step: stated once, for the lecture's functions and the variants.

`lstm_step`, `gru_step` and the layers' cells are these with nothing added;
`keras_seq.ops._variants` adds normalisation, peepholes and probes. (What
`keras_seq.ops._derived` states is for the engine, and keeps what a gradient needs.)
"""

from keras import ops


def lstm_gates(
    z, c_prev, activation, recurrent_activation, *, peephole=None, settle=None
):
    """One step of the LSTM, as `lstm_step`.

    Args:
        z: Pre-activations, packed (i, f, c̃, o). Shape (B, 4 · units).
        c_prev: Shape (B, units).
        activation: tanh, a function.
        recurrent_activation: σ, a function.
        peephole: What i and f see of c_{t-1} and o of c_t. Shape (3, units), or
            None.
        settle: Function of the new memory, before o sees it and h shows it; or
            None.

    Returns:
        `h_t`, `c_t` and the tuple (i, f, c̃, o).
    """

    def gate(z, number, c):
        return recurrent_activation(z if peephole is None else z + peephole[number] * c)

    z_i, z_f, z_c, z_o = ops.split(z, 4, axis=-1)
    i = gate(z_i, 0, c_prev)
    f = gate(z_f, 1, c_prev)
    candidate = activation(z_c)
    c = f * c_prev + i * candidate
    if settle is not None:
        c = settle(c)
    o = gate(z_o, 2, c)
    h = o * activation(c)
    return h, c, (i, f, candidate, o)


def gru_gates(z, r, x_h, h_prev, remember, activation, recurrent_activation):
    """One step of the GRU, as `gru_step`.

    Args:
        z: Pre-activation of the update gate. Shape (B, units).
        r: That of the reset gate.
        x_h: What the candidate has of the input. Shape (B, units).
        h_prev: Shape (B, units).
        remember: Function from the reset gate to what the candidate has of h_{t-1}:
            here the two forms differ.
        activation: tanh, a function.
        recurrent_activation: σ, a function.

    Returns:
        `h_t` and the tuple (z, r, h̃).
    """
    z = recurrent_activation(z)
    r = recurrent_activation(r)
    candidate = activation(x_h + remember(r))
    return z * h_prev + (1 - z) * candidate, (z, r, candidate)
