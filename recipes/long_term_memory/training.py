"""Training and measuring one model of the long-term memory study."""

import contextlib
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np

from keras_seq.diagnostics import FlowFunction
from keras_seq.training import EpochCheckpoint, in_float32
from recipes.long_term_memory.data import Data

STEPS = 50  # training steps in an epoch
FLOW_ROWS = 32  # sequences through which gradients are followed

JUDGED = "judged"  # name of the loss by which the best epoch is chosen

Logs: TypeAlias = dict[str, float] | None


class Outcome(keras.callbacks.Callback):
    """Keeps the best weights; stops when the task is solved or training diverges.

    Args:
        target: The validation loss at which training stops.

    Attributes:
        history: List of dicts with "step", "loss" and "val_loss".
        diverged: The step by which a loss was no number any more, or None.
        stopped: Whether it has stopped the training, which then is over.
        seconds: What the training took.
    """

    def __init__(self, target: float) -> None:
        super().__init__()
        self.target = target
        self.history: list[dict[str, Any]] = []
        self.diverged: int | None = None
        self.stopped = False
        self.seconds = 0.0
        self._best = math.inf
        self._weights: list[np.ndarray] = []

    def on_train_begin(self, logs: Logs = None) -> None:
        self._weights = self.model.get_weights()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        assert logs is not None  # `fit` always gives them
        step = (epoch + 1) * STEPS
        loss, val_loss = _number(logs["loss"]), _number(logs["val_loss"])
        self.history.append({"step": step, "loss": loss, "val_loss": val_loss})
        if loss is None or val_loss is None:
            self.diverged = step
            self.stopped = True
        elif val_loss < self._best:
            self._best, self._weights = val_loss, self.model.get_weights()
            self.stopped = self._best <= self.target
        logs[JUDGED] = math.inf if self.diverged else logs["val_loss"]
        self.model.stop_training = self.stopped

    def finish(self, model: keras.Model, seconds: float) -> None:
        """Gives a model that is trained its best weights, or those it began with."""
        model.set_weights(self._weights)
        self.seconds = seconds

    @property
    def best(self) -> float | None:
        """The lowest validation loss; None if there was none."""
        return _number(self._best)


@contextlib.contextmanager
def kept(folder: Path | None) -> Iterator[EpochCheckpoint]:
    """What keeps a training in a folder, or in one that is gone afterwards."""
    with tempfile.TemporaryDirectory() as temporary:
        state = folder or Path(temporary) / "checkpoints"
        yield EpochCheckpoint(state, monitor=JUDGED, resume=True)


class Gradients:
    """How far back the error of the last step is felt in a model, now or later.

    Args:
        model: A model of the study.
        data: Its `Data`.
    """

    def __init__(self, model: keras.Model, data: Data) -> None:
        self.model = model
        self.measured = in_float32(model)  # in 16 bits what has faded would be 0
        loss = data.task.last_loss
        self.flow = FlowFunction(self.measured, loss=loss, layers=["memory"])
        self.batch = [array[:FLOW_ROWS] for array in data.test]

    def __call__(self) -> dict[str, Any]:
        """Dict of "norms" by distance, "factor", "reach", and the "state".

        The state is what carries the memory: of an LSTM the cell. What is no finite
        number is None.
        """
        if self.measured is not self.model:
            self.measured.set_weights(self.model.get_weights())
        flow = self.flow(*self.batch)["memory"]
        state = "cell" if "cell" in flow.gradients else "hidden"
        norms = flow.by_distance(state)
        sound = np.isfinite(norms).all() and norms[0] > 0
        return {
            "state": state,
            "norms": [_number(norm) for norm in norms],
            "factor": _number(flow.factor(state)),
            "reach": flow.reach(state=state) if sound else None,
        }


def loss_by_step(
    data: Data, model: keras.Model, steps: int
) -> tuple[list[float], int | None]:
    """The loss at each step until it is no number any more, and that step or None."""
    losses: list[float] = []
    for step in range(steps):
        model.reset_metrics()  # they would give the mean of all steps
        logs = model.train_on_batch(*data.training_batch(step), return_dict=True)
        if not math.isfinite(logs["loss"]):
            return losses, step + 1
        losses.append(float(logs["loss"]))
    return losses, None


def _number(value: Any) -> float | None:
    """A Python float, or None where JSON has no word for the value."""
    return float(value) if math.isfinite(value) else None
