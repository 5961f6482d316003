"""Where the attention layers of a model look, on given input."""

import contextlib
import inspect
import typing
from collections.abc import Callable, Iterator

import keras
import numpy as np
from keras import ops

from keras_seq.diagnostics._interception import kept_as_they_are
from keras_seq.diagnostics._replacing import replaced
from keras_seq.layers._transformer import TransformerStack
from keras_seq.typing import Nest, Tensor

Found: typing.TypeAlias = dict[str, np.ndarray]
"""Weights by the path of the layer."""

_KERAS = (
    keras.layers.Attention,
    keras.layers.MultiHeadAttention,
    keras.layers.GroupQueryAttention,
)


def attention_map(model: keras.Layer, inputs: Nest) -> dict[str, np.ndarray]:
    """The attention weights of every layer of a model that has some.

    The model is called once, eagerly and not in training, and meanwhile each of its
    attention layers hands its weights over, whether the model asks for them or not.
    Those layers are

    - Keras's `Attention`, `AdditiveAttention`, `MultiHeadAttention` and
      `GroupQueryAttention`, and this package's `BahdanauAttention`,
      `LuongAttention`, `MonotonicAttention` and `AttentionDecoder`;
    - each layer of a `TransformerEncoder` and a `TransformerDecoder`;
    - an `EncoderDecoder`, whose entry is its alignment;
    - and any other whose call takes `return_attention_scores` and then returns the
      weights last.

    Args:
        model: A Keras model or layer that has been built.
        inputs: What it is called with.

    Returns:
        Dict from the path of a layer to a float32 array:

        - (B, T, S), or (B, S) for a single query, of an `EncoderDecoder`, an
          `AttentionDecoder` and layers without heads; an `AttentionDecoder` with
          several attentions has an entry for each, "path/0", "path/1", ...;
        - (B, H, T, S) of layers with H heads. A transformer has "path/layer_0/
          self_attention", (B, H, T, T), and where it attends to a memory
          "path/layer_0/cross_attention", (B, H, T, S), and so on for each layer.

        Further calls of a layer, or another with its path, are "path:2", "path:3",
        ... Weights at masked positions of the memory are 0. So are those of masked
        queries in Keras's layers; in the others they are what they are, for the mask
        of the queries isn't asked for there.

    Raises:
        ValueError: If the model isn't built, has no such layer or calls none, or
            calls one inside a compiled function or loop, where there are no
            numbers yet.

    Example:

    >>> x = keras.Input((None, 8))
    >>> y = keras.layers.MultiHeadAttention(2, 4, name="looks")(x, x)
    >>> found = attention_map(keras.Model(x, y), np.ones((3, 5, 8)))
    >>> {path: weights.shape for path, weights in found.items()}
    {'looks': (3, 2, 5, 5)}

    References:
        Bahdanau, Cho and Bengio (2015), Neural machine translation by jointly
        learning to align and translate.
    """
    if not model.built:
        raise ValueError(f"`model` must have been built; received {model!r}.")
    layers = [layer for layer in model._flatten_layers() if _gives_weights(layer)]
    if not layers:
        raise ValueError(
            f"`model` must have a layer with attention; received {model!r}, which has "
            "none."
        )
    found: Found = {}
    training = (
        {"training": False}
        if "training" in inspect.signature(model.call).parameters
        else {}
    )
    with kept_as_they_are(model), contextlib.ExitStack() as stack:
        for layer in layers:
            for thing, name, value in _replacements(layer, found):
                stack.enter_context(replaced(thing, name, value))
        model(inputs, **training)
    if not found:
        raise ValueError(
            "`model` must call one of its layers with attention; received "
            f"{model!r}, which calls none of {[layer.name for layer in layers]}."
        )
    return found


def _gives_weights(layer: keras.Layer) -> bool:
    if isinstance(layer, TransformerStack):
        return True
    return "return_attention_scores" in inspect.signature(layer.call).parameters


def _replacements(
    layer: keras.Layer, found: Found
) -> Iterator[tuple[object, str, object]]:
    """What of a layer is replaced: triples of a thing, an attribute and a value."""
    path = layer.path or layer.name
    if isinstance(layer, TransformerStack):
        for block in layer.blocks:
            for part in (block.self_attention, block.cross_attention):
                if part is not None:
                    part_path = f"{path}/{block.name}/{part.name}"
                    yield part, "look", _telling_look(part.look, part_path, found)
        return
    yield layer, "call", _telling_call(layer, path, found)
    if getattr(layer, "_flash_attention", False):
        yield layer, "_flash_attention", False  # which computes no weights


def _telling_look(
    look: Callable[..., Nest], path: str, found: Found
) -> Callable[..., Nest]:
    """The attention of a transformer's layer, which tells its weights."""

    def telling(
        x: Tensor,
        query: Tensor,
        keys: Tensor,
        values: Tensor,
        visible: Tensor,
        training: bool | None,
        return_scores: bool,
    ) -> Nest:
        x, weights = look(x, query, keys, values, visible, training, True)
        _add(found, path, weights)
        return x, weights if return_scores else None

    return telling


def _telling_call(layer: keras.Layer, path: str, found: Found) -> Callable[..., Nest]:
    """The call of a layer, which tells its weights and returns what it did."""
    call, signature = layer.call, inspect.signature(layer.call)

    def telling(*args: Nest, **kwargs: Nest) -> Nest:
        bound = signature.bind(*args, **kwargs)
        wanted = bound.arguments.get("return_attention_scores", False)
        bound.arguments["return_attention_scores"] = True
        *results, weights = call(*bound.args, **bound.kwargs)
        if isinstance(weights, (list, tuple)):
            for number, one in enumerate(weights):
                _add(found, f"{path}/{number}", one)
        elif isinstance(layer, _KERAS):
            _add(found, path, weights, lambda shape: _seen(layer, bound, shape))
        else:
            _add(found, path, weights)
        if wanted:
            results.append(weights)
        return tuple(results) if len(results) > 1 else results[0]

    return telling


def _add(
    found: Found,
    path: str,
    weights: Tensor,
    seen: Callable[[tuple[int, ...]], np.ndarray] | None = None,
) -> None:
    number, key = 1, path
    while key in found:
        number += 1
        key = f"{path}:{number}"
    try:
        array = _as_numpy(ops.cast(weights, "float32"))
    except Exception as error:
        raise ValueError(
            f"`model` must call {path!r} outside of compiled functions and loops, for "
            "its weights to be seen."
        ) from error
    found[key] = array if seen is None else np.where(seen(array.shape), array, 0)


def _as_numpy(tensor: Tensor) -> np.ndarray:
    """A copy, which keeps no memory of the backend's alive."""
    return np.array(ops.convert_to_numpy(tensor))


def _seen(
    layer: keras.Layer, bound: inspect.BoundArguments, shape: tuple[int, ...]
) -> np.ndarray:
    """Where a layer of Keras may look: an array that goes with weights of a shape.

    Elsewhere its weights are 0 already, unless it may look nowhere: then they are
    all equal.
    """
    given = bound.arguments
    query_mask, value_mask = (given.get("mask") or [None, None])[:2]
    masks = [
        (given.get("query_mask", query_mask), -1),
        (given.get("value_mask", value_mask), -2),
        (given.get("key_mask"), -2),
    ]
    seen = [
        np.expand_dims(_as_numpy(mask), axis)
        for mask, axis in masks
        if mask is not None
    ]
    if given.get("attention_mask") is not None:
        seen.append(_as_numpy(given["attention_mask"]))
    ahead = np.arange(shape[-1]) - np.arange(shape[-2])[:, None]
    if given.get("use_causal_mask"):
        seen.append(ahead <= 0)
    window = getattr(layer, "sliding_window", getattr(layer, "_sliding_window", None))
    if window is not None:
        seen.append(np.abs(ahead) < window)
    whole = np.ones(shape, bool)
    for mask in seen:
        # (B, T, S) beside heads.
        whole &= (mask[:, None] if mask.ndim == len(shape) - 1 == 3 else mask) != 0
    return whole
