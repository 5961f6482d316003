"""The models of the long-term memory study: the disease and its remedies."""

import dataclasses

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


def recurrent_layer(kind, units, steps, return_sequences=False):
    """A new recurrent layer, named "memory".

    Args:
        kind: One of the layers in `REMEDIES`, or "exploding".
        units: Size of the state.
        steps: T of the sequences, which the chrono initialisation wants to know.
        return_sequences: Whether every step is returned.

    Returns:
        The layer.
    """
    shared = {"return_sequences": return_sequences, "name": "memory"}
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


def compiled_model(config, data, kind, optimizer, **options):
    """A recurrent layer and a dense one, compiled.

    Args:
        config: `Config`, of which it takes the seed and the units.
        data: `Data`, for its task and distance.
        kind: As `recurrent_layer` takes it.
        optimizer: Keras optimizer.
        **options: Of `compile`.

    Returns:
        Model of (B, T, D) inputs, for any T.
    """
    keras.utils.set_random_seed(config.seed)
    task = data.task
    model = keras.Sequential(
        [
            keras.Input((None, task.features), name="sequence"),
            recurrent_layer(kind, config.units, data.steps, task.every_step),
            keras.layers.Dense(task.outputs, name="answer"),
        ],
        name="long_term_memory",
    )
    # XLA would compile again for every distance.
    model.compile(
        optimizer,
        task.compiled_loss(),
        metrics=[task.right],
        jit_compile=False,
        **options,
    )
    # Or the first training step is traced twice.
    model.optimizer.build(model.trainable_variables)
    return model
