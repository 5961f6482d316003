"""Second derivatives, on TensorFlow, of a function whose first is derived by hand."""

from keras_seq.ops._engine.custom_gradient import with_gradient


def differentiable(gradient, plain, arguments):
    """A gradient that can be differentiated.

    Args:
        gradient: Function from errors of the results to errors of `arguments`.
        plain: The function that was differentiated, made of operations that
            TensorFlow can differentiate: from `arguments` to a tuple of results.
        arguments: Tuple of tensors.

    Returns:
        Function that gives what `gradient` gives. Its own gradient is that of
        TensorFlow's gradient of `plain`.
    """
    import tensorflow as tf

    count = len(arguments)

    def first(*given):
        def second(*errors):
            arguments, upstream = given[:count], given[count:]
            with tf.GradientTape() as outer:
                outer.watch(given)
                with tf.GradientTape() as inner:
                    inner.watch(arguments)
                    results = plain(*arguments)
                derivatives = inner.gradient(
                    results,
                    arguments,
                    output_gradients=list(upstream),
                    unconnected_gradients=tf.UnconnectedGradients.ZERO,
                )
            return outer.gradient(
                derivatives,
                given,
                output_gradients=list(errors),
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )

        return tuple(gradient(*given[count:])), second

    return lambda *errors: with_gradient(first, *arguments, *errors)
