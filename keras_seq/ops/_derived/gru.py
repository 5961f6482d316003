"""The GRU, in both its forms, and its gradient."""

from typing import NamedTuple

from keras import ops

from keras_seq.ops._derived.equations import Equations
from keras_seq.ops._derived.slopes import product_of, sum_of
from keras_seq.ops._masking import one_where_masked, zero_where_masked
from keras_seq.ops._structures import HiddenState
from keras_seq.typing import Tensor


class Slopes(NamedTuple):
    """σ' and tanh' of the gates; 0 where a step is masked."""

    z: Tensor
    r: Tensor
    candidate: Tensor


class _GRU(Equations):
    """What both forms share.

    ```
    δx_z = δh ⊙ (h_{t-1} - h̃) ⊙ σ'(z)
    δx_h = δh ⊙ (1 - z) ⊙ tanh'(h̃)
    ```

    h_t is computed as h̃ + z ⊙ (h_{t-1} - h̃), an operation less than in
    `gru_step`.
    """

    State = HiddenState

    class Shown(NamedTuple):
        update: Tensor
        reset: Tensor
        candidate: Tensor

    def __init__(self, activation, recurrent_activation, slope, recurrent_slope):
        self.activation, self.slope = activation, slope
        self.recurrent_activation = recurrent_activation
        self.recurrent_slope = recurrent_slope

    def shown(self, states, kept):
        return self.Shown(kept.z, kept.r, kept.candidate)

    def _slopes(self, kept, counts):
        return Slopes(
            zero_where_masked(counts, self.recurrent_slope(kept.z)),
            zero_where_masked(counts, self.recurrent_slope(kept.r)),
            zero_where_masked(counts, self.slope(kept.candidate)),
        )

    def _factors_of_h(self, h_prev, kept, slopes, counts):
        """What δh is multiplied by for δx_z, δx_h and δh_{t-1}."""
        to_h_prev = one_where_masked(counts, kept.z)
        to_z = (h_prev - kept.candidate) * slopes.z
        to_h = (1 - kept.z) * slopes.candidate
        return to_z, to_h, to_h_prev


class GRUResetAfter(_GRU):
    """The GRU whose reset gate acts behind the product, a = h_{t-1} U + b'.

    ```
    δa = (δz_z, δz_r, δz_h ⊙ r)   with   δz_r = δz_h ⊙ a_h ⊙ σ'(r)
    δh_{t-1} = δa Uᵀ + δh_t ⊙ z
    ∂L/∂U = Σ_t h_{t-1}ᵀ δa_t,   ∂L/∂b' = Σ_t δa_t
    ```
    """

    class Weights(NamedTuple):
        U: Tensor
        b: Tensor | None = None  # b'

    class Kept(NamedTuple):
        z: Tensor
        r: Tensor
        candidate: Tensor
        a_h: Tensor | None

    class Factors(NamedTuple):
        to_a: Tensor
        to_h_prev: Tensor  # z, and 1 where the step is masked
        on_a: Tensor | None = None  # the error of what is shown

    class Aside(NamedTuple):
        to_h: Tensor
        on_h: Tensor | None = None  # the error of what is shown

    class Emitted(NamedTuple):
        d_a: Tensor
        d_h: Tensor

    class Finished(NamedTuple):
        d_x: Tensor
        d_a: Tensor

    kept_sizes = Kept(1, 1, 1, 1)
    emitted_sizes = Emitted(3, 1)
    finished_sizes = Finished(3, 3)

    def step(self, z, state, products, probe=None):
        h_prev = state.h
        units = h_prev.shape[-1]
        a = products.U(h_prev)
        if products.b is not None:
            a = a + products.b
        x_gates, x_h = ops.split(z, [2 * units], axis=-1)
        a_gates, a_h = ops.split(a, [2 * units], axis=-1)
        gates = self.recurrent_activation(x_gates + a_gates)
        z, r = ops.split(gates, 2, axis=-1)
        candidate = self.activation(x_h + r * a_h)
        h = candidate + z * (h_prev - candidate)
        return self.State(h), self.Kept(z, r, candidate, a_h)

    def only_shown(self, kept):
        return kept._replace(a_h=None)

    def factors(self, before, after, kept, counts, d_shown):
        slopes = self._slopes(kept, counts)
        to_z, to_h, to_h_prev = self._factors_of_h(before.h, kept, slopes, counts)
        to_a = [to_z, to_h * kept.a_h * slopes.r, to_h * kept.r]
        on_a = on_h = None
        if d_shown is not None:
            on_h = d_shown.candidate * slopes.candidate
            on_gates = [
                d_shown.update * slopes.z,
                (d_shown.reset + on_h * kept.a_h) * slopes.r,
                on_h * kept.r,
            ]
            on_a = ops.concatenate(on_gates, axis=-1)
        factors = self.Factors(ops.concatenate(to_a, axis=-1), to_h_prev, on_a)
        return factors, self.Aside(to_h, on_h)

    def back(self, errors, factors, transposed):
        d_h = errors.h
        d_a = factors.to_a * ops.concatenate([d_h, d_h, d_h], axis=-1)
        if factors.on_a is not None:
            d_a = d_a + factors.on_a
        d_h_prev = transposed.U(d_a) + d_h * factors.to_h_prev
        return self.State(d_h_prev), self.Emitted(d_a, d_h)

    def finish(self, aside, emitted):
        d_a, d_h = emitted
        units = d_h.shape[-1]
        d_x_h = d_h * aside.to_h
        if aside.on_h is not None:
            d_x_h = d_x_h + aside.on_h
        d_x = ops.concatenate([d_a[..., : 2 * units], d_x_h], axis=-1)
        return self.Finished(d_x, d_a)

    def gather(self, h_prev, finished):
        d_x, d_a = finished
        return d_x, self.Weights(product_of(h_prev, d_a), sum_of(d_a))


class GRUResetBefore(_GRU):
    """The GRU whose reset gate acts before the product: q = r ⊙ h_{t-1}.

    ```
    δq = δz_h U_hᵀ,   δz_r = δq ⊙ h_{t-1} ⊙ σ'(r)
    δh_{t-1} = (δz_z, δz_r) U_zrᵀ + δq ⊙ r + δh_t ⊙ z
    ∂L/∂U_zr = Σ_t h_{t-1}ᵀ (δz_z, δz_r),   ∂L/∂U_h = Σ_t q_tᵀ δz_h
    ```
    """

    class Weights(NamedTuple):
        U_zr: Tensor
        U_h: Tensor

    class Kept(NamedTuple):
        z: Tensor
        r: Tensor
        candidate: Tensor

    class Factors(NamedTuple):
        to_z: Tensor
        to_h: Tensor
        to_h_prev: Tensor  # z, and 1 where the step is masked
        r: Tensor
        to_r: Tensor
        on_z: Tensor | None = None  # the errors of what is shown
        on_h: Tensor | None = None
        on_r: Tensor | None = None

    class Aside(NamedTuple):
        q: Tensor

    class Emitted(NamedTuple):
        d_x: Tensor

    class Finished(NamedTuple):
        d_x: Tensor
        q: Tensor

    kept_sizes = Kept(1, 1, 1)
    emitted_sizes = Emitted(3)
    finished_sizes = Finished(3, 1)

    def step(self, z, state, products, probe=None):
        h_prev = state.h
        units = h_prev.shape[-1]
        x_gates, x_h = ops.split(z, [2 * units], axis=-1)
        gates = self.recurrent_activation(x_gates + products.U_zr(h_prev))
        z, r = ops.split(gates, 2, axis=-1)
        candidate = self.activation(x_h + products.U_h(r * h_prev))
        h = candidate + z * (h_prev - candidate)
        return self.State(h), self.Kept(z, r, candidate)

    def factors(self, before, after, kept, counts, d_shown):
        h_prev, r = before.h, kept.r
        slopes = self._slopes(kept, counts)
        to_z, to_h, to_h_prev = self._factors_of_h(h_prev, kept, slopes, counts)
        factors = self.Factors(to_z, to_h, to_h_prev, r, h_prev * slopes.r)
        if d_shown is not None:
            factors = factors._replace(
                on_z=d_shown.update * slopes.z,
                on_h=d_shown.candidate * slopes.candidate,
                on_r=d_shown.reset * slopes.r,
            )
        return factors, self.Aside(r * h_prev)

    def back(self, errors, factors, transposed):
        d_h, show = errors.h, factors.on_z is not None
        d_x_z, d_x_h = d_h * factors.to_z, d_h * factors.to_h
        if show:
            d_x_z, d_x_h = d_x_z + factors.on_z, d_x_h + factors.on_h
        d_q = transposed.U_h(d_x_h)
        d_x_r = d_q * factors.to_r
        if show:
            d_x_r = d_x_r + factors.on_r
        d_gates = ops.concatenate([d_x_z, d_x_r], axis=-1)
        d_h_prev = transposed.U_zr(d_gates) + d_q * factors.r + d_h * factors.to_h_prev
        d_x = ops.concatenate([d_gates, d_x_h], axis=-1)
        return self.State(d_h_prev), self.Emitted(d_x)

    def finish(self, aside, emitted):
        return self.Finished(emitted.d_x, aside.q)

    def gather(self, h_prev, finished):
        d_x, q = finished
        d_gates, d_x_h = ops.split(d_x, [2 * q.shape[-1]], axis=-1)
        d_weights = self.Weights(product_of(h_prev, d_gates), product_of(q, d_x_h))
        return d_x, d_weights
