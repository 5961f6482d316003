"""A function with a gradient of its own, on each backend."""

import keras

from keras_seq.ops._structures import flattened, map_tensors


def with_gradient(function, plain, arguments):
    """Calls a function that brings its gradient.

    The backends know functions of flat tensors only. Here is where structures are
    taken apart for them, and put together again for `function` and `plain`.

    Args:
        function: Takes the structure `arguments`; returns a structure of tensors,
            and the function from that of their errors to that of the arguments'.
        plain: The same function, made of operations that the backend can
            differentiate: from `arguments` to the structure of results. Second
            derivatives are those of its gradient, but on JAX, which
            differentiates the gradient that `function` brings.
        arguments: Structure of tensors. An argument that is None has no error,
            whatever the gradient gives for it.

    Returns:
        The structure of results.
    """
    flat_arguments, packed_arguments = flattened(arguments)
    # How the results are put together is known only when they were computed.
    packers = []

    def on_flat(*flat):
        results, gradient = function(packed_arguments(flat))
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
    results = call(on_flat, plain_on_flat, flat_arguments)
    return packers[-1](results)


def _tensorflow(function, plain, arguments):
    import tensorflow as tf

    def differentiable(*arguments):
        results, gradient = function(*arguments)
        return results, _differentiable(gradient, plain, arguments)

    return tf.custom_gradient(differentiable)(*arguments)


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

    return lambda *errors: tf.custom_gradient(first)(*arguments, *errors)


def _jax(function, plain, arguments):
    import jax

    def on_tuple(*arguments):
        results, gradient = function(*arguments)
        return results, lambda errors: gradient(*errors)

    return jax.custom_gradient(on_tuple)(*arguments)


def _torch(function, plain, arguments):
    import torch

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *arguments):
            results, ctx.gradient = function(*arguments)
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
