"""A training that can be interrupted at any step, with data of all kinds."""

import itertools

import keras
import numpy as np
import tensorflow as tf

from keras_seq.training import EpochCheckpoint, epoch_dataset

ROWS, SIZE, STEPS = 22, 4, 6  # the last batch has 2 rows
X = np.random.default_rng(0).normal(size=(ROWS, 3)).astype("float32")
Y = (X.sum(1, keepdims=True) + X[:, :1] ** 2).astype("float32")


def batches(epoch):
    order = np.random.default_rng((1, epoch)).permutation(ROWS)
    for rows in np.split(order, range(SIZE, ROWS, SIZE)):
        yield X[rows], Y[rows]


def endless(first):
    spec = (tf.TensorSpec([None, 3]), tf.TensorSpec([None, 1]))
    return epoch_dataset(batches, spec, size=STEPS, first_epoch=first)


def shuffled(**options):
    return tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(ROWS, **options)


DATA = {
    "arrays": lambda first: {"x": X, "y": Y, "batch_size": SIZE},
    "weighted, in order": lambda first: {
        **{"x": X, "y": Y, "sample_weight": np.arange(1.0, ROWS + 1) / ROWS},
        **{"batch_size": SIZE, "shuffle": False},
    },
    "endless": lambda first: {"x": endless(first), "steps_per_epoch": STEPS},
    "generator": lambda first: {
        "x": (batch for epoch in itertools.count(first) for batch in batches(epoch)),
        "steps_per_epoch": STEPS,
    },
    "the same each epoch": lambda first: {
        "x": shuffled(seed=3, reshuffle_each_iteration=False).batch(SIZE)
    },
}


def build(optimizer=None, **policy):
    """Dropout, running statistics, metrics that are counted over the epoch."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, **policy),
            keras.layers.BatchNormalization(**policy),
            keras.layers.Dropout(0.3, **policy),
            keras.layers.Dense(1, **policy),
        ]
    )
    metrics = ["mae", keras.metrics.RootMeanSquaredError()]
    optimizer = optimizer or keras.optimizers.SGD(0.05, momentum=0.9, use_ema=True)
    model.compile(optimizer, "mse", metrics=metrics, run_eagerly=True)
    return model


class Seen(keras.callbacks.Callback):
    """Remembers what it sees, and interrupts where it is told to."""

    def __init__(self, moment=None):
        super().__init__()
        self.seen, self.total, self._moment = [], np.zeros(2), moment

    def interrupt(self, moment):
        if moment == self._moment:
            raise KeyboardInterrupt

    def on_train_batch_begin(self, batch, logs=None):
        self.interrupt(len(self.seen))

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append([batch, logs["loss"]])
        self.total += logs["loss"]

    def on_test_begin(self, logs=None):
        self.interrupt("validation")


def train(folder, data="arrays", moment=None, epochs=2, model=None, **options):
    model, seen = model or build(), Seen(moment)
    options = {"save_steps": 1, "resume": True, **options}
    checkpoint = EpochCheckpoint(folder / "run", **options)
    plateau = keras.callbacks.ReduceLROnPlateau(patience=0, min_delta=0.3)
    stop = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    given = DATA[data] if isinstance(data, str) else data
    checkpoint.fit(
        model,
        **given(checkpoint.first_epoch),
        epochs=epochs,
        validation_data=(X, Y),
        callbacks=[plateau, stop, seen],
        verbose=0,
    )
    return model, checkpoint, seen
