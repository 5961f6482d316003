"""A recurrence over a whole sequence, with the gradient that its equations state."""

from keras import ops

from keras_seq.ops._engine import tensorflow_cpu
from keras_seq.ops._engine.argument_checks import checked
from keras_seq.ops._engine.custom_gradient import with_gradient
from keras_seq.ops._engine.portable import loop
from keras_seq.ops._engine.portable.autodiff import by_autodiff
from keras_seq.ops._engine.products import forward_products
from keras_seq.ops._engine.results import Given, Wanted
from keras_seq.ops._masking import probed
from keras_seq.ops._projection import project
from keras_seq.ops._structures import map_tensors


def recurrence(
    equations,
    inputs,
    initial_state,
    kernel,
    bias,
    weights,
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
        initial_state: What `equations.State` holds, each (B, units).
        kernel: W. Shape (D, packed).
        bias: b, or None.
        weights: What `equations.Weights` holds.
        mask: True where a step counts, shape (B, T), or None.
        input_dropout: Factors on x, shape (1, B, D), or (gates, B, D) for factors
            of its own for each gate; None for none.
        go_backwards: Whether to run from the last step to the first.
        return_sequences: Whether to return h of all steps.
        show: Whether to return what the equations show.
        training: Whether a gradient is known to be wanted.
        probes: What is added to the states of every step: what `equations.State`
            holds, each (B, T, units), or None.

    Returns:
        `Results`.
    """
    state = equations.State(*initial_state)
    x, state, mask = checked(inputs, state, mask)
    if input_dropout is not None and input_dropout.shape[0] == 1:
        x = x * ops.transpose(input_dropout, (1, 0, 2))
    elif input_dropout is not None:
        x = project(loop.swapped(x), kernel, bias, input_dropout)
        x, kernel, bias = loop.swapped(x), None, None
    probes = equations.State(*probes) if probes else None
    if go_backwards:
        x = ops.flip(x, axis=1)
        mask = None if mask is None else ops.flip(mask, axis=1)
        probes = map_tensors(lambda probe: ops.flip(probe, axis=1), probes)
    probes = map_tensors(ops.convert_to_tensor, probes)

    def plain(given):
        """The same by operations that the backend can differentiate."""
        projection = given.kernel, given.bias
        products = forward_products(given.weights)

        def step(z, state, probe):
            new, kept = equations.step(z, state, products, probe)
            return probed(probe, new), kept

        return by_autodiff(
            lambda x: x if given.kernel is None else project(x, *projection),
            step,
            given.x,
            given.state,
            # A template: where there is a size, there is a gate, (B, units).
            gates=equations.only_shown(equations.kept_sizes),
            show=equations.shown if show else None,
            probes=given.probes,
            mask=mask,
            return_sequences=return_sequences,
        )

    # The blocks know no probes, and what makes them fast is of no use to one step.
    several = not loop.is_at_most_one(x.shape[1])
    in_blocks = probes is None and several and tensorflow_cpu.apply_here()
    runner = tensorflow_cpu.runner if in_blocks else loop.runner
    function = runner(equations, mask, Wanted(return_sequences, show))
    weights = equations.Weights(*weights)
    given = Given(x, state, kernel, bias, weights, probes)
    return with_gradient(function, plain, given, training, later=in_blocks)
