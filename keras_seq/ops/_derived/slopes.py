"""Derivatives of activations, from their values."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_seq.typing import Tensor

SLOPES: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda y: ops.ones_like(y),
    "relu": lambda y: ops.cast(y > 0, y.dtype),
    "sigmoid": lambda y: y * (1 - y),
    "tanh": lambda y: 1 - y * y,
    "softsign": lambda y: (1 - ops.absolute(y)) ** 2,
    "hard_sigmoid": lambda y: ops.where((y > 0) & (y < 1), 1 / 6, 0.0 * y),
}


def slope_of(activation: Callable[..., Any]) -> Callable[[Tensor], Tensor] | None:
    """The function y -> φ'(z) with y = φ(z), or None where none is known."""
    for name, slope in SLOPES.items():
        if activation in (getattr(keras.activations, name), getattr(ops, name, None)):
            return slope
    return None


def product_of(rows: Tensor, errors: Tensor) -> Tensor:
    """Σ over all steps and rows of rowsᵀ errors: the gradient of a matrix."""
    rows = ops.reshape(rows, (-1, rows.shape[-1]))
    return ops.matmul(ops.transpose(rows), ops.reshape(errors, (-1, errors.shape[-1])))


def sum_of(errors: Tensor) -> Tensor:
    """Σ over all steps and rows: the gradient of a bias.

    Numbers of 16 bits are added with the digits of 32, and the sum has them: in
    float16 the sum of 2,048 ones can't grow by another one.
    """
    rows = ops.reshape(errors, (-1, errors.shape[-1]))
    if keras.backend.standardize_dtype(rows.dtype) in ("float16", "bfloat16"):
        rows = ops.cast(rows, "float32")
    return ops.sum(rows, axis=0)
