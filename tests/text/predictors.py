"""Language models for tests: small, with random weights that are all different."""

import keras
import numpy as np

from keras_seq.layers import RecurrentLanguageModel
from keras_seq.text import (
    SubwordVocabulary,
    TextPredictor,
    WordVocabulary,
    mark_lines,
)

TEXT = "low lower lowest,\nnew newer newest:\n\nthe lowest newer wider widest. "


def predictor(level="word", seed=0):
    """A `TextPredictor` of words or subwords of `TEXT`."""
    marked = [mark_lines(TEXT) * 20]
    if level == "word":
        vocabulary = WordVocabulary.fit(marked)
    else:
        vocabulary = SubwordVocabulary.fit(marked, size=290)
    model = RecurrentLanguageModel(len(vocabulary), dim=4, units=6, depth=2)
    model.build((None, None))
    rng = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(0, 0.8, weight.shape))
    bias = rng.normal(0, 1, len(vocabulary))
    if level == "subword":
        bias[4:260] -= 9  # bytes are rare
    model.bias.assign(bias)
    return TextPredictor(model, vocabulary)


def log_softmax(logits):
    """In float64."""
    logits = keras.ops.convert_to_numpy(logits).astype("float64")
    logits -= logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
