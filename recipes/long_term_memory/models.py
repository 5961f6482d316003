"""The models of the long-term memory study: the disease and its remedies."""

import dataclasses
from typing import Any

import keras

from keras_seq.layers import ChronoBias, ExplicitGRU, ExplicitLSTM, ExplicitSimpleRNN

RADIUS = 1.5  # of the spectrum of the matrix that makes gradients explode
SLOW, FAST = 3e-3, 1e-2  # learning rates of Adam, without gates and with


@dataclasses.dataclass(frozen=True)
class Remedy:
    """A model of the study.

    Attributes:
        label: Name for readers.
        layer: What `recurrent_layer` makes.
        clipped: Whether the gradient is clipped.
        learning_rate: Of Adam.
    """

    label: str
    layer: str
    clipped: bool
    learning_rate: float


# In the lecture's order: the disease first.
REMEDIES = {
    "tanh": Remedy("tanh RNN", "tanh", False, SLOW),
    "tanh-clipped": Remedy("tanh RNN, clipped", "tanh", True, SLOW),
    "relu": Remedy("ReLU RNN", "relu", False, SLOW),
    "relu-clipped": Remedy("ReLU RNN, clipped", "relu", True, SLOW),
    "irnn": Remedy("IRNN", "irnn", False, SLOW),
    "irnn-clipped": Remedy("IRNN, clipped", "irnn", True, SLOW),
    "lstm-forget-0": Remedy("LSTM, forget bias 0", "lstm-forget-0", True, FAST),
    "lstm-forget-1": Remedy("LSTM, forget bias 1", "lstm-forget-1", True, FAST),
    "lstm-chrono": Remedy("LSTM, chrono", "lstm-chrono", True, FAST),
    "gru": Remedy("GRU", "gru", True, FAST),
}
# Not among those that are compared: it shows what clipping does.
EXPLODING = Remedy("ReLU RNN, 1.5 × orthogonal", "exploding", False, FAST)


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
