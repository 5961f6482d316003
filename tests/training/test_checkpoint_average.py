"""`EpochCheckpoint` and the mean of the best epochs."""

import keras
import numpy as np
import pytest

from keras_seq.training import EpochCheckpoint
from tests.training.lines import LogAs, X, Y, assert_same_weights, line


class Record(keras.callbacks.Callback):
    """Logs values that depend on the weights, and keeps the weights."""

    def __init__(self, function, name="val_score"):
        super().__init__()
        self.function, self.name, self.weights = function, name, []

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append(self.model.get_weights())
        logs[self.name] = self.function(*self.weights[-1])


def swinging():
    """A model whose weights go back and forth around those that are sought."""
    model = line(optimizer=keras.optimizers.SGD(0.1, momentum=0.95))
    model.set_weights([np.zeros((3, 1), "float32"), np.zeros(1, "float32")])
    return model


@pytest.mark.parametrize("by", ["validation_data", "callback"])
def test_the_mean_of_the_best_epochs(tmp_path, by):
    """Swinging around the goal, the mean is nearer to it than any epoch."""

    def distance(kernel, bias):
        return float(np.square(X @ kernel + bias - Y).mean())

    def train(folder, model, **options):
        record = Record(distance if by == "callback" else lambda *_: 0.0)
        checkpoint = EpochCheckpoint(
            folder,
            monitor="val_score" if by == "callback" else "val_loss",
            **options,
        )
        data = {} if by == "callback" else {"validation_data": (X, Y)}
        checkpoint.fit(
            model, X, Y, epochs=9, callbacks=[record], shuffle=False, verbose=0, **data
        )
        return checkpoint, record

    model = swinging()
    checkpoint, record = train(tmp_path / "run", model, average=4)
    values = [row[checkpoint.monitor] for row in checkpoint.history]
    best = sorted(range(9), key=values.__getitem__)[:4]
    kept = sorted(path.name for path in (tmp_path / "run").glob("epoch-*"))
    assert kept == sorted(f"epoch-{i + 1:04d}.npz" for i in best)
    means = [
        np.mean([record.weights[i][j] for i in best], axis=0, dtype="float64")
        for j in range(2)
    ]
    expected = distance(*means)
    assert expected < min(values), "the mean isn't better: the test shows nothing"
    assert checkpoint.averaged
    for got, mean in zip(model.get_weights(), means, strict=True):
        np.testing.assert_allclose(got, mean, rtol=1e-6)
    np.testing.assert_allclose(
        checkpoint.average_values[checkpoint.monitor], expected, rtol=1e-5
    )
    # The history and the best epoch are those of the epochs, as without.
    assert checkpoint.best_epoch == best[0]
    assert len(checkpoint.history) == 9
    # Resumed when it is done, from anywhere, it ends there again.
    resumed = line()
    again, _ = train(tmp_path / "run", resumed, average=4, resume=True)
    assert_same_weights(resumed.get_weights(), model.get_weights())
    assert again.average_values == checkpoint.average_values
    # Without, it ends at the best epoch, and keeps nothing else.
    plain = swinging()
    other, record = train(tmp_path / "plain", plain)
    assert_same_weights(plain.get_weights(), record.weights[best[0]])
    assert other.average_values is None
    assert not other.averaged
    assert not list((tmp_path / "plain").glob("epoch-*"))


def test_a_mean_that_is_not_better_is_not_taken(tmp_path):
    """Falling all the time, the last epoch is better than any mean."""
    model, record = line(optimizer=keras.optimizers.SGD(0.01)), Record(lambda *_: 0.0)
    checkpoint = EpochCheckpoint(tmp_path / "run", average=3)
    options = {"validation_data": (X, Y), "callbacks": [record], "verbose": 0}
    checkpoint.fit(model, X, Y, epochs=5, shuffle=False, **options)
    assert not checkpoint.averaged
    assert checkpoint.average_values["val_loss"] > checkpoint.history[4]["val_loss"]
    assert_same_weights(model.get_weights(), record.weights[4])


def test_what_the_mean_needs(tmp_path):
    def train(folder="run", callbacks=(), epochs=2, **options):
        checkpoint = EpochCheckpoint(tmp_path / folder, **{"average": 2, **options})
        checkpoint.fit(line(), X, Y, epochs=epochs, callbacks=callbacks, verbose=0)
        return checkpoint

    with pytest.raises(
        ValueError, match=r"must be measured on validation data, .*'loss'"
    ):
        train(monitor="loss")
    assert not (tmp_path / "run" / "last.npz").exists()

    class Once(Record):
        def on_epoch_end(self, epoch, logs=None):
            if epoch < 2:
                super().on_epoch_end(epoch, logs)

    with pytest.raises(ValueError, match=r"needs 'val_score' of the mean.*give \[\]"):
        train(monitor="val_score", callbacks=[Once(lambda *_: 1.0)])


def test_a_checkpoint_that_was_made_with_other_settings(tmp_path):
    values = [3, 1, 2, 4]

    def train(epochs=4, **options):
        checkpoint = EpochCheckpoint(tmp_path / "run", monitor="val_score", **options)
        log = LogAs([*values, 9, 0], "val_score")
        checkpoint.fit(line(), X, Y, epochs=epochs, callbacks=[log], verbose=0)
        return checkpoint

    train(average=2)
    before = {p.name: p.read_bytes() for p in (tmp_path / "run").iterdir()}
    with pytest.raises(ValueError, match="lacks the weights of epoch 1: it was made"):
        train(average=3, resume=True)
    with pytest.raises(ValueError, match="lacks the weights of epoch 1: it was made"):
        train(average=2, mode="max", resume=True)
    assert {p.name: p.read_bytes() for p in (tmp_path / "run").iterdir()} == before
    assert train(average=2, epochs=5, resume=True).best_epoch == 1
