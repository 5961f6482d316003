"""Attention decoders with random weights, run whole and by steps, and their oracle."""

import itertools

import keras
import numpy as np
import pytest

from keras_seq.layers import AttentionDecoder, DecoderState
from tests.kinds import KINDS
from tests.layers.attentions import mechanism_of, randomise
from tests.reference import attention as reference
from tests.reference.recurrence import mask_patterns

ROWS, STEPS, SOURCE, FEATURES, UNITS, SIZE = 3, 4, 5, 2, 4, 4
RNG = np.random.default_rng(60)
INPUTS = RNG.normal(size=(ROWS, STEPS, FEATURES))
MEMORY = RNG.normal(size=(ROWS, SOURCE, SIZE))
OTHER = RNG.normal(size=(ROWS, SOURCE + 2, SIZE))
MASKS = mask_patterns(ROWS, SOURCE)
HOLES = MASKS["holes"]
ORDERS = list(itertools.product(["before", "after"], [True, False]))
each_order = pytest.mark.parametrize(("attend", "feeding"), ORDERS)


def cell_of(kind, dtype="float64", keras_cell=False, **options):
    kind = KINDS[kind]
    make = kind.keras_cell if keras_cell else kind.cell
    return make(UNITS, dtype=dtype, **kind.options, **options)


def made(cell, attention, dtype="float64", inputs=INPUTS, memory=MEMORY, **options):
    decoder = AttentionDecoder(cell, attention, dtype=dtype, **options)
    decoder.build(inputs.shape, keras.tree.map_structure(np.shape, memory))
    return randomise(decoder)


def states_of(decoder, seed=61):
    """An initial state of the cells, all numbers different."""
    rng = np.random.default_rng(seed)
    fresh = decoder.cell.get_initial_state(batch_size=ROWS)
    fresh = fresh if isinstance(fresh, list) else [fresh]
    return keras.tree.map_structure(lambda s: rng.normal(size=s.shape), fresh)


def oracle(decoder, kinds, memories, masks, states, **options):
    cells = [
        reference.Cell(
            kind, dict(zip(names, map(np.asarray, cell.weights), strict=True))
        )
        for kind, cell in zip(
            kinds, getattr(decoder.cell, "cells", [decoder.cell]), strict=True
        )
        if (names := ("kernel", "recurrent_kernel", "bias")[: len(cell.weights)])
    ]
    dense = decoder.output_dense
    return reference.decode(
        INPUTS,
        cells,
        states,
        [mechanism_of(attention, UNITS) for attention in decoder.attentions],
        memories,
        masks,
        attend=decoder.attend,
        input_feeding=decoder.input_feeding,
        output_kernel=None if dense is None else np.asarray(dense.kernel),
        **options,
    )


def assert_close(found, expected, tolerance=1e-10):
    found, expected = keras.tree.flatten(found), keras.tree.flatten(expected)
    for value, want in zip(found, expected, strict=True):
        assert value.shape == want.shape
        np.testing.assert_allclose(value, want, rtol=tolerance, atol=tolerance)


def whole(decoder, memory, mask, state, **options):
    return decoder(
        INPUTS.astype(decoder.compute_dtype),
        memory,
        memory_mask=mask,
        initial_state=state,
        return_state=True,
        return_attention_scores=True,
        **options,
    )


def stepped(decoder, memory, mask, state, keys=True):
    """The same as `whole`, a step at a time."""
    state = decoder.get_initial_state(memory, mask, state)
    keys = decoder.project_memory(memory) if keys else None
    outputs, weights = [], []
    for t in range(STEPS):
        output, state, scores = decoder.step(INPUTS[:, t], state, memory, keys, mask)
        outputs.append(output)
        weights.append(scores)
    weights = keras.tree.map_structure(lambda *all: np.stack(all, 1), *weights)
    return np.stack(outputs, 1), state, weights


def check_all(decoder, kinds, memory=MEMORY, mask=HOLES):
    """Values are the oracle's; steps are the whole."""
    states = states_of(decoder)
    several = isinstance(memory, list)
    stacked = isinstance(decoder.cell, keras.layers.StackedRNNCells)
    expected = oracle(
        decoder,
        kinds,
        memory if several else [memory],
        mask if several else [mask],
        states if stacked else [states],
    )
    outputs, state, weights = whole(decoder, memory, mask, states)
    assert isinstance(state, DecoderState)
    assert_close(outputs, expected["outputs"])
    assert_close(weights, expected["weights"])
    assert_close(state.cell, expected["state"])
    for keys in (True, False):
        found = stepped(decoder, memory, mask, states, keys)
        assert_close(found, (outputs, state, weights))
        assert_same_structure(found[1], state)


def assert_same_structure(first, second):
    keras.tree.assert_same_structure(first, second)
    dtypes = [[s.dtype for s in keras.tree.flatten(x)] for x in (first, second)]
    assert dtypes[0] == dtypes[1]
