"""How the gradient of a loss flows back through time."""

import dataclasses
import typing
from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from keras_seq.diagnostics._interception import (
    Calls,
    Run,
    check_state,
    count_rows,
    in_graph,
    intercepted,
    kept_as_they_are,
    needs_tensorflow,
)
from keras_seq.diagnostics._recurrent_layers import Names, Part, recurrent_layers
from keras_seq.extras import notebook_card, notebook_curves
from keras_seq.typing import Array, Nest, Tensor

STATES = ("hidden", "cell")  # h_t, and an LSTM's c_t

Loss: typing.TypeAlias = Callable[[Nest, Nest], Tensor]
"""From what was wanted and what came to a number, or numbers."""


@dataclasses.dataclass(frozen=True, eq=False)
class GradientFlow:
    """The gradient with respect to each state of one layer.

    Attributes:
        layer: Name of the layer.
        gradients: Dict of arrays (B, T, units): "hidden" is ∂L/∂h_t and, of an LSTM,
            "cell" is ∂L/∂c_t, each along all paths, in the order of the input. 0
            where a step is masked.
        mask: True where a step counts, (B, T).
        backwards: Whether the layer runs from the last step to the first.
    """

    layer: str
    gradients: dict[str, np.ndarray]
    mask: np.ndarray
    backwards: bool = False

    def __repr__(self) -> str:
        rows, steps = self.mask.shape
        names = ", ".join(self.gradients)
        return f"GradientFlow({self.layer!r}: {rows} rows, {steps} steps; {names})"

    def _repr_html_(self) -> str:
        told, curves = [], {}
        for state in self.gradients:
            norms = self.by_distance(state)
            with np.errstate(divide="ignore", invalid="ignore"):
                curves[state] = np.log10(norms)
            factor = f"× {self.factor(state):.3g} with each step back"
            told.append((f"∂L/∂{state}", factor))
        note = "log10 of the norm, by steps before the last"
        return notebook_card(repr(self), told, notebook_curves(curves, note))

    def norms(self, state: str = "hidden") -> np.ndarray:
        """‖∂L/∂h_t‖ of each row and step.

        Args:
            state: "hidden", or of an LSTM "cell".

        Returns:
            Array of shape (B, T), NaN where a step is masked.

        Raises:
            ValueError: If the layer has no such state.
        """
        check_state(state, self.gradients)
        # In float64: squares of small numbers vanish in float32.
        gradient = np.asarray(self.gradients[state], "float64")
        norms = np.linalg.norm(gradient, axis=-1)
        return np.where(self.mask, norms, np.nan)

    def by_distance(self, state: str = "hidden") -> np.ndarray:
        """The mean norm at each distance from the last step that a row ran.

        Args:
            state: "hidden", or of an LSTM "cell".

        Returns:
            Array of shape (D,), D the length of the longest row, masked steps left
            out: entry d is the mean, over rows that are longer than d, of the norm
            at d steps before the last. NaN where a gradient is no number.

        Raises:
            ValueError: If the layer has no such state.
        """
        rows = [
            row[counts]
            for row, counts in zip(self.norms(state), self.mask, strict=True)
        ]
        if not self.backwards:
            rows = [row[::-1] for row in rows]
        longest = max(map(len, rows))
        return np.array(
            [np.mean([row[d] for row in rows if len(row) > d]) for d in range(longest)]
        )

    def factor(self, state: str = "hidden") -> float:
        """By what the gradient is multiplied, on average, with each step back.

        It is the slope of a straight line through ln `by_distance`, by least
        squares, exponentiated: below 1 the gradient vanishes, above 1 it explodes.

        Args:
            state: "hidden", or of an LSTM "cell".

        Returns:
            Float, from the distances whose gradient is finite and above 0; NaN if
            they are fewer than two.

        Raises:
            ValueError: If the layer has no such state.
        """
        norms = self.by_distance(state)
        distance = np.flatnonzero(np.isfinite(norms) & (norms > 0))
        if len(distance) < 2:
            return float("nan")
        slope, _ = np.polyfit(distance, np.log(norms[distance]), 1)
        return float(np.exp(slope))

    def reach(self, share: float = 1e-6, state: str = "hidden") -> int:
        """How far back the gradient is felt.

        Args:
            share: Of the gradient at distance 0; at less it counts as lost.
            state: "hidden", or of an LSTM "cell".

        Returns:
            The largest distance at which the norm is still at least `share` of that
            at distance 0: an integer. D - 1 means that nothing is lost within the
            sequence.

        Raises:
            ValueError: If `share` isn't above 0, the layer has no such state, no
                step counts, the gradient at distance 0 is 0 or infinite, or one is
                no number.
        """
        if not share > 0:
            raise ValueError(f"`share` must be above 0; received {share!r}.")
        norms = self.by_distance(state)
        if len(norms) and norms[0] == 0:
            raise ValueError(
                f"`reach` compares with the gradient of the last step, which is 0 in "
                f"{self.layer!r}: the loss doesn't see that step's {state!r}."
            )
        if not comparable(norms) or np.isnan(norms).any():
            raise ValueError(
                "`reach` needs a last step with a finite gradient, and numbers behind "
                f"it; {self.layer!r} has {norms.tolist()}."
            )
        return int(np.flatnonzero(norms >= share * norms[0])[-1])


def gradient_flow(
    model: keras.Layer,
    x: Nest,
    y: Nest,
    *,
    loss: Loss | None = None,
    sample_weight: Array | None = None,
    layers: Names | None = None,
    training: bool = False,
) -> dict[str, GradientFlow]:
    """The gradient of the loss with respect to every state, from one backward pass.

    For h_t and c_t of each recurrent layer and each step t, ∂L/∂h_t counts all paths
    from h_t to the loss: through the output of the step and through all later steps.
    (∂L/∂c_t counts h_t = o_t ⊙ tanh(c_t) too.) It is exact: zeros are added to the
    states, and the gradient with respect to these zeros is taken.

    How far back one step's error is felt is seen with a loss on the last step alone,
    which a model with an output for every step needs to be given:
    `loss=lambda y, output: keras.losses.mean_squared_error(y[:, -1], output[:, -1])`.
    A loss on all steps brings an error of its own to each.

    A layer that computes in float16 has gradients in float16, where what is below 6e-8
    is 0; float32, bfloat16 and float64 keep them.

    It works on the layers and cells that `gate_activity` works on, on the TensorFlow
    backend. The model is not changed: what its states, seeds and metrics
    were they are afterwards.

    Args:
        model: A Keras model that has been built.
        x: What the model is called with.
        y: What the loss compares the model's output with.
        loss: Function `(y, output) -> values`, whose mean is L, or None for the loss
            that the model was compiled with.
        sample_weight: Weights of the rows for the compiled loss, or None.
        layers: Names of the layers that are wanted, or None for all.
        training: Whether dropout acts.

    Returns:
        Dict from the layer's name to its `GradientFlow`; stacked cells and further
        calls of a layer have names as in `gate_activity`. Each call has gradients of
        its own.

    Raises:
        ValueError: If the model has no such layer, doesn't call it, calls it within a
            loop or a map, or has no loss; if `x` has no row, or `sample_weight` comes
            with a `loss`.
        NotImplementedError: On other backends than TensorFlow.

    Warns:
        UserWarning: As `gate_activity`.

    Example:

    >>> reader = keras.layers.LSTM(4, name="reader")
    >>> model = keras.Sequential(
    ...     [keras.Input((None, 3)), reader, keras.layers.Dense(1)]
    ... )
    >>> x, y = np.ones((2, 50, 3), "float32"), np.ones((2, 1), "float32")
    >>> flows = gradient_flow(model, x, y, loss=keras.losses.mean_squared_error)
    >>> flow = flows["reader"]
    >>> flow.norms().shape, flow.norms("cell").shape, flow.factor() < 1
    ((2, 50), (2, 50), True)

    References:
        Bengio, Simard and Frasconi (1994), Learning long-term dependencies with
        gradient descent is difficult.
        Pascanu, Mikolov and Bengio (2013), On the difficulty of training recurrent
        neural networks.
    """
    flow = FlowFunction(model, loss=loss, layers=layers, training=training)
    return flow(x, y, sample_weight)


class FlowFunction:
    """`gradient_flow` of one model, for many batches: traced once for each shape.

    Args:
        model: A Keras model that has been built.
        loss: As for `gradient_flow`.
        layers: Names of the layers that are wanted, or None for all.
        training: Whether dropout acts.

    It is called as `flow(x, y, sample_weight=None)` and returns what `gradient_flow`
    does.

    Raises:
        ValueError: If the model has no such layer, or neither it nor you give a loss;
            when called, as `gradient_flow`.
        NotImplementedError: On other backends than TensorFlow.

    Example:

    >>> model = keras.Sequential(
    ...     [keras.Input((None, 3)), keras.layers.GRU(4, name="reader")]
    ... )
    >>> flow = FlowFunction(model, loss=keras.losses.mean_squared_error)
    >>> batches = [np.ones((rows, 9, 3), "float32") for rows in (2, 5)]
    >>> for x in batches:
    ...     flow(x, np.zeros((len(x), 4), "float32"))["reader"].norms().shape
    (2, 9)
    (5, 9)
    """

    def __init__(
        self,
        model: keras.Layer,
        *,
        loss: Loss | None = None,
        layers: Names | None = None,
        training: bool = False,
    ) -> None:
        needs_tensorflow("gradient_flow")
        if loss is None and not getattr(model, "compiled", False):
            raise ValueError(
                "`loss` must be given, since the model was not compiled; received None."
            )
        if loss is not None and not callable(loss):
            raise ValueError(
                f"`loss` must be a function of y and the output; received {loss!r}."
            )
        self.model, self.loss, self.training = model, loss, training
        self.named = recurrent_layers(model, layers)
        self.calls, self.backwards = Calls(), dict[str, bool]()
        self.compiled = in_graph(self._gradients)

    def __call__(
        self, x: Nest, y: Nest, sample_weight: Array | None = None
    ) -> dict[str, GradientFlow]:
        if self.loss is not None and sample_weight is not None:
            raise ValueError(
                "`sample_weight` must be None where `loss` is given, which takes no "
                f"weights; received {sample_weight!r}."
            )
        count_rows(x)
        x, y, sample_weight = keras.tree.map_structure(
            lambda array: None if array is None else ops.convert_to_tensor(array),
            (x, y, sample_weight),
        )
        with kept_as_they_are(self.model), intercepted(self.named, self._probing):
            found = self.compiled(x, y, sample_weight)
        return {
            name: GradientFlow(
                layer=name,
                gradients=dict(
                    zip(STATES, map(ops.convert_to_numpy, found[name][0]), strict=False)
                ),
                mask=ops.convert_to_numpy(found[name][1]),
                backwards=self.backwards[name],
            )
            for name in found
        }

    def _gradients(
        self, x: Nest, y: Nest, sample_weight: Tensor | None
    ) -> dict[str, typing.Any]:
        import tensorflow as tf

        with tf.GradientTape(watch_accessed_variables=False) as tape:
            self.tape = tape
            self.calls.begin()
            output = self.model(x, training=self.training)
            value = self._value(x, y, output, sample_weight)
        self.tape = None
        found = self.calls.numbered(self.named)
        self.backwards = {
            name: part.go_backwards for name, (_, _, part) in found.items()
        }
        probes = {name: probes for name, (probes, _, _) in found.items()}
        gradients = tape.gradient(
            value, probes, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return {name: (gradients[name], mask) for name, (_, mask, _) in found.items()}

    def _value(
        self, x: Nest, y: Nest, output: Nest, sample_weight: Tensor | None
    ) -> Tensor:
        if self.loss is not None:
            return ops.mean(self.loss(y, output))
        return self.model.compute_loss(
            x=x, y=y, y_pred=output, sample_weight=sample_weight, training=self.training
        )

    def _probing(self, name: str, part: Part, recurrence: Run) -> Run:
        """The recurrence with zeros added to its states."""

        def run(
            sequences: Tensor,
            initial_state: Nest,
            *weights: Nest,
            mask: Tensor | None = None,
            **options: typing.Any,
        ) -> Nest:
            batch, steps = ops.shape(sequences)[:2]
            probes = [
                ops.zeros((batch, steps, state.shape[-1]), state.dtype)
                for state in initial_state
            ]
            for probe in probes:
                self.tape.watch(probe)
            counts = ops.ones((batch, steps), "bool") if mask is None else mask
            self.calls.add(name, (probes, counts, part))
            return recurrence(
                sequences, initial_state, *weights, mask=mask, probes=probes, **options
            )

        return run


def comparable(norms: np.ndarray) -> bool:
    """Whether norms by distance start with one that others can be divided by."""
    return len(norms) > 0 and bool(0 < norms[0] < np.inf)
