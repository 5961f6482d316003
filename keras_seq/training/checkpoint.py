"""Training that can be killed at any moment and goes on as if it had not."""

import csv
import io
import math
import os
from pathlib import Path

import keras
import numpy as np

from keras_seq._files import atomic_write, remove_leftovers


class EpochCheckpoint(keras.callbacks.Callback):
    """Keeps all of a training's state after every epoch, and the best weights.

    `keras.callbacks.BackupAndRestore` restores weights and optimizer, but not
    the seeds of the dropout, the best epoch so far or the patience that is
    left, so a resumed training ends elsewhere. This callback restores all of
    it: together with data that are a function of the epoch, a training that
    was killed ends with the same weights as one that was not (on a CPU). What
    other callbacks remember is not kept.

    In `directory` it writes last.npz (every variable of model and optimizer,
    and the history) and best.npz (the model's weights at the best epoch),
    beside it history.csv (a row an epoch), each whole or not at all. Training
    stops when `patience` epochs have passed without a better value; when it
    ends, the model has the best weights.

    A value that is NaN is never the best: it counts as an epoch without
    improvement, so a training that diverges stops when `patience` runs out,
    and ends with the best weights from before.

    Args:
        directory: Folder for the checkpoints; made if missing.
        monitor: Name of the logged value to minimise, e.g. `"val_loss"`.
        patience: Epochs to go on without improvement, at least 1, or None to
            run to the end.
        resume: Whether to go on from last.npz, if there is one. If not, the
            checkpoints in `directory` are removed when training starts.

    Raises:
        ValueError: If `patience` is less than 1.

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
        if patience is not None and patience < 1:
            raise ValueError(
                f"`patience` must be at least 1 or None; received {patience!r}."
            )
        self.directory = Path(directory)
        self.monitor = monitor
        self.patience = patience
        self.history = []
        self._resume = resume
        if resume and self._last.is_file():
            with np.load(self._last) as last:
                self.history = _read_history(str(last["history"]))
            self._check_monitor(self.history[-1])

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
        """Index into `history` of the best epoch; None if no value is a number."""
        values = [row[self.monitor] for row in self.history]
        numbers = [i for i, value in enumerate(values) if not math.isnan(value)]
        return min(numbers, key=values.__getitem__, default=None)

    @property
    def stopped(self):
        """Whether `patience` has run out."""
        if self.patience is None:
            return False
        best = self.best_epoch
        done = len(self.history)
        return (done if best is None else done - 1 - best) >= self.patience

    def fit(self, model, *args, epochs, callbacks=(), **kwargs):
        """`model.fit`, from where the last run was, ending at the best weights.

        Called again, it goes on from the last epoch.

        Args:
            model: A compiled and built Keras model.
            *args: As for `model.fit`.
            epochs: Epochs in all, those of earlier runs included.
            callbacks: Callbacks beside this one.
            **kwargs: As for `model.fit`.

        Raises:
            ValueError: If the model isn't compiled and built, if its variables
                are not those of the checkpoint, if `monitor` isn't logged or
                was not a number in any epoch, or if `epochs` is less than 1.
        """
        if epochs < 1:
            raise ValueError(f"`epochs` must be at least 1; received {epochs!r}.")
        if not model.built or getattr(model, "optimizer", None) is None:
            raise ValueError(f"`model` must be compiled and built; received {model}.")
        self.directory.mkdir(parents=True, exist_ok=True)
        remove_leftovers(self.directory)
        model.optimizer.build(model.trainable_variables)
        if self._resume and self._last.is_file():
            self._restore(model)
        else:
            self.history = []
            self._last.unlink(missing_ok=True)
            self._best.unlink(missing_ok=True)
        self._resume = True
        if len(self.history) < epochs and not self.stopped:
            model.fit(
                *args,
                epochs=epochs,
                initial_epoch=self.first_epoch,
                callbacks=[*callbacks, self],
                **kwargs,
            )
        if self.best_epoch is None:
            raise ValueError(
                f"{self.monitor!r} was not a number in any of {len(self.history)} "
                "epochs: the training diverged, and no weights are the best."
            )
        model.set_weights(_load_arrays(self._best))

    def on_epoch_end(self, epoch, logs=None):
        self._check_monitor(logs or {})
        self.history.append(
            {"epoch": epoch + 1, **{name: float(v) for name, v in logs.items()}}
        )
        # last.npz alone is what resuming trusts; the rest follows from it.
        _save_arrays(
            self._last,
            [keras.ops.convert_to_numpy(v) for v in _variables(self.model)],
            history=np.array(_history_table(self.history)),
        )
        self._write_what_follows(self.model)
        if self.stopped:
            self.model.stop_training = True

    def _restore(self, model):
        variables = _variables(model)
        arrays = _load_arrays(self._last)
        found = [array.shape for array in arrays]
        expected = [tuple(variable.shape) for variable in variables]
        if found != expected:
            differing = [
                f"{variable.path!r} has shape {tuple(variable.shape)} and had {shape}"
                for variable, shape in zip(variables, found, strict=False)
                if tuple(variable.shape) != shape
            ]
            if len(found) != len(expected):
                differing = [
                    f"it holds {len(found)} variables, the model and its optimizer "
                    f"have {len(expected)}"
                ]
            raise ValueError(
                f"{os.fspath(self._last)!r} is the checkpoint of another model: "
                f"{', '.join(differing)}."
            )
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        with np.load(self._last) as last:
            self.history = _read_history(str(last["history"]))
        self._write_what_follows(model)

    def _write_what_follows(self, model):
        """Writes what last.npz implies: a killed run may not have come to it."""
        atomic_write(
            self.directory.parent / "history.csv", _history_table(self.history)
        )
        if self.best_epoch == len(self.history) - 1:
            _save_arrays(self._best, model.get_weights())

    def _check_monitor(self, logs):
        if self.monitor not in logs:
            raise ValueError(
                f"`monitor` must be one of the logged values {sorted(logs)}; "
                f"received {self.monitor!r}."
            )


def _variables(model):
    """Weights, seeds of the dropout, state of the optimizer: all but metrics."""
    metrics = {id(v) for v in model.metrics_variables}
    model_variables = [v for v in model.variables if id(v) not in metrics]
    return model_variables + list(model.optimizer.variables)


def _history_table(history):
    table = io.StringIO()
    names = dict.fromkeys(name for row in history for name in row)
    writer = csv.DictWriter(table, list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return table.getvalue()


def _read_history(text):
    return [
        {name: int(v) if name == "epoch" else float(v) for name, v in row.items() if v}
        for row in csv.DictReader(io.StringIO(text))
    ]


def _save_arrays(path, arrays, **named):
    buffer = io.BytesIO()
    # A file of NumPy's has no bfloat16; float32 holds it exactly.
    arrays = [a.astype("float32") if a.dtype.kind == "V" else a for a in arrays]
    np.savez(buffer, **{str(i): array for i, array in enumerate(arrays)}, **named)
    atomic_write(path, buffer.getvalue())


def _load_arrays(path):
    with np.load(path) as file:
        count = sum(name.isdecimal() for name in file.files)
        return [file[str(i)] for i in range(count)]
