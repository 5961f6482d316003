"""The variants of the recurrences in NumPy, one row and one step at a time.

Nothing is shared with the package. The equations are those of the papers: layer
normalisation of Ba, Kiros and Hinton (2016), for the LSTM as TensorFlow Addons has
it (the memory is kept as it was normalised); peepholes of Gers and Schmidhuber
(2000); zoneout of Krueger et al. (2017).
"""

import numpy as np

from tests.reference import gru, lstm, simple_rnn
from tests.reference.recurrence import normalised, random_arrays, sigmoid, walk, wide


def norm(extra, name, x, part=slice(None), epsilon=1e-3):
    """LN with the gain and shift of a name, or x where there are none."""
    if f"{name}_gain" not in extra:
        return x
    gain, shift = (wide(extra[f"{name}_{kind}"])[part] for kind in ("gain", "shift"))
    return normalised(x, gain, shift, epsilon)


def lstm_step(x, h, c, weights, extra):
    W, U, b = weights
    i, f, g, o = np.split(
        norm(extra, "kernel", x @ W) + norm(extra, "recurrent", h @ U) + b, 4
    )
    p_i, p_f, p_o = extra.get("peephole", np.zeros((3, len(c))))
    i, f, g = sigmoid(i + p_i * c), sigmoid(f + p_f * c), np.tanh(g)
    c = norm(extra, "state", f * c + i * g)
    o = sigmoid(o + p_o * c)
    values = dict(zip(lstm.GATES, (i, f, g, o), strict=True))
    return (o * np.tanh(c), c), values


def gru_step(x, h, weights, extra, reset_after):
    W, U, b = weights
    b, b_h = b if reset_after else (b, np.zeros(U.shape[1]))
    n = 2 * len(h)
    two, last = slice(0, n), slice(n, None)

    def from_x(part):
        return norm(extra, "kernel", x @ W[:, part], part) + b[part]

    def from_h(part, state=h):
        return norm(extra, "recurrent", state @ U[:, part], part) + b_h[part]

    z, r = np.split(sigmoid(from_x(two) + from_h(two)), 2)
    remembered = r * from_h(last) if reset_after else from_h(last, r * h)
    candidate = np.tanh(from_x(last) + remembered)
    values = dict(zip(gru.GATES, (z, r, candidate), strict=True))
    return (z * h + (1 - z) * candidate,), values


def simple_rnn_step(x, h, weights, extra):
    W, U, b = weights
    a = norm(extra, "pre_activation", x @ W + h @ U) + b
    return (np.tanh(a),), {"pre_activation": a}


def run(
    x, h_0, kernel, recurrent_kernel, bias, c_0=None, *, kind, zoneout=None, **options
):
    """A recurrence over a batch.

    Args:
        x: (B, T, D). h_0, c_0: (B, units).
        kernel, recurrent_kernel, bias: As Keras has them.
        kind: "lstm", "gru", "gru_reset_before" or "simple_rnn".
        zoneout: For each state its share of the previous value: a number, or
            (T, B, units) in the order of the run.
        **options: `mask`, `go_backwards`; gains, shifts and `peephole` by name.

    Returns:
        As the oracles of the plain recurrences.
    """
    walked = {k: options.pop(k) for k in ("mask", "go_backwards") if k in options}
    weights = tuple(map(wide, (kernel, recurrent_kernel, bias)))
    states = {"h": h_0} if c_0 is None else {"h": h_0, "cell": c_0}
    zoneout = zoneout or [0.0] * len(states)
    step, more, gates = {
        "lstm": (lstm_step, (), lstm.GATES),
        "gru": (gru_step, (True,), gru.GATES),
        "gru_reset_before": (gru_step, (False,), gru.GATES),
        "simple_rnn": (simple_rnn_step, (), simple_rnn.GATES),
    }[kind]
    length, mask = x.shape[1], walked.get("mask")
    # Steps of a row come one after the other; masked ones are not taken.
    taken = {
        row: iter(
            [
                t
                for t in range(length)
                if mask is None
                or mask[row, length - 1 - t if walked.get("go_backwards") else t]
            ]
        )
        for row in range(x.shape[0])
    }

    def one(row, x_t, *state):
        new, values = step(x_t, *state, weights, options, *more)
        t = next(taken[row])
        keeps = [k if np.ndim(k) == 0 else k[t, row] for k in zoneout]
        mixed = tuple(
            k * old + (1 - k) * fresh
            for k, old, fresh in zip(keeps, state, new, strict=True)
        )
        return mixed, values

    entering = *weights, *options.values()
    return walk(one, x, states, gates, entering, **walked)


def random_extras(kind, units=4, layer_norm=True, peepholes=False, seed=40):
    """Gains, shifts and peepholes whose numbers are all different, in order."""
    sizes = {
        "lstm": {"kernel": 4, "recurrent": 4, "state": 1},
        "gru": {"kernel": 3, "recurrent": 3},
        "gru_reset_before": {"kernel": 3, "recurrent": 3},
        "simple_rnn": {"pre_activation": 1},
    }[kind]
    shapes = {}
    if layer_norm:
        for name, size in sizes.items():
            shapes[f"{name}_gain"] = (size * units,)
            shapes[f"{name}_shift"] = (size * units,)
    if peepholes:
        shapes["peephole"] = (3, units)
    return random_arrays(shapes, seed)
