"""A small model whose training is seen to the last digit, and its checkpoints."""

import keras
import numpy as np

from keras_seq.training import EpochCheckpoint

# A line through noise: its loss falls for as long as it trains.
X = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
Y = (X @ np.array([[1.0], [-2.0], [0.5]]) + 0.1).astype("float32")


def line(units=1, optimizer=None, **options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units, **options)])
    optimizer = optimizer or keras.optimizers.SGD(0.05, momentum=0.9)
    model.compile(optimizer, "mse", run_eagerly=True)  # spares the tracing
    return model


class LogAs(keras.callbacks.Callback):
    """Replaces a logged value by given ones, an epoch each."""

    def __init__(self, values, name="loss"):
        super().__init__()
        self.values, self.name, self.weights = values, name, []

    def on_epoch_end(self, epoch, logs=None):
        logs[self.name] = self.values[epoch]
        self.weights.append(self.model.get_weights())


def fit(folder, model, epochs, values=None, **options):
    """Trains; returns the callback and the weights after each epoch."""
    log = LogAs(values) if values is not None else None
    checkpoint = EpochCheckpoint(folder / "run", monitor="loss", **options)
    checkpoint.fit(
        model,
        X,
        Y,
        epochs=epochs,
        callbacks=[log] if log else (),
        shuffle=False,
        verbose=0,
    )
    return checkpoint, log.weights if log else None


def assert_same_weights(got, expected):
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_array_equal(one, other)
