"""Running a variant, over a sequence or for a step, with zoneout."""

import itertools

from keras import ops

from keras_seq.ops._engine import by_autodiff, named_gates


def run_variant(
    equations,
    inputs,
    initial_state,
    *,
    zoneout,
    probes=None,
    mask=None,
    go_backwards=False,
    unroll=False,
    return_sequences=True,
    return_gates=False,
):
    """Applies a variant T times.

    ```
    state_t = k_t ⊙ state_{t-1} + (1 - k_t) ⊙ step(x_t, state_{t-1})
    ```

    Args:
        equations: Of `keras_seq.ops._variants`.
        inputs: The sequence x. Shape (B, T, D).
        initial_state: Tuple of (B, units) tensors.
        zoneout: Tuple of k, one for each state: a number for all units of all
            steps, a (T, B, units) tensor in the order of the run, or None for 0.
        probes: What is added to the states of every step, a tuple of (B, T, units)
            tensors, or None.
        mask: True where a step counts, shape (B, T), or None for all.
        go_backwards: Whether to run from the last step to the first.
        unroll: Whether to write the T steps out instead of looping.
        return_sequences: Whether to return h of all steps.
        return_gates: Whether to return the gates.

    Returns:
        As `keras_seq.ops.lstm`.
    """
    drawn = [k for k in zoneout if ops.is_tensor(k)]

    def project_input(x):
        # What a step needs beside its input travels with it, on the last axis.
        return ops.concatenate([equations.project(x), *drawn], axis=-1)

    def step(projected, state, probe):
        if not drawn:
            return step_variant(equations, projected, state, zoneout, probe)
        ends = itertools.accumulate(k.shape[-1] for k in reversed(drawn))
        places = [projected.shape[-1] - end for end in ends]
        projected, *slices = ops.split(projected, places[::-1], axis=-1)
        rest = iter(slices)
        keep = [next(rest) if ops.is_tensor(k) else k for k in zoneout]
        return step_variant(equations, projected, state, keep, probe)

    def show(states, gates):
        carried = zip(equations.carried, states[1:], strict=True)
        return dict(zip(equations.gates, gates, strict=True)) | dict(carried)

    results = by_autodiff(
        project_input if drawn else equations.project,
        step,
        inputs,
        equations.State(*initial_state),
        gates=(1,) * len(equations.gates),
        show=show if return_gates else None,
        probes=equations.State(*probes) if probes else None,
        mask=mask,
        go_backwards=go_backwards,
        unroll=unroll,
        return_sequences=return_sequences,
    )
    gates = named_gates(results.shown, mask, go_backwards, equations.carried)
    return results.h, tuple(results.final), gates


def step_variant(equations, projected, state, zoneout, probe=None):
    """One step: as `run_variant`, from what `equations.project` gives."""
    probe = [None] * len(state) if probe is None else list(probe)
    inside: tuple = ()
    if len(probe) > 1 and zoneout[1] is None:
        # This memory acts on h; one that zoneout mixes acts on the next step alone.
        inside, probe[1] = (probe[1],), None
    new, gates = equations.step(projected, state, *inside)
    state = new._make(
        after if keep is None else keep * before + (1 - keep) * after
        for after, before, keep in zip(new, state, zoneout, strict=True)
    )
    state = new._make(
        after if added is None else after + added
        for after, added in zip(state, probe, strict=True)
    )
    return state, gates
