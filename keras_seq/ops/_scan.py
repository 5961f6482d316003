"""The loop over time, on each backend."""

import keras


def scan(
    step,
    state,
    sequences,
    *,
    emit_like=(),
    unroll=False,
    reverse=False,
    differentiable=True,
):
    """Applies `step` along the leading axis, carrying a state.

    ```
    state_t, emitted_t = step(state_{t-1}, (x_t for x in sequences))
    ```

    Args:
        step: Function `(state, inputs) -> (state, emitted)`; `state` and
            `emitted` are tuples of tensors, `inputs` a tuple with one slice of
            each sequence. The state keeps its shapes and dtypes.
        state: Tuple of tensors, the state before the first step.
        sequences: Tuple of time-major tensors (T, ...).
        emit_like: Tuple of tensors with the shape and dtype of what `step`
            emits, one each (their values are not used).
        unroll: Whether to write the steps out instead of looping. Needs a
            static T.
        reverse: Whether to run from the last slice to the first. What is
            emitted stands where the slices stand that it was made of.
        differentiable: Whether TensorFlow will differentiate the loop. If not,
            the slices are not copied first; the gradient would still be right,
            but take a time that grows with T².

    Returns:
        The state after the last step, and a tuple of stacked emissions
        (T, ...). T = 0 gives the initial state and empty stacks.
    """
    length = sequences[0].shape[0]
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
    emissions = []
    for t in reversed(range(length)) if reverse else range(length):
        state, emitted = step(state, tuple(x[t] for x in sequences))
        emissions.append(emitted)
    if not emissions:
        return state, tuple(
            keras.ops.zeros((0, *like.shape), like.dtype) for like in emit_like
        )
    if reverse:
        emissions.reverse()
    return state, tuple(
        keras.ops.stack(stack) for stack in zip(*emissions, strict=True)
    )


def _scan_in_jax(step, state, sequences, reverse):
    import jax

    return jax.lax.scan(step, state, sequences, reverse=reverse)


def _scan_in_tensorflow(step, state, sequences, emit_like, reverse, differentiable):
    import tensorflow as tf

    length = sequences[0].shape[0]
    if length is None:
        length = tf.shape(sequences[0])[0]
    if differentiable:
        arrays = [
            tf.TensorArray(x.dtype, size=length, element_shape=x.shape[1:]).unstack(x)
            for x in sequences
        ]
        slices = [array.read for array in arrays]
    else:
        slices = [x.__getitem__ for x in sequences]
    # A stack learns its shape from an element, so there is one even if T = 0.
    emissions = tuple(
        tf.TensorArray(
            like.dtype, size=tf.maximum(length, 1), element_shape=like.shape
        ).write(0, tf.zeros_like(like))
        for like in emit_like
    )

    def body(t, state, emissions):
        place = length - 1 - t if reverse else t
        state, emitted = step(state, tuple(at(place) for at in slices))
        emissions = tuple(
            array.write(place, value)
            for array, value in zip(emissions, emitted, strict=True)
        )
        return t + 1, state, emissions

    # XLA can only differentiate a loop whose number of steps it knows.
    _, state, emissions = tf.while_loop(
        lambda t, *_: t < length,
        body,
        (tf.constant(0), tuple(state), emissions),
        maximum_iterations=length,
    )
    return state, tuple(array.stack()[:length] for array in emissions)
