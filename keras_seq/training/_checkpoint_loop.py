"""What Keras calls while it trains: callbacks, and checkpoints between steps."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import keras

from keras_seq.training._checkpoint_signals import GRACE, DeferredSignals
from keras_seq.training._measuring import validated

SECONDS = 30.0  # between two checkpoints, where nobody says how many
SHARE = 0.025  # of the time, that they may take at most, where nobody says
WORTH = 0.5  # seconds of training that are kept before the first validation
LONGEST = 60.0  # seconds, whatever checkpoints take


class Moments:
    """When it is time for a checkpoint within an epoch.

    Args:
        seconds: After so many; "auto" for `SECONDS`, and so many that checkpoints
            take no more than `SHARE` of the time, up to `LONGEST`; None for never.
        steps: After so many steps, too; None for never.
    """

    def __init__(
        self, seconds: float | Literal["auto"] | None, steps: int | None
    ) -> None:
        self._seconds, self._steps = seconds, steps
        self._since: float | None = None  # before the first step nothing is lost
        self._done = 0
        self._took = 0.0
        self._ending: float | None = None  # the longest so far
        self._end: float | None = None

    def stepped(self, steps: int) -> None:
        """So many steps more are done."""
        if self._since is None:
            self._since = time.monotonic()
        self._done += steps

    def is_due(self, *, at_end: bool) -> bool:
        """Whether to write one now, after a step.

        Args:
            at_end: Whether it was the last of its epoch: what follows may last.
        """
        if self._steps is not None and self._done >= self._steps:
            return True
        if self._seconds is None or self._since is None:
            return False
        passed = time.monotonic() - self._since
        auto = min(max(SECONDS, self._took / SHARE), LONGEST)
        interval = auto if self._seconds == "auto" else self._seconds
        if at_end:
            # It may last longer than a signal waits for it: nobody knows yet, or it
            # has lasted for so long that it may now.
            if self._ending is None:
                return passed >= min(WORTH, interval)
            if self._ending > GRACE / 2:
                return True
            passed += self._ending
        return passed >= interval

    def saved(self, took: float) -> None:
        """One was written, in so many seconds."""
        self._took, self._since, self._done = took, time.monotonic(), 0

    def ending(self) -> None:
        """The last step of an epoch is done: validation and callbacks follow."""
        self._end = time.monotonic()

    def ended(self) -> None:
        """They are done, before the checkpoint of the epoch is written."""
        if self._end is not None:
            lasted = time.monotonic() - self._end
            self._ending, self._end = max(lasted, self._ending or 0.0), None


class TrainingLoop(keras.callbacks.CallbackList):
    """The callbacks of a training whose first epoch may begin in its middle.

    To callbacks and progress bar the steps have the numbers that they have in a
    whole epoch. Keras resets the metrics when an epoch begins, and makes some of them
    in the first step only: so the last step that was done is done once more, and then
    all is set to what it was, before the next one.

    Args:
        callbacks: As for `keras.callbacks.CallbackList`.
        save: Function of the number of steps done in the epoch and of what was
            logged, which writes a checkpoint.
        restore: Function that sets all to what it was after step `first`.
        end: Function that is called after the last step of an epoch.
        moments: `Moments`.
        signals: `DeferredSignals`.
        first: Steps that are done already of the first epoch; with more than 0 the
            data must begin with the last of them.
        steps: Steps of an epoch.
        **params: As for `keras.callbacks.CallbackList`.
    """

    def __init__(
        self,
        callbacks: Sequence[keras.callbacks.Callback],
        save: Callable[[int, Any], None],
        restore: Callable[[], None],
        end: Callable[[], None],
        moments: Moments,
        signals: DeferredSignals,
        first: int,
        steps: int,
        **params: Any,
    ) -> None:
        super().__init__(
            callbacks,
            add_history=True,
            add_progbar=params["verbose"] != 0,
            steps=steps,
            **params,
        )
        self._save, self._end = save, end
        self._moments, self._signals = moments, signals
        self._restore, self._again = restore, first > 0
        self._done, self._steps = first, steps
        self._offset = max(0, first - params["model"].steps_per_execution)
        self._cut = False

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """A step begins."""
        if not self._again:
            self._signals.waiting = "step"
            super().on_train_batch_begin(batch + self._offset, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """A step is done: a checkpoint, if it is time or a signal has come."""
        if self._again:
            self._again = False
            self._restore()
            return
        batch += self._offset
        super().on_train_batch_end(batch, logs)
        self._moments.stepped(batch + 1 - self._done)
        self._done = min(batch + 1, self._steps)
        at_end = self._done == self._steps
        if self._signals.came or self._moments.is_due(at_end=at_end):
            self._flush_futures()
            self._save(self._done, logs)
        self._signals.deliver()
        if at_end or self._model.stop_training:
            self._signals.waiting = "end"
            self._moments.ending()
            self._end()
            # `fit` knows no epoch with fewer steps than the others.
            if self._offset and not self._model.stop_training:
                self._model.stop_training = self._cut = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """An epoch ends; the last of the callbacks writes a checkpoint."""
        if self._cut:
            self._model.stop_training = self._cut = False
        self._offset = self._done = 0
        super().on_epoch_end(epoch, logs)
        self._signals.waiting = None
        self._signals.deliver()

    def end_epoch(
        self,
        epoch: int,
        logs: Mapping[str, float],
        options: Mapping[str, Any],
        give_back: Callable[[], None],
    ) -> dict[str, Any]:
        """Does what `fit` does after the last step of an epoch.

        Args:
            epoch: Index of the epoch.
            logs: What was logged in its last step.
            options: The keyword arguments of `fit`.
            give_back: Lets callbacks remember what they forget as an epoch begins.

        Returns:
            What was logged of the epoch.
        """
        self._model.stop_training = False
        self.on_train_begin()
        self.on_epoch_begin(epoch)  # callbacks may make there what its end needs
        give_back()
        self._signals.waiting = "end"
        self._moments.ending()
        often = options.get("validation_freq", 1)
        asked = (
            (epoch + 1) % often == 0 if isinstance(often, int) else epoch + 1 in often
        )
        values = validated(self._model, options, callbacks=self) if asked else {}
        known = {**logs, **values}
        self.on_epoch_end(epoch, known)
        return known
