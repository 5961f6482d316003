"""Models that are saved as they are quantised."""

from collections.abc import Callable, Iterator
from typing import Any

import keras

_POLICIES = "quantised"


class SavesQuantised:
    """Keeps, in the file, how the layers that a model makes itself are quantised.

    `keras.Model.quantize` changes the layers inside, but of those that a class makes
    in its constructor its config knows nothing: they would be built anew in floats,
    and the integers of the file not fit them. So the policies travel with what Keras
    keeps to build the model again.
    """

    _flatten_layers: Callable[..., Iterator[Any]]  # of the Keras layer that it is

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes that the model was built with, and its quantised layers."""
        config = super().get_build_config()  # type: ignore[misc]  # it is a mixin
        policies = {
            str(number): keras.saving.serialize_keras_object(layer.dtype_policy)
            for number, layer in enumerate(self._flatten_layers(include_self=False))
            if layer.quantization_mode is not None
        }
        return config if not policies else {**(config or {}), _POLICIES: policies}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Builds the model as it was, its quantised layers among it."""
        config = dict(config)
        policies = config.pop(_POLICIES, {})
        super().build_from_config(config)  # type: ignore[misc]  # as above
        layers = list(self._flatten_layers(include_self=False))
        for number, policy in policies.items():
            # A layer that is built quantises itself when it gets such a policy.
            layers[int(number)].dtype_policy = keras.saving.deserialize_keras_object(
                policy
            )
