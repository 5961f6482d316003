"""The LSTM's steps with a gradient derived by hand, on TensorFlow.

The gradient of a loop as TensorFlow derives it adds up the weights' gradient
inside the loop, a read and a write of the whole matrix at every step. Derived
by hand, the loop holds what is sequential alone:

```
δh_t = ∂L/∂h_t + δz_{t+1} Uᵀ
δc_t = ∂L/∂c_t + δc_{t+1} ⊙ f_{t+1} + δh_t ⊙ o ⊙ (1 - tanh² c_t)
δz_t = (δc_t ⊙ c̃ ⊙ i(1-i), δc_t ⊙ c_{t-1} ⊙ f(1-f), δc_t ⊙ i ⊙ (1-c̃²),
        δh_t ⊙ tanh c_t ⊙ o(1-o))
```

The factors are computed for all steps at once before it, and ∂L/∂U, the sum of
h_{t-1}ᵀ δz_t over all steps, is one matrix product behind it.
"""

from keras import ops

from keras_seq.ops._scan import scan


def lstm_steps(step, h_0, c_0, z, recurrent_kernel, mask=None, show_gates=False):
    """Runs the steps of an LSTM with tanh and σ, forwards and backwards.

    Args:
        step: One step: `lstm_step`.
        h_0: Shape (B, units).
        c_0: Shape (B, units).
        z: Projected inputs x_t W + b of all steps, packed (i, f, c̃, o). Shape
            (T, B, 4 · units).
        recurrent_kernel: U. Shape (units, 4 · units).
        mask: True where a step counts, shape (T, B, 1), or None for all.
        show_gates: Whether to return c and the gates of all steps.

    Returns:
        h_T and c_T, each of shape (B, units); h of all steps, shape
        (T, B, units). With `show_gates` also c, shape (T, B, units), and the
        gates, packed (i, f, c̃, o), shape (T, B, 4 · units). The gates of masked
        steps mean nothing.
    """
    import tensorflow as tf

    masks = () if mask is None else (mask,)
    # A tensor like one step of z, also where there is no step.
    row = tf.zeros((tf.shape(h_0)[0], z.shape[-1]), z.dtype)

    def forward(state, inputs):
        h_prev, c_prev = state
        h, c, gates = step(inputs[0] + ops.matmul(h_prev, recurrent_kernel), c_prev)
        if masks:
            h = ops.where(inputs[1], h, h_prev)
            c = ops.where(inputs[1], c, c_prev)
        return (h, c), (h, c, ops.concatenate(gates, axis=-1))

    @tf.custom_gradient
    def run(h_0, c_0, z, recurrent_kernel):
        (h_T, c_T), (h, c, gates) = scan(
            forward, (h_0, c_0), (z, *masks), emit_like=(h_0, c_0, row)
        )

        def gradient(dh_T, dc_T, dh, *shown):
            factors, through_cell, keep, slopes = _factors(c_0, c, gates, mask)
            sequences: tuple = (dh, factors, through_cell, keep)
            if masks:
                sequences += (ops.logical_not(mask),)
            if show_gates:
                dc, dgates = shown
                sequences += (dc, dgates * slopes)
            transposed = ops.transpose(recurrent_kernel)

            def backward(state, inputs):
                dh_t, dc_t = state
                dh_t = dh_t + inputs[0]
                dc_t = dc_t + dh_t * inputs[2]
                if show_gates:
                    dc_t = dc_t + inputs[-2]
                dz_t = inputs[1] * ops.concatenate([dc_t, dc_t, dc_t, dh_t], axis=-1)
                if show_gates:
                    dz_t = dz_t + inputs[-1]
                dh_prev = ops.matmul(dz_t, transposed)
                if masks:
                    dh_prev = dh_prev + ops.where(inputs[4], dh_t, ops.zeros_like(dh_t))
                return (dh_prev, dc_t * inputs[3]), (dz_t,)

            (dh_0, dc_0), (dz,) = scan(
                backward, (dh_T, dc_T), sequences, emit_like=(row,), reverse=True
            )
            units = recurrent_kernel.shape[0]
            h_before = _before(h_0, h)
            d_kernel = ops.matmul(
                ops.transpose(ops.reshape(h_before, (-1, units))),
                ops.reshape(dz, (-1, 4 * units)),
            )
            return dh_0, dc_0, dz, d_kernel

        return (h_T, c_T, h, c, gates) if show_gates else (h_T, c_T, h), gradient

    return run(h_0, c_0, z, recurrent_kernel)


def _factors(c_0, c, gates, mask):
    """What the errors are multiplied by, for all steps at once.

    Returns:
        The factors between the errors of c_t (thrice) and h_t and that of z_t;
        between h_t's and c_t's; between c_t's and c_{t-1}'s; and the slopes of
        the gates' activations. A masked step hands the error of c on and stops
        all else.
    """
    i, f, candidate, o = ops.split(gates, 4, axis=-1)
    c_before = _before(c_0, c)
    tanh_c = ops.tanh(c)
    through_cell = o * (1 - tanh_c * tanh_c)
    slopes = ops.concatenate(
        [i * (1 - i), f * (1 - f), 1 - candidate * candidate, o * (1 - o)], axis=-1
    )
    factors = slopes * ops.concatenate([candidate, c_before, i, tanh_c], axis=-1)
    if mask is None:
        return factors, through_cell, f, slopes
    factors, through_cell, slopes = (
        ops.where(mask, x, ops.zeros_like(x)) for x in (factors, through_cell, slopes)
    )
    return factors, through_cell, ops.where(mask, f, ops.ones_like(f)), slopes


def _before(first, states):
    """Each step's state before it: `first`, then all `states` but the last."""
    return ops.concatenate([first[None], states])[:-1]
