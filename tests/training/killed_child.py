"""Trains in processes that are killed, one after the other.

Usage: python -m tests.training.killed_child AVERAGE FOLDER:MOMENT ...

With AVERAGE above 1, the mean of so many epochs is tried, and what is monitored
comes from a callback, the more the better; the loss decides otherwise.


A moment is `batch N`, `open N` or `os.rename N`: when the N-th training step
ends, or just before the N-th file of the checkpoint is opened or renamed; or
`after S` for S seconds after the first step. `damage NAME` trains nothing, but flips
a bit of that file of the checkpoint. `never` is not killed: it writes
FOLDER/result.npz.
"""

import os
import random
import signal
import sys
import threading
from pathlib import Path

import keras
import numpy as np

from keras_seq.layers import ExplicitLSTM
from keras_seq.training import EpochCheckpoint, next_token_dataset

EPOCHS, VOCABULARY, BATCH_SIZE = 40, 12, 4


def documents(count, seed):
    """Random tokens: there is little to learn, so it soon overfits."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(4, 12, count)
    return [rng.integers(3, VOCABULARY, length).tolist() for length in lengths]


def build_model():
    keras.utils.set_random_seed(1)
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(VOCABULARY, 8)(ids)
    x = ExplicitLSTM(16, return_sequences=True, dropout=0.1, recurrent_dropout=0.1)(x)
    x = keras.layers.Dropout(0.2)(x)
    model = keras.Model(ids, keras.layers.Dense(VOCABULARY)(x))
    schedule = keras.optimizers.schedules.CosineDecay(0.05, 60)
    model.compile(
        keras.optimizers.Adam(schedule, clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=["accuracy"],
        jit_compile=False,  # each of the processes would compile anew
    )
    return model


class Score(keras.callbacks.Callback):
    """Logs how well a model does, by a measure of its own."""

    def on_epoch_end(self, epoch, logs=None):
        x, y, weight = zip(*next_token_dataset(documents(8, 1), 8), strict=True)
        p = keras.ops.softmax(self.model(x[0], training=False))
        p = np.take_along_axis(np.array(p), np.array(y[0])[..., None], -1)[..., 0]
        logs["val_score"] = float(np.average(p, weights=weight[0]))


def train(folder, average, callbacks=()):
    """Trains to the end, from wherever the last process was."""
    options = {"average": average, "monitor": "val_score", "mode": "max"}
    checkpoint = EpochCheckpoint(
        folder / "checkpoints",
        patience=3,
        resume=True,
        **(options if average > 1 else {}),
    )
    if average > 1:
        callbacks = [*callbacks, Score()]
    model = build_model()
    train_documents = documents(16, 0)
    chance = {"seed": 3, "first_epoch": checkpoint.first_epoch}

    def changing(epoch):
        return [document[epoch % 2 :] for document in train_documents]

    checkpoint.fit(
        model,
        next_token_dataset(changing, BATCH_SIZE, **chance),
        epochs=EPOCHS,
        steps_per_epoch=4,
        shuffle=False,
        validation_data=next_token_dataset(documents(8, 1), BATCH_SIZE),
        callbacks=callbacks,
        verbose=0,
    )
    result = {f"weight_{i}": weight for i, weight in enumerate(model.get_weights())}
    for name in checkpoint.history[0]:
        result[name] = np.array([row[name] for row in checkpoint.history])
    for name, value in (checkpoint.average_values or {}).items():
        result[f"mean_{name}"] = np.array(value)
    result["averaged"] = np.array(checkpoint.averaged)
    return {**result, "best_epoch": np.array(checkpoint.best_epoch)}


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class DieAtStep(keras.callbacks.Callback):
    def __init__(self, kind, number):
        super().__init__()
        self.kind, self.number, self.steps = kind, number, 0

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        if self.kind == "batch" and self.steps == self.number:
            die()
        if self.kind == "after" and self.steps == 1:
            threading.Timer(self.number, die).start()


def die_at_event(kind, number):
    """Dies just before the `number`-th time that a checkpoint file is touched."""
    seen = []

    def hook(event, arguments):
        if event == kind and ".tmp" in str(arguments[0]):
            seen.append(event)
            if len(seen) == number:
                die()

    sys.addaudithook(hook)


def run(folder, average, moment):
    if moment == "never":
        np.savez(folder / "result.npz", **train(folder, average))
        return
    kind, number = moment.rsplit(" ", 1)
    if kind in ("batch", "after"):
        train(folder, average, [DieAtStep(kind, float(number))])
    else:
        die_at_event(kind, int(number))
        train(folder, average)


def damage(path):
    data = bytearray(path.read_bytes())
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    path.write_bytes(data)


def main(average, *arguments):
    for argument in arguments:
        name, moment = argument.rsplit(":", 1)
        folder = Path(name)
        if moment.startswith("damage "):
            damage(folder / "checkpoints" / moment.removeprefix("damage "))
            continue
        # A fork shares the import of TensorFlow, which hasn't run anything yet.
        process = os.fork()
        if process == 0:
            run(folder, int(average), moment)
            os._exit(0)
        _, status = os.waitpid(process, 0)
        expected = {0} if moment == "never" else {signal.SIGKILL}
        if moment.startswith("after"):  # it may have come to its end before
            expected.add(0)
        assert status in expected, (moment, status)


if __name__ == "__main__":
    main(*sys.argv[1:])
