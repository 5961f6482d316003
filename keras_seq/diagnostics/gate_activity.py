"""What the gates of a model's recurrent layers do on given input."""

import dataclasses
import typing

import keras
import numpy as np
from keras import ops, tree

from keras_seq.diagnostics._interception import (
    Calls,
    Run,
    count_rows,
    in_graph,
    in_time,
    intercepted,
    kept_as_they_are,
)
from keras_seq.diagnostics._recurrent_layers import Names, Part, recurrent_layers
from keras_seq.extras import notebook_card, notebook_curves
from keras_seq.typing import Nest, Tensor

_KEEPS = {"forget", "update"}  # gates that say how much of the state stays
_GATES = ("input", "forget", "output", "update", "reset")


@dataclasses.dataclass(frozen=True, eq=False)
class GateActivity:
    """What one layer did, step by step.

    Attributes:
        layer: Name of the layer.
        values: Dict of arrays of shape (B, T, units): of an LSTM "input", "forget",
            "candidate", "output", "cell" (c_t) and "hidden" (h_t); of a GRU
            "update", "reset", "candidate" and "hidden"; of a simple recurrence
            "pre_activation" and "hidden". Where a step is masked the gates are 0
            and the states repeat what was carried. In the order of the input, also
            of a layer that runs backwards.
        mask: True where a step counts, (B, T).
    """

    layer: str
    values: dict[str, np.ndarray]
    mask: np.ndarray

    def __repr__(self) -> str:
        rows, steps = self.mask.shape
        units = next(iter(self.values.values())).shape[-1]
        names = ", ".join(self.values)
        size = f"{rows} rows, {steps} steps, {units} units"
        return f"GateActivity({self.layer!r}: {size}; {names})"

    def _repr_html_(self) -> str:
        rows: list[tuple[str, str]] = []
        for gate, (closed, opened) in self.saturation().items():
            shares = f"closed {_mean(closed):.0%}, open {_mean(opened):.0%} of the time"
            rows.append((f"{gate} gate", f"{shares}, mean {self._overall(gate):.2f}"))
        if _KEEPS & set(self.values):
            half = np.median(self.half_life())
            rows.append(("half-life", f"{half:.3g} steps (median of the units)"))
        means = {gate: self._by_step(values) for gate, values in self.gates.items()}
        curves = notebook_curves(means, "means over units and rows, by step")
        return notebook_card(repr(self), rows, curves)

    def _overall(self, name: str) -> float:
        return _mean(self._mean(self.values[name]))

    def _by_step(self, values: np.ndarray) -> np.ndarray:
        counted = np.where(self.mask, np.mean(values, axis=-1, dtype="float64"), 0.0)
        with np.errstate(invalid="ignore"):
            return counted.sum(axis=0) / self.mask.sum(axis=0)

    @property
    def gates(self) -> dict[str, np.ndarray]:
        """Those of `values` that lie in [0, 1]."""
        return {name: self.values[name] for name in _GATES if name in self.values}

    def saturation(
        self, low: float = 0.1, high: float = 0.9
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """How often each gate is all but closed and all but open.

        Args:
            low: Below it a gate counts as closed ("left-saturated").
            high: Above it a gate counts as open ("right-saturated").

        Returns:
            Dict from the gate to two arrays of shape (units,): the share of the
            steps that count in which it is closed, and that in which it is open.
            NaN if no step counts.

        Raises:
            ValueError: If not 0 <= low <= high <= 1.

        References:
            Karpathy, Johnson and Fei-Fei (2016), Visualizing and understanding
            recurrent networks (figure 4).
        """
        if not 0 <= low <= high <= 1:
            raise ValueError(
                "`low` and `high` must be 0 <= low <= high <= 1; received "
                f"low={low!r} and high={high!r}."
            )
        return {
            gate: (self._mean(values < low), self._mean(values > high))
            for gate, values in self.gates.items()
        }

    def half_life(self) -> np.ndarray:
        """In how many steps half of each unit's memory is gone, if nothing is added.

        ```
        t_½ = ln ½ / mean_t ln f_t
        ```

        with f the forget gate of an LSTM, or the update gate of a GRU, which in
        Keras's equations is what it keeps.

        Returns:
            Array of shape (units,), in steps: 0 where the gate was ever shut
            entirely, infinity where it was always open.

        Raises:
            ValueError: If the layer has no such gate.
        """
        kept = _KEEPS & set(self.values)
        if not kept:
            raise ValueError(
                f"`half_life` needs a forget or update gate; the layer {self.layer!r} "
                f"has {list(self.values)}."
            )
        gate = np.asarray(self.values[kept.pop()], "float64")
        with np.errstate(divide="ignore"):
            lost = -self._mean(np.log(gate))
            return np.log(2) / np.where(lost == 0, 0.0, lost)

    def _mean(self, values: np.ndarray) -> np.ndarray:
        """The mean over the steps that count, for each unit."""
        counted = np.asarray(values, "float64")[self.mask]
        if not len(counted):
            return np.full(counted.shape[-1], np.nan)
        return counted.mean(axis=0)


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values))


def gate_activity(
    model: keras.Layer,
    x: Nest,
    *,
    layers: Names | None = None,
    batch_size: int = 32,
) -> dict[str, GateActivity]:
    """Runs a model, and shows what every gate of its recurrent layers does.

    It works on `ExplicitLSTM`, `ExplicitGRU` and `ExplicitSimpleRNN`, on
    `keras.layers.LSTM`, `GRU` and `SimpleRNN`, and on `keras.layers.RNN` with cells of
    ours or of Keras's, stacked ones too; in `Bidirectional` and `TimeDistributed` too.
    They don't have to return their gates, nor sequences. The model is not changed: what
    its states, seeds and metrics were they are afterwards.

    Args:
        model: A Keras model that has been built.
        x: What the model is called with: an array, or a nest of arrays, whose first
            axis is the batch.
        layers: Names of the layers that are wanted, or None for all.
        batch_size: Rows that run at once.

    Returns:
        Dict from the layer's name to its `GateActivity`. Stacked cells are
        "layer/cell". Further calls of a layer (by a siamese model, or
        `TimeDistributed`) are "layer:2", "layer:3", ... in their order.

    Raises:
        ValueError: If the model has no such layer, doesn't call it, or calls it within
            a loop or a map, as `TimeDistributed` does where it can't know the number
            of steps; if `x` has no row, or `batch_size` isn't a positive integer.

    Warns:
        UserWarning: If all layers are wanted, and there are recurrent layers or cells
            that can't be looked into: "not looked into", and their names.

    Example:

    >>> import keras
    >>> reader = keras.layers.LSTM(4, name="reader")
    >>> model = keras.Sequential([keras.Input((None, 3)), reader])
    >>> activity = gate_activity(model, np.ones((2, 5, 3), "float32"))["reader"]
    >>> activity.values["forget"].shape, activity.half_life().shape
    ((2, 5, 4), (4,))
    """
    return ActivityFunction(model, layers)(x, batch_size)


class ActivityFunction:
    """`gate_activity` of one model, again and again: traced once for each shape."""

    def __init__(self, model: keras.Layer, layers: Names | None = None) -> None:
        self.model = model
        self.named = recurrent_layers(model, layers)
        self.calls = Calls()
        # A loop in a graph is several times faster than one step by step.
        self.run = in_graph(self._run)

    def __call__(self, x: Nest, batch_size: int = 32) -> dict[str, GateActivity]:
        rows = count_rows(x)
        whole = isinstance(batch_size, (int, np.integer)) and batch_size is not True
        if not whole or batch_size < 1:
            raise ValueError(
                f"`batch_size` must be a positive integer; received {batch_size!r}."
            )
        batches = []
        with kept_as_they_are(self.model), intercepted(self.named, self._recording):
            for start in range(0, rows, batch_size):
                batch = tree.map_structure(
                    lambda array, start=start: ops.convert_to_tensor(
                        array[start : start + batch_size]
                    ),
                    x,
                )
                found = self.run(batch)
                batches.append(tree.map_structure(ops.convert_to_numpy, found))
        return {
            name: GateActivity(
                layer=name,
                values={
                    key: np.concatenate([batch[name][0][key] for batch in batches])
                    for key in batches[0][name][0]
                },
                mask=np.concatenate([batch[name][1] for batch in batches]),
            )
            for name in batches[0]
        }

    def _run(self, batch: Nest) -> dict[str, typing.Any]:
        self.calls.begin()
        self.model(batch, training=False)
        return self.calls.numbered(self.named)

    def _recording(self, name: str, part: Part, recurrence: Run) -> Run:
        """The recurrence, which leaves what it shows in `calls`, and the mask."""

        def run(
            sequences: Tensor,
            *rest: Nest,
            mask: Tensor | None = None,
            **options: typing.Any,
        ) -> Nest:
            wanted = {k: options[k] for k in ("return_sequences", "return_gates")}
            options.update(return_sequences=True, return_gates=True)
            h, state, gates = recurrence(sequences, *rest, mask=mask, **options)
            counts = mask
            if counts is None:
                counts = ops.ones(ops.shape(sequences)[:2], "bool")
            values = {
                key: in_time(value, part)
                for key, value in {**gates, "hidden": h}.items()
            }
            self.calls.add(name, (values, counts))
            return (
                h if wanted["return_sequences"] else None,
                state,
                gates if wanted["return_gates"] else None,
            )

        return run
