"""Training that can be killed at any moment and goes on as if it had not."""

import math
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import keras
import numpy as np

from keras_seq.files import atomic_write, remove_leftovers
from keras_seq.training._checkpoint_files import (
    check_shapes,
    history_table,
    load_arrays,
    load_named,
    mean_arrays,
    read_history,
    save_arrays,
)
from keras_seq.training._checkpoint_variables import all_variables, carried_states
from keras_seq.training._measuring import measured

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from keras_seq.training._fit_options import FitOptions


class EpochCheckpoint(keras.callbacks.Callback):
    """Keeps all of a training's state after every epoch, and the best weights.

    `keras.callbacks.BackupAndRestore` restores weights and optimizer, but not
    the seeds of the dropout, the best epoch so far or the patience that is
    left, so a resumed training ends elsewhere. This callback restores all of
    it: together with data that are a function of the epoch, a training that
    was killed ends with the same weights as one that was not (on a CPU). What
    other callbacks remember is not kept.

    In `directory` it writes last.npz (every variable of model and optimizer, the
    states of stateful layers, and the history) and best.npz (the model's weights at
    the best epoch), beside it history.csv (a row an epoch), each whole or not at
    all. Training stops when `patience` epochs have passed without a better value;
    when it ends, the model has the best weights.

    The monitored value may be one that another callback puts into the logs in
    its `on_epoch_end`, such as a BLEU score: the callbacks given to `fit` come
    before this one, and what they log is in the history.

    A value that is NaN is never the best: it counts as an epoch without
    improvement, so a training that diverges stops when `patience` runs out,
    and ends with the best weights from before.

    With `average`, the model ends with the mean of the weights of its best
    epochs, if that mean has a better monitored value than the best epoch; if
    not, with those of the best epoch. Vaswani et al. and Popel and Bojar take
    the last checkpoints of a training that never gets worse; here a training
    may go on for `patience` epochs after its best, so the best are taken, which
    are the last where nothing gets worse. Their weights are kept in
    epoch-N.npz. Running statistics, such as those of batch normalisation, are
    averaged too, which only approximates those of the mean.

    Args:
        directory: Folder for the checkpoints; made if missing.
        monitor: Name of the logged value that decides, e.g. `"val_loss"`.
        mode: `"min"` if less is better, `"max"` if more is.
        patience: Epochs to go on without improvement, at least 1, or None to
            run to the end.
        start_from_epoch: Epochs of which none counts as one without improvement,
            such as those in which the learning rate rises.
        progress: Name of a logged loss that moves before `monitor` does: a BLEU
            score stays at 0 while a model learns its first words. Less of it is an
            improvement too, and of epochs with the same monitored value the one
            with less of it is the better. None for none.
        average: Number of best epochs whose mean is tried, at least 1; None or
            1 for none.
        seconds: Time for training, above 0: it stops after the epoch that
            reaches it. The time of earlier runs counts, without the epochs
            that they didn't finish. How many epochs there are then depends on
            the machine, so that a run is not reproducible. None for no limit.
        resume: Whether to go on from last.npz, if there is one. If not, the
            checkpoints in `directory` are removed when training starts.

    Attributes:
        history: List of dicts, the logged values of each epoch.
        seconds_trained: Duration of all epochs in seconds, those of earlier
            runs included.
        average_values: The values measured with the mean of the best epochs,
            after a `fit` with `average`; else None.
        averaged: Whether the model has that mean.

    Raises:
        ValueError: If an argument is out of its range, or if `monitor` is not
            in the history of the checkpoint.

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

    References:

    - [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762), section 6.1
    - [Popel and Bojar, 2018](https://arxiv.org/abs/1804.00247), section 4.8
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        monitor: str = "val_loss",
        mode: Literal["min", "max"] = "min",
        patience: int | None = None,
        start_from_epoch: int = 0,
        progress: str | None = None,
        average: int | None = None,
        seconds: float | None = None,
        resume: bool = False,
    ) -> None:
        super().__init__()
        if mode not in ("min", "max"):
            raise ValueError(f"`mode` must be 'min' or 'max'; received {mode!r}.")
        for name, value in (("patience", patience), ("average", average)):
            if value is not None and value < 1:
                raise ValueError(
                    f"`{name}` must be at least 1 or None; received {value!r}."
                )
        if start_from_epoch < 0:
            raise ValueError(
                f"`start_from_epoch` must be at least 0; received {start_from_epoch!r}."
            )
        if seconds is not None and not seconds > 0:
            raise ValueError(
                f"`seconds` must be above 0 or None; received {seconds!r}."
            )
        self.directory: Path = Path(directory)
        self.monitor = monitor
        self.mode = mode
        self.patience = patience
        self.start_from_epoch = start_from_epoch
        self.progress = progress
        self.average = average
        self.seconds = seconds
        self.history: list[dict[str, float]] = []
        self.seconds_trained: float = 0.0
        self.average_values: dict[str, float] | None = None
        self.averaged: bool = False
        self._started = 0.0
        self._resume = resume
        if resume and self._last.is_file():
            self._read_last()
            self._check_logs(self.history[-1])

    @property
    def first_epoch(self) -> int:
        """Number of epochs done: 0, or where a resumed training goes on."""
        return len(self.history)

    @property
    def _last(self) -> Path:
        return self.directory / "last.npz"

    @property
    def _best(self) -> Path:
        return self.directory / "best.npz"

    def _epoch_file(self, index: int) -> Path:
        return self.directory / f"epoch-{index + 1:04d}.npz"

    @property
    def best_epoch(self) -> int | None:
        """Index into `history` of the best epoch; None if no value is a number."""
        return next(iter(self._ranking()), None)

    @property
    def best_values(self) -> dict[str, float]:
        """The logged values of the best epoch; ValueError if no value is a number."""
        return self.history[self._found_best()]

    def _found_best(self) -> int:
        if (best := self.best_epoch) is None:
            raise ValueError(
                f"{self.monitor!r} was not a number in any of {len(self.history)} "
                "epochs: the training diverged, and no weights are the best."
            )
        return best

    def _ranking(self) -> list[int]:
        """Indices of the epochs, the best first; of two as good, the earlier."""
        values = [row[self.monitor] for row in self.history]
        numbers = [i for i, value in enumerate(values) if not math.isnan(value)]
        sign = -1 if self.mode == "max" else 1
        losses = self._losses
        return sorted(numbers, key=lambda i: (sign * values[i], losses[i]))

    @property
    def _losses(self) -> list[float]:
        """The value of `progress` in each epoch; infinite where it was no number."""
        values = [row.get(self.progress or "", math.nan) for row in self.history]
        return [math.inf if math.isnan(value) else value for value in values]

    @property
    def _kept(self) -> list[int]:
        """Indices of the epochs whose mean is tried, the best first."""
        return self._ranking()[: self.average] if (self.average or 1) > 1 else []

    @property
    def stopped(self) -> bool:
        """Whether `patience` or `seconds` has run out."""
        if self.seconds is not None and self.seconds_trained >= self.seconds:
            return True
        if self.patience is None:
            return False
        losses = self._losses
        improved = self.start_from_epoch - 1
        if (best := self.best_epoch) is not None:
            improved = max(improved, best)
        if min(losses, default=math.inf) < math.inf:
            improved = max(improved, losses.index(min(losses)))
        return len(self.history) - 1 - improved >= self.patience

    def fit(
        self,
        model: keras.Model,
        *args: Any,
        epochs: int,
        callbacks: Iterable[keras.callbacks.Callback] = (),
        **kwargs: "Unpack[FitOptions]",
    ) -> None:
        """`model.fit`, from where the last run was, ending at the best weights.

        Called again, it goes on from the last epoch. To measure the mean of the
        best epochs, the model is evaluated on `validation_data`; if that
        doesn't give the monitored value, `on_epoch_end` of `callbacks` is called
        once more, from the first of them until one has logged it.

        Args:
            model: A compiled and built Keras model.
            *args: As for `model.fit`.
            epochs: Epochs in all, those of earlier runs included.
            callbacks: Callbacks beside this one, called before it.
            **kwargs: As for `model.fit`.

        Raises:
            ValueError: If the model isn't compiled and built, if its variables
                are not those of the checkpoint, if `monitor` isn't logged or
                was not a number in any epoch, if `epochs` is less than 1, if
                `average` is used and nothing measures the mean, or if the
                checkpoint lacks weights because it was made with another
                `monitor`, `mode` or `average`.
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
            self._forget()
            for path in (self._last, self._best, *self.directory.glob("epoch-*.npz")):
                path.unlink(missing_ok=True)
        self._resume = True
        if len(self.history) < epochs and not self.stopped:
            self._started = time.monotonic() - self.seconds_trained
            model.fit(
                *args,
                epochs=epochs,
                initial_epoch=self.first_epoch,
                callbacks=[*callbacks, self],
                **kwargs,
            )
        best = self._found_best()
        if self._kept:
            self._try_mean(model, best, callbacks, kwargs)
        if not self.averaged:
            model.set_weights(load_arrays(self._best))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the checkpoint."""
        logs = logs or {}
        self._check_logs(logs)
        if (self.average or 1) > 1 and self.monitor in self.model.get_metrics_result():
            raise ValueError(
                "`monitor` must be measured on validation data, or be logged by a "
                f"callback, for `average`; received {self.monitor!r}."
            )
        self.seconds_trained = time.monotonic() - self._started
        self.history.append(
            {"epoch": epoch + 1, **{name: float(v) for name, v in logs.items()}}
        )
        # last.npz alone is what resuming trusts; the rest follows from it.
        save_arrays(
            self._last,
            [keras.ops.convert_to_numpy(v) for v in all_variables(self.model)],
            history=np.array(history_table(self.history)),
            seconds=np.array(self.seconds_trained),
        )
        self._write_what_follows(self.model)
        if self.stopped:
            self.model.stop_training = True

    def _forget(self) -> None:
        self.history = []
        self.seconds_trained = 0.0
        self.average_values = None
        self.averaged = False

    def _read_last(self) -> None:
        self.history = read_history(load_named(self._last, "history"))
        self.seconds_trained = load_named(self._last, "seconds", 0.0)

    def _restore(self, model: keras.Model) -> None:
        variables, arrays = all_variables(model), load_arrays(self._last)
        states = len(carried_states(model))
        if states and len(arrays) == len(variables) - states:
            del variables[-states:]  # version 0.1.0 didn't keep them
        check_shapes(self._last, variables, arrays)
        self._forget()
        self._read_last()
        self._check_files()
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        self._write_what_follows(model)

    def _write_what_follows(self, model: keras.Model) -> None:
        """Writes what last.npz implies: a killed run may not have come to it."""
        newest = len(self.history) - 1
        kept = {self._epoch_file(index) for index in self._kept}
        if newest in self._kept:
            save_arrays(self._epoch_file(newest), model.get_weights())
        for path in self.directory.glob("epoch-*.npz"):
            if path not in kept:
                path.unlink()
        atomic_write(self.directory.parent / "history.csv", history_table(self.history))
        if self.best_epoch == newest:
            save_arrays(self._best, model.get_weights(), epoch=np.array(newest + 1))

    def _check_files(self) -> None:
        """Refuses a checkpoint that was made with other settings."""
        newest = len(self.history) - 1  # comes from last.npz
        lacking = {i for i in self._kept if not self._epoch_file(i).is_file()}
        best = self.best_epoch
        if best is not None and best != newest:
            number = load_named(self._best, "epoch", best + 1)
            lacking |= {best} if number != best + 1 else set()
        if lacking - {newest}:
            raise ValueError(
                f"{os.fspath(self.directory)!r} lacks the weights of epoch "
                f"{', '.join(str(i + 1) for i in sorted(lacking - {newest}))}: it was "
                "made with another `monitor`, `mode` or `average`."
            )

    def _try_mean(
        self,
        model: keras.Model,
        best_epoch: int,
        callbacks: Iterable[keras.callbacks.Callback],
        fit_options: Mapping[str, Any],
    ) -> None:
        """Gives the model the mean of its best epochs, if that is better."""
        model.set_weights(mean_arrays([self._epoch_file(i) for i in self._kept]))
        values = measured(
            model, self.monitor, len(self.history), callbacks, fit_options
        )
        self.average_values = values
        mean, best = values[self.monitor], self.history[best_epoch][self.monitor]
        self.averaged = bool(mean > best if self.mode == "max" else mean < best)

    def _check_logs(self, logs: Mapping[str, float]) -> None:
        for name, value in (("monitor", self.monitor), ("progress", self.progress)):
            if value is not None and value not in logs:
                raise ValueError(
                    f"`{name}` must be one of the logged values {sorted(logs)}; "
                    f"received {value!r}."
                )
