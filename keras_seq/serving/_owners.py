"""The objects that hold what signatures use: models, layers, modules, tables."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_seq.serving._errors import ServingError


def flatten(model: Any) -> list[Any]:
    """The objects in `model`, each layer followed by its sublayers."""
    if isinstance(model, Mapping):
        owners = list(model.values())
    else:
        owners = list(model) if isinstance(model, list | tuple) else [model]
    for owner in owners:
        if not isinstance(owner, tf.__internal__.tracking.Trackable):
            raise ServingError(
                "The model cannot be exported",
                [
                    "`model` must be Keras layers, tf.Modules or lookup tables; "
                    f"received {owner!r}"
                ],
            )
    return [layer for owner in owners for layer in _layers_of(owner)]


def resources(owners: Sequence[Any]) -> list[Any]:
    """The lookup tables and the like that the objects hold."""
    return [
        trackable
        for owner in owners
        for trackable in tf.train.TrackableView(owner).descendants()
        if isinstance(trackable, tf.saved_model.experimental.TrackableResource)
    ]


@contextlib.contextmanager
def without_cudnn(layers: Sequence[Any]) -> Iterator[None]:
    """Keras's recurrent layers would choose cuDNN wherever a GPU is visible."""
    found = [
        (layer, layer.use_cudnn) for layer in layers if hasattr(layer, "use_cudnn")
    ]
    try:
        for layer, _ in found:
            layer.use_cudnn = False
        yield
    finally:
        for layer, before in found:
            layer.use_cudnn = before


@contextlib.contextmanager
def no_new_weights(layers: Sequence[Any]) -> Iterator[None]:
    """A layer that is built here has random weights: it was never trained."""
    unbuilt = [layer for layer in layers if not getattr(layer, "built", True)]
    yield
    new = [layer.name for layer in unbuilt if layer.built and layer.weights]
    if new:
        raise ServingError(
            "The model cannot be exported",
            [f"these layers had no weights until now: {new}; call or load them first"],
        )


def _layers_of(owner: Any) -> list[Any]:
    if not isinstance(owner, keras.Layer):
        return [owner]
    # TensorFlow does not look into the lists in which Keras keeps sublayers.
    return [owner, *owner._flatten_layers(include_self=False)]
