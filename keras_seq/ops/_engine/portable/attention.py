"""A recurrence that attends to a memory before each step, with its gradient.

```
q_t = h_{t-1} W_q
c_t, a_t = attention(q_t)
state_t = step(x_t + c_t W_c, state_{t-1})
```

As in `loop`, in the loops stands what is sequential: the weight gradients and
the gradient of the memory are gathered behind the loop backwards in large
products. The gradient of the keys is summed inside of it, since (T, B, S, A)
numbers would be kept otherwise.
"""

from typing import Any, NamedTuple

import keras
from keras import ops

from keras_seq.ops._derived.additive_attention import AdditiveAttention
from keras_seq.ops._derived.slopes import product_of
from keras_seq.ops._engine.custom_gradient import with_gradient
from keras_seq.ops._engine.portable.loop import Steps, as_wide, shifted, swapped
from keras_seq.ops._engine.products import (
    backward_layout,
    backward_products,
    forward_products,
)
from keras_seq.ops._scan import scan
from keras_seq.ops._structures import map_tensors, parts_of
from keras_seq.typing import Tensor


class Given(NamedTuple):
    """What of a call can be differentiated. Its errors have the same form."""

    x: Tensor  # projected, (B, T, packed)
    state: Any  # `equations.State`, each (B, units)
    keys: Tensor  # (B, S, A)
    memory: Tensor  # (B, S, E), 0 where it is masked
    energy_weights: Tensor  # v, (A,)
    query_kernel: Tensor  # W_q, (units, A)
    context_kernel: Tensor  # W_c, (E, packed)
    weights: Any  # `equations.Weights`


class Results(NamedTuple):
    """What comes back, time-major. Its errors have the same form."""

    final: Any  # `equations.State`, each (B, units)
    h: Tensor  # (T, B, units)
    contexts: Tensor  # (T, B, E)
    scores: Tensor  # a, (T, B, S)


class Sums(NamedTuple):
    """What the loop backwards adds up over the steps."""

    energies: Tensor  # Σ δe, (B, S)
    squared: Tensor  # Σ δe u², (B, S, A)
    energy_weights: Tensor  # Σ δe u, (1, A)


class StepBack(NamedTuple):
    """What one step of the loop backwards reads."""

    query: Tensor
    scores: Tensor
    d_h: Tensor
    d_context: Tensor
    d_scores: Tensor
    factors: Any  # `equations.Factors`
    aside: Any  # what `equations.finish` reads, or None
    dropout: Tensor | None


def attention_recurrence(
    equations,
    projected,
    initial_state,
    keys,
    memory,
    energy_weights,
    query_kernel,
    context_kernel,
    weights,
    *,
    mask=None,
    factors=None,
    training=False,
):
    """Runs a recurrence with additive attention.

    Args:
        equations: Of `keras_seq.ops._derived`.
        projected: x_t W + b. Shape (B, T, packed).
        initial_state: What `equations.State` holds, each (B, units).
        keys: Shape (B, S, A).
        memory: Shape (B, S, E), 0 where it is masked.
        energy_weights: v. Shape (A,).
        query_kernel: W_q. Shape (units, A).
        context_kernel: W_c. Shape (E, packed).
        weights: What `equations.Weights` holds.
        mask: True where a position of the memory counts, shape (B, S), or None.
        factors: Dropout's factors on the attention weights, shape (T, B, S), or
            None.
        training: Whether a gradient is known to be wanted.

    Returns:
        h (B, T, units), the contexts (B, T, E), the attention weights (B, T, S)
        and the final state.
    """
    given = Given(
        projected,
        equations.State(*initial_state),
        keys,
        memory,
        energy_weights,
        query_kernel,
        context_kernel,
        equations.Weights(*weights),
    )
    options = {"equations": equations, "mask": mask, "dropout": factors}

    def function(given, keep):
        results, steps = _forward(given, keep=keep, **options)

        def gradient(errors):
            needed = steps
            if not keep:
                _, needed = _forward(given, keep=True, **options)
            return _backward(given, results, needed, errors, **options)

        return results, gradient

    def plain(given):
        """The same by operations that the backend can differentiate."""
        return _forward(given, keep=False, differentiable=True, **options)[0]

    results = with_gradient(function, plain, given, training)
    by_step = map(swapped, (results.h, results.contexts, results.scores))
    return (*by_step, tuple(results.final))


def _attention(given, mask):
    return AdditiveAttention(given.keys, given.memory, mask, given.energy_weights)


def _forward(given, *, equations, mask, dropout, keep, differentiable=False):
    """The results; and `Steps` of the states but h, and of what is kept."""
    attention = _attention(given, mask)
    x = swapped(given.x)
    products = forward_products(given.weights)

    def step(state, inputs):
        x_t, factors = inputs
        query = ops.matmul(state.h, given.query_kernel)
        context, scores = attention.step(query, factors)
        z = x_t + ops.matmul(context, given.context_kernel)
        state, kept = equations.step(z, state, products)
        return state, (state.h, context, scores, collected(state, kept))

    def collected(state, kept):
        others = parts_of(state, h=False, others=keep)
        return Steps(others, kept if keep else None)

    memory, initial = attention.memory, given.state
    # A step outside of the loop, for the shapes: its values are not used.
    _, like = equations.step(ops.sum(x[:1], axis=0), initial, products)
    final, (h, contexts, scores, steps) = scan(
        step,
        initial,
        (x, dropout),
        emit_like=(
            initial.h,
            _of_one(memory),
            memory[:, :, 0],
            collected(initial, like),
        ),
        differentiable=differentiable,
    )
    return Results(final, h, contexts, scores), steps


def _backward(given, results, steps, errors, *, equations, mask, dropout):
    """The errors of what was given, a `Given`."""
    attention, initial = _attention(given, mask), given.state
    states = steps.states._replace(h=results.h)
    before = shifted(initial, states)
    factors, aside = equations.factors(before, states, steps.kept, None, None)
    rows = initial.h.shape[0]
    transposed = backward_products(backward_layout(given.weights, rows), rows)
    to_context = ops.transpose(given.context_kernel)
    to_query = ops.transpose(given.query_kernel)

    def step(carry, inputs):
        behind, sums = carry
        behind = behind._replace(h=behind.h + inputs.d_h)
        ahead, emitted = equations.back(behind, inputs.factors, transposed)
        finished = equations.finish(inputs.aside, emitted)
        d_z = finished[0]
        d_context = inputs.d_context + ops.matmul(d_z, to_context)
        d_energies, d_query, squared, by_weights = attention.back(
            d_context, inputs.d_scores, inputs.query, inputs.scores, inputs.dropout
        )
        ahead = ahead._replace(h=ahead.h + ops.matmul(d_query, to_query))
        sums = map_tensors(
            lambda total, more: total + ops.cast(more, total.dtype),
            sums,
            Sums(d_energies, squared, by_weights),
        )
        return (ahead, sums), (finished, d_context, d_query)

    (d_initial, sums), (finished, d_contexts, d_queries) = scan(
        step,
        (errors.final, _zero_sums(attention.keys)),
        StepBack(
            query=ops.matmul(before.h, given.query_kernel),
            scores=results.scores,
            d_h=errors.h,
            d_context=errors.contexts,
            d_scores=errors.scores,
            factors=factors,
            aside=aside,
            dropout=dropout,
        ),
        emit_like=(
            as_wide(equations.finished_sizes, initial.h),
            _of_one(attention.memory),
            _of_one(attention.keys),
        ),
        reverse=True,
        differentiable=False,
    )
    d_x, d_weights = equations.gather(before.h, finished)
    shown = results.scores if dropout is None else results.scores * dropout
    derivatives = Given(
        x=swapped(d_x),
        state=d_initial,
        keys=attention.keys_error(sums.energies, sums.squared),
        memory=ops.matmul(ops.transpose(shown, (1, 2, 0)), swapped(d_contexts)),
        energy_weights=sums.energy_weights[0],
        query_kernel=product_of(before.h, d_queries),
        context_kernel=product_of(results.contexts, d_x),
        weights=d_weights,
    )
    return map_tensors(lambda like, d: ops.cast(d, like.dtype), given, derivatives)


def _zero_sums(keys):
    """Nothing yet; of 16-bit numbers with 32 bits, which a sum of many needs."""
    if keras.backend.standardize_dtype(keys.dtype) in ("float16", "bfloat16"):
        keys = ops.cast(keys, "float32")
    nothing = ops.zeros_like(keys)
    one = ops.sum(nothing[:1, :1], axis=(0, 1), keepdims=True)[0]
    return Sums(nothing[..., 0], nothing, one)


def _of_one(memory):
    """A tensor like one position of a memory, which may have none: (B, E)."""
    return ops.sum(memory[:, :1], axis=1)
