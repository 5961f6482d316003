"""Methods of layers that can stand in functional models, as calls of the layers do.

On a symbolic tensor, `keras.Input` or what was made of one, a method would leave its
operations in the model, but not its layer: the weights would be no weights of the
model, and so neither trained nor saved.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import keras
from keras import ops, tree

from keras_seq.typing import Nest, Tensor

if TYPE_CHECKING:
    from typing_extensions import ParamSpec, Self

    P = ParamSpec("P")
    R = TypeVar("R")


def is_symbolic(*nests: Nest) -> bool:
    """Whether there is a symbolic tensor among them, which has no value."""
    return any(isinstance(leaf, keras.KerasTensor) for leaf in tree.flatten(nests))


def zeros_beside(like: Tensor, size: int, dtype: str) -> Tensor:
    """Zeros (B, size) for a tensor (B, S, ·), which may be symbolic."""
    if not is_symbolic(like):
        return ops.zeros((ops.shape(like)[0], size), dtype)
    # Of a symbolic tensor B has no number: what follows from the tensor has its B.
    column = ops.sum(like[:, :1], axis=1)[:, :1]
    return ops.repeat(ops.cast(ops.zeros_like(column), dtype), size, axis=1)


def in_functional_models(method: "Callable[P, R]") -> "Callable[P, R]":
    """A method that takes symbolic tensors too: as a layer that holds its layer."""
    signature = inspect.signature(method)

    @functools.wraps(method)
    def wrapped(*args: "P.args", **kwargs: "P.kwargs") -> "R":
        if not is_symbolic(args[1:], kwargs):
            return method(*args, **kwargs)
        given = dict(signature.bind(*args, **kwargs).arguments)
        owner = given.pop("self")
        tensors = {name: value for name, value in given.items() if is_symbolic(value)}
        settings = {name: given[name] for name in given if name not in tensors}
        layer = MethodOf(owner, method.__name__)
        leaves = iter(layer(tensors, settings=settings))
        result: R = tree.map_structure(
            lambda there: next(leaves) if there else None, layer.structure
        )
        return result

    wrapped.in_functional_models = True  # type: ignore[attr-defined]  # a mark
    return wrapped


@keras.saving.register_keras_serializable(package="keras_seq")
class MethodOf(keras.layers.Layer):
    """A method of a layer, as a layer.

    Args:
        layer: The layer.
        method: The name of a method that is `in_functional_models`.
        **kwargs: What every Keras layer takes.

    Call arguments:
        tensors: Those of the method's arguments that are tensors, a dict.
        settings: The others, a dict.

    Attributes:
        structure: What the method last returned, with False in place of None and
            True of a tensor: a layer can't return None.

    Returns:
        The tensors that the method returns, in their order, a tuple.

    Raises:
        ValueError: If the layer has no such method.
    """

    def __init__(self, layer: keras.layers.Layer, method: str, **kwargs: Any) -> None:
        # A file may name any method: only those that are meant are called.
        function = getattr(type(layer), method, None)
        if not getattr(function, "in_functional_models", False):
            raise ValueError(
                "`method` must be one that can stand in a functional model; received "
                f"{method!r} of {type(layer).__name__}."
            )
        super().__init__(autocast=False, dtype=layer.dtype_policy, **kwargs)
        self.layer = layer
        self.method = method
        self.supports_masking = True
        self.built = True
        self.structure: Nest = None

    def call(
        self,
        tensors: Mapping[str, Nest],
        settings: Mapping[str, Nest],
        training: bool | None = None,
    ) -> tuple[Tensor, ...]:
        function = getattr(self.layer, self.method)
        if "training" in inspect.signature(function).parameters:
            settings = {"training": training, **settings}
        result = function(**tensors, **settings)
        self.__dict__["structure"] = tree.map_structure(
            lambda leaf: leaf is not None, result
        )
        return tuple(leaf for leaf in tree.flatten(result) if leaf is not None)

    def compute_mask(self, tensors: Mapping[str, Nest], previous_mask: Nest) -> None:
        """None: what a method returns has no mask of Keras's."""
        return None

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["dtype"]
        layer = keras.saving.serialize_keras_object(self.layer)
        # So that all methods of a layer find one layer in the model that is loaded.
        # Keras gives this number too late, to what it has copied already.
        layer["shared_object_id"] = id(self.layer)
        return {**config, "layer": layer, "method": self.method}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Self":
        config = dict(config)
        config["layer"] = keras.saving.deserialize_keras_object(config["layer"])
        return cls(**config)
