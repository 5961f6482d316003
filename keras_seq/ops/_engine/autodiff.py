"""A recurrence whose gradient the backend derives: any step function will do."""

from keras import ops

from keras_seq.ops._engine.checked import checked
from keras_seq.ops._scan import scan


def by_autodiff(
    project_input,
    step,
    inputs,
    initial_state,
    *,
    shown,
    probes=None,
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
        step: Function `(projected_t, state, probe_t) -> state, shown`, all but
            the first tuples of tensors (B, units), h first. It adds the probe to
            its new state; without probes it gets None.
        inputs: The sequence x. Shape (B, T, D).
        initial_state: Tuple of (B, units) tensors.
        shown: How many tensors `step` shows.
        probes: Tuple of (B, T, units) tensors, one for each state, or None.
        mask: True where a step counts, shape (B, T), or None for all.
        go_backwards: Whether to run from the last step to the first.
        unroll: Whether to write the T steps out instead of looping.
        return_sequences: Whether to return h of all steps.
        show: Whether to return what `step` shows.

    Returns:
        h of shape (B, T, units) or None; the final state; what is shown and
        then the states but h, each (B, T, units), or an empty tuple.
    """
    inputs, state, mask = checked(inputs, initial_state, mask)

    def in_order(array):
        """Of (B, T, ·) the steps in the order of the run."""
        array = ops.transpose(ops.convert_to_tensor(array), (1, 0, 2))
        return ops.flip(array, axis=0) if go_backwards else array

    sequences: tuple = (project_input(in_order(inputs)),)
    if mask is not None:
        sequences += (in_order(ops.expand_dims(mask, -1)),)
    sequences += tuple(map(in_order, probes or ()))

    def step_or_skip(state, inputs):
        projected, *rest = inputs
        counts = None if mask is None else rest.pop(0)
        new, gates = step(projected, state, rest or None)
        if mask is not None:
            new = tuple(
                ops.where(counts, after, before)
                for after, before in zip(new, state, strict=True)
            )
        emitted = new[:1] if return_sequences else ()
        return new, (*emitted, *gates, *new[1:]) if show else emitted

    count = return_sequences + show * (shown + len(state) - 1)
    final, emitted = scan(
        step_or_skip,
        state,
        sequences,
        emit_like=state[:1] * count,
        unroll=unroll,
    )
    emitted = [ops.transpose(array, (1, 0, 2)) for array in emitted]
    h = emitted.pop(0) if return_sequences else None
    return h, final, tuple(emitted)
