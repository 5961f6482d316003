"""Training that can be killed at any moment and goes on as if it had not."""

import math
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import keras

from keras_seq.files import remove_leftovers
from keras_seq.training._checkpoint_files import check_shapes, mean_arrays
from keras_seq.training._checkpoint_folder import CheckpointFolder, Generation, Needed
from keras_seq.training._checkpoint_history import History
from keras_seq.training._checkpoint_variables import all_variables, carried_states
from keras_seq.training._epoch_lines import EpochLines
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
    all, and on the device before the next epoch begins. Training stops when
    `patience` epochs have passed without a better value; when it ends, the model
    has the best weights.

    Each of these files has a checksum, and none is the only one: previous.npz is
    last.npz as it was an epoch before, copy-N.npz are the weights of the best
    epochs of both. A damaged or missing file is told in a line on stderr and made
    good from the other, so that resuming goes one epoch back at most, and the
    training ends with the same weights all the same.

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
        resume: Whether to go on from the checkpoint in `directory`, if there is
            one. If not, what is there is removed when training starts.

    Attributes:
        history: List of dicts, the logged values of each epoch.
        seconds_trained: Duration of all epochs in seconds, those of earlier
            runs included.
        average_values: The values measured with the mean of the best epochs,
            after a `fit` with `average`; else None.
        averaged: Whether the model has that mean.

    Raises:
        ValueError: If an argument is out of its range, if `monitor` is not
            in the history of the checkpoint, if the checkpoint lacks weights
            because it was made with another `monitor`, `mode` or `average`, or if
            it is damaged beyond repair.

    Example:

    >>> import tempfile
    >>> import numpy as np
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
        self.history: History = []
        self.seconds_trained: float = 0.0
        self.average_values: dict[str, float] | None = None
        self.averaged: bool = False
        self._started = 0.0
        self._resume = resume
        self._folder = CheckpointFolder(self.directory, self._needed)
        if resume and self._folder.is_begun:
            self._open()

    @property
    def first_epoch(self) -> int:
        """Number of epochs done: 0, or where a resumed training goes on."""
        return len(self.history)

    @property
    def best_epoch(self) -> int | None:
        """Index into `history` of the best epoch; None if no value is a number."""
        return self._needed(self.history).best

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

    def _needed(self, history: History) -> Needed:
        """The best epochs of a history; of two as good, the earlier is the better."""
        if history:
            self._check_logs(history[-1])
        values = [row[self.monitor] for row in history]
        numbers = [i for i, value in enumerate(values) if not math.isnan(value)]
        sign = -1 if self.mode == "max" else 1
        losses = self._losses(history)
        ranking = sorted(numbers, key=lambda i: (sign * values[i], losses[i]))
        averaged = self.average or 1
        return Needed(
            next(iter(ranking), None), ranking[:averaged] if averaged > 1 else []
        )

    def _losses(self, history: History) -> list[float]:
        """The value of `progress` in each epoch; infinite where it was no number."""
        values = [row.get(self.progress or "", math.nan) for row in history]
        return [math.inf if math.isnan(value) else value for value in values]

    @property
    def stopped(self) -> bool:
        """Whether `patience` or `seconds` has run out."""
        if self.seconds is not None and self.seconds_trained >= self.seconds:
            return True
        if self.patience is None:
            return False
        losses = self._losses(self.history)
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
        if self._resume and self._folder.is_begun:
            self._restore(model)
        else:
            self._forget()
            self._folder.clear()
        self._resume = True
        if len(self.history) < epochs and not self.stopped:
            self._started = time.monotonic() - self.seconds_trained
            plain = not keras.config.is_interactive_logging_enabled()
            lines = [EpochLines()] if plain and kwargs.get("verbose", "auto") else []
            model.fit(
                *args,
                epochs=epochs,
                initial_epoch=self.first_epoch,
                callbacks=[*callbacks, *lines, self],
                **kwargs,
            )
        best = self._found_best()
        if self._needed(self.history).kept:
            self._try_mean(model, best, callbacks, kwargs)
        if not self.averaged:
            model.set_weights(self._folder.weights(self.history, best))

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
        row = {"epoch": epoch + 1, **{name: float(v) for name, v in logs.items()}}
        history = [*self.history, row]
        # last.npz alone is what resuming trusts; the rest follows from it.
        arrays = [keras.ops.convert_to_numpy(v) for v in all_variables(self.model)]
        self._folder.save(arrays, history, self.seconds_trained)
        self.history = history
        self._folder.write_what_follows(history, self.model.get_weights())
        if self.stopped:
            self.model.stop_training = True

    def _forget(self) -> None:
        self.history = []
        self.seconds_trained = 0.0
        self.average_values = None
        self.averaged = False

    def _open(self) -> Generation:
        """Reads the checkpoint, and mends it."""
        found = self._folder.open()
        self.history, self.seconds_trained = found.history, found.seconds
        return found

    def _restore(self, model: keras.Model) -> None:
        epochs = len(self.history)
        found = self._open()
        if len(found.history) < epochs:  # the data begin at `first_epoch`
            raise ValueError(
                f"{os.fspath(self.directory)!r} had {epochs} epochs when it was "
                f"opened, and has {len(found.history)}: open it again."
            )
        variables, arrays = all_variables(model), found.arrays
        states = len(carried_states(model))
        if states and len(arrays) == len(variables) - states:
            del variables[-states:]  # version 0.1.0 didn't keep them
        check_shapes(self._folder.last, variables, arrays)
        self.average_values, self.averaged = None, False
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        self._folder.write_what_follows(self.history, model.get_weights())

    def _try_mean(
        self,
        model: keras.Model,
        best_epoch: int,
        callbacks: Iterable[keras.callbacks.Callback],
        fit_options: Mapping[str, Any],
    ) -> None:
        """Gives the model the mean of its best epochs, if that is better."""
        kept = self._needed(self.history).kept
        weights = (self._folder.weights(self.history, index) for index in kept)
        model.set_weights(mean_arrays(weights))
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
