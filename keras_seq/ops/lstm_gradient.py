"""The LSTM's steps with a gradient derived by hand, on TensorFlow.

The gradient of a loop as TensorFlow derives it adds up the weights' gradient
inside the loop, a read and a write of the whole matrix at every step. Derived
by hand, the loop holds what is sequential alone:

```
δh_t = ∂L/∂h_t + δz_{t+1} Uᵀ
δc_t = ∂L/∂c_t + δc_{t+1} ⊙ f_{t+1} + δh_t ⊙ o ⊙ (1 - tanh² c_t)
δz_t = (δc_t ⊙ c̃ ⊙ i(1-i), δc_t ⊙ c_{t-1} ⊙ f(1-f), δh_t ⊙ tanh c_t ⊙ o(1-o),
        δc_t ⊙ i ⊙ (1-c̃²))
```

The factors are computed for all steps at once before it, and ∂L/∂U, the sum of
h_{t-1}ᵀ δz_t over all steps, is one matrix product behind it.
"""

from keras import ops

from keras_seq.ops._scan import scan
from keras_seq.ops._shards import product_with


def lstm_steps(step, h_0, c_0, z, recurrent_kernel, mask=None, show_gates=False):
    """Runs the steps of an LSTM with tanh and σ, forwards and backwards.

    Args:
        step: One step: `(z_t, c_{t-1}) -> h_t, c_t, (gates, candidate)`, the gates
            packed (i, f, o).
        h_0: Shape (B, units).
        c_0: Shape (B, units).
        z: Projected inputs x_t W + b of all steps, packed (i, f, o, c̃). Shape
            (T, B, 4 · units).
        recurrent_kernel: U, packed alike. Shape (units, 4 · units).
        mask: True where a step counts, shape (T, B, 1), or None for all.
        show_gates: Whether to return c and the gates of all steps.

    Returns:
        h_T and c_T, each of shape (B, units); h of all steps, shape
        (T, B, units). With `show_gates` also c, shape (T, B, units), the
        gates, packed (i, f, o), shape (T, B, 3 · units), and the candidates, shape
        (T, B, units). The gates of masked steps mean nothing.
    """
    import tensorflow as tf

    masks = () if mask is None else (mask,)
    # A tensor like one step of z, also where there is no step.
    row = tf.zeros((tf.shape(h_0)[0], z.shape[-1]), z.dtype)

    @tf.custom_gradient
    def run(h_0, c_0, z, recurrent_kernel):
        units = recurrent_kernel.shape[0]
        times_kernel = product_with(recurrent_kernel, h_0.shape[0])

        def forward(state, inputs):
            h_prev, c_prev = state
            h, c, gates = step(inputs[0] + times_kernel(h_prev), c_prev)
            if masks:
                h = ops.where(inputs[1], h, h_prev)
                c = ops.where(inputs[1], c, c_prev)
            return (h, c), (h, c, *gates)

        (h_T, c_T), (h, c, gates, candidate) = scan(
            forward,
            (h_0, c_0),
            (z, *masks),
            emit_like=(h_0, c_0, row[:, : 3 * units], h_0),
            differentiable=False,
        )

        def gradient(dh_T, dc_T, dh, *shown):
            factors, through_cell, keep, slopes = _factors(
                c_0, c, gates, candidate, mask
            )
            sequences: tuple = (dh, factors, through_cell, keep)
            if masks:
                sequences += (ops.logical_not(mask),)
            if show_gates:
                dc, *dgates = shown
                sequences += (dc, ops.concatenate(dgates, axis=-1) * slopes())
            times_transposed = product_with(
                ops.transpose(recurrent_kernel), h_0.shape[0]
            )

            def backward(state, inputs):
                dh_t, dc_t = state
                dh_t = dh_t + inputs[0]
                dc_t = dc_t + dh_t * inputs[2]
                if show_gates:
                    dc_t = dc_t + inputs[-2]
                dz_t = inputs[1] * ops.concatenate([dc_t, dc_t, dh_t, dc_t], axis=-1)
                if show_gates:
                    dz_t = dz_t + inputs[-1]
                dh_prev = times_transposed(dz_t)
                if masks:
                    dh_prev = dh_prev + ops.where(inputs[4], dh_t, ops.zeros_like(dh_t))
                return (dh_prev, dc_t * inputs[3]), (dz_t,)

            (dh_0, dc_0), (dz,) = scan(
                backward,
                (dh_T, dc_T),
                sequences,
                emit_like=(row,),
                reverse=True,
                differentiable=False,
            )
            d_kernel = ops.matmul(
                ops.transpose(ops.reshape(_before(h_0, h), (-1, units))),
                ops.reshape(dz, (-1, 4 * units)),
            )
            return dh_0, dc_0, dz, d_kernel

        shown = (c, gates, candidate) if show_gates else ()
        return (h_T, c_T, h, *shown), gradient

    return run(h_0, c_0, z, recurrent_kernel)


def _factors(c_0, c, gates, candidate, mask):
    """What the errors are multiplied by, for all steps at once.

    Returns:
        The factors between the errors of c_t and h_t and that of z_t, packed
        (i, f, o, c̃); between h_t's and c_t's; between c_t's and c_{t-1}'s; and a
        function that gives the slopes of the activations. A masked step hands
        the error of c on and stops all else.
    """
    i, f, o = ops.split(gates, 3, axis=-1)
    tanh_c = ops.tanh(c)
    factors = ops.concatenate(
        [
            candidate * i * (1 - i),
            _before(c_0, c) * f * (1 - f),
            tanh_c * o * (1 - o),
            i * (1 - candidate * candidate),
        ],
        axis=-1,
    )
    through_cell = o * (1 - tanh_c * tanh_c)

    def stopped(x):
        return x if mask is None else ops.where(mask, x, ops.zeros_like(x))

    def slopes():
        packed = [gates * (1 - gates), 1 - candidate * candidate]
        return stopped(ops.concatenate(packed, axis=-1))

    keep = f if mask is None else ops.where(mask, f, ops.ones_like(f))
    return stopped(factors), stopped(through_cell), keep, slopes


def _before(first, states):
    """Each step's state before it: `first`, then all `states` but the last."""
    return ops.concatenate([first[None], states])[:-1]
