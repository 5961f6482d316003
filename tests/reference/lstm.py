"""The LSTM in NumPy, from the equations alone, one row and one step at a time.

Nothing is shared with the package: each gate has weights of its own.
"""

import numpy as np

from tests.reference.recurrence import (
    layer_output,
    mask_patterns,
    random_arrays,
    row_factors,
    seen,
    sigmoid,
    split_by_gate,
    walk,
)

__all__ = [
    "GATES",
    "layer_output",
    "lstm",
    "mask_patterns",
    "per_gate",
    "random_problem",
    "sigmoid",
    "step",
]

GATES = ("input", "forget", "candidate", "output")


def random_problem(rows=3, length=5, features=2, units=4, seed=0):
    """Arguments of `lstm` whose numbers are all different, in float64."""
    shapes = {
        "x": (rows, length, features),
        "h_0": (rows, units),
        "c_0": (rows, units),
        "kernel": (features, 4 * units),
        "recurrent_kernel": (units, 4 * units),
        "bias": (4 * units,),
    }
    return random_arrays(shapes, seed)


def per_gate(packed):
    """Splits packed weights (..., 4 · units) into a dict by gate."""
    return split_by_gate(packed, GATES)


def step(
    x,
    h,
    c,
    W,
    U,
    b,
    x_factors=None,
    h_factors=None,
    activation=np.tanh,
    recurrent_activation=sigmoid,
):
    """One step of one row; `*_factors` is a dict by gate of dropout factors."""

    def z(gate):
        from_x = seen(x, x_factors, gate) @ W[gate]
        return from_x + seen(h, h_factors, gate) @ U[gate] + b[gate]

    values = {
        "input": recurrent_activation(z("input")),
        "forget": recurrent_activation(z("forget")),
        "candidate": activation(z("candidate")),
        "output": recurrent_activation(z("output")),
    }
    c = values["forget"] * c + values["input"] * values["candidate"]
    h = values["output"] * activation(c)
    return h, c, values


def lstm(
    x,
    h_0,
    c_0,
    kernel,
    recurrent_kernel,
    bias=None,
    mask=None,
    input_dropout=None,
    recurrent_dropout=None,
    go_backwards=False,
    activation=np.tanh,
    recurrent_activation=sigmoid,
):
    """The LSTM over a batch.

    Args:
        x: (B, T, D). h_0, c_0: (B, units).
        kernel, recurrent_kernel, bias: Packed (i, f, c̃, o), as Keras has them.
        mask: (B, T), True where a step counts.
        input_dropout: Factors (4, B, D), by gate; recurrent_dropout: (4, B, units).

    Returns:
        A dict of (B, T, units) arrays in the order of the run: "h" and "c"
        (both carried over masked steps), "input", "forget", "candidate" and
        "output" (0 at masked steps); and "state", the final (h, c).
    """
    bias = np.zeros(np.shape(kernel)[-1]) if bias is None else bias
    W, U, b = per_gate(kernel), per_gate(recurrent_kernel), per_gate(bias)

    def one(row, x_t, h, c):
        x_factors = row_factors(input_dropout, row, GATES)
        h_factors = row_factors(recurrent_dropout, row, GATES)
        activations = activation, recurrent_activation
        h, c, values = step(x_t, h, c, W, U, b, x_factors, h_factors, *activations)
        return (h, c), values

    weights = kernel, recurrent_kernel, bias
    return walk(one, x, {"h": h_0, "c": c_0}, GATES, weights, mask, go_backwards)
