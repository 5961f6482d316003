"""A callback that watches the gates while a model trains."""

import math
import os
import typing
from collections.abc import Callable, Iterator

import keras
import numpy as np

from keras_seq.diagnostics._monitor import Monitor, Row
from keras_seq.diagnostics._recurrent_layers import Names
from keras_seq.diagnostics.gate_activity import ActivityFunction, GateActivity
from keras_seq.diagnostics.saturation import plot_saturation
from keras_seq.typing import Nest

if typing.TYPE_CHECKING:
    from matplotlib.figure import Figure


class GateMonitor(Monitor[GateActivity]):
    """Watches what the gates do on some input, epoch by epoch.

    Before training and behind every `every`th epoch it takes `gate_activity` of the
    same input, and for each gate of each layer:

    ```
    mean        of the gate, over all units and steps that count
    shut        share of units and steps where it is below 0.1
    open        share of units and steps where it is above 0.9
    half_life   median over the units of the memory's half-life in steps, for a forget
                or update gate
    ```

    They are in `history`, a list of dicts, and in the CSV file; for TensorBoard there
    is a picture of each layer too (`plot_saturation`). The model is not changed. The
    price of a look is a forward pass over `x`; the first one traces it. Layers without
    gates (a simple recurrence) have no lines.

    Args:
        x: What the model is called with.
        layers: Names of the layers that are wanted, or None for all.
        every: Epochs between two looks.
        filename: CSV file to which lines are added, one for each layer and gate, or
            None. What it has stays, and must be such lines.
        log_dir: Folder of TensorBoard's event files, or None. It needs the extras
            "tensorboard" and "plots".
        batch_size: Rows of `x` that run at once.

    Raises:
        ValueError: If `every` isn't a positive integer; when training starts, if the
            model has no recurrent layer with gates that can be looked into, or
            `filename` has other columns.
        FileNotFoundError: When training starts, if the folder of `filename` is
            missing.

    Example:

    >>> import keras
    >>> reader = keras.layers.LSTM(4, name="reader")
    >>> model = keras.Sequential(
    ...     [keras.Input((None, 2)), reader, keras.layers.Dense(1)]
    ... )
    >>> model.compile("adam", "mse")
    >>> x = np.ones((8, 5, 2), "float32")
    >>> monitor = GateMonitor(x[:2])
    >>> _ = model.fit(x, np.ones((8, 1)), epochs=2, verbose=0, callbacks=[monitor])
    >>> [row["epochs"] for row in monitor.history if row["gate"] == "forget"]
    [0, 1, 2]
    """

    columns = ("epochs", "layer", "gate", "mean", "shut", "open", "half_life")
    place = "gates"

    def __init__(
        self,
        x: Nest,
        *,
        layers: Names | None = None,
        every: int = 1,
        filename: str | os.PathLike[str] | None = None,
        log_dir: str | os.PathLike[str] | None = None,
        batch_size: int = 32,
    ) -> None:
        super().__init__(layers=layers, every=every, filename=filename, log_dir=log_dir)
        self.x, self.batch_size = x, batch_size

    def prepared(self) -> Callable[[], dict[str, GateActivity]]:
        activities = ActivityFunction(self.model, self.layers)
        simple = keras.layers.SimpleRNNCell  # ours is one too
        if all(isinstance(part.cell, simple) for part in activities.named.values()):
            raise ValueError(
                "The model must have a recurrent layer with gates to watch; received "
                f"{list(activities.named)}, which have none."
            )
        return lambda: activities(self.x, self.batch_size)

    def rows(self, found: dict[str, GateActivity]) -> Iterator[Row]:
        for layer, activity in found.items():
            saturation = activity.saturation()
            for gate, (shut, opened) in saturation.items():
                half_life = None
                if gate in ("forget", "update"):
                    half_life = float(np.median(activity.half_life()))
                # In float64: a mean of many bfloat16 numbers is none.
                counted = activity.values[gate][activity.mask].astype("float64")
                yield {
                    "layer": layer,
                    "gate": gate,
                    "mean": float(counted.mean()) if counted.size else math.nan,
                    "shut": float(shut.mean()),
                    "open": float(opened.mean()),
                    "half_life": half_life,
                }

    def pictures(
        self, found: dict[str, GateActivity]
    ) -> Iterator[tuple[str, "Figure"]]:
        for layer, activity in found.items():
            if activity.gates and activity.mask.any():
                yield layer, plot_saturation(activity)
