"""Training and measuring one model of the long-term memory study."""

import math

import keras
import numpy as np

from keras_seq.diagnostics import FlowFunction
from recipes.long_term_memory.data import STEPS, load_data
from recipes.long_term_memory.models import compiled_model

FLOW_ROWS = 32  # sequences through which gradients are followed
EXPLOSION_LENGTH, EXPLOSION_STEPS, EXPLOSION_RATE = 50, 200, 1e-2


class Outcome(keras.callbacks.Callback):
    """Keeps the best weights; stops when the task is solved or training diverges.

    Args:
        target: The validation loss at which training stops.

    Attributes:
        history: List of dicts with "step", "loss" and "val_loss".
        diverged: The step by which a loss was no number any more, or None.
    """

    def __init__(self, target):
        super().__init__()
        self.target = target
        self.history: list = []
        self.diverged = None
        self._best, self._weights = math.inf, None

    def on_train_begin(self, logs=None):
        self._weights = self.model.get_weights()

    def on_epoch_end(self, epoch, logs=None):
        step = (epoch + 1) * STEPS
        losses = {name: _number(logs[name]) for name in ("loss", "val_loss")}
        self.history.append({"step": step, **losses})
        if None in losses.values():
            self.diverged = step
            self.model.stop_training = True
        elif losses["val_loss"] < self._best:
            self._best, self._weights = losses["val_loss"], self.model.get_weights()
            self.model.stop_training = self._best <= self.target

    def on_train_end(self, logs=None):
        self.model.set_weights(self._weights)

    @property
    def best(self):
        """The lowest validation loss; None if there was none."""
        return _number(self._best)


class Gradients:
    """How far back the error of the last step is felt in a model, now or later.

    Args:
        model: A model of the study.
        data: Its `Data`.
    """

    def __init__(self, model, data):
        self.flow = FlowFunction(model, loss=data.task.last_loss, layers=["memory"])
        self.batch = [array[:FLOW_ROWS] for array in data.test]

    def __call__(self):
        """Dict of "norms" by distance, "factor", "reach", and the "state".

        The state is what carries the memory: of an LSTM the cell. What is no finite
        number is None.
        """
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


def clipping_curves(config):
    """What clipping does where gradients explode: a ReLU RNN, 1.5 × orthogonal.

    The optimizer is plain gradient descent, which takes the gradient as it is (Adam
    divides by its size).

    Args:
        config: `Config`, complete.

    Returns:
        Dict of "length", "gradient" (as `Gradients` gives it), and for "unclipped"
        and "clipped" the "loss" at each step, until it was no number any more, and
        "diverged": that step, or None.
    """
    data = load_data(config, "adding", EXPLOSION_LENGTH)
    curves: dict = {"length": EXPLOSION_LENGTH}
    for name, norm in (("unclipped", None), ("clipped", config.clipnorm)):
        optimizer = keras.optimizers.SGD(EXPLOSION_RATE, global_clipnorm=norm)
        model = compiled_model(config, data, "exploding", optimizer)
        if norm is None:
            curves["gradient"] = Gradients(model, data)()
        losses, diverged = [], None
        for step in range(EXPLOSION_STEPS):
            model.reset_metrics()  # they would give the mean of all steps
            logs = model.train_on_batch(*data.training_batch(step), return_dict=True)
            loss = _number(logs["loss"])
            if loss is None:
                diverged = step + 1
                break
            losses.append(loss)
        curves[name] = {"loss": losses, "diverged": diverged}
    return curves


def _number(value):
    """A Python float, or None where JSON has no word for the value."""
    return float(value) if math.isfinite(value) else None
