"""What the recurrences in NumPy share: problems, masks, and the walk over them.

Everything is computed in float64, or in complex128 when an input is complex, so
that `complex_step` can differentiate.
"""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def wide(array):
    array = np.asarray(array)
    return array.astype(np.result_type(array, "float64"))


def random_arrays(shapes, seed):
    """Arrays by name whose numbers are all different, in float64."""
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0, 0.8, shape) for name, shape in shapes.items()}


def mask_patterns(rows=3, length=5):
    """Masks (rows, length) by name: every pattern that padding can make."""
    step = np.arange(length)
    lengths = np.array([[length - 1 - row % (length - 1)] for row in range(rows)])
    holes = (step + np.arange(rows)[:, None]) % 3 != 1
    some_rows = np.ones((rows, length), bool)
    some_rows[::2] = False
    return {
        "none": None,
        "right": step < lengths,
        "left": step >= length - lengths,
        "holes": holes,
        "whole rows": some_rows,
        "all true": np.ones((rows, length), bool),
        "all masked": np.zeros((rows, length), bool),
    }


def normalised(x, gain, shift, epsilon=1e-3):
    """Layer normalisation over a vector."""
    x = wide(x)
    mean = x.sum() / len(x)
    variance = ((x - mean) ** 2).sum() / len(x)
    return gain * (x - mean) / np.sqrt(variance + epsilon) + shift


def split_by_gate(packed, gates):
    """Splits packed weights (..., gates · units) into a dict by gate."""
    return dict(zip(gates, np.split(wide(packed), len(gates), axis=-1), strict=True))


def row_factors(factors, row, gates):
    """The dropout factors (gates, B, N) of one row, as a dict by gate."""
    if factors is None:
        return None
    return {gate: factors[g][row] for g, gate in enumerate(gates)}


def seen(vector, factors, gate):
    """What a gate sees of a vector: all of it, or as much as dropout leaves."""
    return vector if factors is None else vector * factors[gate]


def walk(step, x, states, gates, weights, mask=None, go_backwards=False):
    """Takes the steps of a recurrence, one row and one step at a time.

    A masked step is a step that is not taken.

    Args:
        step: Function `(row, x_t, *state) -> (state, values)`: a tuple of the new
            states of one row and a dict of its gates.
        x: (B, T, D).
        states: Dict of the initial states by name, each (B, units).
        gates: The names of the gates.
        weights: Arrays that enter the results, which may be complex.
        mask: (B, T), True where a step counts.

    Returns:
        A dict of (B, T, units) arrays in the order of the run: the states
        (carried over masked steps) and the gates (0 at masked steps); and
        "state", the tuple of final states.
    """
    x = wide(x)
    states = {name: wide(value) for name, value in states.items()}
    first = next(iter(states.values()))
    (rows, length, _), units = x.shape, first.shape[1]
    dtype = np.result_type(x, *states.values(), *map(wide, weights))
    results = {
        name: np.zeros((rows, length, units), dtype) for name in (*states, *gates)
    }
    final = np.zeros((len(states), rows, units), dtype)
    for row in range(rows):
        state = tuple(value[row] for value in states.values())
        for t in range(length):
            source = length - 1 - t if go_backwards else t
            if mask is None or mask[row, source]:
                state, values = step(row, x[row, source], *state)
                for gate in gates:
                    results[gate][row, t] = values[gate]
            for name, value in zip(states, state, strict=True):
                results[name][row, t] = value
        for number, value in enumerate(state):
            final[number, row] = value
    return {**results, "state": tuple(final)}


def layer_output(
    h, mask=None, *, go_backwards=False, zero_output_for_mask, return_sequences
):
    """What Keras's recurrent layers return, given h of all steps of the walk.

    A masked step repeats the last output, which is 0 before the first step
    that counts (even where the initial state is not 0); with
    `zero_output_for_mask` a masked step gives 0.
    """
    output = np.array(h)
    rows, length, _ = output.shape
    for row in range(rows):
        begun = False
        for t in range(length):
            source = length - 1 - t if go_backwards else t
            counts = mask is None or bool(mask[row, source])
            begun = begun or counts
            if not (counts if zero_output_for_mask else begun):
                output[row, t] = 0
    return output if return_sequences else output[:, -1]
