"""A recurrence that attends to a memory before each step, with its gradient.

```
q_t = h_{t-1} W_q
c_t, a_t = attention(q_t)
state_t = step(x_t + c_t W_c, state_{t-1})
```

As in `whole`, in the loops stands what is sequential: the weight gradients and
the gradient of the memory are gathered behind the loop backwards in large
products.
"""

import keras
from keras import ops

from keras_seq.ops._derived.additive_attention import AdditiveAttention
from keras_seq.ops._derived.slopes import product_of
from keras_seq.ops._engine.custom_gradient import with_gradient
from keras_seq.ops._engine.products import (
    backward_layout,
    backward_products,
    forward_products,
)
from keras_seq.ops._scan import scan


def attended_recurrence(
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
        initial_state: Tuple of (B, units) tensors.
        keys: Shape (B, S, A).
        memory: Shape (B, S, E), 0 where it is masked.
        energy_weights: v. Shape (A,).
        query_kernel: W_q. Shape (units, A).
        context_kernel: W_c. Shape (E, packed).
        weights: Tuple of the recurrence's own weights.
        mask: True where a position of the memory counts, shape (B, S), or None.
        factors: Dropout's factors on the attention weights, shape (T, B, S), or
            None.
        training: Whether to keep what a gradient needs. Without it a gradient
            runs the steps again.

    Returns:
        h (B, T, units), the contexts (B, T, E), the attention weights (B, T, S)
        and the final state.
    """
    count = len(initial_state)
    problem = _Problem(equations, count, mask, factors, training)
    arguments = tuple(
        map(
            ops.convert_to_tensor,
            (
                projected,
                *initial_state,
                keys,
                memory,
                energy_weights,
                query_kernel,
                context_kernel,
                *weights,
            ),
        )
    )

    results = with_gradient(problem.run, problem.plain, *arguments)
    h, contexts, attention = (ops.transpose(y, (1, 0, 2)) for y in results[count:])
    return h, contexts, attention, tuple(results[:count])


class _Problem:
    """What of the call is not differentiated."""

    def __init__(self, equations, states, mask, factors, training):
        self.equations, self.states = equations, states
        self.mask, self.factors, self.training = mask, factors, training

    def run(self, *arguments):
        """The results, and the function from their errors to the arguments'.

        The results are the final state, and h, the contexts and the attention
        weights of all steps, each (T, B, ·).
        """
        results, kept = self._forward(arguments, keep=self.training)

        def gradient(*errors):
            needed = kept
            if not self.training:
                _, needed = self._forward(arguments, keep=True)
            return self._backward(arguments, results, needed, errors)

        return results, gradient

    def plain(self, *arguments):
        """The same by operations that the backend can differentiate."""
        return self._forward(arguments, keep=False, differentiable=True)[0]

    def _unpack(self, arguments):
        x, *rest = arguments
        state, rest = tuple(rest[: self.states]), rest[self.states :]
        keys, memory, v, query_kernel, context_kernel, *weights = rest
        attention = AdditiveAttention(keys, memory, self.mask, v)
        return x, state, attention, query_kernel, context_kernel, tuple(weights)

    def _forward(self, arguments, *, keep, differentiable=False):
        """The results; and the states but h and what the equations keep."""
        x, state, attention, query_kernel, context_kernel, weights = self._unpack(
            arguments
        )
        x = ops.transpose(x, (1, 0, 2))
        products = forward_products(weights, self.equations)

        def step(state, inputs):
            x_t, *factors = inputs
            query = ops.matmul(state[0], query_kernel)
            context, scores = attention.step(query, factors[0] if factors else None)
            z = x_t + ops.matmul(context, context_kernel)
            state, kept = self.equations.step(z, state, products)
            kept = (*state[1:], *kept) if keep else ()
            return state, (state[0], context, scores, *kept)

        memory = attention.memory
        _, like = self.equations.step(ops.sum(x[:1], axis=0), state, products)
        final, emitted = scan(
            step,
            state,
            (x,) if self.factors is None else (x, self.factors),
            emit_like=(
                state[0],
                memory[:, 0],
                memory[:, :, 0],
                *((*state[1:], *like) if keep else ()),
            ),
            differentiable=differentiable,
        )
        return (*final, *emitted[:3]), emitted[3:]

    def _backward(self, arguments, results, kept, errors):
        h, contexts, scores = results[self.states :]
        states, kept = (h, *kept[: self.states - 1]), kept[self.states - 1 :]
        _, initial, attention, query_kernel, context_kernel, weights = self._unpack(
            arguments
        )
        d_final, (d_h, d_contexts, d_scores) = (
            errors[: self.states],
            errors[self.states :],
        )
        before = tuple(
            ops.concatenate([first[None], array])[:-1]
            for first, array in zip(initial, states, strict=True)
        )
        stepwise, aside = self.equations.factors(before, states, kept, None, None)
        queries = ops.matmul(before[0], query_kernel)
        rows = initial[0].shape[0]
        transposed = backward_products(
            backward_layout(weights, self.equations, rows), rows
        )
        to_context = ops.transpose(context_kernel)
        to_query = ops.transpose(query_kernel)
        given = (queries, scores, d_h, d_contexts, d_scores, *stepwise, *aside)
        if self.factors is not None:
            given = (*given, self.factors)
        first_aside = 5 + len(stepwise)

        def step(carry, inputs):
            query, weights_t, d_h_t, d_context, d_weights = inputs[:5]
            factors = inputs[-1] if self.factors is not None else None
            errors = (carry[0] + d_h_t, *carry[1 : self.states])
            errors, emitted = self.equations.back(
                errors, inputs[5:first_aside], transposed, masked=False, shown=False
            )
            aside_t = inputs[first_aside : first_aside + len(aside)]
            finished = self.equations.finish(aside_t, emitted)
            d_context = d_context + ops.matmul(finished[0], to_context)
            d_energies, d_query, squared, by_weights = attention.back(
                d_context, d_weights, query, weights_t, factors
            )
            d_h_prev = errors[0] + ops.matmul(d_query, to_query)
            sums = [
                total + ops.cast(more, total.dtype)
                for total, more in zip(
                    carry[self.states :],
                    (d_energies, squared, by_weights),
                    strict=True,
                )
            ]
            emitted = (*finished, d_context, d_query)
            return (d_h_prev, *errors[1:], *sums), emitted

        sums = self._zero_sums(attention)
        units = initial[0].shape[-1]
        like = tuple(
            ops.concatenate([initial[0]] * (size // units), axis=-1)
            for size in self.equations.finished_sizes(units)
        )
        carry, emitted = scan(
            step,
            (*d_final, *sums),
            given,
            emit_like=(*like, attention.memory[:, 0], attention.keys[:, 0]),
            reverse=True,
            differentiable=False,
        )
        *finished, d_contexts, d_queries = emitted
        d_x, d_weights = self.equations.gather(before[0], finished)
        d_energies, squared, by_weights = carry[self.states :]
        shown = scores if self.factors is None else scores * self.factors
        d_memory = ops.matmul(
            ops.transpose(shown, (1, 2, 0)), ops.transpose(d_contexts, (1, 0, 2))
        )
        derivatives = (
            ops.transpose(d_x, (1, 0, 2)),
            *carry[: self.states],
            attention.keys_error(d_energies, squared),
            d_memory,
            by_weights[0],
            product_of(before[0], d_queries),
            product_of(contexts, d_x),
            *d_weights[: len(weights)],
        )
        return tuple(
            ops.cast(d, argument.dtype)
            for d, argument in zip(derivatives, arguments, strict=True)
        )

    def _zero_sums(self, attention):
        """What is summed over the steps; of 16-bit numbers with 32 bits."""
        keys = attention.keys
        dtype = keras.backend.standardize_dtype(keys.dtype)
        if dtype in ("float16", "bfloat16"):
            keys = ops.cast(keys, "float32")
        nothing = ops.zeros_like(keys)
        return nothing[..., 0], nothing, ops.sum(nothing[:1, :1], axis=0)
