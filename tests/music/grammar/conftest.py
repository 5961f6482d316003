"""What the tests of the grammar share."""

import keras
import pytest

from keras_seq.layers import ExplicitLSTM
from keras_seq.music import TuneGrammar, TuneWriter
from tests.music.grammar.test_constraint import WHOLE


@pytest.fixture(scope="module")
def writer():
    """An untrained model that writes within the grammar."""
    keras.utils.set_random_seed(3)
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(len(WHOLE), 6)(ids)
    x, _, _ = ExplicitLSTM(10, return_sequences=True, return_state=True)(x)
    model = keras.Model(ids, keras.layers.Dense(len(WHOLE))(x))
    return TuneWriter(model, WHOLE, grammar=TuneGrammar(WHOLE))
