"""Training that can be killed at any moment and goes on as if it had not."""

import os
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import keras

from keras_seq.files import remove_leftovers
from keras_seq.training._checkpoint_callbacks import CallbackMemory
from keras_seq.training._checkpoint_data import (
    EpochData,
    NotWithin,
    check_begins,
    epoch_data,
)
from keras_seq.training._checkpoint_files import mean_arrays
from keras_seq.training._checkpoint_folder import (
    tell,
)
from keras_seq.training._checkpoint_loop import SECONDS, TrainingLoop
from keras_seq.training._checkpoint_signals import DeferredSignals, EpochEnds
from keras_seq.training._checkpoint_state import KeptTraining
from keras_seq.training._checkpoint_variables import (
    Arrays,
)
from keras_seq.training._epoch_lines import EpochLines
from keras_seq.training._measuring import measured

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from keras_seq.training._fit_options import FitOptions


class EpochCheckpoint(KeptTraining):
    """Keeps all of a training's state, within epochs too, and the best weights.

    `keras.callbacks.BackupAndRestore` restores weights and optimizer, but not
    the seeds of the dropout, the best epoch so far or the patience that is
    left, and within an epoch (`save_freq`) neither its batches nor its metrics, so a
    resumed training ends elsewhere. This callback restores all of
    it: together with data that are a function of the epoch, a training that
    was killed ends with the same weights as one that was not (on a CPU), and what it
    has logged is the same.

    Which data are a function of the epoch: arrays, whose order `fit` of this class
    draws for each epoch from a seed that is kept; data sets that go on without end
    from `first_epoch`, as `epoch_dataset` and what is built on it give them; a
    `tf.data.Dataset` that is the same in each epoch; a generator that begins with
    `first_epoch`. A data set that shuffles anew each time, a `PyDataset` or a
    `DataLoader` can be begun with an epoch only, and then comes in another order:
    with them nothing is kept within an epoch, and with `save_seconds` or
    `save_steps` they are refused.

    In `directory` it writes last.npz (every variable of model and optimizer, the
    states of stateful layers, what metrics and callbacks remember, and the history)
    and best.npz (the model's weights at the best epoch), beside it history.csv (a row
    an epoch), each whole or not at all, and on the device before the training goes
    on. Training stops when `patience` epochs have passed without a better value; when
    it ends, the model has the best weights.

    Each of these files has a checksum, and none is the only one: previous.npz is
    last.npz as it was a checkpoint before, copy-N.npz are the weights of the best
    epochs of both. A damaged or missing file is told in a line on stderr and made
    good from the other, so that resuming goes one checkpoint back at most, and the
    training ends with the same weights all the same. Where a checkpoint can't be
    written, as on a full disk, those before it are left as they are.

    In the main thread, SIGTERM and Ctrl-C wait until the step is done and a
    checkpoint is written, or up to 10 seconds for validation and callbacks to end
    an epoch; where that may last longer, there is a checkpoint of its steps, if they
    took half a second. Then they do what they would have done, Ctrl-C for a second
    time at once. SIGTERM that no one handles exits with status 143. With data that
    can be begun with an epoch only, they wait for its end once validation has begun,
    and else come at once.

    Nothing keeps a second process from writing to the same directory: it is for the
    caller to see to that, as the commands of the recipes do.

    What other callbacks remember is kept where it is numbers, texts, lists, tuples,
    sets and dicts of them, or arrays, such as the wait of
    `keras.callbacks.EarlyStopping` and `ReduceLROnPlateau`; objects of other kinds
    are not. Nor is what is no array, is set by the end of `on_train_begin` and doesn't
    change afterwards, such as a folder: it belongs to the process. An
    `EarlyStopping` that has stopped the training, and any callback with an attribute
    `stopped` that is True, has done so for the resumed one, too.

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
            reaches it. The time of earlier runs counts, without what they did after
            their last checkpoint. How many epochs there are then depends on
            the machine, so that a run is not reproducible. None for no limit.
        save_seconds: Time between two checkpoints within an epoch, above 0; "auto" for
            30 seconds, and up to a minute where writing one would take more than
            2.5 % of the time; None for none, not even before validation.
        save_steps: Training steps between two, at least 1; None for any number.
        resume: Whether to go on from the checkpoint in `directory`, if there is
            one. If not, what is there is removed when training starts.

    Attributes:
        history: List of dicts, the logged values of each epoch.
        first_step: Steps done of the epoch that a resumed training goes on with.
        seconds_trained: Duration of the training in seconds, that of earlier
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
        save_seconds: float | Literal["auto"] | None = "auto",
        save_steps: int | None = None,
        resume: bool = False,
    ) -> None:
        super().__init__(
            directory,
            monitor=monitor,
            mode=mode,
            patience=patience,
            start_from_epoch=start_from_epoch,
            progress=progress,
            average=average,
            seconds=seconds,
            save_seconds=save_seconds,
            save_steps=save_steps,
            resume=resume,
        )

    def fit(
        self,
        model: keras.Model,
        *args: Any,
        epochs: int,
        callbacks: Iterable[keras.callbacks.Callback] = (),
        **kwargs: "Unpack[FitOptions]",
    ) -> None:
        """`model.fit`, from where the last run was, ending at the best weights.

        Called again, it goes on from there. To measure the mean of the
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
                `average` is used and nothing measures the mean, if the
                checkpoint lacks weights because it was made with another
                `monitor`, `mode` or `average`, or if the data can't be begun
                within an epoch and `save_seconds`, `save_steps` or the checkpoint
                ask for it.
            OSError: If the checkpoint of an epoch can't be written, as on a full
                disk; the one before is kept.
        """
        if epochs < 1:
            raise ValueError(f"`epochs` must be at least 1; received {epochs!r}.")
        if not model.built or getattr(model, "optimizer", None) is None:
            raise ValueError(f"`model` must be compiled and built; received {model}.")
        callbacks = list(keras.tree.flatten(list(callbacks)))
        self._memory = CallbackMemory(callbacks)
        found = self._reopen() if self._resume and self._folder.is_begun else None
        if found is None:
            self._forget()
        together = model.steps_per_execution
        data = epoch_data(args, kwargs, self._order, together)
        if self.first_step:
            check_begins(
                data, str(self.directory), self.first_step, self._steps, together
            )
        self._only_because = ""
        if isinstance(data, EpochData):
            self._steps = data.steps
        elif not self._asked:
            self._only_because = data.reason
        else:
            raise ValueError(
                "`save_seconds` and `save_steps` need data that can be begun within "
                f"an epoch: {data.reason}."
            )
        self.directory.mkdir(parents=True, exist_ok=True)
        remove_leftovers(self.directory)
        model.optimizer.build(model.trainable_variables)
        if found is None:
            self._folder.clear()
        else:
            self._restore(model, found)
        self._resume = True
        # An epoch that is begun is ended, whatever has run out meanwhile.
        stopped = not self.first_step and (self.stopped or self._memory.stopped)
        if len(self.history) < epochs and not stopped:
            self._started = time.monotonic() - self.seconds_trained
            plain = not keras.config.is_interactive_logging_enabled()
            lines = [EpochLines()] if plain and kwargs.get("verbose", "auto") else []
            self._train(model, data, epochs, [*callbacks, *lines])
        best = self._found_best()
        if self._needed(self.history).kept:
            self._try_mean(model, best, callbacks, kwargs)
        if not self.averaged:
            model.set_weights(self._folder.weights(self.history, best))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the checkpoint."""
        logs = logs or {}
        began = self._started + self.seconds_trained  # the last checkpoint
        self._moments.ended()
        self._check_logs(logs)
        if (self.average or 1) > 1 and self.monitor in self.model.get_metrics_result():
            raise ValueError(
                "`monitor` must be measured on validation data, or be logged by a "
                f"callback, for `average`; received {self.monitor!r}."
            )
        row = {"epoch": epoch + 1, **{name: float(v) for name, v in logs.items()}}
        history = [*self.history, row]
        # last.npz alone is what resuming trusts; the rest follows from it.
        try:
            self._save(history)
            self.history, self.first_step = history, 0
            self._folder.write_what_follows(history, Arrays(self.model.weights))
        except OSError as error:
            raise OSError(
                error.errno,
                f"{error.strerror or error}: the checkpoint of epoch {epoch + 1} can't "
                f"be written to {os.fspath(self.directory)!r}. What was there is kept: "
                "go on from it (--resume, or `resume=True`) when this is mended",
            ) from error
        if self._only_because and time.monotonic() - began > SECONDS:
            tell(f"checkpoints at ends of epochs only: {self._only_because}.")
            self._only_because = ""
        if self.stopped:
            self.model.stop_training = True

    def _train(
        self,
        model: keras.Model,
        data: EpochData | NotWithin,
        epochs: int,
        callbacks: list[keras.callbacks.Callback],
    ) -> None:
        """Trains from where it is to the end."""
        first, step = self.first_epoch, self.first_step
        every = [*callbacks, self]
        if isinstance(data, NotWithin):
            options: dict[str, Any] = data.options
            options |= {"epochs": epochs, "initial_epoch": first}
            with DeferredSignals() as signals:
                begin, end = (EpochEnds(signals, last=last) for last in (False, True))
                model.fit(**options, callbacks=[begin, *every, end])
            return
        # `TrainingLoop` does one step again, unless nothing is left of its epoch.
        again = 0 if step == data.steps else model.steps_per_execution
        options = data.begin(first, max(0, step - again))
        with DeferredSignals() as signals:

            def loop() -> TrainingLoop:
                return TrainingLoop(
                    every,
                    self._save_within,
                    self._go_on,
                    self._end,
                    self._moments,
                    signals,
                    self.first_step,
                    data.steps,
                    model=model,
                    epochs=epochs,
                    verbose=options.get("verbose", "auto"),
                )

            if step == data.steps:  # nothing is left of the epoch but its end
                self._within = None
                ending = loop()
                logs = ending.end_epoch(
                    first, self._logs, options, self._memory.give_back
                )
                plain, arrays = self._memory.state()
                self._memory.take(plain, arrays)
                if first + 1 == epochs or model.stop_training:
                    ending.on_train_end(logs)
                    return
            model.fit(
                **options,
                epochs=epochs,
                initial_epoch=self.first_epoch,
                callbacks=loop(),
            )

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
