"""Layers and inputs on which `SuffixAttention` is tried, on every backend."""

import keras
import numpy as np

from keras_seq.layers import SuffixAttention

TRIED = [(steps, masked) for steps in (1, 20) for masked in (False, True)]


def problem(steps, rows=3, seed=0):
    """Logits (B, T, 4), tokens of which many repeat, and a mask with gaps."""
    chance = np.random.default_rng(seed)
    logits = chance.normal(size=(rows, steps, 4)).astype("float32")
    mask = chance.random((rows, steps)) < 0.7
    return logits, chance.integers(0, 4, (rows, steps)), mask


def made(memory, longest, **options):
    layer = SuffixAttention(memory, longest, **options)
    layer.build((None, None, 4))
    strengths = np.random.default_rng(9).normal(size=longest)
    layer.set_weights([strengths])
    return layer, layer.get_weights()[0]


def tried(steps, masked):
    """A layer, its strengths, and what it is called with; it remembers 6 tokens."""
    logits, tokens, mask = problem(steps)
    return *made(6, 5), logits, tokens, mask if masked else None


def results():
    """What the layer gives on the backend in use, by name; it bears no rows."""
    found = {}
    for steps, masked in TRIED:
        layer, _, logits, tokens, mask = tried(steps, masked)
        values, state = layer(logits, tokens, mask=mask, return_state=True)
        named = zip(("values", "tokens", "runs"), (values, *state), strict=True)
        for name, value in named:
            value = keras.ops.convert_to_numpy(value)
            found[f"{steps} {masked} {name}"] = value
    for rows, steps in ((0, 3), (2, 0), (0, 0)):
        logits, tokens, mask = problem(steps, rows)
        for some in (mask, None):
            values, state = layer(logits, tokens, mask=some, return_state=True)
            assert tuple(values.shape) == (rows, steps, 4)
            assert [tuple(each.shape) for each in state] == [(rows, 6)] * 2
    return found
