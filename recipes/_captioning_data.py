"""The captioning recipe's settings, its images and its captions."""

import dataclasses
import functools
import hashlib
import re
import unicodedata
from pathlib import Path
from typing import Literal

import numpy as np

from keras_seq._extras import require
from keras_seq.text import (
    END,
    START,
    UNKNOWN,
    SubwordVocabulary,
    Vocabulary,
    WordVocabulary,
    normalise,
)
from keras_seq.training import Progress, check_settings, pad
from keras_seq.vision import (
    CachedGrids,
    GridExtractor,
    cache_grids,
    grid_model,
    read_captions,
)
from recipes._captioning_scenes import SIDE, Scenes, scenes

OUT = "runs/image_captioning"
CNN = "cnn"
FEWEST_IMAGES = 20  # to train on
LARGEST_TEST = 1000  # images, and of the validation
PHOTOGRAPH = (96, 96)  # pixels, for the network that is trained from scratch
SUBWORDS = 2000
BATCH = {"scenes": 64, "own": 64}  # captions in a training step
LONGEST = 40  # tokens of a caption
READ = 60_000  # captions of one's own data, in all epochs together


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of a run."""

    data: str = "scenes"
    """Images with captions: scenes (of handwritten digits, drawn for the run); or a
    folder of images with a file of captions, as COCO (captions.json) or Flickr8k
    (lines `image,caption`) have it; or that file."""
    out: str = OUT
    """Folder for everything that the run makes."""
    seed: int = 1
    """Seed of the scenes, the split, the weights, the order and the dropout."""
    architecture: Literal["attention", "transformer"] = "attention"
    """attention: an LSTM that attends to the image. transformer: attention alone."""
    encoder: str = CNN
    """What makes a grid of features of an image: cnn (small, trained here); a model of
    keras.applications, such as EfficientNetB0, which Keras downloads; or a .keras file
    whose output, or whose last layer with four dimensions, is a grid."""
    pixels: Literal["auto", "0..255", "0..1", "-1..1"] = "auto"
    """What the encoder from a .keras file reads. By default 0..255 if it scales them
    itself, else -1..1."""
    epochs: int | None = None
    """Passes over the training images at most. By default as many as suit their
    number."""
    units: int | None = None
    """Size of the decoder's state; half of it is the size of the features that are
    attended to, of the embeddings, and of a transformer's layers. By default 192 for
    scenes, else 384; 96 with `quick`."""
    dropout: float | None = None
    """Share of the features that is dropped in training. By default 0.1 for scenes,
    else 0.5."""
    label_smoothing: float | None = None
    """Probability that training takes from the right token and gives to all. By
    default 0.05 for scenes, else 0.1."""
    doubly_stochastic: float = 0.01
    """How much it counts in training that attention goes to all parts of the image in
    the course of a caption."""
    learning_rate: float | None = None
    """Highest learning rate: it rises to it, then falls. By default 0.003 for scenes,
    else 0.001."""
    quick: bool = False
    """A minute to see that all works: few images, a small model."""
    resume: bool = False
    """Continue the run in `out`."""
    overwrite: bool = False
    """Replace the run in `out`."""

    def complete(self):
        """The settings with nothing left open; ValueError for a bad one."""
        check_settings(
            self,
            at_least_1=("epochs", "units"),
            shares=("dropout", "label_smoothing"),
            above_0=("learning_rate",),
            seeds=("seed",),
        )
        if not 0 <= self.doubly_stochastic < float("inf"):
            raise ValueError(
                "`doubly_stochastic` must be 0 or more and finite; received "
                f"{self.doubly_stochastic!r}."
            )
        if self.units is not None and self.units % 8:
            raise ValueError(f"`units` must be a multiple of 8; received {self.units}.")
        own = self.data != "scenes"
        if self.pixels != "auto" and not self.encoder.endswith(".keras"):
            raise ValueError(
                "`pixels` is for an `encoder` from a .keras file; received "
                f"{self.pixels!r} with {self.encoder!r}."
            )
        units = 96 if self.quick else 384 if own else 192

        def default(value, for_own, for_scenes):
            return value if value is not None else (for_own if own else for_scenes)

        return dataclasses.replace(
            self,
            # From another folder, a relative path would name another file.
            data=_absolute(self.data),
            encoder=_absolute(self.encoder) if self.encoder != CNN else CNN,
            units=self.units or units,
            dropout=default(self.dropout, 0.5, 0.1),
            label_smoothing=default(self.label_smoothing, 0.1, 0.05),
            learning_rate=self.learning_rate or default(None, 1e-3, 3e-3),
        )


def _absolute(name):
    return str(Path(name).resolve()) if Path(name).exists() else name


@dataclasses.dataclass(frozen=True)
class Part:
    """Images of the training, the validation or the test, with their captions.

    Attributes:
        captions: For each image a list of strings.
        pixels: uint8 array (N, H, W, 3): the images themselves; or None.
        grids: Where their grids are cached, if not.
        files: The files of the cached grids.
        images: The files of the images, if they are files.
        scenes: `Scenes`, if they are drawn.
    """

    captions: list
    pixels: np.ndarray | None = None
    grids: CachedGrids | None = None
    files: tuple = ()
    images: tuple = ()
    scenes: Scenes | None = None

    def __len__(self):
        return len(self.captions)

    def read(self, places):
        """The grids of some images, inside the graph.

        Args:
            places: int tensor (B,).

        Returns:
            Tensor (B, h, w, C).
        """
        import tensorflow as tf

        if self.grids is None:
            return tf.gather(self._pixels, places)
        return tf.map_fn(
            self.grids.read,
            tf.gather(self._files, places),
            fn_output_signature=tf.TensorSpec(self.grids.shape, self.grids.dtype),
        )

    @functools.cached_property
    def _pixels(self):
        return require("tensorflow", "recipes").constant(self.pixels)

    @functools.cached_property
    def _files(self):
        return require("tensorflow", "recipes").constant(list(map(str, self.files)))

    def batches(self, size=50):
        """The grids of all images, in order, as a data set of tensors (B, h, w, C)."""
        tf = require("tensorflow", "recipes")
        places = tf.data.Dataset.range(len(self)).batch(size)
        return places.map(
            tf.autograph.experimental.do_not_convert(self.read),
            num_parallel_calls=tf.data.AUTOTUNE,
        ).prefetch(2)

    def image_bytes(self, place):
        """The content of an image file: what a server would be sent."""
        if self.scenes is None:
            return Path(self.images[place]).read_bytes()
        tf = require("tensorflow", "recipes")
        return tf.io.encode_png(self.scenes.images[place]).numpy()

    def name(self, place):
        """What to call an image."""
        return self.images[place].name if self.images else f"scene {place + 1}"

    def take(self, places):
        """Some of the images."""

        def chosen(some):
            return tuple(some[i] for i in places) if len(some) else ()

        return dataclasses.replace(
            self,
            captions=[self.captions[i] for i in places],
            pixels=None if self.pixels is None else self.pixels[list(places)],
            files=chosen(self.files),
            images=chosen(self.images),
            scenes=self.scenes
            and Scenes(
                self.scenes.images[list(places)],
                [self.scenes.digits[i] for i in places],
                [self.scenes.captions[i] for i in places],
            ),
        )


@dataclasses.dataclass(frozen=True)
class Data:
    """The images, split, and the vocabulary of the training captions."""

    name: str
    digest: str
    terms: str
    train: Part
    validation: Part
    test: Part
    vocabulary: Vocabulary
    extractor: GridExtractor
    epochs: int
    monitor: str
    config: Config
    left_out: dict

    @functools.cached_property
    def pairs(self):
        """What training reads: pairs of the place of an image and ids of a caption.

        Of scenes, whose captions say the same in other words, each has one in an epoch;
        of other images all.
        """
        return [
            [(place, self.ids(text)) for text in texts]
            for place, texts in enumerate(self.train.captions)
        ]

    def ids(self, text):
        """Ids of a caption with its marks."""
        return [START, *self.vocabulary.encode(text)[: LONGEST - 1], END]

    @property
    def batch_size(self):
        """Captions in a training step."""
        return BATCH["scenes" if self.train.scenes else "own"]

    @functools.cached_property
    def steps_per_epoch(self):
        """Training steps in an epoch."""
        count = len(self._epoch(0))
        return max(1, count // self.batch_size)

    def _epoch(self, epoch):
        """The pairs of an epoch, in its order."""
        generator = np.random.default_rng((self.config.seed, epoch))
        if self.train.scenes:
            chosen = [some[generator.integers(len(some))] for some in self.pairs]
        else:
            chosen = [pair for some in self.pairs for pair in some]
        return [chosen[i] for i in generator.permutation(len(chosen))]

    def training_batches(self, first_epoch):
        """Batches of all epochs from one on, each a function of seed and epoch."""
        tf = require("tensorflow", "recipes")

        def generate():
            epoch = first_epoch
            while True:
                pairs = self._epoch(epoch)
                for step in range(self.steps_per_epoch):
                    some = pairs[step * self.batch_size :][: self.batch_size]
                    places, ids = zip(*some, strict=True)
                    yield np.array(places), pad(ids), np.array([epoch, step])
                epoch += 1

        def read(places, ids, key):
            grids = self.train.read(places)
            if grids.dtype == tf.uint8:
                grids = augmented(
                    tf.cast(grids, tf.float32), key, moved=not self.train.scenes
                )
            return {"source": grids, "target": ids[:, :-1]}, ids[:, 1:]

        numbers = tf.TensorSpec([None], tf.int64)
        return (
            tf.data.Dataset.from_generator(
                generate,
                output_signature=(
                    numbers,
                    tf.TensorSpec([None, None], tf.int32),
                    tf.TensorSpec([2], tf.int64),
                ),
            )
            .map(
                tf.autograph.experimental.do_not_convert(read),
                num_parallel_calls=tf.data.AUTOTUNE,
            )
            .prefetch(4)
        )

    def validation_batches(self):
        """The validation images, each with its first caption, once."""
        tf = require("tensorflow", "recipes")
        ids = tf.constant(
            pad([self.ids(texts[0]) for texts in self.validation.captions])
        )

        def read(places):
            some = tf.gather(ids, places)
            grids = self.validation.read(places)
            return {"source": grids, "target": some[:, :-1]}, some[:, 1:]

        return (
            tf.data.Dataset.range(len(self.validation))
            .batch(self.batch_size)
            .map(tf.autograph.experimental.do_not_convert(read))
            .prefetch(2)
        )

    def keep_known(self, run):
        """Writes what the verbs need of the data; refuses data that have changed."""
        known = {
            "digest": self.digest,
            "vocabulary": self.vocabulary.to_config(),
            "extractor": self.extractor.to_config(),
        }
        run.keep_known("vocabulary.json", known, self.name)

    def description(self):
        """What metrics.json says of the data."""
        return {
            "name": self.name,
            "digest": self.digest,
            "train": len(self.train),
            "validation": len(self.validation),
            "test": len(self.test),
            "captions": sum(map(len, self.train.captions)),
            "vocabulary": len(self.vocabulary),
            "left_out": self.left_out,
            "terms": self.terms,
        }


def augmented(images, key, *, moved):
    """Pixels as another light, and another frame, would have made them.

    Args:
        images: float32 tensor (B, H, W, 3), from 0 to 255.
        key: int64 tensor (2,), the seed: the same gives the same.
        moved: Whether the frame may move too: up to a tenth of a side is cut off.

    Returns:
        float32 tensor of the same shape.
    """
    import tensorflow as tf

    rows, size = tf.shape(images)[0], images.shape[1:3]

    def draw(number, shape, low, high):
        seed = key + tf.constant([0, number * 1_000_003], tf.int64)
        return tf.random.stateless_uniform(shape, seed, low, high)

    if moved:
        cut = draw(1, [rows, 4], 0.0, 0.1)
        boxes = tf.concat([cut[:, :2], 1 - cut[:, 2:]], axis=1)
        images = tf.image.crop_and_resize(images, boxes, tf.range(rows), size)
    contrast = draw(2, [rows, 1, 1, 1], 0.8, 1.2)
    light = draw(3, [rows, 1, 1, 1], -20.0, 20.0)
    return tf.clip_by_value((images - 127.5) * contrast + 127.5 + light, 0.0, 255.0)


def load_data(config):
    """Draws the scenes, or reads the images; makes their grids; splits them."""
    if config.data == "scenes":
        return _scenes(config)
    return _own(config)


def _extractor(config, size):
    """From image files to what the model reads."""
    if config.encoder == CNN:
        return GridExtractor(size=size)
    try:
        model, pixels = grid_model(config.encoder)
        if config.pixels != "auto":
            pixels = config.pixels
        return GridExtractor(model, pixels=pixels)
    except (OSError, ValueError) as error:
        raise ValueError(f"--encoder: {error}") from error


def _scenes(config):
    """Scenes of digits; a network from outside reads them from their pixels."""
    counts = {"train": 20_000, "validation": 500, "test": 1000}
    if config.quick:
        counts = {"train": 640, "validation": 50, "test": 50}
    if config.encoder != CNN:
        raise ValueError(
            "`encoder` must be cnn for scenes, which no other network knows; received "
            f"{config.encoder!r}."
        )
    parts = {
        part: scenes(
            count,
            part=part,
            seed=config.seed,
            progress=Progress(f"drawing {part} scenes"),
        )
        for part, count in counts.items()
    }
    digest = hashlib.sha256()
    for part in parts.values():
        digest.update(part.images.tobytes())
        digest.update(repr(part.captions).encode())
    train = parts["train"].captions
    return Data(
        name="scenes",
        digest=digest.hexdigest(),
        terms="Drawn by this recipe from scikit-learn's handwritten digits (Alpaydin "
        "and Kaynak, 1998, UCI Machine Learning Repository, CC BY 4.0).",
        **{
            part: Part(found.captions, pixels=found.images, scenes=found)
            for part, found in parts.items()
        },
        vocabulary=WordVocabulary.fit(text for texts in train for text in texts),
        extractor=_extractor(config, (SIDE, SIDE)),
        epochs=config.epochs or (2 if config.quick else 12),
        monitor="val_right",
        config=config,
        left_out={},
    )


def plain(text):
    """A caption in lower case, without punctuation: as captions are compared.

    Apostrophes and hyphens within words stay.
    """
    text = normalise(text).lower()
    kept = "".join(
        c if c in "'’-" or unicodedata.category(c)[0] not in "PC" else " " for c in text
    )
    return " ".join(re.sub(r"(?<!\w)['’-]+|['’-]+(?!\w)", " ", kept).split())


def _own(config):
    """Images with captions from files, no image in two parts."""
    try:
        corpus = read_captions(
            config.data, progress=Progress("reading images and captions")
        )
    except (OSError, ValueError) as error:
        raise ValueError(f"--data: {error}") from error
    print(corpus.summary())
    extractor = _extractor(config, PHOTOGRAPH)
    grids = cache_grids(
        {image.digest: image.path for image in corpus.images},
        extractor,
        progress=Progress("making grids of the images, or finding them"),
    )
    if grids.broken:
        print(f"{len(grids.broken)} images can't be read and are left out:")
        for image in corpus.images:
            if image.digest in grids.broken:
                print(f"  {image.path}: {grids.broken[image.digest]}")
    usable = [
        (image, texts)
        for image in corpus.images
        if image.digest not in grids.broken
        and (texts := [text for text in map(plain, image.captions) if text])
    ]
    count = len(usable)
    order = np.random.default_rng(config.seed).permutation(count)
    held = min(round(0.1 * count), LARGEST_TEST)
    if held < 1 or count - 2 * held < FEWEST_IMAGES:
        raise ValueError(
            f"--data {config.data!r} has {count} images with captions that can be "
            f"read; {FEWEST_IMAGES} to train on, 1 to validate and 1 to test are "
            "needed, and a tenth is for each of the latter two."
        )
    places = {
        "test": order[:held],
        "validation": order[held : 2 * held],
        "train": order[2 * held :],
    }
    if config.quick:
        places = {part: some[:60] for part, some in places.items()}
    parts = {
        part: Part(
            captions=[usable[i][1] for i in sorted(some)],
            grids=grids,
            files=tuple(grids.files[usable[i][0].digest] for i in sorted(some)),
            images=tuple(usable[i][0].path for i in sorted(some)),
        )
        for part, some in places.items()
    }
    captions = [text for texts in parts["train"].captions for text in texts]
    vocabulary = _vocabulary(captions, parts["validation"].captions)
    epochs = int(np.clip(round(READ / len(captions)), 1, 60))
    return Data(
        name=corpus.name,
        digest=corpus.digest,
        terms="Those of your images and captions.",
        **parts,
        vocabulary=vocabulary,
        extractor=extractor,
        epochs=config.epochs or (2 if config.quick else epochs),
        monitor="val_cider",
        config=config,
        left_out={
            "missing": len(corpus.missing),
            "broken": len(grids.broken),
            "repeated": len(corpus.repeated),
        },
    )


def _vocabulary(captions, others):
    """Words; or subwords where words don't recur, as in scripts without spaces."""
    words = WordVocabulary.fit(
        captions, min_count=int(np.clip(len(captions) // 1000, 1, 5))
    )
    ids = [i for texts in others for text in texts for i in words.encode(text)]
    if np.mean([i == UNKNOWN for i in ids] or [1]) <= 0.5:
        return words
    print("most words of the validation captions are unknown: subwords are used")
    return SubwordVocabulary.fit(captions, size=SUBWORDS)
