"""A recurrence whose gradient the backend derives: any step function will do."""

from keras import ops

from keras_seq.ops._engine.argument_checks import checked
from keras_seq.ops._engine.portable.loop import swapped
from keras_seq.ops._engine.results import Results
from keras_seq.ops._masking import skipped
from keras_seq.ops._scan import scan
from keras_seq.ops._structures import map_tensors, parts_of


def by_autodiff(
    project_input,
    step,
    inputs,
    initial_state,
    *,
    gates,
    show=None,
    probes=None,
    mask=None,
    go_backwards=False,
    unroll=False,
    return_sequences=True,
):
    """Applies `step` T times.

    Args:
        project_input: Function that does for all steps at once what needs no
            state: (T, B, D) to (T, B, ...).
        step: Function `(projected_t, state, probe_t) -> state, gates`. It adds the
            probe to its new state; without probes it gets None.
        inputs: The sequence x. Shape (B, T, D).
        initial_state: The state, a NamedTuple of (B, ·) tensors, h first; the last of
            them, the memory if there is one, is as wide as a gate.
        gates: A structure like the gates that `step` gives, each (B, units); None
            for one that isn't to be collected.
        show: Function from the states and the gates of all steps, each
            (B, T, units), to what is shown; or None to show nothing.
        probes: As the state, each (B, T, units), or None.
        mask: True where a step counts, shape (B, T), or None for all.
        go_backwards: Whether to run from the last step to the first.
        unroll: Whether to write the T steps out instead of looping.
        return_sequences: Whether to return h of all steps.

    Returns:
        `Results`.
    """
    inputs, state, mask = checked(inputs, initial_state, mask)

    def in_order(array):
        """Of (B, T, ·) the steps in the order of the run."""
        array = swapped(ops.convert_to_tensor(array))
        return ops.flip(array, axis=0) if go_backwards else array

    def step_or_skip(state, inputs):
        projected, counts, probe = inputs
        new, found = step(projected, state, probe)
        new = skipped(counts, new, state)
        return new, collected(new, map_tensors(lambda _, gate: gate, gates, found))

    def collected(state, gates):
        states = parts_of(state, h=return_sequences, others=show is not None)
        return states, gates if show else None

    final, emitted = scan(
        step_or_skip,
        state,
        (
            project_input(in_order(inputs)),
            None if mask is None else in_order(ops.expand_dims(mask, -1)),
            map_tensors(in_order, probes),
        ),
        emit_like=collected(state, map_tensors(lambda _: state[-1], gates)),
        unroll=unroll,
    )
    states, found = map_tensors(swapped, emitted)
    return Results(final, states.h, show(states, found) if show else None)
