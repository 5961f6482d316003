"""The LSTM and its gradient."""

from typing import NamedTuple

from keras import ops

from keras_seq.ops._derived.equations import Equations
from keras_seq.ops._derived.slopes import product_of
from keras_seq.ops._masking import one_where_masked, zero_where_masked
from keras_seq.ops._structures import LSTMState
from keras_seq.typing import Tensor


class LSTM(Equations):
    """The LSTM, packed (i, f, c̃, o).

    ```
    δc_t += δh_t ⊙ o ⊙ tanh'(c_t)
    δz_t = (δc_t ⊙ c̃ ⊙ σ'(i), δc_t ⊙ c_{t-1} ⊙ σ'(f), δc_t ⊙ i ⊙ tanh'(c̃),
            δh_t ⊙ tanh(c_t) ⊙ σ'(o))
    δh_{t-1} = δz_t Uᵀ
    δc_{t-1} = δc_t ⊙ f
    ∂L/∂U = Σ_t h_{t-1}ᵀ δz_t
    ```
    """

    State = LSTMState

    class Weights(NamedTuple):
        U: Tensor

    class Kept(NamedTuple):
        i: Tensor
        f: Tensor
        candidate: Tensor
        o: Tensor

    class Shown(NamedTuple):
        input: Tensor
        forget: Tensor
        candidate: Tensor
        output: Tensor
        cell: Tensor

    class Factors(NamedTuple):
        to_z: Tensor  # of i, f, c̃ from c, of o from h: 4 units wide
        to_c: Tensor  # from h through the memory: o ⊙ tanh'(c_t)
        to_c_prev: Tensor  # f, and 1 where the step is masked
        passed: Tensor | None = None  # 1 where the step is masked
        on_c: Tensor | None = None  # the error of the cell that is shown
        on_z: Tensor | None = None  # those of the gates, through their slopes

    class Emitted(NamedTuple):
        d_z: Tensor

    kept_sizes = Kept(1, 1, 1, 1)
    emitted_sizes = finished_sizes = Emitted(4)

    def __init__(self, activation, recurrent_activation, slope, recurrent_slope):
        self.activation, self.slope = activation, slope
        self.recurrent_activation = recurrent_activation
        self.recurrent_slope = recurrent_slope

    def step(self, z, state, products, probe=None):
        z = z + products.U(state.h)
        # One σ for all is faster than three for the gates, a quarter of it unused.
        i, f, _, o = ops.split(self.recurrent_activation(z), 4, axis=-1)
        units = state.c.shape[-1]
        candidate = self.activation(z[:, 2 * units : 3 * units])
        c = f * state.c + i * candidate
        if probe is not None:
            c = c + probe.c
        return self.State(o * self.activation(c), c), self.Kept(i, f, candidate, o)

    def shown(self, states, kept):
        return self.Shown(kept.i, kept.f, kept.candidate, kept.o, states.c)

    def factors(self, before, after, kept, counts, d_shown):
        i, f, candidate, o = kept
        tanh_c = self.activation(after.c)
        slopes = [
            self.recurrent_slope(i),
            self.recurrent_slope(f),
            self.slope(candidate),
            self.recurrent_slope(o),
        ]
        by_gate = zip((candidate, before.c, i, tanh_c), slopes, strict=True)
        to_z = ops.concatenate([factor * slope for factor, slope in by_gate], axis=-1)
        passed = on_c = on_z = None
        if counts is not None:
            passed = ops.cast(ops.logical_not(counts), f.dtype)
        if d_shown is not None:
            *on_gates, on_c = d_shown
            by_gate = zip(on_gates, slopes, strict=True)
            on_z = ops.concatenate([on * slope for on, slope in by_gate], axis=-1)
            on_z = zero_where_masked(counts, on_z)
        factors = self.Factors(
            to_z=zero_where_masked(counts, to_z),
            to_c=zero_where_masked(counts, o * self.slope(tanh_c)),
            to_c_prev=one_where_masked(counts, f),
            passed=passed,
            # Where the step is masked c_{t-1} is shown: that error passes as it is.
            on_c=on_c,
            on_z=on_z,
        )
        return factors, None

    def back(self, errors, factors, transposed):
        d_h, d_c = errors.h, self.totals(errors, factors).c
        # In packed order: i, f and c̃ act on the memory, o on the output.
        d_z = factors.to_z * ops.concatenate([d_c, d_c, d_c, d_h], axis=-1)
        if factors.on_z is not None:
            d_z = d_z + factors.on_z
        d_h_prev = transposed.U(d_z)
        if factors.passed is not None:
            d_h_prev = d_h_prev + d_h * factors.passed
        return self.State(d_h_prev, d_c * factors.to_c_prev), self.Emitted(d_z)

    def totals(self, errors, factors):
        d_c = errors.c + errors.h * factors.to_c
        if factors.on_c is not None:
            d_c = d_c + factors.on_c
        return self.State(errors.h, d_c)

    def finish(self, aside, emitted):
        return emitted

    def gather(self, h_prev, finished):
        return finished.d_z, self.Weights(product_of(h_prev, finished.d_z))
