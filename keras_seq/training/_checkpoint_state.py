"""All of a training's state, written and read."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np

from keras_seq.training._arguments import check_positive_integer
from keras_seq.training._checkpoint_best import BestEpochs
from keras_seq.training._checkpoint_callbacks import CallbackMemory
from keras_seq.training._checkpoint_data import order_seed
from keras_seq.training._checkpoint_folder import CheckpointFolder, Generation, tell
from keras_seq.training._checkpoint_history import History
from keras_seq.training._checkpoint_loop import Moments
from keras_seq.training._checkpoint_variables import (
    Arrays,
    all_variables,
    assign_metrics,
    assign_random,
    assign_variables,
    metric_arrays,
    random_arrays,
    random_part,
)


class KeptTraining(BestEpochs):
    """What `EpochCheckpoint` keeps, and how it goes on. The arguments are its."""

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        save_seconds: float | Literal["auto"] | None,
        save_steps: int | None,
        resume: bool,
        **best: Any,
    ) -> None:
        super().__init__(**best)
        if save_seconds is None or save_seconds == "auto":
            pass
        elif isinstance(save_seconds, str) or not save_seconds > 0:
            raise ValueError(
                f"`save_seconds` must be above 0, 'auto' or None; received "
                f"{save_seconds!r}."
            )
        if save_steps is not None:
            check_positive_integer("save_steps", save_steps)
        self.directory: Path = Path(directory)
        self.average_values: dict[str, float] | None = None
        self.averaged: bool = False
        self.first_step: int = 0
        self._asked = save_seconds not in ("auto", None) or save_steps is not None
        self._moments = Moments(save_seconds, save_steps)
        self._memory = CallbackMemory([])
        self._within: Generation | None = None
        self._logs: dict[str, float] = {}
        self._random: Mapping[str, np.ndarray] = {}
        self._order = self._steps = 0
        self._only_because = ""  # why nothing is kept within epochs
        self._started = 0.0
        self._resume = resume
        self._folder = CheckpointFolder(self.directory, self._needed)
        if resume and self._folder.is_begun:
            self._open()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Lets the callbacks before it remember what they did."""
        self._memory.begun()
        self._memory.give_back()

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Lets random numbers go on from the last step: beginning data draws some."""
        random, self._random = self._random, {}
        assign_random(random)

    def _save(self, history: History, step: int = 0, **rest: Any) -> None:
        """Writes a generation."""
        started = time.monotonic()
        self.seconds_trained = started - self._started
        callbacks, arrays = self._memory.state()
        arrays |= self._random or random_arrays()
        if step:
            arrays |= metric_arrays(self.model)
        self._folder.save(
            Arrays(all_variables(self.model)),
            history,
            self.seconds_trained,
            step=step,
            steps=self._steps if step else 0,
            rest={"order": self._order, "callbacks": callbacks, **rest},
            arrays=arrays,
        )
        self._moments.saved(time.monotonic() - started)

    def _save_within(self, step: int, logs: Mapping[str, Any] | None) -> None:
        """Writes the checkpoint of a moment within an epoch, if that can be."""
        known = {name: float(value) for name, value in (logs or {}).items()}
        found = self.model.get_metrics_result()
        if found.keys() == known.keys():  # as `fit` does
            known = {name: float(value) for name, value in found.items()}
        try:
            self._save(self.history, step, logs=known)
        except OSError as error:
            tell(
                f"no checkpoint of step {step} can be written ({error}): the one "
                "before is kept, and the training goes on."
            )
            self._moments.saved(0.0)

    def _forget(self) -> None:
        self.history = []
        self.seconds_trained = 0.0
        self.average_values = None
        self.averaged = False
        self.first_step, self._order = 0, order_seed()
        self._logs, self._random = {}, {}

    def _open(self) -> Generation:
        """Reads the checkpoint, and mends it."""
        found = self._folder.open()
        self.history, self.seconds_trained = found.history, found.seconds
        self.first_step, self._steps = found.step, found.steps
        self._order = int(found.rest.get("order", order_seed()))
        self._logs = found.rest.get("logs", {})
        return found

    def _reopen(self) -> Generation:
        """Reads the checkpoint that the data were made for."""
        epochs = len(self.history)
        found = self._open()
        if len(found.history) < epochs:  # the data begin at `first_epoch`
            raise ValueError(
                f"{os.fspath(self.directory)!r} had {epochs} epochs when it was "
                f"opened, and has {len(found.history)}: open it again."
            )
        return found

    def _restore(self, model: keras.Model, found: Generation) -> None:
        self.average_values, self.averaged = None, False
        assign_variables(model, found.contents)
        self._memory.take(found.rest.get("callbacks", ()), found.arrays)
        self._memory.give_back()  # if nothing is left to train, too
        self._random = random_part(found.arrays)
        self._within = found if found.step else None
        if found.step:
            self._folder.write_table(self.history)
        else:
            self._folder.write_what_follows(self.history, Arrays(model.weights))

    def _go_on(self) -> None:
        """Sets all to what it was within an epoch."""
        model, within, self._within = self.model, self._within, None
        assert within is not None  # or there is nothing to go on with
        assign_variables(model, within.contents)
        assign_metrics(model, within.arrays)
        self._memory.give_back()
        self.on_train_batch_begin(0)

    def _end(self) -> None:
        """The last step of an epoch is done."""
        self._random = random_arrays()
