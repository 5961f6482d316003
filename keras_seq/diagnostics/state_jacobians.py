"""How a state acts on the last one: the products of Jacobians through time."""

import dataclasses
import typing
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops, tree

from keras_seq.diagnostics._interception import (
    Calls,
    Run,
    check_state,
    in_graph,
    intercepted,
    kept_as_they_are,
    needs_tensorflow,
)
from keras_seq.diagnostics._recurrent_layers import Part, recurrent_layers
from keras_seq.diagnostics.gradient_flow import STATES
from keras_seq.typing import Nest, Tensor

_AT_ONCE = 64  # rows of the Jacobians, each of which runs the sequence backwards


@dataclasses.dataclass(frozen=True, eq=False)
class StateJacobians:
    """∂h_T/∂h_t of one layer on one sequence.

    Attributes:
        layer: Name of the layer.
        jacobians: Dict of arrays (T, units, units): "hidden" is ∂h_T/∂h_t and, of an
            LSTM, "cell" is ∂h_T/∂c_t, each along all paths; entry [t, i, j] is how
            unit i at the end changes with unit j at step t, in the order of the
            input. 0 where a step is masked.
        mask: True where a step counts, (T,).
    """

    layer: str
    jacobians: dict[str, np.ndarray]
    mask: np.ndarray

    def singular_values(self, state: str = "hidden") -> np.ndarray:
        """By what the Jacobian stretches its principal directions.

        Args:
            state: "hidden", or of an LSTM "cell".

        Returns:
            Array of shape (T, units), largest first, NaN where a step is masked.

        Raises:
            ValueError: If the layer has no such state.
        """
        check_state(state, self.jacobians)
        jacobians = np.asarray(self.jacobians[state], "float64")
        values = np.linalg.svd(jacobians, compute_uv=False)
        return np.where(self.mask[:, None], values, np.nan)

    def spectral_norms(self, state: str = "hidden") -> np.ndarray:
        """‖∂h_T/∂h_t‖: the most by which a small change at t can come out larger.

        Args:
            state: "hidden", or of an LSTM "cell".

        Returns:
            Array of shape (T,), NaN where a step is masked.

        Raises:
            ValueError: If the layer has no such state.
        """
        return self.singular_values(state)[:, 0]


def state_jacobians(
    model: keras.Layer, x: Nest, *, layer: str | None = None
) -> StateJacobians:
    """∂h_T/∂h_t of a recurrent layer for every step, exactly.

    h_T is the state behind the last step that counts. Each of its units is one row of
    the Jacobians; the rows of all steps come from one pass backwards over the sequence,
    for 64 units at a time. The result has T · units² numbers.

    It works on the layers that `gradient_flow` works on, on the TensorFlow backend; in
    float16 what is below 6e-8 is 0.

    Args:
        model: A Keras model that has been built.
        x: What the model is called with, one row: an array, or a nest of arrays,
            whose first axis has length 1.
        layer: Name of the layer, or of a further call of it, "layer:2" (see
            `gate_activity`), which may be left out where there is one call alone.

    Returns:
        A `StateJacobians`.

    Raises:
        ValueError: If the model has no such layer or doesn't call it, if `layer` is
            needed, or if `x` has more than one row.
        NotImplementedError: On other backends than TensorFlow.

    Example:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((None, 3)), keras.layers.SimpleRNN(4)])
    >>> found = state_jacobians(model, np.ones((1, 30, 3), "float32"))
    >>> found.jacobians["hidden"].shape, found.spectral_norms()[-1]
    ((30, 4, 4), np.float64(1.0))

    References:
        Pascanu, Mikolov and Bengio (2013), On the difficulty of training recurrent
        neural networks.
    """
    needs_tensorflow("state_jacobians")
    named = recurrent_layers(model, None if layer is None else [_without_number(layer)])
    if len(named) > 1:
        raise ValueError(
            f"`layer` must name one of the recurrent layers, {list(named)}; received "
            "None."
        )
    rows = {len(array) for array in tree.flatten(x)}
    if rows != {1}:
        raise ValueError(f"`x` must have one row; received {sorted(rows)}.")
    calls = Calls()

    def recording(name: str, part: Part, recurrence: Run) -> Run:
        def run(sequences: Tensor, *rest: Nest, **options: typing.Any) -> Nest:
            calls.add(name, (recurrence, sequences, rest, options))
            return recurrence(sequences, *rest, **options)

        return run

    def jacobians(x: Nest) -> tuple[list[Tensor], Tensor]:
        calls.begin()
        model(x, training=False)
        found = calls.numbered(named)
        if layer not in found and (layer is not None or len(found) > 1):
            raise ValueError(
                f"`layer` must name one call of a recurrent layer, {list(found)}; "
                f"received {layer!r}."
            )
        return _jacobians(*found[layer or next(iter(found))])

    [name] = [layer] if layer is not None else named
    with kept_as_they_are(model), intercepted(named, recording):
        x = tree.map_structure(ops.convert_to_tensor, x)
        found, mask = tree.map_structure(ops.convert_to_numpy, in_graph(jacobians)(x))
    return StateJacobians(name, dict(zip(STATES, found, strict=False)), mask)


def _without_number(call: str) -> str:
    """The name of a layer in that of a call of it: "reader" in "reader:2"."""
    name, _, number = call.rpartition(":")
    return name if name and number.isdecimal() else call


def _jacobians(
    recurrence: Run,
    sequences: Tensor,
    rest: Sequence[Nest],
    options: dict[str, typing.Any],
) -> tuple[list[Tensor], Tensor]:
    """Of every state (T, units, units), and the mask of the steps."""
    import tensorflow as tf

    initial_state, *weights = rest
    units, steps = initial_state[0].shape[-1], ops.shape(sequences)[1]
    mask = options["mask"]
    options = {
        **options,
        "return_sequences": False,
        "return_gates": False,
        "training": True,
    }
    parts: list[list[Tensor]] = []
    for first in range(0, units, _AT_ONCE):
        wanted = ops.eye(units, dtype=sequences.dtype)[first : first + _AT_ONCE]
        count = wanted.shape[0]

        def repeated(array: Tensor, count: int = count) -> Tensor:
            return ops.repeat(array, count, axis=0)

        options["mask"] = None if mask is None else repeated(mask)
        probes = [
            ops.zeros((count, steps, units), state.dtype) for state in initial_state
        ]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(probes)
            _, state, _ = recurrence(
                repeated(sequences),
                [repeated(state) for state in initial_state],
                *weights,
                **options,
                probes=probes,
            )
            value = ops.sum(state[0] * wanted)
        parts.append(tape.gradient(value, probes))
    by_state = [ops.concatenate(part) for part in zip(*parts, strict=True)]
    counts = ops.ones((steps,), "bool") if mask is None else mask[0]
    return [ops.transpose(array, (1, 0, 2)) for array in by_state], counts
