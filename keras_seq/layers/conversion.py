"""Models of Keras's recurrent layers rebuilt with ours, and back again."""

import inspect
import os
from collections.abc import Callable, Iterator
from typing import Any

import keras

from keras_seq.layers.gru import ExplicitGRU
from keras_seq.layers.lstm import ExplicitLSTM
from keras_seq.layers.simple_rnn import ExplicitSimpleRNN

PEERS: dict[type, type] = {
    keras.layers.LSTM: ExplicitLSTM,
    keras.layers.GRU: ExplicitGRU,
    keras.layers.SimpleRNN: ExplicitSimpleRNN,
}

_CELLS: dict[type, type] = {
    keras.layers.LSTMCell: ExplicitLSTM.cell_class,
    keras.layers.GRUCell: ExplicitGRU.cell_class,
    keras.layers.SimpleRNNCell: ExplicitSimpleRNN.cell_class,
}

# What changes the results or their form, and Keras's layers don't have.
_OURS_ALONE = (
    "return_gates",
    "peepholes",
    "layer_norm",
    "zoneout",
    "weight_dropout",
    "proj_size",
)


def explicit(model: Any) -> Any:
    """Rebuilds a model of Keras's with layers that show their gates.

    Every `keras.layers.LSTM`, `GRU` and `SimpleRNN` in it, in `Bidirectional`,
    `TimeDistributed` and models within models too, becomes an `ExplicitLSTM`,
    `ExplicitGRU` or `ExplicitSimpleRNN` with the same name, settings and weights. What
    the model computes stays the same; the given model is not changed. If it is
    compiled, so is the new one, with the state of the optimizer, and training goes
    on where it was.

    A user's subclass of these layers stays as it is, for it may compute something
    else; so do cells in `keras.layers.RNN`, and states of stateful layers start from 0.

    Args:
        model: A Keras model or layer that can be saved (whose classes have a
            `get_config`).

    Returns:
        A new model or layer of the same class; built if the given one is.

    Raises:
        ValueError: If no layer of it is one of Keras's three, or the new model's
            weights aren't those of the given one.
        TypeError: If `model` is no Keras model or layer.

    Example:

    >>> import numpy as np
    >>> reader = keras.layers.LSTM(4, return_sequences=True, name="reader")
    >>> model = keras.Sequential([keras.Input((None, 3)), reader])
    >>> shows = explicit(model)
    >>> x = np.ones((2, 5, 3), "float32")
    >>> bool(np.allclose(shows(x), model(x), atol=1e-6))
    True
    >>> type(shows.get_layer("reader")).__name__
    'ExplicitLSTM'
    """
    return _rebuilt(model, PEERS, _as_explicit)


def as_keras(model: Any) -> Any:
    """Rebuilds a model with Keras's own layers in place of ours: `explicit` undone.

    For those who don't have this package, and for files: what it returns saves and
    loads with Keras alone, if there is nothing else of this package in the model. What
    Keras has no peer of stays as it is: attention, decoders, `ExplicitStack`,
    initialisers.

    Args:
        model: A Keras model or layer with `ExplicitLSTM`, `ExplicitGRU` or
            `ExplicitSimpleRNN` in it, or their cells in `keras.layers.RNN`.

    Returns:
        A new model or layer with `keras.layers.LSTM`, `GRU` and `SimpleRNN`, their
        cells too, and the same weights.

    Raises:
        ValueError: If no layer of it is one of ours, or one has an option that
            Keras's doesn't have, such as `peepholes` or `return_gates`.
        TypeError: If `model` is no Keras model or layer.

    Example:

    >>> model = keras.Sequential([keras.Input((None, 3)), ExplicitGRU(4)])
    >>> [type(layer).__name__ for layer in as_keras(model).layers]
    ['GRU']
    """
    back = {ours: theirs for theirs, ours in {**PEERS, **_CELLS}.items()}
    return _rebuilt(model, back, _as_keras)


def load_keras_weights(model: Any, path: str | os.PathLike[str]) -> None:
    """Loads the weights of a model with Keras's layers into one with ours.

    In a `.weights.h5` weights stand under the names of their classes: so those of
    `keras.layers.LSTM` aren't found by an `ExplicitLSTM`.

    Args:
        model: A built model that is that of the file, but with `ExplicitLSTM`,
            `ExplicitGRU` and `ExplicitSimpleRNN` for Keras's layers.
        path: A file that `save_weights` wrote, of Keras's layers.

    Raises:
        ValueError: As `as_keras`, and as `keras.Model.load_weights` if the file
            doesn't fit.
        FileNotFoundError: If there is no such file.

    Example:

    >>> import tempfile
    >>> x = keras.Input((None, 3))
    >>> trained = keras.Model(x, keras.layers.LSTM(4)(x))
    >>> model = keras.Model(x, ExplicitLSTM(4)(x))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     trained.save_weights(folder + "/trained.weights.h5")
    ...     load_keras_weights(model, folder + "/trained.weights.h5")
    >>> all((a == b).all() for a, b in zip(model.get_weights(), trained.get_weights()))
    True
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f"`path` must be a file; received {str(path)!r}.")
    if not model.built:
        raise ValueError(f"`model` must have been built; received {model!r}.")
    twin = as_keras(model)
    twin.load_weights(path)
    model.set_weights(twin.get_weights())


def _rebuilt(
    model: Any,
    peers: dict[type, type],
    convert: Callable[[type, type, dict[str, Any]], dict[str, Any]],
) -> Any:
    """A copy of a model with other classes for the layers in `peers`."""
    if not isinstance(model, keras.Layer):
        raise TypeError(f"`model` must be a Keras model or layer; received {model!r}.")
    kinds = {_kind_in_a_config(old): (old, new) for old, new in peers.items()}
    serialized = keras.saving.serialize_keras_object(model)
    count = 0
    for part in _objects(serialized):
        pair = kinds.get(_kind(part))
        if pair is None:
            continue
        count += 1
        old, new = pair
        part["config"] = convert(old, new, part["config"])
        names = "module", "class_name", "registered_name"
        part.update(zip(names, _kind_in_a_config(new), strict=True))
    if not count:
        wanted = ", ".join(old.__name__ for old in peers)
        raise ValueError(
            f"`model` must have a layer that is one of {wanted} in its config; "
            f"received {model!r}, which has none. A class that makes its layers "
            "itself, in its constructor, is changed there."
        )
    compiled = serialized.pop("compile_config", None)
    copy = keras.saving.deserialize_keras_object(
        serialized, custom_objects=_classes_of(model), safe_mode=False
    )
    _copy_weights(model, copy)
    if compiled and getattr(model, "compiled", False):
        copy.compile_from_config(compiled)
        if model.optimizer.built:
            copy.optimizer.build(copy.trainable_variables)
            _assign(copy.optimizer.variables, model.optimizer.variables)
    return copy


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every serialized object in a config, the outermost first."""
    if isinstance(value, dict):
        if "class_name" in value and "config" in value:
            yield value
        for part in value.values():
            yield from _objects(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _objects(part)


def _kind(part: dict[str, Any]) -> tuple[str | None, str, str | None]:
    return part.get("module"), part["class_name"], part.get("registered_name")


def _kind_in_a_config(layer_class: type) -> tuple[str | None, str, str | None]:
    """How Keras names a class in a config."""
    return _kind(keras.saving.serialize_keras_object(layer_class(1)))


def _as_explicit(old: type, new: type, config: dict[str, Any]) -> dict[str, Any]:
    # There is no cuDNN path: to ask for one is refused.
    return {name: value for name, value in config.items() if name != "use_cudnn"}


def _as_keras(old: type, new: type, config: dict[str, Any]) -> dict[str, Any]:
    """What Keras's layer takes of the config; refuses options that it doesn't have."""
    for name in _OURS_ALONE:
        if config.get(name):
            raise ValueError(
                f"`model` must have options that {new.__name__} has too; layer "
                f"{config['name']!r} has {name}={config[name]!r}."
            )
    known = inspect.signature(new).parameters.keys() | new(1).get_config().keys()
    return {name: value for name, value in config.items() if name in known}


def _classes_of(model: Any) -> dict[str, type]:
    """The classes of a model's layers by name, for those that aren't registered."""
    classes = {type(layer) for layer in model._flatten_layers()} | {type(model)}
    return {kind.__name__: kind for kind in classes}


def _copy_weights(model: Any, copy: Any) -> None:
    if not model.built:
        return
    if not copy.built or len(copy.weights) != len(model.weights):
        raise ValueError(
            "`model` must be rebuilt by its config with the same weights; "
            f"{len(model.weights)} became "
            f"{len(copy.weights) if copy.built else 'none: it is not built'}. A class "
            "of its own needs `get_config`, and `build` or `build_from_config`."
        )
    _assign(copy.weights, model.weights)
    for new, old in zip(copy.weights, model.weights, strict=True):
        # A part may be frozen of which the config says nothing, such as a cell.
        new.trainable = old.trainable


def _assign(variables: list[Any], values: list[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
