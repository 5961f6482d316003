"""Documented calls of vision: a checker finds nothing."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_seq.layers import BahdanauDecoder, EncoderDecoder
from keras_seq.text import WordVocabulary
from keras_seq.vision import (
    Caption,
    Captioner,
    GridExtractor,
    cache_grids,
    caption_card,
    caption_requests,
    caption_signatures,
    decode_image,
    decode_images,
    grid_cache,
    grid_model,
    load_image,
    most_frequent_caption,
    read_captions,
    readable_image,
)

model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.AveragePooling2D(2)])
words = WordVocabulary(["a", "dog"])
extractor = GridExtractor(size=(4, 6))
GridExtractor(model, size=None, pixels="0..1")
GridExtractor(**extractor.to_config())
network, pixels = grid_model("MobileNetV3Small", weights=None)
print(GridExtractor(network, pixels=pixels).shape[-1] + 1, extractor.digest[:16])
corpus = read_captions(
    Path("captions"), progress=lambda done, total: print(done, total)
)
print(
    corpus.images[0].captions[0].upper(),
    corpus.summary(),
    len(corpus.missing) + corpus.empty,
)
grids = cache_grids({image.digest: image.path for image in corpus.images}, extractor)
cache_grids({"1": "a.png"}, extractor, grid_cache(), batch_size=8, progress=None)
print(grids.files["1"].name, grids.broken.get("1"), grids.read("file").shape)
whole_model = EncoderDecoder(
    keras.layers.Reshape((24, 3)), BahdanauDecoder(7, 5), len(words), dim=8
)
captioner = Captioner(whole_model, words, extractor, grid=(4, 6), longest=5)
best_of: list[list[Caption]] = captioner.caption([b"..."], width=3, n_best=2)
[some] = captioner.caption_grids([np.zeros((1, 4, 6, 3))], width=1, length_penalty=0.5)
print(
    some[0].text.upper(),
    some[0].probability + 1,
    some[0].attention.shape,
    some[0].words[0],
)
nats, tokens = captioner.score([np.zeros((1, 4, 6, 3))], ["a dog"])
print(nats.mean(), tokens.sum(), sorted(caption_signatures(captioner, width=3)))
requests = caption_requests([b"..."], ["a dog"])
card = caption_card(
    "mine", {"name": "n", "digest": "0", "terms": "t", "train": 9}, {"b": 3.0}
)
upright: np.ndarray = load_image(Path("a.png"))
content: bytes = readable_image("a.webp")
decode_image(tf.constant(b"..."))
decode_image(b"...")
decode_images(tf.constant([b"..."]), (4, 5)).shape
print(most_frequent_caption(["a dog", "a cat"]).upper())
