"""The simple recurrence and its gradient."""

from typing import NamedTuple

from keras import ops

from keras_seq.ops._derived.equations import Equations
from keras_seq.ops._derived.slopes import product_of
from keras_seq.ops._masking import zero_where_masked
from keras_seq.ops._structures import HiddenState
from keras_seq.typing import Tensor


class SimpleRNN(Equations):
    """h_t = φ(x_t W + h_{t-1} U + b).

    ```
    δz_t = δh_t ⊙ φ'(z_t)
    δh_{t-1} = δz_t Uᵀ
    ∂L/∂U = Σ_t h_{t-1}ᵀ δz_t
    ```

    φ' is known from h_t, so that nothing need be kept but what is shown.
    """

    State = HiddenState

    class Weights(NamedTuple):
        U: Tensor

    class Kept(NamedTuple):
        pre_activation: Tensor | None = None  # only if it is shown

    class Shown(NamedTuple):
        pre_activation: Tensor

    class Factors(NamedTuple):
        to_z: Tensor
        passed: Tensor | None = None  # 1 where the step is masked
        on_z: Tensor | None = None  # the error of what is shown

    class Emitted(NamedTuple):
        d_z: Tensor

    emitted_sizes = finished_sizes = Emitted(1)

    def __init__(self, activation, slope, show):
        self.activation, self.slope = activation, slope
        self.show = show
        self.kept_sizes = self.Kept(1 if show else None)

    def step(self, z, state, products, probe=None):
        a = z + products.U(state.h)
        return self.State(self.activation(a)), self.Kept(a if self.show else None)

    def shown(self, states, kept):
        return self.Shown(kept.pre_activation)

    def factors(self, before, after, kept, counts, d_shown):
        to_z = zero_where_masked(counts, self.slope(after.h))
        passed = on_z = None
        if counts is not None:
            passed = ops.cast(ops.logical_not(counts), after.h.dtype)
        if d_shown is not None:
            on_z = zero_where_masked(counts, d_shown.pre_activation)
        return self.Factors(to_z, passed, on_z), None

    def back(self, errors, factors, transposed):
        d_z = errors.h * factors.to_z
        if factors.on_z is not None:
            d_z = d_z + factors.on_z
        d_h_prev = transposed.U(d_z)
        if factors.passed is not None:
            d_h_prev = d_h_prev + errors.h * factors.passed
        return self.State(d_h_prev), self.Emitted(d_z)

    def finish(self, aside, emitted):
        return emitted

    def gather(self, h_prev, finished):
        return finished.d_z, self.Weights(product_of(h_prev, finished.d_z))
