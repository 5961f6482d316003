"""Attention with several heads: what may be seen, energies, weights, context.

B batch, H heads, T queries, S keys, K features of a head.
"""

from collections.abc import Callable
from typing import NamedTuple

import keras
from keras import ops

from keras_seq.typing import Tensor

# Far below all energies, and far from the end of float32, in which energies are
# compared whatever the compute dtype.
_LOWEST = -1e9


class Visibility(NamedTuple):
    """Which keys each query may see.

    Attributes:
        bias: Is added to the energies: 0 where a key may be seen, a number
            below all energies elsewhere. Shape (B or 1, 1, T or 1, S).
        sees: 1 where a query sees any key at all, else 0. Shape (B or 1, 1,
            T or 1, 1). None where all do.
    """

    bias: Tensor
    sees: Tensor | None


def visibility(
    allowed: Tensor, dtype: str, *, none_is_blind: bool = False
) -> Visibility:
    """The `Visibility` of keys that are allowed.

    Args:
        allowed: Boolean tensor of shape (B or 1, 1, T or 1, S).
        dtype: The compute dtype of the layer.
        none_is_blind: Whether each query is known to see a key.
    """
    bias = ops.where(allowed, 0.0, _LOWEST)
    sees = None
    if not none_is_blind:
        sees = ops.cast(ops.any(allowed, axis=-1, keepdims=True), dtype)
    return Visibility(ops.cast(bias, energy_dtype(dtype)), sees)


def visible_keys(mask: Tensor | None, dtype: str) -> Visibility | None:
    """Of a mask of the keys, (B, S), or None for all of them."""
    if mask is None:
        return None
    return visibility(ops.expand_dims(mask, (1, 2)), dtype)


def visible_past(steps: int, mask: Tensor | None, dtype: str) -> Visibility:
    """Of queries that see themselves and what is before them.

    Args:
        steps: T, which is S.
        mask: True where a step counts, (B, T), or None for all.
        dtype: The compute dtype of the layer.
    """
    position = ops.arange(steps, dtype="int32")
    allowed = ops.expand_dims(position, 1) >= position
    allowed = ops.expand_dims(allowed, (0, 1))
    if mask is None:
        return visibility(allowed, dtype, none_is_blind=True)
    allowed = ops.logical_and(allowed, ops.expand_dims(mask, (1, 2)))
    return visibility(allowed, dtype)


def attend(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    visible: Visibility | None,
    dropout: Callable[..., Tensor],
    training: bool | None,
    return_scores: bool,
) -> tuple[Tensor, Tensor | None]:
    """Softmax attention of every head.

    ```
    a = softmax(q kᵀ / √K)      over the keys that are visible
    context = a v
    ```

    Args:
        query: Shape (B, H, T, K).
        keys: Shape (B, H, S, K).
        values: Shape (B, H, S, K).
        visible: A `Visibility`, or None where everything is visible.
        dropout: Function `(weights, training=) -> weights`.
        training: Whether dropout acts.
        return_scores: Whether the weights are wanted.

    Returns:
        Context (B, H, T, K) and, before dropout, weights (B, H, T, S), or None.
    """
    dtype = query.dtype
    query = query * query.shape[-1] ** -0.5
    energies = ops.matmul(query, ops.transpose(keys, (0, 1, 3, 2)))
    energies = ops.cast(energies, energy_dtype(dtype))
    if visible is not None:
        energies = energies + visible.bias
    weights = ops.cast(_softmax(energies), dtype)
    context = ops.matmul(dropout(weights, training=training), values)
    if visible is not None and visible.sees is not None:
        # Where all energies are lowest, softmax is uniform: it must be nothing.
        context = context * visible.sees
        weights = weights * visible.sees if return_scores else None
    return context, weights if return_scores else None


def _softmax(energies: Tensor) -> Tensor:
    if energies.shape[-1] == 1:
        # `ops.softmax` warns of one key alone; a sequence of one step has no other.
        return ops.exp(energies - energies)
    return ops.softmax(energies, axis=-1)


def split_heads(x: Tensor, parts: int, num_heads: int) -> list[Tensor]:
    """From (B, T, parts · H · K) to a list of `parts` tensors (B, H, T, K)."""
    batch, steps = ops.shape(x)[:2]
    size = x.shape[-1] // (parts * num_heads)
    x = ops.reshape(x, (batch, steps, parts, num_heads, size))
    return ops.unstack(ops.transpose(x, (2, 0, 3, 1, 4)), num=parts, axis=0)


def merge_heads(x: Tensor) -> Tensor:
    """From (B, H, T, K) to (B, T, H · K)."""
    batch, heads, steps, size = ops.shape(x)
    return ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (batch, steps, heads * size))


def energy_dtype(dtype: str) -> str:
    """At least float32: in float16 the lowest energy would be infinite."""
    return keras.backend.result_type(dtype, "float32")


def zero_masked(x: Tensor, mask: Tensor | None) -> Tensor:
    """(B, T, D) with zeros where the mask is False: it may hold NaN there."""
    if mask is None:
        return x
    return ops.where(ops.expand_dims(mask, -1), x, ops.zeros_like(x))
