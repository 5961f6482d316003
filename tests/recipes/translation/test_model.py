"""The recurrent encoder, saved and loaded."""

import keras
import numpy as np
import pytest

from recipes.translation.model import BidirectionalEncoder, reader

UNITS, DECODER = 3, 4
MASK = np.array([[True, True, True], [True, True, False]])


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(2, 3, 5)).astype("float32")


@pytest.fixture
def encoder(x):
    keras.utils.set_random_seed(0)
    readers = [reader(UNITS, number) for number in range(2)]
    encoder = BidirectionalEncoder(readers, DECODER, dropout=0.5, seed=1)
    encoder(x, mask=MASK)
    return encoder


def test_from_its_config(encoder, x):
    again = BidirectionalEncoder.from_config(encoder.get_config())
    assert_alike(again, encoder, x)


def test_from_the_config_of_an_earlier_version(encoder, x):
    earlier = {"name": "e", "units": UNITS, "layers": 2, "decoder_units": DECODER}
    again = BidirectionalEncoder.from_config({**earlier, "dropout": 0.5, "seed": 1})
    assert [layer.name for layer in again.readers] == ["reader_0", "reader_1"]
    assert_alike(again, encoder, x)


def assert_alike(again, encoder, x):
    again(x, mask=MASK)
    again.set_weights(encoder.get_weights())
    found = keras.tree.flatten(again(x, mask=MASK))
    for a, b in zip(found, keras.tree.flatten(encoder(x, mask=MASK)), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (again.dropout, again.seed) == (0.5, 1)
