"""The GRU, in both its forms, and its gradient."""

from keras import ops

from keras_seq.ops._derived.slopes import product_of, stopped, sum_of


class _GRU:
    """What both forms share.

    ```
    δx_z = δh ⊙ (h_{t-1} - h̃) ⊙ σ'(z)
    δx_h = δh ⊙ (1 - z) ⊙ tanh'(h̃)
    ```
    """

    shown = 3

    def __init__(self, activation, recurrent_activation, slope, recurrent_slope):
        self.activation, self.slope = activation, slope
        self.recurrent_activation = recurrent_activation
        self.recurrent_slope = recurrent_slope

    def totals(self, errors, factors, *, shown):
        return errors

    def _shared_factors(self, h_prev, z, r, candidate, mask):
        """The slopes of z, r and h̃; the factors of z, h̃ and h_{t-1}."""
        d_z = stopped(mask, self.recurrent_slope(z))
        d_r = stopped(mask, self.recurrent_slope(r))
        d_candidate = stopped(mask, self.slope(candidate))
        keep = z if mask is None else ops.where(mask, z, ops.ones_like(z))
        to_z = (h_prev - candidate) * d_z
        to_h = (1 - z) * d_candidate
        return (d_z, d_r, d_candidate), (to_z, to_h, keep)


class GRUResetAfter(_GRU):
    """The GRU whose reset gate acts behind the product, a = h_{t-1} U + b'.

    ```
    δa = (δz_z, δz_r, δz_h ⊙ r)   with   δz_r = δz_h ⊙ a_h ⊙ σ'(r)
    δh_{t-1} = δa Uᵀ + δh_t ⊙ z
    ∂L/∂U = Σ_t h_{t-1}ᵀ δa_t,   ∂L/∂b' = Σ_t δa_t
    ```

    Kept are z, r, the candidate and a_h.
    """

    matrices = 1

    def step(self, x, state, weights):
        h_prev = state[0]
        units = h_prev.shape[-1]
        a = weights[0](h_prev)
        if len(weights) > 1:
            a = a + weights[1]
        x_gates, x_h = ops.split(x, [2 * units], axis=-1)
        a_gates, a_h = ops.split(a, [2 * units], axis=-1)
        gates = self.recurrent_activation(x_gates + a_gates)
        z, r = ops.split(gates, 2, axis=-1)
        candidate = self.activation(x_h + r * a_h)
        return (candidate + z * (h_prev - candidate),), (z, r, candidate, a_h)

    def factors(self, before, after, kept, mask, upstream):
        z, r, candidate, a_h = kept
        (d_z, d_r, d_candidate), (to_z, to_h, keep) = self._shared_factors(
            before[0], z, r, candidate, mask
        )
        to_a = [to_z, to_h * a_h * d_r, to_h * r]
        stepwise: tuple = (ops.concatenate(to_a, axis=-1), keep)
        aside: tuple = (to_h,)
        if upstream is not None:
            on_z, on_r, on_candidate = upstream
            on_h = on_candidate * d_candidate
            on_a = [on_z * d_z, (on_r + on_h * a_h) * d_r, on_h * r]
            stepwise += (ops.concatenate(on_a, axis=-1),)
            aside += (on_h,)
        return stepwise, aside

    def back(self, errors, factors, transposed, *, masked, shown):
        (d_h,) = errors
        d_a = factors[0] * ops.concatenate([d_h, d_h, d_h], axis=-1)
        if shown:
            d_a = d_a + factors[2]
        return (transposed[0](d_a) + d_h * factors[1],), (d_a, d_h)

    def kept_sizes(self, units):
        return (units,) * 4

    def emitted_sizes(self, units):
        return (3 * units, units)

    def finish(self, aside, emitted):
        d_a, d_h = emitted
        units = d_h.shape[-1]
        d_x_h = d_h * aside[0]
        if len(aside) > 1:
            d_x_h = d_x_h + aside[1]
        return ops.concatenate([d_a[..., : 2 * units], d_x_h], axis=-1), d_a

    def gather(self, h_prev, finished):
        d_x, d_a = finished
        return d_x, (product_of(h_prev, d_a), sum_of(d_a))

    def finished_sizes(self, units):
        return (3 * units, 3 * units)


class GRUResetBefore(_GRU):
    """The GRU whose reset gate acts before the product: q = r ⊙ h_{t-1}.

    ```
    δq = δz_h U_hᵀ,   δz_r = δq ⊙ h_{t-1} ⊙ σ'(r)
    δh_{t-1} = (δz_z, δz_r) U_zrᵀ + δq ⊙ r + δh_t ⊙ z
    ∂L/∂U_zr = Σ_t h_{t-1}ᵀ (δz_z, δz_r),   ∂L/∂U_h = Σ_t q_tᵀ δz_h
    ```

    Kept are z, r and the candidate. The weights are U_zr and U_h.
    """

    matrices = 2

    def step(self, x, state, weights):
        h_prev = state[0]
        units = h_prev.shape[-1]
        x_gates, x_h = ops.split(x, [2 * units], axis=-1)
        gates = self.recurrent_activation(x_gates + weights[0](h_prev))
        z, r = ops.split(gates, 2, axis=-1)
        candidate = self.activation(x_h + weights[1](r * h_prev))
        return (candidate + z * (h_prev - candidate),), (z, r, candidate)

    def factors(self, before, after, kept, mask, upstream):
        z, r, candidate = kept
        h_prev = before[0]
        (d_z, d_r, d_candidate), (to_z, to_h, keep) = self._shared_factors(
            h_prev, z, r, candidate, mask
        )
        stepwise: tuple = (to_z, to_h, keep, r, h_prev * d_r)
        if upstream is not None:
            on_z, on_r, on_candidate = upstream
            stepwise += (on_z * d_z, on_candidate * d_candidate, on_r * d_r)
        return stepwise, (r * h_prev,)

    def back(self, errors, factors, transposed, *, masked, shown):
        (d_h,) = errors
        to_z, to_h, keep, r, to_r, *on = factors
        d_x_z, d_x_h = d_h * to_z, d_h * to_h
        if shown:
            d_x_z, d_x_h = d_x_z + on[0], d_x_h + on[1]
        d_q = transposed[1](d_x_h)
        d_x_r = d_q * to_r
        if shown:
            d_x_r = d_x_r + on[2]
        d_gates = ops.concatenate([d_x_z, d_x_r], axis=-1)
        d_h_prev = transposed[0](d_gates) + d_q * r + d_h * keep
        return (d_h_prev,), (ops.concatenate([d_gates, d_x_h], axis=-1),)

    def kept_sizes(self, units):
        return (units,) * 3

    def emitted_sizes(self, units):
        return (3 * units,)

    def finish(self, aside, emitted):
        return emitted[0], aside[0]

    def gather(self, h_prev, finished):
        d_x, q = finished
        units = q.shape[-1]
        d_gates, d_x_h = ops.split(d_x, [2 * units], axis=-1)
        return d_x, (product_of(h_prev, d_gates), product_of(q, d_x_h))

    def finished_sizes(self, units):
        return (3 * units, units)
