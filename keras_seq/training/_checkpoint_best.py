"""Which epochs of a training are the best, and when it has gone on for long enough."""

import math
from collections.abc import Mapping
from typing import Literal

import keras

from keras_seq.training._checkpoint_folder import Needed
from keras_seq.training._checkpoint_history import History


class BestEpochs(keras.callbacks.Callback):
    """What `EpochCheckpoint` makes of what was logged. The arguments are its."""

    def __init__(
        self,
        *,
        monitor: str,
        mode: Literal["min", "max"],
        patience: int | None,
        start_from_epoch: int,
        progress: str | None,
        average: int | None,
        seconds: float | None,
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
        self.monitor = monitor
        self.mode = mode
        self.patience = patience
        self.start_from_epoch = start_from_epoch
        self.progress = progress
        self.average = average
        self.seconds = seconds
        self.history: History = []
        self.seconds_trained: float = 0.0

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

    def _check_logs(self, logs: Mapping[str, float]) -> None:
        for name, value in (("monitor", self.monitor), ("progress", self.progress)):
            if value is not None and value not in logs:
                raise ValueError(
                    f"`{name}` must be one of the logged values {sorted(logs)}; "
                    f"received {value!r}."
                )
