"""The recurrent layers of a model, and what runs inside them."""

import contextlib
import typing
from collections.abc import Callable, Collection, Iterator, Mapping

import keras
from keras import ops

from keras_seq.diagnostics._replacing import replaced
from keras_seq.layers import ExplicitGRU, ExplicitLSTM, ExplicitSimpleRNN
from keras_seq.typing import Nest, Tensor

Names: typing.TypeAlias = list[str] | tuple[str, ...]
"""Of layers; a string alone is none."""

Run: typing.TypeAlias = Callable[..., typing.Any]
"""A recurrence, as `RecurrentLayer.recurrence`."""

_EXPLICIT = (ExplicitLSTM, ExplicitGRU, ExplicitSimpleRNN)
_TWINS: dict[type, typing.Any] = {
    keras.layers.LSTM: ExplicitLSTM,
    keras.layers.GRU: ExplicitGRU,
    keras.layers.SimpleRNN: ExplicitSimpleRNN,
}


def recurrent_layers(
    model: keras.Layer, layers: Names | None = None
) -> dict[str, typing.Any]:
    """The recurrent layers that can be looked into, by name.

    Those are `ExplicitLSTM`, `ExplicitGRU`, `ExplicitSimpleRNN` and their peers in
    Keras, wherever in the model they are, in `keras.layers.Bidirectional` too.

    Args:
        model: A Keras model or layer that has been built.
        layers: Names of those that are wanted, or None for all.

    Returns:
        Dict from the name, or the path where two have one name, to the layer. Those
        with one path too are "path", "path:2", "path:3", ...

    Raises:
        ValueError: If there is no such layer, or not yet any weights.
    """
    found: list[typing.Any] = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, (*_EXPLICIT, *_TWINS))
    ]
    names = [layer.name for layer in found]
    named: dict[str, typing.Any] = {}
    for layer in found:
        # Layers without weights don't have a path.
        path = layer.name if names.count(layer.name) == 1 else layer.path or layer.name
        number, name = 1, path
        while name in named:
            number += 1
            name = f"{path}:{number}"
        named[name] = layer
    if not named:
        raise ValueError(
            "`model` must have a recurrent layer (LSTM, GRU or SimpleRNN, explicit or "
            f"Keras's); received {model!r}, which has none."
        )
    if layers is not None:
        missing = [name for name in layers if name not in named]
        if isinstance(layers, str) or missing or not layers:
            raise ValueError(
                f"`layers` must be names among {list(named)}, in a list; received "
                f"{layers!r}."
            )
        named = {name: named[name] for name in layers}
    raw = [name for name, layer in named.items() if not layer.built]
    if raw:
        raise ValueError(f"`model` must have been built; {raw} have no weights yet.")
    return named


def count_rows(x: Nest) -> int:
    """The length of the batch; refuses one without rows."""
    rows = len(keras.tree.flatten(x)[0])
    if not rows:
        raise ValueError("`x` must have at least one row; received none.")
    return rows


def check_called(named: Collection[str], found: Collection[str]) -> None:
    """Refuses layers that the model has, but didn't call."""
    missing = [name for name in named if name not in found]
    if missing:
        raise ValueError(
            f"`model` must call its recurrent layers; it doesn't call {missing}."
        )


@contextlib.contextmanager
def intercepted(
    layers: Mapping[str, typing.Any], wrap: Callable[[str, typing.Any, Run], Run]
) -> Iterator[None]:
    """Within it, each layer runs what `wrap` makes of its recurrence.

    Args:
        layers: Dict of layers by name, as `recurrent_layers` gives.
        wrap: Function `(name, layer, run) -> run`, where `run` is as
            `RecurrentLayer.recurrence`: it takes x, the initial state, the weights,
            and the options of all recurrences.

    Layers of Keras's run meanwhile as the explicit layer with their weights. What
    the call changes beside (states of stateful layers, seeds) stays changed.
    """
    with contextlib.ExitStack() as stack:
        for name, layer in layers.items():
            explicit = layer
            if not isinstance(layer, _EXPLICIT):
                explicit = _twin(layer)
                stack.enter_context(replaced(layer, "call", _calling(explicit)))
            owner, method = (
                (explicit.cell, "run_varied")
                if explicit.cell.varied
                else (explicit, "recurrence")
            )
            run = wrap(name, explicit, getattr(owner, method))
            stack.enter_context(replaced(owner, method, run))
        yield


def in_time(array: Tensor, layer: typing.Any) -> Tensor:
    """What a layer gives in the order of its run, in the order of its input."""
    return ops.flip(array, axis=1) if layer.go_backwards else array


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


def _twin(layer: typing.Any) -> typing.Any:
    """The explicit layer with the options of one of Keras's; weights and states shared.

    Of a user's subclass it knows what Keras's layer has, so a call of its own would
    be passed over.
    """
    peer: typing.Any
    peer, kind = next(pair for pair in _TWINS.items() if isinstance(layer, pair[0]))
    if type(layer).call is not peer.call:
        raise ValueError(
            f"`layers` must be such as run like Keras's; {layer.name!r} is a "
            f"{type(layer).__name__}, which has a `call` of its own."
        )
    config = peer.get_config(layer)
    config.pop("use_cudnn", None)
    twin = kind.from_config(config)
    rows = layer.states[0].shape[0] if layer.stateful else None
    twin.build((rows, None, layer.cell.kernel.shape[0]))
    if layer.stateful:
        vars(twin)["states"] = layer.states
    for name in ("kernel", "recurrent_kernel", "bias"):
        vars(twin.cell)[name] = getattr(layer.cell, name)
    return twin


def _calling(twin: typing.Any) -> Run:
    """What a layer of Keras's is called with, given to its twin."""

    def call(
        sequences: Tensor,
        initial_state: Nest = None,
        mask: Nest = None,
        training: bool | None = False,
    ) -> Nest:
        if isinstance(mask, (list, tuple)):
            mask = mask[0]
        return twin(sequences, initial_state, mask=mask, training=training)

    return call
