"""The LSTM and its gradient."""

from keras import ops

from keras_seq.ops._derived.slopes import product_of, stopped


class LSTM:
    """The LSTM, packed (i, f, c̃, o).

    ```
    δc_t += δh_t ⊙ o ⊙ tanh'(c_t)
    δz_t = (δc_t ⊙ c̃ ⊙ σ'(i), δc_t ⊙ c_{t-1} ⊙ σ'(f), δc_t ⊙ i ⊙ tanh'(c̃),
            δh_t ⊙ tanh(c_t) ⊙ σ'(o))
    δh_{t-1} = δz_t Uᵀ
    δc_{t-1} = δc_t ⊙ f
    ∂L/∂U = Σ_t h_{t-1}ᵀ δz_t
    ```

    Kept are i, f, c̃ and o.
    """

    matrices = 1
    shown = 4

    def __init__(self, activation, recurrent_activation, slope, recurrent_slope):
        self.activation, self.slope = activation, slope
        self.recurrent_activation = recurrent_activation
        self.recurrent_slope = recurrent_slope

    def step(self, z, state, weights, memory_probe=None):
        h_prev, c_prev = state
        z = z + weights[0](h_prev)
        # One σ for all is faster than three for the gates, a quarter of it unused.
        i, f, _, o = ops.split(self.recurrent_activation(z), 4, axis=-1)
        units = c_prev.shape[-1]
        candidate = self.activation(z[:, 2 * units : 3 * units])
        c = f * c_prev + i * candidate
        if memory_probe is not None:
            c = c + memory_probe
        return (o * self.activation(c), c), (i, f, candidate, o)

    def factors(self, before, after, kept, mask, upstream):
        (_, c_prev), (_, c), (i, f, candidate, o) = before, after, kept
        tanh_c = self.activation(c)
        slopes = [
            self.recurrent_slope(i),
            self.recurrent_slope(f),
            self.slope(candidate),
            self.recurrent_slope(o),
        ]
        by_gate = zip((candidate, c_prev, i, tanh_c), slopes, strict=True)
        to_z = ops.concatenate([factor * slope for factor, slope in by_gate], axis=-1)
        keep = f if mask is None else ops.where(mask, f, ops.ones_like(f))
        through = stopped(mask, o * self.slope(tanh_c))
        stepwise: tuple = (stopped(mask, to_z), through, keep)
        if mask is not None:
            stepwise += (ops.cast(ops.logical_not(mask), f.dtype),)
        if upstream is not None:
            *on_gates, on_cell = upstream
            by_gate = zip(on_gates, slopes, strict=True)
            on_z = ops.concatenate([on * slope for on, slope in by_gate], axis=-1)
            stepwise += (on_cell, stopped(mask, on_z))
        return stepwise, ()

    def back(self, errors, factors, transposed, *, masked, shown):
        d_h, d_c = errors
        to_z, to_c, keep, *others = factors
        d_c = d_c + d_h * to_c
        if shown:
            d_c = d_c + others[-2]
        d_z = to_z * ops.concatenate([d_c, d_c, d_c, d_h], axis=-1)
        if shown:
            d_z = d_z + others[-1]
        d_h_prev = transposed[0](d_z)
        if masked:
            d_h_prev = d_h_prev + d_h * others[0]
        return (d_h_prev, d_c * keep), (d_z,)

    def totals(self, errors, factors, *, shown):
        d_h, d_c = errors
        d_c = d_c + d_h * factors[1]
        return d_h, d_c + factors[-2] if shown else d_c

    def kept_sizes(self, units):
        return (units,) * 4

    def emitted_sizes(self, units):
        return (4 * units,)

    def finish(self, aside, emitted):
        return emitted

    def gather(self, h_prev, finished):
        (d_z,) = finished
        return d_z, (product_of(h_prev, d_z),)

    def finished_sizes(self, units):
        return (4 * units,)
