"""A function with a gradient of its own, on each backend."""

import keras


def with_gradient(function, *arguments):
    """Calls a function that brings its gradient.

    Args:
        function: Takes `arguments`, returns a tuple of tensors and the function
            from their errors, one each, to a tuple of the arguments' errors.
        arguments: Tensors.

    Returns:
        The tuple of tensors.
    """
    return _BACKENDS[keras.backend.backend()](function, arguments)


def _tensorflow(function, arguments):
    import tensorflow as tf

    return tf.custom_gradient(function)(*arguments)


def _jax(function, arguments):
    import jax

    def on_tuple(*arguments):
        results, gradient = function(*arguments)
        return results, lambda errors: gradient(*errors)

    return jax.custom_gradient(on_tuple)(*arguments)


def _torch(function, arguments):
    import torch

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *arguments):
            results, ctx.gradient = function(*arguments)
            return results

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, *errors):
            return ctx.gradient(*errors)

    return Function.apply(*arguments)


_BACKENDS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
