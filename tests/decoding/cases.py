"""What is decoded on every backend; nothing here imports one."""

import numpy as np

PROMPTS = np.random.default_rng(1).integers(0, 11, (5, 4)).astype("int32")
LONGEST, END, SEED = 14, 3, 23
SEEDS = np.array([3, 1, 4, 1, 2**31 - 1], "int32")
SAMPLING: dict = {
    "greedy": None,
    "plain": {},
    "cut off": {"temperature": 1.4, "top_k": 6, "top_p": 0.9},
    "a seed a row": {
        "temperature": np.array([0.5, 1.0, 1.5, 2.0, 2.5], "float32"),
        "top_k": np.array([2, 11, 5, 7, 3], "int32"),
    },
}
WORDS = np.random.default_rng(2).integers(0, 2**32, (50, 4), "uint32")
BEAMS: dict = {
    "penalties": {"width": 4, "alpha": 0.9, "beta": 0.5},
    "a number a row": {
        "width": np.array([1, 3, 2, 4], "int32"),
        "alpha": np.array([0.0, 1.5, 0.5, 0.9], "float32"),
        "beta": np.array([0.6, 0.0, 0.2, 0.4], "float32"),
    },
    "diverse": {"width": 4, "groups": 2, "delta": 0.7, "alpha": 0.9},
    "constrained": {"width": 3, "prefix": [1, -1, 2], "n": 2},
}
SOURCES = [3, 5, 1, 4]
# Ends and processors, each with numbers of a row's own.
ENDS, LEAST = (4, 0), np.array([0, 4, 2, 5], "int32")
STOPS = np.array([[[1, 2], [5, -1]], [[1, -1], [3, 1]], [[2, 2]] * 2, [[5, 3]] * 2])
THETA = np.array([1.3, 0.7, 4.0, 1.0], "float32")
ALPHA, SHARE, MASS = 0.5, 0.02, 0.9
CANDIDATES = np.array([1, 3, 5, 4], "int32")
DEGENERATION = np.array([0.8, 0.5, 0.7, 0.6], "float32")
WINDOW = 4
BEAM_START, BEAM_LONGEST = 2, 7
PROBABILITY = 0.6
TARGETS = np.random.default_rng(3).integers(0, 6, (4, 8)).astype("int32")


def long_rows(size, kind="different", rows=3):
    """Numbers (rows, size) to pick the largest of.

    "different", "ties", "few" that aren't -inf, or "nothing" but -inf.
    """
    rng = np.random.default_rng(size)
    values = rng.permuted(np.arange(rows * size).reshape(rows, size), axis=1)
    if kind == "ties":
        values = values % 4
    values = values.astype("float32")
    if kind == "few":
        values[rng.random(values.shape) < 0.999] = -np.inf
    return values - np.inf if kind == "nothing" else values
