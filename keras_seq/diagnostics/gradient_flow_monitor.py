"""A callback that watches the gradient through time while a model trains."""

import math
import os
import typing
from collections.abc import Callable, Iterator

import numpy as np

from keras_seq.diagnostics._monitor import Monitor, Row
from keras_seq.diagnostics._recurrent_layers import Names
from keras_seq.diagnostics.gradient_flow import (
    FlowFunction,
    GradientFlow,
    Loss,
    comparable,
)
from keras_seq.diagnostics.gradient_flow_picture import plot_gradient_flow
from keras_seq.typing import Nest

if typing.TYPE_CHECKING:
    from matplotlib.figure import Figure


class GradientFlowMonitor(Monitor[GradientFlow]):
    """Watches how far back the gradient reaches, epoch by epoch.

    Before training and behind every `every`th epoch it takes `gradient_flow` of the
    same input, and for each state ("hidden", of an LSTM "cell" too) of each layer:

    ```
    last        mean norm of the gradient at the last step
    first       mean norm at the greatest distance from it
    factor      by what it is multiplied with each step back
    reach       the largest distance at which it is a millionth of `last` or more;
                None if `last` is 0 or infinite, or a norm is no number
    ```

    Training that explodes goes on: norms are then infinite or NaN, as they are where
    no step of `x` counts.

    They are in `history`, a list of dicts, and in the CSV file; for TensorBoard there
    is a picture of norm against distance too (`plot_gradient_flow`). The model is not
    changed. The price of a look is about two training steps on `x`; the first one
    traces them. It needs the TensorFlow backend.

    Args:
        x: What the model is called with.
        y: What the loss compares the model's output with.
        loss: As in `gradient_flow`: None for the loss that the model was compiled
            with.
        layers: Names of the layers that are wanted, or None for all.
        every: Epochs between two looks.
        filename: CSV file to which lines are added, one for each layer and state, or
            None. What it has stays, and must be such lines.
        log_dir: Folder of TensorBoard's event files, or None. It needs the extras
            "tensorboard" and "plots".

    Raises:
        ValueError: If `every` isn't a positive integer; when training starts, if the
            model has no recurrent layer that can be looked into, or `filename` has
            other columns.
        FileNotFoundError: When training starts, if the folder of `filename` is
            missing.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> reader = keras.layers.LSTM(4, name="reader")
    >>> model = keras.Sequential(
    ...     [keras.Input((None, 2)), reader, keras.layers.Dense(1)]
    ... )
    >>> model.compile("adam", "mse")
    >>> x, y = np.ones((8, 5, 2), "float32"), np.ones((8, 1), "float32")
    >>> monitor = GradientFlowMonitor(x[:2], y[:2])
    >>> _ = model.fit(x, y, epochs=2, verbose=0, callbacks=[monitor])
    >>> [row["reach"] for row in monitor.history if row["state"] == "hidden"]
    [4, 4, 4]
    """

    columns = ("epochs", "layer", "state", "last", "first", "factor", "reach")
    place = "gradient_flow"

    def __init__(
        self,
        x: Nest,
        y: Nest,
        *,
        loss: Loss | None = None,
        layers: Names | None = None,
        every: int = 1,
        filename: str | os.PathLike[str] | None = None,
        log_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__(layers=layers, every=every, filename=filename, log_dir=log_dir)
        self.x, self.y, self.loss = x, y, loss

    def prepared(self) -> Callable[[], dict[str, GradientFlow]]:
        flow = FlowFunction(self.model, loss=self.loss, layers=self.layers)
        return lambda: flow(self.x, self.y)

    def rows(self, found: dict[str, GradientFlow]) -> Iterator[Row]:
        for layer, flow in found.items():
            for state in flow.gradients:
                norms = flow.by_distance(state)
                sound = comparable(norms) and not np.isnan(norms).any()
                yield {
                    "layer": layer,
                    "state": state,
                    "last": float(norms[0]) if len(norms) else math.nan,
                    "first": float(norms[-1]) if len(norms) else math.nan,
                    "factor": flow.factor(state),
                    "reach": flow.reach(state=state) if sound else None,
                }

    def pictures(
        self, found: dict[str, GradientFlow]
    ) -> Iterator[tuple[str, "Figure"]]:
        for state in ("hidden", "cell"):
            flows = {
                layer: flow
                for layer, flow in found.items()
                if state in flow.gradients and comparable(flow.by_distance(state))
            }
            if flows:
                yield state, plot_gradient_flow(flows, state=state)
