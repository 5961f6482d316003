"""Which layers can be stepped: what acts on each step alone, and what doesn't."""

import inspect
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_seq.decoding._arguments import known_values
from keras_seq.typing import Tensor

_NEEDED = {
    "return_sequences": True,
    "return_state": True,
    "go_backwards": False,
    "stateful": False,
}
_MIXING = tuple(
    getattr(keras.layers, name)
    for name in (
        *("Conv1D", "SeparableConv1D", "DepthwiseConv1D", "Conv1DTranspose"),
        *("MaxPooling1D", "AveragePooling1D"),
        *("GlobalMaxPooling1D", "GlobalAveragePooling1D"),
        *("Flatten", "Reshape", "Permute", "RepeatVector"),
        *("ZeroPadding1D", "Cropping1D", "UpSampling1D"),
        *("Conv2D", "SeparableConv2D", "DepthwiseConv2D", "Conv2DTranspose"),
        *("MaxPooling2D", "AveragePooling2D", "ZeroPadding2D", "Cropping2D"),
        *("UpSampling2D", "GlobalMaxPooling2D", "GlobalAveragePooling2D"),
        *("Attention", "AdditiveAttention", "MultiHeadAttention"),
        *("GroupQueryAttention", "GroupNormalization"),
    )
)
_BY_FEATURE = (
    *(keras.layers.BatchNormalization, keras.layers.LayerNormalization),
    *(keras.layers.UnitNormalization, keras.layers.Softmax),
)
_MERGING = tuple(
    getattr(keras.layers, name)
    for name in (
        *("Add", "Average", "Concatenate", "Dot"),
        *("Maximum", "Minimum", "Multiply", "Subtract"),
    )
)
# Of Keras's layers those of which it hangs on what they were made with.
_ANYTHING = (
    *(keras.layers.Lambda, keras.layers.EinsumDense, keras.Model),
    *(keras.layers.TFSMLayer, keras.layers.JaxLayer, keras.layers.TorchModuleWrapper),
)


def parts_of(layer: Any) -> list[Any]:
    """The layers of a `keras.Sequential` or an `ExplicitStack`, or the layer."""
    if not isinstance(layer, keras.Layer):
        raise TypeError(
            "`layers` must be Keras layers in their order, such as `model.layers`; "
            f"received {layer!r} among them."
        )
    if isinstance(layer, keras.layers.InputLayer):
        return []
    if isinstance(layer, keras.Sequential):
        return [part for inner in layer.layers for part in parts_of(inner)]
    if hasattr(layer, "recurrent_layers") and not layer.bidirectional:
        return list(layer.recurrent_layers)
    return [layer]


def check_steppable(layer: Any) -> bool:
    """Refuses by name what can't be stepped, and says whether all others can."""
    stack = hasattr(layer, "recurrent_layers")  # in both directions: it has no parts
    if isinstance(layer, keras.layers.Bidirectional) or stack:
        raise ValueError(
            f"layer {layer.name!r} is bidirectional: it reads what is not "
            "there yet, so it cannot be stepped."
        )
    if isinstance(layer, _MERGING):
        raise ValueError(
            f"layer {layer.name!r} ({type(layer).__name__}) takes several inputs: "
            "layers that are stepped are each given what the one before returns."
        )
    if is_recurrent(layer):
        for name, needed in _NEEDED.items():
            if bool(value := _option(layer, name)) != needed:
                raise ValueError(
                    f"recurrent layer {layer.name!r} must have "
                    f"{name}={needed} to be stepped; received "
                    f"{name}={value}."
                )
        return True
    if recalls(layer):
        return True
    for part in _acting_on_sequences(layer):
        inside = "" if part is layer else f" in {layer.name!r}"
        if _mixes_steps(part):
            raise ValueError(_puts_together(part, inside))
        if hasattr(part, "state_size"):
            raise ValueError(
                f"layer {part.name!r}{inside} ({type(part).__name__}) has a state "
                "that would be lost from step to step: recurrent layers must be "
                "among `layers` themselves, and cells in `keras.layers.RNN`."
            )
    if _known(layer):
        return True
    config = layer.get_build_config() if layer.built else None
    shape = (config or {}).get("input_shape")
    if not isinstance(shape, (list, tuple)) or len(shape) < 3 or None in shape[2:]:
        return False
    numbers = np.random.default_rng(0).normal(size=(1, 3, *shape[2:]))
    try:
        fault = _fault(layer, keras.ops.cast(numbers, layer.compute_dtype))
    except Exception:
        # It takes no such numbers, and says so itself when it is called.
        return False
    if fault:
        raise ValueError(fault)
    return fault is not None


def try_alone(layer: Any, x: Tensor) -> bool:
    """Refuses a layer that gives a step something else if others come before it.

    Args:
        layer: A layer that isn't recurrent.
        x: What it is called with, (B, T, ...).

    Returns:
        Whether it could be seen: not where values are symbolic, or T < 2.
    """
    fault = _fault(layer, x)
    if fault:
        raise ValueError(fault)
    return fault is not None


def over_steps(layer: Any, x: Tensor, **options: Tensor) -> Tensor:
    """What a layer returns for each step of `x`, (B, T, ...)."""
    result = layer(x, **options)
    fault = _strange(layer, x, result)
    if fault:
        raise ValueError(fault)
    return result


def is_recurrent(layer: Any) -> bool:
    """Whether it has a cell, and a state."""
    return isinstance(layer, keras.layers.RNN)


def is_placed(layer: Any) -> bool:
    """Whether a layer is called with the position of its first step."""
    return "start" in inspect.signature(layer.call).parameters


def recalls(layer: Any) -> bool:
    """Whether a layer is told the tokens, and its state is what it keeps of them."""
    _, *further = [*inspect.signature(layer.call).parameters, ""]
    return {"tokens", "initial_state", "return_state"} <= set(further)


def has_state(layer: Any) -> bool:
    """Whether the stepper keeps a state for a layer."""
    return is_recurrent(layer) or is_placed(layer) or recalls(layer)


def _fault(layer: Any, x: Tensor) -> str | None:
    """Why a layer that was tried can't be stepped, or "", or None: it wasn't seen."""
    steps, x = x.shape[1], x[:1]
    if not steps or steps < 2 or not known_values(x):
        return None
    options: Any = ({}, {})
    if is_placed(layer):
        start = keras.ops.zeros((1,), "int32")
        options = {"start": start}, {"start": start + steps - 1}
    whole = layer(x, **options[0])
    try:
        alone, again = (layer(x[:, -1:], **options[1]) for _ in range(2))
    except Exception:
        return _puts_together(layer)  # it takes the whole, but not the last step
    strange = _strange(layer, x, whole) or _strange(layer, x[:, -1:], alone)
    if strange:
        return strange
    found, expected, repeated = (
        np.asarray(known_values(value), "float64")
        for value in (whole[:, -1:], alone, again)
    )
    if not np.array_equal(expected, repeated, equal_nan=True):
        return ""  # it draws something
    exact = keras.backend.standardize_dtype(whole.dtype) not in ("float16", "bfloat16")
    rounding = (1e-3 if exact else 0.05) * np.abs(expected).max(initial=0)
    same = len(found) == len(expected) and np.allclose(
        found, expected, rtol=0, atol=rounding, equal_nan=True
    )
    return "" if same else _puts_together(layer)


def _strange(layer: Any, x: Tensor, result: Any) -> str:
    """What is wrong with what a layer returns for `x`, (B, T, ...), or ""."""
    shape, given = tuple(getattr(result, "shape", ())), tuple(x.shape[:2])
    if len(shape) > 1 and all(
        None in sizes or sizes[0] == sizes[1]
        for sizes in zip(shape, given, strict=False)
    ):
        return ""
    received = f"shape {shape}" if shape else f"a {type(result).__name__}"
    return (
        f"layer {layer.name!r} ({type(layer).__name__}) must return one tensor "
        f"(B, T, ...) = ({given[0]}, {given[1]}, ...) to be stepped; received "
        f"{received}."
    )


def _puts_together(layer: Any, inside: str = "") -> str:
    return (
        f"layer {layer.name!r}{inside}, a {type(layer).__name__}, puts steps "
        "together: it needs what is not there yet or is there no more, so "
        "it cannot be stepped."
    )


def _known(layer: Any) -> bool:
    """Whether it is one of Keras's own, which `_MIXING` tells apart."""
    ours = not type(layer).__module__.startswith("keras.src.")
    return not ours and not isinstance(layer, _ANYTHING)


def _acting_on_sequences(layer: Any) -> Iterator[Any]:
    """The layer and those in it that are called with sequences."""
    yield layer
    # What `TimeDistributed` wraps is called with a step alone.
    if not isinstance(layer, keras.layers.TimeDistributed):
        for part in layer._flatten_layers(include_self=False, recursive=False):
            yield from _acting_on_sequences(part)


def _option(layer: Any, name: str) -> Any:
    """What a recurrent layer was made with; ours have `return_state` for gates too."""
    config = layer.get_config() if hasattr(layer, "return_gates") else {}
    return config.get(name, getattr(layer, name))


def _mixes_steps(layer: keras.Layer) -> bool:
    """Whether a layer of Keras's is known to make a step of several."""
    if isinstance(layer, _BY_FEATURE):
        axes = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
        return not set(axes) <= {-1, 2}
    return isinstance(layer, _MIXING)
