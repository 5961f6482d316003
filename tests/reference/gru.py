"""The GRU in NumPy, from the equations alone, one row and one step at a time.

Nothing is shared with the package: each gate has weights of its own. The two
forms are those of Cho et al. (2014), where the reset gate acts on the state
before the product with U, and of cuDNN, where it acts behind it.
"""

import numpy as np

from tests.reference.recurrence import (
    random_arrays,
    row_factors,
    seen,
    sigmoid,
    split_by_gate,
    walk,
)

GATES = ("update", "reset", "candidate")


def random_problem(rows=3, length=5, features=2, units=4, seed=0, reset_after=True):
    """Arguments of `gru` whose numbers are all different, in float64."""
    shapes = {
        "x": (rows, length, features),
        "h_0": (rows, units),
        "kernel": (features, 3 * units),
        "recurrent_kernel": (units, 3 * units),
        "bias": (2, 3 * units) if reset_after else (3 * units,),
    }
    return random_arrays(shapes, seed)


def per_gate(packed):
    """Splits packed weights (..., 3 · units) into a dict by gate."""
    return split_by_gate(packed, GATES)


def step(
    x,
    h,
    W,
    U,
    b,
    b_recurrent,
    x_factors=None,
    h_factors=None,
    activation=np.tanh,
    recurrent_activation=sigmoid,
    reset_after=True,
):
    """One step of one row; `*_factors` is a dict by gate of dropout factors."""

    def from_x(gate):
        return seen(x, x_factors, gate) @ W[gate] + b[gate]

    def from_h(gate, state=h):
        return seen(state, h_factors, gate) @ U[gate] + b_recurrent[gate]

    update = recurrent_activation(from_x("update") + from_h("update"))
    reset = recurrent_activation(from_x("reset") + from_h("reset"))
    if reset_after:
        remembered = reset * from_h("candidate")
    else:
        remembered = from_h("candidate", reset * h)
    candidate = activation(from_x("candidate") + remembered)
    values = {"update": update, "reset": reset, "candidate": candidate}
    return update * h + (1 - update) * candidate, values


def gru(
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
    recurrent_activation=sigmoid,
    reset_after=True,
):
    """The GRU over a batch.

    Args:
        x: (B, T, D). h_0: (B, units).
        kernel, recurrent_kernel: Packed (z, r, h̃), as Keras has them.
        bias: With `reset_after` (2, 3 · units), of the input and of the state;
            else (3 · units,), of the input.
        mask: (B, T), True where a step counts.
        input_dropout: Factors (3, B, D), by gate; recurrent_dropout: (3, B, units).

    Returns:
        A dict of (B, T, units) arrays in the order of the run: "h" (carried
        over masked steps), "update", "reset" and "candidate" (0 at masked
        steps); and "state", the final (h,).
    """
    none = np.zeros(np.shape(kernel)[-1])
    if bias is None:
        biases = none, none
    elif reset_after:
        biases = bias[0], bias[1]
    else:
        biases = bias, none
    W, U = per_gate(kernel), per_gate(recurrent_kernel)
    b, b_recurrent = map(per_gate, biases)

    def one(row, x_t, h):
        h, values = step(
            x_t,
            h,
            W,
            U,
            b,
            b_recurrent,
            row_factors(input_dropout, row, GATES),
            row_factors(recurrent_dropout, row, GATES),
            activation,
            recurrent_activation,
            reset_after,
        )
        return (h,), values

    weights = kernel, recurrent_kernel, *biases
    return walk(one, x, {"h": h_0}, GATES, weights, mask, go_backwards)
