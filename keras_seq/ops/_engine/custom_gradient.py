"""A function with a gradient of its own, on each backend."""

import weakref

import keras
from keras import ops

from keras_seq.ops._structures import flattened, map_tensors


def with_gradient(function, plain, arguments, wanted=False, later=False):
    """Calls a function that brings its gradient.

    The backends know functions of flat tensors only. Here is where structures are
    taken apart for them, and put together again for `function` and `plain`.

    What the gradient needs is kept where a gradient can be asked for, as far as that is
    known when `function` runs: on TensorFlow in eager mode if a tape watches, on
    PyTorch if its autograd does. JAX doesn't say; there it is always kept, and XLA
    leaves out what nobody reads, as it does for TensorFlow. A graph of TensorFlow is
    traced before anybody knows, since it may be run with a tape around it and without.

    Args:
        function: Takes the structure `arguments` and whether to keep what the gradient
            needs; returns a structure of tensors, and the function from that of their
            errors to that of the arguments'. In a graph of TensorFlow that may be
            called although nothing was kept.
        plain: The same function, made of operations that the backend can
            differentiate: from `arguments` to the structure of results. Second
            derivatives are those of its gradient, but on JAX, which
            differentiates the gradient that `function` brings.
        arguments: Structure of tensors. An argument that is None has no error,
            whatever the gradient gives for it.
        wanted: Whether a gradient is known to be wanted.
        later: Whether, in a graph of TensorFlow, what the gradient needs can be had
            without a second run when it is asked for.

    Returns:
        The structure of results.
    """
    arguments = map_tensors(ops.convert_to_tensor, arguments)
    flat_arguments, packed_arguments = flattened(arguments)
    # How the results are put together is known only when they were computed.
    packers = []

    def on_flat(keep, *flat):
        results, gradient = function(packed_arguments(flat), keep)
        flat_results, packed = flattened(results)
        packers.append(packed)

        def on_flat_errors(*errors):
            derivatives = map_tensors(
                lambda _, derivative: derivative,
                packed_arguments(flat),
                gradient(packed(errors)),
            )
            return tuple(flattened(derivatives)[0])

        return tuple(flat_results), on_flat_errors

    def plain_on_flat(*flat):
        return tuple(flattened(plain(packed_arguments(flat)))[0])

    call = _BACKENDS[keras.backend.backend()]
    results = call(on_flat, plain_on_flat, flat_arguments, wanted, later)
    return packers[-1](results)


def _tensorflow(function, plain, arguments, wanted, later):
    import tensorflow as tf
    from tensorflow.python.eager.record import should_record_backprop
    from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

    if tf.executing_eagerly():
        keep = should_record_backprop(arguments)
    elif wanted or later:
        keep = wanted
    else:
        graph = tf.compat.v1.get_default_graph()
        keep = GraphOrParentsInXlaContext(graph) or should_record_backprop(arguments)

    def differentiable(*arguments):
        results, gradient = function(keep, *arguments)
        return results, _differentiable(gradient, plain, arguments)

    return _with_gradient_in_graphs(differentiable, arguments)


def _with_gradient_in_graphs(function, arguments):
    """As `tf.custom_gradient(function)(*arguments)`, of a graph that can be forgotten.

    TensorFlow registers the gradient of a call in a graph under a name of its own, for
    good; it refers to the graph, and that to the whole model's. So nothing that was
    ever traced would be given back. Here the graph alone holds the gradient, and the
    name goes when the graph goes.
    """
    import tensorflow as tf
    from tensorflow.python.framework.ops import gradient_registry

    results = tf.custom_gradient(function)(*arguments)
    if tf.executing_eagerly():
        return results
    operation = results[0].op
    name, graph = operation.get_attr("_gradient_op_type").decode(), operation.graph
    registry = gradient_registry._registry
    gradient = registry[name]["type"]
    held = weakref.ref(gradient)

    def registered(operation, *errors):
        found = held()
        assert found is not None, "the name would be gone too"
        return found(operation, *errors)

    registry[name]["type"] = registered
    if not hasattr(graph, "_keras_seq_gradients"):
        graph._keras_seq_gradients = []
    graph._keras_seq_gradients.append(gradient)
    weakref.finalize(graph, registry.pop, name, None).atexit = False
    return results


def _differentiable(gradient, plain, arguments):
    """A gradient whose own gradient is that of TensorFlow's gradient of `plain`."""
    import tensorflow as tf

    count = len(arguments)

    # The gradient has the arguments from where it was made. They are handed to it
    # all the same, so that the outer tape sees on what it depends.
    def first(*given):
        def second(*second_errors):
            arguments, errors = given[:count], given[count:]
            with tf.GradientTape() as outer:
                outer.watch(given)
                with tf.GradientTape() as inner:
                    inner.watch(arguments)
                    results = plain(*arguments)
                derivatives = inner.gradient(
                    results,
                    arguments,
                    output_gradients=list(errors),
                    unconnected_gradients=tf.UnconnectedGradients.ZERO,
                )
            return outer.gradient(
                derivatives,
                given,
                output_gradients=list(second_errors),
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )

        return tuple(gradient(*given[count:])), second

    return lambda *errors: _with_gradient_in_graphs(first, (*arguments, *errors))


def _jax(function, plain, arguments, wanted, later):
    import jax

    def on_tuple(*arguments):
        results, gradient = function(True, *arguments)
        return results, lambda errors: gradient(*errors)

    return jax.custom_gradient(on_tuple)(*arguments)


def _torch(function, plain, arguments, wanted, later):
    import torch

    keep = torch.is_grad_enabled() and any(a.requires_grad for a in arguments)

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *arguments):
            results, ctx.gradient = function(keep, *arguments)
            ctx.save_for_backward(*arguments)
            return results

        @staticmethod
        def backward(ctx, *errors):
            arguments = ctx.saved_tensors  # refused if they were changed in place
            if not torch.is_grad_enabled():
                return ctx.gradient(*errors)
            # With `create_graph`: the gradient will be differentiated.
            wanted = [a for a in arguments if a.requires_grad]
            results = [
                (result, error)
                for result, error in zip(plain(*arguments), errors, strict=True)
                if result.requires_grad
            ]
            found = iter(
                torch.autograd.grad(
                    [result for result, _ in results],
                    wanted,
                    [error for _, error in results],
                    create_graph=True,
                    allow_unused=True,
                )
            )
            return tuple(next(found) if a.requires_grad else None for a in arguments)

    return Function.apply(*arguments)


_BACKENDS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
