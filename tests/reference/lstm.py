"""The LSTM in NumPy, from the equations alone, one row and one step at a time.

Nothing is shared with the package: each gate has weights of its own, a masked
step is a step that is not taken. Everything is computed in float64, or in
complex128 when an input is complex, so that `complex_step` can differentiate.
"""

import numpy as np

GATES = ("input", "forget", "candidate", "output")


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def random_problem(rows=3, length=5, features=2, units=4, seed=0):
    """Arguments of `lstm` whose numbers are all different, in float64."""
    rng = np.random.default_rng(seed)
    shapes = {
        "x": (rows, length, features),
        "h_0": (rows, units),
        "c_0": (rows, units),
        "kernel": (features, 4 * units),
        "recurrent_kernel": (units, 4 * units),
        "bias": (4 * units,),
    }
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


def per_gate(packed):
    """Splits packed weights (..., 4 · units) into a dict by gate."""
    return dict(zip(GATES, np.split(_wide(packed), 4, axis=-1), strict=True))


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
        x_seen = x if x_factors is None else x * x_factors[gate]
        h_seen = h if h_factors is None else h * h_factors[gate]
        return x_seen @ W[gate] + h_seen @ U[gate] + b[gate]

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
    x, h_0, c_0 = _wide(x), _wide(h_0), _wide(c_0)
    rows, length, _ = x.shape
    units = h_0.shape[1]
    W, U = per_gate(kernel), per_gate(recurrent_kernel)
    b = per_gate(np.zeros(4 * units) if bias is None else bias)
    dtype = np.result_type(x, h_0, c_0, W["input"], U["input"], b["input"])
    names = ("h", "c", *GATES)
    results = {name: np.zeros((rows, length, units), dtype) for name in names}
    final = np.zeros((2, rows, units), dtype)
    for row in range(rows):
        h, c = h_0[row], c_0[row]
        for t in range(length):
            source = length - 1 - t if go_backwards else t
            if mask is None or mask[row, source]:
                h, c, values = step(
                    x[row, source],
                    h,
                    c,
                    W,
                    U,
                    b,
                    _row_factors(input_dropout, row),
                    _row_factors(recurrent_dropout, row),
                    activation,
                    recurrent_activation,
                )
                for gate in GATES:
                    results[gate][row, t] = values[gate]
            results["h"][row, t] = h
            results["c"][row, t] = c
        final[:, row] = h, c
    return {**results, "state": tuple(final)}


def layer_output(
    h, mask=None, *, go_backwards=False, zero_output_for_mask, return_sequences
):
    """What Keras's LSTM layer returns, given `lstm(...)["h"]`.

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


def _row_factors(factors, row):
    if factors is None:
        return None
    return {gate: factors[g][row] for g, gate in enumerate(GATES)}


def _wide(array):
    array = np.asarray(array)
    return array.astype(np.result_type(array, "float64"))
