"""Layers with given random weights, ours and Keras's, and their gradients."""

import keras
import tensorflow as tf

from keras_seq.layers import ExplicitLSTM
from tests.reference.lstm import random_problem

PROBLEM = random_problem()
UNITS = 4


def weights(problem=PROBLEM, use_bias=True):
    names = ("kernel", "recurrent_kernel", "bias")
    return [problem[name] for name in names[: 2 + use_bias]]


def explicit_lstm(problem=PROBLEM, **options):
    """An `ExplicitLSTM` in float64 that holds the weights of `problem`."""
    return _with_weights(ExplicitLSTM, problem, options)


def keras_lstm(problem=PROBLEM, **options):
    """The same of Keras."""
    return _with_weights(keras.layers.LSTM, problem, {"use_cudnn": False, **options})


def _with_weights(layer_class, problem, options):
    units = problem["h_0"].shape[1]
    layer = layer_class(units, **{"dtype": "float64", **options})
    layer.build(problem["x"].shape)
    layer.set_weights(weights(problem, options.get("use_bias", True)))
    return layer


def results_and_gradients(layer, problem=PROBLEM, mask=None, keep=None):
    """The layer's results, and the gradients of a loss on all of them.

    Args:
        layer: The layer.
        problem: Gives the input and the initial state.
        mask: The mask.
        keep: How many of the results enter the loss; None for all.

    Returns:
        The flat results, and the gradients of Σ_k Σ sin(k + result_k) with
        respect to the weights, the input and the initial state.
    """
    x, h_0, c_0 = (tf.constant(problem[name]) for name in ("x", "h_0", "c_0"))
    with tf.GradientTape() as tape:
        tape.watch((x, h_0, c_0))
        results = tf.nest.flatten(layer(x, initial_state=[h_0, c_0], mask=mask))
        loss = sum(
            tf.reduce_sum(tf.sin(tf.cast(k, y.dtype) + y))
            for k, y in enumerate(results[:keep])
        )
    sources = [*layer.trainable_variables, x, h_0, c_0]
    sources = [getattr(source, "value", source) for source in sources]
    return results, tape.gradient(loss, sources, unconnected_gradients="zero")
