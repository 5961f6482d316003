"""Mixed precision: trained in 16 bits, kept in 32."""

import contextlib
import functools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

import keras

_MIXED = re.compile(r"mixed_b?float16")  # "int8_from_mixed_bfloat16" has it too
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
    layers = model._flatten_layers()
    if not any(map(_mixed, (layer.dtype_policy for layer in layers))):
        return model
    with _without_compile_state(layers):
        config = _without_mixed(keras.saving.serialize_keras_object(model))
    # Their classes need not be registered, as those of a notebook aren't.
    names = Counter(each.__name__ for each in {type(layer) for layer in layers})
    classes = {
        name: type(layer)
        for layer in layers
        if names[name := type(layer).__name__] == 1
    }
    with dtype_policy_scope("float32"):
        # `safe_mode` is for files of strangers; this comes from a model that is here.
        copy = keras.saving.deserialize_keras_object(
            config, custom_objects=classes, safe_mode=False
        )
    copy.set_weights(model.get_weights())
    # Keras doesn't keep it of models within; what is outside sets what is inside.
    for layer, other in zip(layers, copy._flatten_layers(), strict=False):
        if other.trainable != layer.trainable:
            other.trainable = layer.trainable
    return cast("_Model", copy)


@contextlib.contextmanager
def _without_compile_state(layers: Iterable[Any]) -> Iterator[None]:
    """Models, and those within them, are serialised as if they weren't compiled.

    A loss need not be serialisable for a model to be.
    """
    each = {id(layer): layer for layer in layers if isinstance(layer, keras.Model)}
    models = each.values()
    for model in models:
        # Past the tracking of attributes, which a model that is built refuses.
        object.__setattr__(model, "get_compile_config", lambda: None)
    try:
        yield
    finally:
        for model in models:
            object.__delattr__(model, "get_compile_config")


def _mixed(policy: Any) -> bool:
    if isinstance(policy, keras.dtype_policies.DTypePolicyMap):
        # The default's name says how layers are computed that no entry is for.
        names = [policy.name, *(each.name for each in policy.values())]
        return any(map(_MIXED.search, names))
    return bool(_MIXED.search(str(policy.name)))


def _without_mixed(value: Any) -> Any:
    """A config with float32 for every mixed policy in it."""
    if isinstance(value, dict):
        if "DTypePolicy" in str(value.get("class_name")):
            return _renamed(value)
        return {
            key: _MIXED.sub("float32", part)
            if key == "dtype" and isinstance(part, str)
            else _without_mixed(part)
            for key, part in value.items()
        }
    if isinstance(value, (list, tuple)):
        return type(value)(_without_mixed(part) for part in value)
    return value


def _renamed(value: Any) -> Any:
    """The config of a policy, of whatever kind, with float32 in its names."""
    if isinstance(value, dict):
        return {key: _renamed(part) for key, part in value.items()}
    return _MIXED.sub("float32", value) if isinstance(value, str) else value
