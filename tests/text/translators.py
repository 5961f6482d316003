"""Translators for tests: small, with random weights that are all different."""

import keras
import numpy as np

from keras_seq.layers import BahdanauDecoder, EncoderDecoder, ExplicitGRU
from keras_seq.text import CharacterVocabulary, Translator

SOURCES = ["abc", "", "c", "dé a", "abcd abcd abcd"]
LETTERS = "abcd é"


def translator(seed=0, **options):
    """A translator between the letters `LETTERS`."""
    keras.utils.set_random_seed(seed)
    vocabulary = CharacterVocabulary(LETTERS)
    model = EncoderDecoder(
        ExplicitGRU(12, return_sequences=True),
        BahdanauDecoder(12, 8, cell="gru"),
        len(vocabulary),
        source_vocabulary=len(vocabulary),
        dim=6,
    )
    model.build({"source": (None, None), "target": (None, None)})
    rng = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(0, 0.7, weight.shape))
    # Endings are likely enough for some sentences to end.
    model.bias.assign([-9.0, -9.0, 1.0, -9.0, *rng.normal(0, 1, len(LETTERS))])
    return Translator(model, vocabulary, vocabulary, **options)
