"""A captioner for tests: small, with random weights that are all different."""

import keras
import numpy as np

from keras_seq.layers import BahdanauDecoder, EncoderDecoder, TransformerDecoder
from keras_seq.text import WordVocabulary
from keras_seq.vision import Captioner, GridExtractor
from tests.vision.pictures import blocks, encoded

WORDS = ["a", "dog", "cat", "runs", "on", "été"]
IMAGES = [
    encoded(blocks(3, 4, 3, seed=1), "PNG"),
    encoded(blocks(9, 2, 4, seed=2), "PNG"),
    encoded(blocks(2, 5, 3, seed=3), "JPEG"),
    encoded(blocks(1, 1, 3, seed=4, size=1), "PNG"),
]


def captioner(seed=0, transformer=False):
    """A captioner of images of 4 × 6 pixels, a cell for each pixel."""
    keras.utils.set_random_seed(seed)
    vocabulary = WordVocabulary(WORDS)
    encoder = keras.Sequential(
        [keras.layers.Rescaling(1 / 60, -2.0), keras.layers.Reshape((24, 3))]
    )
    model = EncoderDecoder(
        encoder,
        TransformerDecoder(num_layers=2, num_heads=2, intermediate_dim=9)
        if transformer
        else BahdanauDecoder(7, 5, cell="gru"),
        len(vocabulary),
        dim=8,
        readout=not transformer,
    )
    model.build({"source": (None, 4, 6, 3), "target": (None, None)})
    rng = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(0, 0.6, weight.shape))
    # The marks are as likely as any word: they must not come all the same.
    model.bias.assign([1.0, 1.0, 1.0, 1.0, *rng.normal(0, 1, len(WORDS))])
    return Captioner(model, vocabulary, GridExtractor(size=(4, 6)), longest=9)
