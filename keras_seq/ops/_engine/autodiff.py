"""A recurrence whose gradient the backend derives: any step function will do."""

from keras import ops

from keras_seq.ops._scan import scan


def by_autodiff(
    project_input,
    step,
    inputs,
    initial_state,
    *,
    shown,
    mask=None,
    go_backwards=False,
    unroll=False,
    return_sequences=True,
    show=False,
):
    """Applies `step` T times.

    Args:
        project_input: Function that does for all steps at once what needs no
            state: (T, B, D) to (T, B, ...).
        step: Function `(projected_t, state) -> state, shown`, both tuples of
            tensors (B, units), h first.
        inputs: The sequence x. Shape (B, T, D).
        initial_state: Tuple of (B, units) tensors.
        shown: How many tensors `step` shows.
        mask: True where a step counts, shape (B, T), or None for all.
        go_backwards: Whether to run from the last step to the first.
        unroll: Whether to write the T steps out instead of looping.
        return_sequences: Whether to return h of all steps.
        show: Whether to return what `step` shows.

    Returns:
        h of shape (B, T, units) or None; the final state; what is shown and
        then the states but h, each (B, T, units), or an empty tuple.
    """
    state = tuple(ops.convert_to_tensor(array) for array in initial_state)
    x = ops.transpose(ops.convert_to_tensor(inputs), (1, 0, 2))
    if mask is not None:
        mask = ops.expand_dims(ops.transpose(mask, (1, 0)), -1)
    if go_backwards:
        x = ops.flip(x, axis=0)
        mask = None if mask is None else ops.flip(mask, axis=0)
    projected = project_input(x)

    def step_or_skip(state, inputs):
        new, gates = step(inputs[0], state)
        if mask is not None:
            new = tuple(
                ops.where(inputs[1], after, before)
                for after, before in zip(new, state, strict=True)
            )
        emitted = new[:1] if return_sequences else ()
        return new, (*emitted, *gates, *new[1:]) if show else emitted

    count = return_sequences + show * (shown + len(state) - 1)
    final, emitted = scan(
        step_or_skip,
        state,
        (projected,) if mask is None else (projected, mask),
        emit_like=state[:1] * count,
        unroll=unroll,
    )
    emitted = [ops.transpose(array, (1, 0, 2)) for array in emitted]
    h = emitted.pop(0) if return_sequences else None
    return h, final, tuple(emitted)
