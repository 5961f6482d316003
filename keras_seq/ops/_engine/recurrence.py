"""A recurrence over a whole sequence, with the gradient that its equations state."""

from collections.abc import Callable

from keras import ops

from keras_seq.ops._engine import blocks, whole
from keras_seq.ops._engine.autodiff import by_autodiff
from keras_seq.ops._engine.checked import checked
from keras_seq.ops._engine.custom_gradient import with_gradient
from keras_seq.ops._engine.products import forward_products
from keras_seq.ops._projection import project


def recurrence(
    equations,
    inputs,
    initial_state,
    kernel,
    bias,
    own_weights,
    *,
    mask=None,
    input_dropout=None,
    go_backwards=False,
    return_sequences=True,
    show=False,
    training=False,
    probes=None,
):
    """Runs a recurrence.

    Args:
        equations: Of `keras_seq.ops._derived`.
        inputs: Shape (B, T, D).
        initial_state: Tuple of (B, units) tensors.
        kernel: W. Shape (D, packed).
        bias: b, or None.
        own_weights: Tuple of the recurrence's own weights.
        mask: True where a step counts, shape (B, T), or None.
        input_dropout: Factors on x, shape (1, B, D), or (gates, B, D) for factors
            of its own for each gate; None for none.
        go_backwards: Whether to run from the last step to the first.
        return_sequences: Whether to return h of all steps.
        show: Whether to return what the equations show.
        training: Whether to keep what a gradient needs. Without it a gradient
            runs the steps again.
        probes: What is added to the states of every step, a tuple of (B, T, units)
            tensors, or None.

    Returns:
        h of shape (B, T, units) or None; the final state; what is shown, each of
        shape (B, T, ·), the first `equations.shown` kept arrays and then the
        states but h, or an empty tuple.
    """
    x, state, mask = checked(inputs, initial_state, mask)
    if input_dropout is not None and input_dropout.shape[0] == 1:
        x = x * ops.transpose(input_dropout, (1, 0, 2))
    elif input_dropout is not None:
        x = ops.transpose(x, (1, 0, 2))
        x = project(x, kernel, bias, input_dropout)
        x, kernel, bias = ops.transpose(x, (1, 0, 2)), None, None
    if go_backwards:
        x = ops.flip(x, axis=1)
        mask = None if mask is None else ops.flip(mask, axis=1)
        probes = probes and [ops.flip(probe, axis=1) for probe in probes]
    projection = tuple(array for array in (kernel, bias) if array is not None)
    count, projected = len(state), len(projection)
    probes = tuple(map(ops.convert_to_tensor, probes or ()))

    def plain(*arguments):
        """The same by operations that the backend can differentiate."""
        x, *rest = arguments
        state, projection, weights = (
            tuple(rest[:count]),
            rest[count : count + projected],
            rest[count + projected : count + projected + len(own_weights)],
        )
        probes = rest[count + projected + len(own_weights) :]
        products = forward_products(weights, equations)

        def step(z, state, probe):
            new, kept = equations.step(z, state, products, *(probe or ())[1:])
            if probe is not None:
                new = (new[0] + probe[0], *new[1:])
            return new, kept[: equations.shown]

        h, final, shown = by_autodiff(
            lambda x: project(x, *projection) if projection else x,
            step,
            x,
            state,
            shown=equations.shown,
            probes=probes,
            mask=mask,
            return_sequences=return_sequences,
            show=show,
        )
        return (*final, *([h] if return_sequences else []), *shown)

    options = {}
    run: Callable = whole.run
    if probes:
        options["probed"] = True
    elif blocks.apply_here() and not whole.is_at_most_one(x.shape[1]):
        run = blocks.run
    function = run(
        equations,
        mask,
        states=count,
        projected=projected,
        return_sequences=return_sequences,
        show=show,
        training=training,
        **options,
    )

    arguments = x, *state, *projection, *own_weights, *probes
    results = with_gradient(function, plain, *arguments)
    final, rest = tuple(results[:count]), list(results[count:])
    h = rest.pop(0) if return_sequences else None
    return h, final, tuple(rest)
