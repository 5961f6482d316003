"""The simple recurrence and its gradient."""

from keras import ops

from keras_seq.ops._derived.slopes import product_of, stopped


class SimpleRNN:
    """h_t = φ(x_t W + h_{t-1} U + b).

    ```
    δz_t = δh_t ⊙ φ'(z_t)
    δh_{t-1} = δz_t Uᵀ
    ∂L/∂U = Σ_t h_{t-1}ᵀ δz_t
    ```

    Kept is the pre-activation z_t, if it is shown; else nothing, since φ' is
    known from h_t.
    """

    matrices = 1

    def __init__(self, activation, slope, show):
        self.activation, self.slope = activation, slope
        self.show = show
        self.shown = int(show)

    def step(self, z, state, weights):
        a = z + weights[0](state[0])
        return (self.activation(a),), (a,) if self.show else ()

    def factors(self, before, after, kept, mask, upstream):
        stepwise: tuple = (stopped(mask, self.slope(after[0])),)
        if mask is not None:
            stepwise += (ops.cast(ops.logical_not(mask), after[0].dtype),)
        if upstream is not None:
            stepwise += (stopped(mask, upstream[0]),)
        return stepwise, ()

    def back(self, errors, factors, transposed, *, masked, shown):
        (d_h,) = errors
        d_z = d_h * factors[0]
        if shown:
            d_z = d_z + factors[-1]
        d_h_prev = transposed[0](d_z)
        if masked:
            d_h_prev = d_h_prev + d_h * factors[1]
        return (d_h_prev,), (d_z,)

    def totals(self, errors, factors, *, shown):
        return errors

    def kept_sizes(self, units):
        return (units,) * self.shown

    def emitted_sizes(self, units):
        return (units,)

    def finish(self, aside, emitted):
        return emitted

    def gather(self, h_prev, finished):
        (d_z,) = finished
        return d_z, (product_of(h_prev, d_z),)

    def finished_sizes(self, units):
        return (units,)
