"""The models of the long-term memory study: the disease and its remedies."""

from typing import Any

import keras

from keras_seq.layers import ChronoBias, ExplicitGRU, ExplicitLSTM, ExplicitSimpleRNN
from recipes.long_term_memory.remedies import EXPLODING as EXPLODING
from recipes.long_term_memory.remedies import REMEDIES as REMEDIES

RADIUS = 1.5  # of the spectrum of the matrix that makes gradients explode


def recurrent_layer(
    kind: str, units: int, steps: int, return_sequences: bool = False
) -> keras.layers.Layer:
    """A new recurrent layer, named "memory".

    Args:
        kind: The layer of a `Remedy`.
        units: Size of the state.
        steps: T of the sequences, which the chrono initialisation wants to know.
        return_sequences: Whether every step is returned.

    Returns:
        The layer.
    """
    shared: dict[str, Any] = {"return_sequences": return_sequences, "name": "memory"}
    layers = {
        "tanh": lambda: ExplicitSimpleRNN(units, **shared),
        "relu": lambda: ExplicitSimpleRNN(
            units, "relu", recurrent_initializer="glorot_uniform", **shared
        ),
        "irnn": lambda: ExplicitSimpleRNN(
            units,
            "relu",
            kernel_initializer="random_normal",
            recurrent_initializer="identity",
            **shared,
        ),
        "exploding": lambda: ExplicitSimpleRNN(
            units,
            "relu",
            recurrent_initializer=keras.initializers.Orthogonal(RADIUS),
            **shared,
        ),
        "lstm-forget-0": lambda: ExplicitLSTM(units, unit_forget_bias=False, **shared),
        "lstm-forget-1": lambda: ExplicitLSTM(units, **shared),
        "lstm-chrono": lambda: ExplicitLSTM(
            units,
            unit_forget_bias=False,
            bias_initializer=ChronoBias(steps),
            **shared,
        ),
        "gru": lambda: ExplicitGRU(units, **shared),
    }
    return layers[kind]()
