"""Mixed precision: trained in 16 bits, kept in 32."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

import keras

_Model = TypeVar("_Model", bound=keras.Model)
_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")


class HasDtypePolicy(Protocol):
    """Settings that name a dtype policy."""

    @property
    def dtype_policy(self) -> str:
        """Name of the policy."""


_Settings = TypeVar("_Settings", bound=HasDtypePolicy)


@contextlib.contextmanager
def dtype_policy_scope(policy: str) -> Iterator[None]:
    """Layers that are made within compute with a dtype policy.

    Models that are compiled within under "mixed_float16" have their loss scaled, as
    Keras does by itself: small gradients would be 0 in float16.

    Args:
        policy: A name that `keras.config.set_dtype_policy` knows, such as "float32",
            "mixed_bfloat16" or "mixed_float16".

    Yields:
        None. The policy before is set again at the end.

    Raises:
        ValueError: If Keras knows no such policy.

    Example:

    >>> with dtype_policy_scope("mixed_bfloat16"):
    ...     layer = keras.layers.Dense(3)
    >>> layer.compute_dtype, layer.variable_dtype, keras.config.dtype_policy().name
    ('bfloat16', 'float32', 'float32')
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def by_dtype_policy(
    build: Callable[Concatenate[_Settings, _Given], _Made],
) -> Callable[Concatenate[_Settings, _Given], _Made]:
    """A function that makes layers, under the dtype policy of its first argument.

    Args:
        build: Function whose first argument has an attribute `dtype_policy`, as the
            settings of a recipe have.

    Returns:
        The function, run within `dtype_policy_scope`.

    Example:

    >>> import types
    >>> @by_dtype_policy
    ... def build(config, units):
    ...     return keras.layers.Dense(units)
    >>> build(types.SimpleNamespace(dtype_policy="mixed_float16"), 3).compute_dtype
    'float16'
    """

    @functools.wraps(build)
    def built(config: _Settings, *args: _Given.args, **kwargs: _Given.kwargs) -> _Made:
        with dtype_policy_scope(config.dtype_policy):
            return build(config, *args, **kwargs)

    return built


def in_float32(model: _Model) -> _Model:
    """A model that was trained in mixed precision, as one that computes in float32.

    Its weights are float32 as they are: what is measured, saved and served of it needs
    no processor that is good at 16 bits, and rounds nothing.

    Args:
        model: A built Keras model that can be saved.

    Returns:
        A model of the same class with the same weights, not compiled; the given one
        itself if all its layers compute in float32, or more.

    Example:

    >>> with dtype_policy_scope("mixed_float16"):
    ...     model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    >>> in_float32(model).compute_dtype
    'float32'
    """
    if not any(_mixed(layer.dtype_policy) for layer in model._flatten_layers()):
        return model
    config = _without_mixed(keras.saving.serialize_keras_object(model))
    config.pop("compile_config", None)
    with dtype_policy_scope("float32"):
        # `safe_mode` is for files of strangers; this comes from a model that is here.
        copy = keras.saving.deserialize_keras_object(config, safe_mode=False)
    copy.set_weights(model.get_weights())
    return cast("_Model", copy)


def _mixed(policy: Any) -> bool:
    return str(policy.name).startswith("mixed_")


def _without_mixed(value: Any) -> Any:
    """A config with float32 for every mixed policy in it."""
    if isinstance(value, dict):
        if value.get("class_name") == "DTypePolicy":
            name = str(value["config"]["name"])
            return "float32" if name.startswith("mixed_") else value
        return {key: _without_mixed(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_without_mixed(part) for part in value)
    return value
