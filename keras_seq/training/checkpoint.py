"""Training that can be killed at any moment and goes on as if it had not."""

import csv
import io
import os
from pathlib import Path

import keras
import numpy as np

from keras_seq._files import atomic_write


class EpochCheckpoint(keras.callbacks.Callback):
    """Keeps all of a training's state after every epoch, and the best weights.

    `keras.callbacks.BackupAndRestore` restores weights and optimizer, but not
    the seeds of the dropout, the best epoch so far or the patience that is
    left, so a resumed training ends elsewhere. This callback restores all of
    it: together with data that are a function of the epoch, a training that
    was killed ends with the same weights as one that was not (on a CPU).

    In `directory` it writes last.npz (every variable of model and optimizer)
    and best.npz (the model's weights at the best epoch), beside it
    history.csv (a row an epoch), each whole or not at all. Training stops
    when `patience` epochs have passed without a better value; when it ends,
    the model has the best weights.

    Args:
        directory: Folder for the checkpoints; made if missing.
        monitor: Name of the logged value to minimise, e.g. `"val_loss"`.
        patience: Epochs to go on without improvement, or None to run to the
            end.
        resume: Whether to go on from last.npz, if there is one.

    Example:

    >>> import tempfile
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile("adam", "mse")
    >>> x = np.ones((8, 1), "float32")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = EpochCheckpoint(folder + "/checkpoints", monitor="loss")
    ...     checkpoint.fit(model, x, x, epochs=2, verbose=0)
    ...     len(checkpoint.history)
    2
    """

    def __init__(self, directory, *, monitor="val_loss", patience=None, resume=False):
        super().__init__()
        self.directory = Path(directory)
        self.monitor = monitor
        self.patience = patience
        self.history = []
        self._resume = resume and self._last.is_file()
        if self._resume:
            with np.load(self._last) as last:
                self.history = _read_history(str(last["history"]))

    @property
    def first_epoch(self):
        """Number of epochs done: 0, or where a resumed training goes on."""
        return len(self.history)

    @property
    def _last(self):
        return self.directory / "last.npz"

    @property
    def _best(self):
        return self.directory / "best.npz"

    @property
    def best_epoch(self):
        """Index into `history` of the best epoch."""
        return int(np.argmin([row[self.monitor] for row in self.history]))

    @property
    def stopped(self):
        """Whether `patience` has run out."""
        if not self.history or self.patience is None:
            return False
        return len(self.history) - 1 - self.best_epoch >= self.patience

    def fit(self, model, *args, epochs, callbacks=(), **kwargs):
        """`model.fit`, from where the last run was, ending at the best weights.

        Args:
            model: A compiled and built Keras model.
            *args: As for `model.fit`.
            epochs: Epochs in all, those of earlier runs included.
            callbacks: Callbacks beside this one.
            **kwargs: As for `model.fit`.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        model.optimizer.build(model.trainable_variables)
        if self._resume:
            self._restore(model)
        if len(self.history) < epochs and not self.stopped:
            model.fit(
                *args,
                epochs=epochs,
                initial_epoch=self.first_epoch,
                callbacks=[*callbacks, self],
                **kwargs,
            )
        with np.load(self._best) as best:
            model.set_weights([best[str(i)] for i in range(len(best.files))])

    def on_epoch_end(self, epoch, logs=None):
        if self.monitor not in (logs or {}):
            raise ValueError(
                f"`monitor` must be one of the logged values {sorted(logs or {})}; "
                f"received {self.monitor!r}."
            )
        self.history.append({"epoch": epoch + 1, **{k: float(v) for k, v in logs.items()}})
        if self.best_epoch == len(self.history) - 1:
            _save_arrays(self._best, self.model.get_weights())
        # last.npz is what resuming trusts: it comes after all it speaks of.
        text = self._write_history()
        variables = [keras.ops.convert_to_numpy(v) for v in _variables(self.model)]
        _save_arrays(self._last, variables, history=np.array(text))
        if self.stopped:
            self.model.stop_training = True

    def _restore(self, model):
        with np.load(self._last) as last:
            variables = _variables(model)
            if len(last.files) - 1 != len(variables):
                raise ValueError(
                    f"{os.fspath(self._last)!r} holds {len(last.files) - 1} variables; "
                    f"the model and its optimizer have {len(variables)}."
                )
            for i, variable in enumerate(variables):
                variable.assign(last[str(i)])
        self._write_history()

    def _write_history(self):
        table = io.StringIO()
        writer = csv.DictWriter(table, list(self.history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.history)
        atomic_write(self.directory.parent / "history.csv", table.getvalue())
        return table.getvalue()


def _variables(model):
    """Weights, seeds of the dropout, state of the optimizer: all but metrics."""
    metrics = {id(v) for v in model.metrics_variables}
    model_variables = [v for v in model.variables if id(v) not in metrics]
    return model_variables + list(model.optimizer.variables)


def _read_history(text):
    return [
        {name: int(v) if name == "epoch" else float(v) for name, v in row.items()}
        for row in csv.DictReader(io.StringIO(text))
    ]


def _save_arrays(path, arrays, **named):
    buffer = io.BytesIO()
    np.savez(buffer, **{str(i): array for i, array in enumerate(arrays)}, **named)
    atomic_write(path, buffer.getvalue())
