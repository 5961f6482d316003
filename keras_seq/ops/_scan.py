"""The loop over time, on each backend."""

from collections.abc import Callable

import keras

from keras_seq.ops._structures import flattened
from keras_seq.typing import Nest


def scan(
    step: Callable[[Nest, Nest], tuple[Nest, Nest]],
    state: Nest,
    sequences: Nest,
    *,
    emit_like: Nest = (),
    unroll: bool = False,
    reverse: bool = False,
    differentiable: bool = True,
) -> tuple[Nest, Nest]:
    """Applies `step` along the leading axis, carrying a state.

    ```
    state_t, emitted_t = step(state_{t-1}, (x_t for x in sequences))
    ```

    Args:
        step: Function `(state, inputs) -> (state, emitted)`, where `inputs` is the
            structure `sequences` with one slice of each. The state keeps its
            shapes and dtypes.
        state: Structure of tensors, the state before the first step.
        sequences: Structure of time-major tensors (T, ...).
        emit_like: Structure of tensors with the shape and dtype of what `step`
            emits (their values are not used).
        unroll: Whether to write the steps out instead of looping. Needs a
            static T.
        reverse: Whether to run from the last slice to the first. What is
            emitted stands where the slices stand that it was made of.
        differentiable: Whether TensorFlow will differentiate the loop. If not,
            the slices are not copied first; the gradient would still be right,
            but take a time that grows with T².

    Returns:
        The state after the last step, and the structure of stacked emissions
        (T, ...). T = 0 gives the initial state and empty stacks.

    In all of the structures None may stand where there is no tensor.
    """
    length = flattened(sequences)[0][0].shape[0]
    if unroll or keras.backend.backend() == "torch":
        if length is None:
            raise ValueError(
                "`unroll=True` needs a static number of time steps; received None."
            )
        return _scan_in_python(step, state, sequences, emit_like, length, reverse)
    if keras.backend.backend() == "jax":
        return _scan_in_jax(step, state, sequences, reverse)
    return _scan_in_tensorflow(
        step, state, sequences, emit_like, reverse, differentiable
    )


def _scan_in_python(step, state, sequences, emit_like, length, reverse):
    arrays, packed_slices = flattened(sequences)
    like, packed_emissions = flattened(emit_like)
    emissions = []
    for t in reversed(range(length)) if reverse else range(length):
        state, emitted = step(state, packed_slices([x[t] for x in arrays]))
        emissions.append(flattened(emitted)[0])
    if reverse:
        emissions.reverse()
    if emissions:
        stacks = [keras.ops.stack(stack) for stack in zip(*emissions, strict=True)]
    else:
        stacks = [keras.ops.zeros((0, *one.shape), one.dtype) for one in like]
    return state, packed_emissions(stacks)


def _scan_in_jax(step, state, sequences, reverse):
    import jax

    return jax.lax.scan(step, state, sequences, reverse=reverse)


def _scan_in_tensorflow(step, state, sequences, emit_like, reverse, differentiable):
    import tensorflow as tf

    arrays, packed_slices = flattened(sequences)
    like, packed_emissions = flattened(emit_like)
    flat_state, packed_state = flattened(state)
    length = arrays[0].shape[0]
    if length is None:
        length = tf.shape(arrays[0])[0]
    if differentiable:
        # The gradient of reading from a TensorArray adds one slice; that of
        # slicing a tensor is as large as the tensor, at each of the T steps.
        slices = [
            tf.TensorArray(x.dtype, size=length, element_shape=x.shape[1:])
            .unstack(x)
            .read
            for x in arrays
        ]
    else:
        slices = [x.__getitem__ for x in arrays]
    # A stack learns its shape from an element, so there is one even if T = 0.
    emissions = [
        tf.TensorArray(
            one.dtype, size=tf.maximum(length, 1), element_shape=one.shape
        ).write(0, tf.zeros_like(one))
        for one in like
    ]

    def body(t, flat_state, emissions):
        place = length - 1 - t if reverse else t
        state, emitted = step(
            packed_state(flat_state), packed_slices([at(place) for at in slices])
        )
        emissions = [
            array.write(place, value)
            for array, value in zip(emissions, flattened(emitted)[0], strict=True)
        ]
        return t + 1, flattened(state)[0], emissions

    # XLA can only differentiate a loop whose number of steps it knows.
    _, flat_state, emissions = tf.while_loop(
        lambda t, *_: t < length,
        body,
        (tf.constant(0), flat_state, emissions),
        maximum_iterations=length,
    )
    stacks = [array.stack()[:length] for array in emissions]
    return packed_state(flat_state), packed_emissions(stacks)
