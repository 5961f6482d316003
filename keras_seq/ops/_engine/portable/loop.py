"""One loop over time, forwards and backwards, on every backend.

Outside of the loops stands whatever can be computed for all steps at once: the
input projection before the loop, the factors of the errors before the loop
backwards, the gradients of the weights behind it.
"""

from typing import Any, NamedTuple

from keras import ops

from keras_seq.ops._derived.slopes import product_of, sum_of
from keras_seq.ops._engine.products import (
    backward_layout,
    backward_products,
    forward_products,
)
from keras_seq.ops._engine.results import Given, Results
from keras_seq.ops._masking import probed, skipped, zero_where_masked
from keras_seq.ops._projection import project
from keras_seq.ops._scan import scan
from keras_seq.ops._structures import map_tensors, parts_of
from keras_seq.typing import Tensor


def runner(equations, mask, wanted):
    """The function that runs a recurrence, and brings its gradient.

    Args:
        equations: Of `keras_seq.ops._derived`.
        mask: True where a step counts, shape (B, T), or None.
        wanted: `Wanted`.

    Returns:
        Function from `Given`, and whether to keep what a gradient needs, to `Results`
        and the function from their errors to those of what was given: what
        `with_gradient` takes.
    """
    counts = None
    if mask is not None:
        counts = ops.expand_dims(ops.transpose(mask, (1, 0)), -1)

    def function(given, keep):
        x = swapped(given.x)
        probes = map_tensors(swapped, given.probes)

        def run_forward(keep):
            z = x
            if given.kernel is not None:
                z = project(x, given.kernel, given.bias)
            return forward(
                equations, z, given.state, given.weights, counts, probes, keep=keep
            )

        keep = keep or wanted.shown
        final, steps = run_forward(keep)
        shown = None
        if wanted.shown:
            shown = map_tensors(swapped, equations.shown(steps.states, steps.kept))
        h = swapped(steps.states.h) if wanted.sequences else None

        def gradient(errors):
            needed = steps if keep else run_forward(True)[1]
            by_step = map_tensors(swapped, errors._replace(final=None))
            found = backward(
                equations,
                given.state,
                needed,
                given.weights,
                counts,
                by_step._replace(final=errors.final),
                totals=probes is not None,
            )
            d_x, d_kernel, d_bias = found.z, None, None
            if given.kernel is not None:
                d_kernel, d_bias = product_of(x, found.z), None
                if given.bias is not None:
                    d_bias = sum_of(found.z)
                d_x = ops.matmul(found.z, ops.transpose(given.kernel))

            def in_its_dtype(d):
                return ops.cast(d, x.dtype)

            return Given(
                x=swapped(d_x),
                state=found.initial,
                kernel=map_tensors(in_its_dtype, d_kernel),
                bias=map_tensors(in_its_dtype, d_bias),
                weights=map_tensors(in_its_dtype, found.weights),
                probes=map_tensors(swapped, found.states),
            )

        return Results(final, h, shown), gradient

    return function


def swapped(x):
    """From (B, T, ·) to (T, B, ·), and back."""
    return ops.transpose(x, (1, 0, 2))


class Steps(NamedTuple):
    """What the loop forwards collects of all steps, each (T, B, ·)."""

    states: Any  # `equations.State`
    kept: Any  # `equations.Kept`, or None


class Errors(NamedTuple):
    """What the loop backwards finds."""

    initial: Any  # of the initial state
    z: Tensor  # of the projected input, (T, B, packed)
    weights: Any  # of the recurrence's own weights, some in a wider dtype
    states: Any  # of the states of every step, each (T, B, units), or None


def forward(equations, z, initial, weights, counts, probes, *, keep):
    """Runs all steps.

    Args:
        equations: Of `keras_seq.ops._derived`.
        z: Projected inputs. Shape (T, B, packed).
        initial: `equations.State` before the first step.
        weights: `equations.Weights`.
        counts: True where a step counts, shape (T, B, 1), or None.
        probes: `equations.State` of what is added to the states of every step,
            each (T, B, units), or None.
        keep: Whether to return what a gradient and the gates need.

    Returns:
        The final state and `Steps`; without `keep` those of h alone.
    """
    products = forward_products(weights)

    def step(state, inputs):
        z, counts, probe = inputs
        new, kept = equations.step(z, state, products, probe)
        new = skipped(counts, probed(probe, new), state)
        return new, collected(new, kept)

    def collected(state, kept):
        return Steps(parts_of(state, h=True, others=keep), kept if keep else None)

    # A step outside of the loop, for the shapes: its values are not used.
    _, like = equations.step(ops.sum(z[:1], axis=0), initial, products)
    return scan(
        step,
        initial,
        (z, counts, probes),
        emit_like=collected(initial, like),
        unroll=is_at_most_one(z.shape[0]),
        differentiable=False,
    )


def backward(equations, initial, steps, weights, counts, errors, *, totals=False):
    """Runs all steps backwards.

    Args:
        equations: Of `keras_seq.ops._derived`.
        initial: `equations.State` before the first step.
        steps: `Steps` of `forward` with `keep`.
        weights: `equations.Weights`.
        counts: As in `forward`.
        errors: `Results`, those of all steps time-major, (T, B, ·).
        totals: Whether the errors of the states of every step are wanted.

    Returns:
        `Errors`.
    """
    before = shifted(initial, steps.states)
    factors, aside = equations.factors(
        before, steps.states, steps.kept, counts, errors.shown
    )
    rows = initial.h.shape[0]
    transposed = backward_products(backward_layout(weights, rows), rows)

    def step(d_state, inputs):
        factors, d_h = inputs
        if d_h is not None:
            d_state = d_state._replace(h=d_state.h + d_h)
        d_before, emitted = equations.back(d_state, factors, transposed)
        return d_before, (emitted, d_state if totals else None)

    d_initial, (emitted, d_by_step) = scan(
        step,
        errors.final,
        (factors, errors.h),
        emit_like=(
            as_wide(equations.emitted_sizes, initial.h),
            initial if totals else None,
        ),
        reverse=True,
        unroll=is_at_most_one(before.h.shape[0]),
        differentiable=False,
    )
    d_states = None
    if totals:
        d_states = map_tensors(
            lambda d: zero_where_masked(counts, d), equations.totals(d_by_step, factors)
        )
    finished = equations.finish(aside, emitted)
    d_z, d_weights = equations.gather(before.h, finished)
    return Errors(d_initial, d_z, d_weights, d_states)


def shifted(initial, states):
    """The states before each step, from the initial one and those behind each."""
    return map_tensors(
        lambda first, array: ops.concatenate([first[None], array])[:-1],
        initial,
        states,
    )


def as_wide(sizes, h):
    """Arrays as wide as the sizes say, in units; with rows and dtype of h."""
    return map_tensors(lambda size: ops.concatenate([h] * size, axis=-1), sizes)


def is_at_most_one(length):
    """Whether it is known that there is one step at most: no loop then."""
    return length is not None and length <= 1
