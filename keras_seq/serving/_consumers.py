"""What the first layers of a functional model take, and examples of it."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from keras_seq.serving._asked import Asked
from keras_seq.serving._requests import RequestRows
from keras_seq.typing import Tensor

ROWS = 3  # of an example that is made up
SIZES = (8, 64)  # that unknown dimensions are tried with
LARGEST_VOCABULARY = 1000  # that a request's values are compared with
_TEXTS = ("a", "An example.", "Some more words than in the others")


def whole_numbers(asked: Asked) -> Asked:
    """The same, with int32 for inputs of floats that only an `Embedding` takes.

    It would cut off their fractions; an input whose type nobody gave is of floats.
    """
    specs = dict(asked.specs)
    for name, tensor in asked.tensors.items():
        kinds = {
            type(each).__name__ for each in _consumers(_graph(asked.model), tensor)
        }
        kinds.discard("NotEqual")  # the mask's
        if kinds == {"Embedding"} and specs[name].dtype.is_floating:
            specs[name] = tf.TensorSpec(specs[name].shape, tf.int32, name=name)
    return dataclasses.replace(asked, specs=specs)


def refuse_unknown(asked: Asked, rows: RequestRows) -> None:
    """Refuses rows with values that the first layers can't take.

    Those are numbers that an `Embedding` has no vector for, and what a lookup without
    a place for unknown values doesn't know.
    """
    for name, tensor in asked.tensors.items():
        for layer in _consumers(_graph(asked.model), tensor):
            kind = type(layer).__name__
            value = rows[name]
            if kind == "Embedding":
                most = layer.input_dim - 1
                wrong = (value < 0) | (value > tf.cast(most, value.dtype))
                rows.refuse(_any(wrong), f"{name} must be in [0, {most}]")
            elif getattr(layer, "num_oov_indices", 1) == 0 and _looks_up(layer):
                known = _known(layer)
                if len(known) > LARGEST_VOCABULARY:
                    continue
                same = value[..., None] == tf.constant(known, value.dtype)
                shown = ", ".join(map(str, known[:8])) + ", ..." * (len(known) > 8)
                wrong = ~tf.reduce_any(same, axis=-1)
                rows.refuse(_any(wrong), f"{name} must be one of {shown}")


def ranges(asked: Asked, name: str) -> str:
    """What the first layers take, in words; empty where nothing is known."""
    if name not in asked.tensors:
        return ""
    for layer in _consumers(_graph(asked.model), asked.tensors[name]):
        if type(layer).__name__ == "Embedding":
            return f"0 to {layer.input_dim - 1}"
    return ""


def made_up(asked: Asked, size: int, limits: Mapping[str, int]) -> dict[str, Any]:
    """A request with small values that fit: rows of all inputs.

    Args:
        asked: The model.
        size: Of dimensions that are unknown, unless the limit is smaller.
        limits: What an unknown dimension of an input may be at most.
    """
    rng = np.random.default_rng(0)
    request = {}
    for name, spec in asked.specs.items():
        most = min(size, limits[name])
        shape = [ROWS, *(most if n is None else n for n in spec.shape[1:])]
        request[name] = _values(asked, name, spec.dtype, shape, rng)
    return request


def _values(asked: Asked, name: str, dtype: Any, shape: Any, rng: Any) -> np.ndarray:
    layers = list(_consumers(_graph(asked.model), asked.tensors.get(name)))
    lookups = [layer for layer in layers if hasattr(layer, "get_vocabulary")]
    known = [word for layer in lookups[:1] for word in _known(layer)[:ROWS]]
    if dtype == tf.string:
        texts: Any = known or _TEXTS
        if known and not _looks_up(lookups[0]):
            texts = [" ".join(known[: i + 1]) for i in range(len(known))]
        count = int(np.prod(shape[1:]))
        rows = [[texts[i % len(texts)]] * count for i in range(ROWS)]
        return np.array(rows, object).reshape(shape)
    if dtype == tf.bool:
        return np.ones(shape, bool)
    if dtype.is_integer:
        if known:
            return np.resize(np.array(known, dtype.as_numpy_dtype), shape)
        dims = [x.input_dim for x in layers if type(x).__name__ == "Embedding"]
        # 0 may be a mask's: then it says nothing.
        high = min([*dims, 10]) if dims else 2
        values = rng.integers(min(1, high - 1), high, shape)
        return values.astype(dtype.as_numpy_dtype)
    return rng.random(shape).round(3).astype(dtype.as_numpy_dtype)


def _known(layer: Any) -> list[Any]:
    with tf.init_scope():  # Keras asks the table itself.
        return layer.get_vocabulary(include_special_tokens=False)


def _looks_up(layer: Any) -> bool:
    return type(layer).__name__ in ("StringLookup", "IntegerLookup")


def _graph(model: Any) -> Any:
    return getattr(model, "_functional", None) or model


def _consumers(graph: Any, tensor: Any) -> Iterator[Any]:
    """The layers that take a symbolic input, inside models in the model too."""
    if tensor is None:
        return
    for operation in getattr(graph, "operations", ()):
        for node in operation._inbound_nodes:
            places = [i for i, x in enumerate(node.input_tensors) if x is tensor]
            inner = _graph(operation)
            if places and hasattr(inner, "_inputs_struct"):
                for place in places:
                    yield from _consumers(inner, inner.inputs[place])
            elif places:
                yield operation


def _any(wrong: Tensor) -> Tensor:
    """Whether any value of a row is, booleans (B,)."""
    return tf.reduce_any(wrong, axis=list(range(1, wrong.shape.rank)))
