"""The sequence as a whole: one loop over time, on every backend.

What can be computed for all steps at once is: the input projection before the
loop, the factors of the errors before the loop backwards, the gradients of the
weights behind it.
"""

from keras import ops

from keras_seq.ops._derived.slopes import product_of, stopped, sum_of
from keras_seq.ops._engine.products import (
    backward_layout,
    backward_products,
    forward_products,
)
from keras_seq.ops._projection import project
from keras_seq.ops._scan import scan


def run(
    equations,
    mask,
    *,
    states,
    projected,
    return_sequences,
    show,
    training,
    probed=False,
):
    """The function that runs a recurrence, and brings its gradient.

    Args:
        equations: Of `keras_seq.ops._derived`.
        mask: True where a step counts, shape (B, T), or None.
        states: Number of states.
        projected: Number of tensors that project the input: W and b, W, or none.
        return_sequences: Whether to return h of all steps.
        show: Whether to return what the equations show.
        training: Whether to keep what a gradient needs.
        probed: Whether something is added to the states of every step.

    Returns:
        Function of x (B, T, D), the initial state, W, b, the weights, and what is
        added to the states of every step, (B, T, units) each, if `probed`. It
        returns a tuple, the final state, h and what is shown, each (B, T, ·); and
        the function from their errors to those of its arguments.
    """
    if mask is not None:
        mask = ops.expand_dims(ops.transpose(mask, (1, 0)), -1)

    def function(x, *rest):
        initial = tuple(rest[:states])
        projection = rest[states : states + projected]
        weights = rest[states + projected :]
        probes = None
        if probed:
            probes = tuple(ops.transpose(p, (1, 0, 2)) for p in weights[-states:])
            weights = weights[:-states]
        x = ops.transpose(x, (1, 0, 2))

        def run_forward(keep):
            z = project(x, *projection) if projected else x
            return forward(equations, z, initial, weights, mask, probes, keep=keep)

        final, found, kept = run_forward(training or show)
        results = [*(found[:1] if return_sequences else ())]
        if show:
            results += [*kept[: equations.shown], *found[1:]]
        results = [ops.transpose(array, (1, 0, 2)) for array in results]

        def gradient(*errors):
            needed = found, kept
            if not (training or show):
                _, *needed = run_forward(True)
            by_step = [ops.transpose(d, (1, 0, 2)) for d in errors[states:]]
            d_initial, d_z, d_weights, d_states = backward(
                equations,
                initial,
                *needed,
                weights,
                mask,
                errors[:states],
                by_step.pop(0) if return_sequences else None,
                by_step if show else None,
                totals=probed,
            )
            d_projection = []
            if projected:
                d_projection = [product_of(x, d_z), sum_of(d_z)][:projected]
                d_z = ops.matmul(d_z, ops.transpose(projection[0]))
            d_x = ops.transpose(d_z, (1, 0, 2))
            by_weight = [*d_projection, *d_weights[: len(weights)]]
            d_probes = (ops.transpose(d, (1, 0, 2)) for d in d_states)
            by_weight = [ops.cast(d, x.dtype) for d in by_weight]
            return (d_x, *d_initial, *by_weight, *d_probes)

        return (*final, *results), gradient

    return function


def forward(equations, x, state, weights, mask, probes, *, keep):
    """Runs all steps.

    Args:
        equations: Of `keras_seq.ops._derived`.
        x: Projected inputs. Shape (T, B, packed).
        state: Tuple of (B, units) tensors.
        weights: Weights of the recurrence.
        mask: True where a step counts, shape (T, B, 1), or None.
        probes: What is added to the states of every step, each (T, B, units), or
            None.
        keep: Whether to return what a gradient and the gates need.

    Returns:
        The final state; and the states of all steps, each (T, B, units), and
        what the equations keep, each (T, B, ·). Without `keep` h alone.
    """
    products = forward_products(weights, equations)

    def step(state, inputs):
        z, *rest = inputs
        counts = None if mask is None else rest.pop(0)
        new, kept = equations.step(z, state, products, *rest[1:])
        if rest:
            new = (new[0] + rest[0], *new[1:])
        if mask is not None:
            new = tuple(
                ops.where(counts, after, before)
                for after, before in zip(new, state, strict=True)
            )
        return new, (*new, *kept) if keep else new[:1]

    sequences = (x,) if mask is None else (x, mask)
    sequences += probes or ()
    _, like = equations.step(ops.sum(x[:1], axis=0), state, products)
    emit_like = (*state, *like) if keep else state[:1]
    final, emitted = scan(
        step,
        state,
        sequences,
        emit_like=emit_like,
        unroll=is_at_most_one(x.shape[0]),
        differentiable=False,
    )
    count = len(state) if keep else 1
    return final, emitted[:count], emitted[count:]


def backward(
    equations,
    initial,
    states,
    kept,
    weights,
    mask,
    d_state,
    d_h,
    upstream,
    *,
    totals=False,
):
    """Runs all steps backwards.

    Args:
        equations: Of `keras_seq.ops._derived`.
        initial: The initial state.
        states: States of all steps, each (T, B, units).
        kept: What `forward` kept, each (T, B, ·).
        weights: Weights of the recurrence.
        mask: As in `forward`.
        d_state: Errors of the final state.
        d_h: Errors of h, shape (T, B, units), or None.
        upstream: Errors of what is shown, each (T, B, ·), or None.
        totals: Whether the errors of the states of every step are wanted.

    Returns:
        Errors of the initial state; of x, shape (T, B, packed); of the weights; and
        of the states of every step, each (T, B, units), or an empty tuple.
    """
    before = tuple(
        ops.concatenate([first[None], array])[:-1]
        for first, array in zip(initial, states, strict=True)
    )
    stepwise, aside = equations.factors(before, states, kept, mask, upstream)
    rows = initial[0].shape[0]
    transposed = backward_products(backward_layout(weights, equations, rows), rows)
    sequences = stepwise if d_h is None else (*stepwise, d_h)

    def step(errors, inputs):
        if d_h is not None:
            errors = (errors[0] + inputs[-1], *errors[1:])
            inputs = inputs[:-1]
        before, emitted = equations.back(
            errors,
            inputs,
            transposed,
            masked=mask is not None,
            shown=upstream is not None,
        )
        return before, (*emitted, *errors) if totals else emitted

    row = initial[0]
    sizes = equations.emitted_sizes(row.shape[-1])
    emit_like = tuple(
        ops.concatenate([row] * (size // row.shape[-1]), axis=-1) for size in sizes
    )
    emit_like += tuple(initial) if totals else ()
    d_initial, emitted = scan(
        step,
        tuple(d_state),
        sequences,
        emit_like=emit_like,
        reverse=True,
        unroll=is_at_most_one(before[0].shape[0]),
        differentiable=False,
    )
    d_states = ()
    if totals:
        count = len(initial)
        emitted, errors = emitted[:-count], emitted[-count:]
        d_states = equations.totals(errors, stepwise, shown=upstream is not None)
        d_states = tuple(stopped(mask, d) for d in d_states)
    finished = equations.finish(aside, emitted)
    return d_initial, *equations.gather(before[0], finished), d_states


def is_at_most_one(length):
    """Whether it is known that there is one step at most: no loop then."""
    return length is not None and length <= 1
