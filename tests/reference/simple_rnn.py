"""Elman's recurrence in NumPy, from the equation, one row and one step at a time.

Nothing is shared with the package.
"""

import numpy as np

from tests.reference.recurrence import random_arrays, row_factors, seen, walk, wide

GATES = ("pre_activation",)


def random_problem(rows=3, length=5, features=2, units=4, seed=0):
    """Arguments of `simple_rnn` whose numbers are all different, in float64."""
    shapes = {
        "x": (rows, length, features),
        "h_0": (rows, units),
        "kernel": (features, units),
        "recurrent_kernel": (units, units),
        "bias": (units,),
    }
    return random_arrays(shapes, seed)


def simple_rnn(
    x,
    h_0,
    kernel,
    recurrent_kernel,
    bias=None,
    mask=None,
    input_dropout=None,
    recurrent_dropout=None,
    go_backwards=False,
    activation=np.tanh,
):
    """The recurrence over a batch.

    Args:
        x: (B, T, D). h_0: (B, units).
        kernel, recurrent_kernel, bias: As Keras has them.
        mask: (B, T), True where a step counts.
        input_dropout: Factors (1, B, D); recurrent_dropout: (1, B, units).

    Returns:
        A dict of (B, T, units) arrays in the order of the run: "h" (carried
        over masked steps) and "pre_activation" (0 at masked steps); and
        "state", the final (h,).
    """
    bias = np.zeros(np.shape(kernel)[-1]) if bias is None else bias
    W, U, b = wide(kernel), wide(recurrent_kernel), wide(bias)

    def one(row, x_t, h):
        x_factors = row_factors(input_dropout, row, GATES)
        h_factors = row_factors(recurrent_dropout, row, GATES)
        (unit,) = GATES
        a = seen(x_t, x_factors, unit) @ W + seen(h, h_factors, unit) @ U + b
        return (activation(a),), {unit: a}

    return walk(one, x, {"h": h_0}, GATES, (W, U, b), mask, go_backwards)
