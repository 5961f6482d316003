"""Layers with given random weights, ours and Keras's, and their gradients."""

import tensorflow as tf

UNITS = 4


def explicit(kind, problem=None, **options):
    """Our layer in float64, with the weights of `problem`."""
    return _with_weights(kind.layer, kind, problem, options)


def of_keras(kind, problem=None, **options):
    """The same of Keras."""
    return _with_weights(
        kind.keras_layer, kind, problem, {**kind.accepted(use_cudnn=False), **options}
    )


def _with_weights(layer_class, kind, problem, options):
    problem = kind.problem() if problem is None else problem
    units = problem["h_0"].shape[1]
    layer = layer_class(units, **{"dtype": "float64", **kind.options, **options})
    layer.build(problem["x"].shape)
    layer.set_weights(kind.weights(problem, options.get("use_bias", True)))
    return layer


def results_and_gradients(kind, layer, problem=None, mask=None, keep=None):
    """The layer's results, and the gradients of a loss on all of them.

    Args:
        kind: The kind of recurrence.
        layer: The layer.
        problem: Gives the input and the initial state.
        mask: The mask.
        keep: How many of the results enter the loss; None for all.

    Returns:
        The flat results, and the gradients of Σ_k Σ sin(k + result_k) with
        respect to the weights, the input and the initial state.
    """
    problem = kind.problem() if problem is None else problem
    x, *state = (tf.constant(problem[name]) for name in ("x", *kind.states))
    with tf.GradientTape() as tape:
        tape.watch((x, state))
        results = tf.nest.flatten(layer(x, initial_state=state, mask=mask))
        loss = sum(
            tf.reduce_sum(tf.sin(tf.cast(k, y.dtype) + y))
            for k, y in enumerate(results[:keep])
        )
    sources = [*layer.trainable_variables, x, *state]
    sources = [getattr(source, "value", source) for source in sources]
    return results, tape.gradient(loss, sources, unconnected_gradients="zero")
