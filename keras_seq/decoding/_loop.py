"""The loop over tokens, which may end early: where the backends differ."""

from collections.abc import Callable
from typing import TypeAlias

import keras

from keras_seq.typing import Nest, Tensor

Body: TypeAlias = Callable[[Tensor, Nest], tuple[Nest, tuple[Tensor, ...]]]
"""From the step and the state to the state after, and what is written down."""


def while_loop(
    keep_going: Callable[[Nest], Tensor],
    body: Body,
    state: Nest,
    max_length: int | Tensor,
    emit_like: tuple[Tensor, ...],
    padding: tuple[float, ...],
) -> tuple[Nest, tuple[Tensor, ...]]:
    """Calls `body` until `keep_going` says no, at most `max_length` times.

    Args:
        keep_going: Function `(state) -> scalar boolean`.
        body: Function `(t, state) -> (state, emitted)`; `state` is a nest of
            tensors that keep their shapes and dtypes, `emitted` a flat tuple.
        state: The state before the first step.
        max_length: Number of steps at most: an integer, or on TensorFlow a
            scalar int32 tensor.
        emit_like: Tuple of tensors with the shape and dtype of what `body`
            emits (their values are not used).
        padding: Tuple of the values that stand where no step was run.

    Returns:
        The last state, and a tuple of (max_length, ...) tensors.
    """
    backend = keras.backend.backend()
    if backend == "torch":
        return _in_python(keep_going, body, state, max_length, emit_like, padding)
    if backend == "jax":
        return _in_jax(keep_going, body, state, max_length, emit_like, padding)
    return _in_tensorflow(keep_going, body, state, max_length, emit_like, padding)


def _in_tensorflow(
    keep_going: Callable[[Nest], Tensor],
    body: Body,
    state: Nest,
    max_length: int | Tensor,
    emit_like: tuple[Tensor, ...],
    padding: tuple[float, ...],
) -> tuple[Nest, tuple[Tensor, ...]]:
    import tensorflow as tf

    # No rows have no longest one: an array without elements can't be stacked.
    size = max_length if isinstance(max_length, int) else tf.maximum(max_length, 1)
    arrays = tuple(
        tf.TensorArray(like.dtype, size=size, element_shape=like.shape)
        for like in emit_like
    )

    def write_all(arrays: Nest, t: Tensor, values: tuple[Tensor, ...]) -> Nest:
        return tuple(
            array.write(t, value) for array, value in zip(arrays, values, strict=True)
        )

    def loop_body(t: Tensor, state: Nest, arrays: Nest) -> tuple[Tensor, Nest, Nest]:
        state, emitted = body(t, state)
        return t + 1, state, write_all(arrays, t, emitted)

    t, state, arrays = tf.while_loop(
        lambda t, state, _: tf.logical_and(t < max_length, keep_going(state)),
        loop_body,
        (tf.constant(0), state, arrays),
        maximum_iterations=max_length,
    )
    # Elements that no step has written have no value: fill them.
    fill = tuple(
        tf.fill(tf.shape(like), tf.cast(value, like.dtype))
        for like, value in zip(emit_like, padding, strict=True)
    )
    _, arrays = tf.while_loop(
        lambda t, _: t < size,
        lambda t, arrays: (t + 1, write_all(arrays, t, fill)),
        (t, arrays),
        maximum_iterations=size,
    )
    return state, tuple(array.stack()[:max_length] for array in arrays)


def _in_jax(
    keep_going: Callable[[Nest], Tensor],
    body: Body,
    state: Nest,
    max_length: int,
    emit_like: tuple[Tensor, ...],
    padding: tuple[float, ...],
) -> tuple[Nest, tuple[Tensor, ...]]:
    import jax
    import jax.numpy as jnp

    arrays = tuple(
        jnp.full((max_length, *like.shape), value, like.dtype)
        for like, value in zip(emit_like, padding, strict=True)
    )

    def loop_body(carry: Nest) -> Nest:
        t, state, arrays = carry
        state, emitted = body(t, state)
        arrays = tuple(
            array.at[t].set(value) for array, value in zip(arrays, emitted, strict=True)
        )
        return t + 1, state, arrays

    _, state, arrays = jax.lax.while_loop(
        lambda carry: (carry[0] < max_length) & keep_going(carry[1]),
        loop_body,
        (jnp.int32(0), state, arrays),
    )
    return state, arrays


def _in_python(
    keep_going: Callable[[Nest], Tensor],
    body: Body,
    state: Nest,
    max_length: int,
    emit_like: tuple[Tensor, ...],
    padding: tuple[float, ...],
) -> tuple[Nest, tuple[Tensor, ...]]:
    emissions: list[tuple] = []
    max_length = int(max_length)
    while len(emissions) < max_length and bool(keep_going(state)):
        state, emitted = body(len(emissions), state)
        emissions.append(emitted)
    fill = tuple(
        keras.ops.full(like.shape, value, like.dtype)
        for like, value in zip(emit_like, padding, strict=True)
    )
    emissions += [fill] * (max_length - len(emissions))
    return state, tuple(
        keras.ops.stack(stack) for stack in zip(*emissions, strict=True)
    )
