"""What every signature `complete` is held to."""

import numpy as np
import tensorflow as tf

NEUTRAL = {
    "stop": [""] * 4,
    "temperature": 1.0,
    "top_k": 0,
    "top_p": 1.0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
}

OUT_OF_RANGE = [
    ("length", 0),
    ("length", 2**31 - 1),
    ("temperature", 0.0),
    ("temperature", float("nan")),
    ("top_p", 1.5),
    ("top_p", float("nan")),
    ("seed", -1),
    ("top_k", -1),
    ("min_p", -0.1),
    ("min_p", 1.1),
    ("min_p", float("nan")),
    ("repetition_penalty", 0.0),
    ("repetition_penalty", 101.0),
    ("repetition_penalty", float("inf")),
    ("stop", ["", "x" * 101, "", ""]),
    ("stop", ["", "", "", "\u20ac" * 10**6]),
    ("prompt", "x" * 10**6),
]


def stops(*strings):
    return [*strings, *[""] * (4 - len(strings))]


class Asking:
    """Asks a signature `complete` for rows, each a dict of what isn't neutral."""

    def __init__(self, signature):
        self._specs = signature.inputs
        self._function = tf.function(
            signature.function,
            input_signature=list(signature.inputs.values()),
            autograph=False,
        )

    def __call__(self, *rows):
        rows = [NEUTRAL | row for row in rows]
        assert all(set(row) == set(self._specs) for row in rows)
        asked = [
            tf.constant([row[name] for row in rows], spec.dtype)
            for name, spec in self._specs.items()
        ]
        found = {k: value.numpy() for k, value in self._function(*asked).items()}
        return [{k: value[i] for k, value in found.items()} for i in range(len(rows))]


def assert_a_bad_row_is_alone(ask, row):
    """Each wrong row is told why, and its neighbours are answered as without it."""
    [alone] = ask(row)
    assert alone["error"] == b""
    wrong = [row | {name: value} for name, value in OUT_OF_RANGE]
    found = ask(row, *wrong, row)
    for answer in (found[0], found[-1]):
        assert_same(answer, alone)
    for (name, _), answer in zip(OUT_OF_RANGE, found[1:-1], strict=True):
        assert answer["error"].startswith(f"{name} must ".encode()), answer["error"]
        assert not answer["token_count"]
        assert not answer["finish_reason"]
        assert not any(answer["tokens"])


def assert_same(row, other):
    """But for padding, which is as wide as the longest row of a batch."""
    assert set(row) == set(other)
    for name, value in row.items():
        if np.ndim(value):
            size = min(len(value), len(other[name]))
            assert not any(value[size:])
            assert not any(other[name][size:])
            kept = value[:size], other[name][:size]
            if value.dtype == object:
                assert kept[0].tolist() == kept[1].tolist()
            else:
                np.testing.assert_allclose(*kept, rtol=1e-5)
        else:
            assert value == other[name], name
