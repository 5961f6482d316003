"""Models of characters with random, distinct weights, and what their cells hold."""

import keras
import numpy as np

from keras_seq.layers import ExplicitLSTM
from keras_seq.text import START
from tests.reference.lstm import lstm

UNITS = 5


def reader(vocabulary, *, layer=ExplicitLSTM, seed=0, **options):
    """A model from ids (B, T): embedding, one recurrent layer "reader", logits."""
    rng = np.random.default_rng(seed)
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = keras.layers.Embedding(len(vocabulary), 3, name="embedding")(ids)
    x = layer(UNITS, return_sequences=True, name="reader", **options)(x)
    model = keras.Model(ids, keras.layers.Dense(len(vocabulary))(x))
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def cells(model, vocabulary, text, start=START):
    """c_t behind each character of a text, in float64: (T, units)."""
    [table] = model.get_layer("embedding").get_weights()
    kernel, recurrent_kernel, bias = (
        np.asarray(w, "float64") for w in model.get_layer("reader").get_weights()
    )
    before = [] if start is None else [start]
    ids = [*before, *vocabulary.encode(text)]
    state = np.zeros((1, UNITS))
    x = np.asarray(table, "float64")[ids][None]
    found = lstm(x, state, state, kernel, recurrent_kernel, bias)
    return found["c"][0, len(before) :]
