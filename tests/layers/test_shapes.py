"""The shapes, dtypes and masks that are announced are those that come."""

import itertools

import keras
import numpy as np
import pytest

from tests.kinds import each_kind

ASKED = [
    dict(zip(("return_sequences", "return_state", "return_gates"), flags, strict=True))
    for flags in itertools.product([False, True], repeat=3)
]
SHAPE = (2, 5, 3)


def shapes_of(results):
    return keras.tree.map_structure(lambda y: tuple(y.shape), results)


@pytest.mark.parametrize("asked", ASKED, ids=str)
@each_kind()
def test_announced_shapes(kind, asked):
    layer = kind.layer(4, **asked, **kind.options)
    actual = shapes_of(layer(np.ones(SHAPE, "float32")))
    assert layer.compute_output_shape(SHAPE) == actual
    states = [(2, 4)] * len(kind.states)
    assert layer.compute_output_shape(SHAPE, states) == actual


@pytest.mark.parametrize("asked", ASKED, ids=str)
@each_kind()
def test_symbolic_results(kind, asked):
    layer = kind.layer(4, dtype="float64", **asked, **kind.options)
    fixed = layer(keras.Input(batch_shape=SHAPE))
    actual = layer(np.ones(SHAPE))
    assert shapes_of(fixed) == shapes_of(actual)
    for symbol, value in zip(
        keras.tree.flatten(fixed), keras.tree.flatten(actual), strict=True
    ):
        assert symbol.dtype == keras.backend.standardize_dtype(value.dtype)
    free = layer(keras.Input((None, 3)))

    def freed(shape):
        return tuple({2: None, 5: None}.get(size, size) for size in shape)

    assert shapes_of(free) == keras.tree.map_shape_structure(freed, shapes_of(actual))


@pytest.mark.parametrize("asked", ASKED, ids=str)
@each_kind()
def test_announced_masks_follow_the_results(kind, asked):
    layer = kind.layer(4, **asked, **kind.options)
    mask = np.ones((2, 5), bool)
    results = layer(np.ones(SHAPE, "float32"))
    for given in (mask, [mask, None, None]):
        masks = layer.compute_mask(np.ones(SHAPE), given)
        flat = list(
            zip(keras.tree.flatten(results), keras.tree.flatten(masks), strict=True)
        )
        for result, announced in flat:
            assert (announced is mask) == (len(result.shape) == 3)
    assert all(m is None for m in keras.tree.flatten(layer.compute_mask(results)))
