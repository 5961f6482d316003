"""What runs inside the recurrent layers of a model, call by call."""

import contextlib
import typing
from collections.abc import Callable, Collection, Iterator, Mapping

import keras
from keras import ops

from keras_seq.diagnostics._recurrent_layers import Part, is_explicit
from keras_seq.diagnostics._replacing import replaced
from keras_seq.diagnostics._twins import in_turn, twins
from keras_seq.typing import Nest, Tensor

Run: typing.TypeAlias = Callable[..., typing.Any]
"""A recurrence, as `RecurrentLayer.recurrence`."""


def count_rows(x: Nest) -> int:
    """The length of the batch; refuses one without rows."""
    rows = len(keras.tree.flatten(x)[0])
    if not rows:
        raise ValueError("`x` must have at least one row; received none.")
    return rows


class Calls:
    """What each call of a layer leaves, while a model runs once."""

    def __init__(self) -> None:
        self._left: dict[str, list[typing.Any]] = {}
        self._graph: typing.Any = None

    def begin(self) -> None:
        """Forgets what an earlier run left."""
        self._left.clear()
        self._graph = _graph()

    def add(self, name: str, left: typing.Any) -> None:
        """Keeps what a call of the layer leaves.

        Raises:
            ValueError: If the call is within a loop, a map or a compiled function, from
                which no tensors come out.
        """
        if _graph() is not self._graph or _in_a_map():
            raise ValueError(
                f"`model` must call {name!r} outside of loops, maps and compiled "
                "functions, to be looked into. `keras.layers.TimeDistributed` calls "
                "its layer in a map where it can't know the number of steps before it "
                "runs: fix it, by the shape of `x` or with `keras.layers.Reshape`."
            )
        self._left.setdefault(name, []).append(left)

    def numbered(self, named: Collection[str]) -> dict[str, typing.Any]:
        """What was left: "name" of the first call, then "name:2", "name:3", ...

        Args:
            named: Names of the layers that should have been called. A number that
                makes one of them isn't used for a call.

        Raises:
            ValueError: If one was not called.
        """
        missing = [name for name in named if name not in self._left]
        if missing:
            raise ValueError(
                f"`model` must call its recurrent layers; it doesn't call {missing}."
            )
        found: dict[str, typing.Any] = {}
        for name in named:
            first, *others = self._left[name]
            found[name] = first
            number = 1
            for left in others:
                number += 1
                while f"{name}:{number}" in named:
                    number += 1
                found[f"{name}:{number}"] = left
        return found


def _graph() -> typing.Any:
    """The graph that is being traced, where the backend has graphs of its own."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()


def _in_a_map() -> bool:
    """Whether TensorFlow's `vectorized_map` is being traced.

    It is traced into the same graph, with 0 for the index, so that what a call leaves
    would be taken for that of the first element.
    """
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    scopes = tf.get_current_name_scope().split("/")
    return any(scope.startswith("loop_body") for scope in scopes)


@contextlib.contextmanager
def intercepted(
    parts: Mapping[str, Part], wrap: Callable[[str, Part, Run], Run]
) -> Iterator[None]:
    """Within it, each layer runs what `wrap` makes of its recurrence.

    Args:
        parts: Dict of recurrences by name, as `recurrent_layers` gives.
        wrap: Function `(name, part, run) -> run`, where `run` is as
            `RecurrentLayer.recurrence`: it takes x, the initial state, the weights,
            and the options of all recurrences.

    Layers of Keras's run meanwhile as explicit layers with their weights, one for
    each cell. What the call changes beside (states of stateful layers, seeds) stays
    changed.
    """
    layers = {id(part.layer): part.layer for part in parts.values()}
    with contextlib.ExitStack() as stack:
        for layer in layers.values():
            explicit = [layer]
            if not is_explicit(layer):
                explicit = twins(layer)
                stack.enter_context(replaced(layer, "call", in_turn(layer, explicit)))
            for name, part in parts.items():
                if part.layer is not layer:
                    continue
                runner = explicit[part.place]
                owner, method = (
                    (runner.cell, "run_varied")
                    if runner.cell.varied
                    else (runner, "recurrence")
                )
                run = wrap(name, part, getattr(owner, method))
                stack.enter_context(replaced(owner, method, run))
        yield


def in_time(array: Tensor, part: Part) -> Tensor:
    """What a layer gives in the order of its run, in the order of its input."""
    return ops.flip(array, axis=1) if part.go_backwards else array


def in_graph(function: Run) -> Run:
    """The function as a graph, where the backend has graphs of its own."""
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    traced = tf.function(function)
    # Called by itself it would warn of graphs that it traced, which are as many as
    # there are shapes.
    return lambda *arguments: traced.get_concrete_function(*arguments)(*arguments)


def check_state(state: str, states: Collection[str]) -> None:
    """Refuses a state that a layer doesn't have."""
    if state not in states:
        raise ValueError(f"`state` must be one of {list(states)}; received {state!r}.")


def needs_tensorflow(name: str) -> None:
    """Refuses backends whose gradients aren't taken by a tape."""
    if keras.backend.backend() != "tensorflow":
        raise NotImplementedError(
            f"`{name}` needs the TensorFlow backend; this is {keras.backend.backend()}."
        )


@contextlib.contextmanager
def kept_as_they_are(model: keras.Layer) -> Iterator[None]:
    """Whatever happens within, variables that don't train have their values after it.

    States of stateful layers, seeds of dropout, moving averages, metrics.
    """
    variables = list(model.non_trainable_variables)
    variables += getattr(model, "metrics_variables", [])
    # Keras doesn't count them among the variables of a model.
    variables += [
        state
        for layer in model._flatten_layers()
        if getattr(layer, "stateful", False)
        for state in keras.tree.flatten(getattr(layer, "states", None))
        if state is not None
    ]
    values = [keras.ops.convert_to_numpy(variable) for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
