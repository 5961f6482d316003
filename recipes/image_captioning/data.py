"""The captioning recipe's settings, and where its images and captions come from."""

import dataclasses
import hashlib
import re
import unicodedata
from pathlib import Path
from typing import Literal

import numpy as np

from keras_seq.runs import Progress, check_settings
from keras_seq.text import (
    UNKNOWN,
    SubwordVocabulary,
    WordVocabulary,
    normalise,
)
from keras_seq.vision import (
    GridExtractor,
    cache_grids,
    grid_model,
    read_captions,
)
from recipes.image_captioning.images import FEW, Data, Part
from recipes.image_captioning.scenes import SIDE, scenes

OUT = "runs/image_captioning"
CNN = "cnn"
FEWEST_IMAGES = 20  # to train on
LARGEST_TEST = 1000  # images, and of the validation
PHOTOGRAPH = (96, 96)  # pixels, for the network that is trained from scratch
SUBWORDS = 2000
READ = 80_000  # captions of one's own data, in all epochs together


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
    """Passes over the training images at most; of few images an epoch is several
    passes, of scenes half a pass. By default as many as suit their number."""
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
    doubly_stochastic: float | None = None
    """How much it counts in training that attention goes to all parts of the image in
    the course of a caption. By default 0.001 for scenes, which are mostly empty, else
    0.01."""
    learning_rate: float | None = None
    """Highest learning rate: it rises to it, then falls. By default 0.0025 for
    scenes, else 0.001."""
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
        own = self.data != "scenes"

        def default(value, for_own, for_scenes):
            return value if value is not None else (for_own if own else for_scenes)

        spread = default(self.doubly_stochastic, 0.01, 0.001)
        if not 0 <= spread < float("inf"):
            raise ValueError(
                "`doubly_stochastic` must be 0 or more and finite; received "
                f"{spread!r}."
            )
        if self.units is not None and self.units % 8:
            raise ValueError(f"`units` must be a multiple of 8; received {self.units}.")
        if self.pixels != "auto" and not self.encoder.endswith(".keras"):
            raise ValueError(
                "`pixels` is for an `encoder` from a .keras file; received "
                f"{self.pixels!r} with {self.encoder!r}."
            )
        units = 96 if self.quick else 384 if own else 192
        return dataclasses.replace(
            self,
            # From another folder, a relative path would name another file.
            data=_absolute(self.data) if own else self.data,
            encoder=_absolute(self.encoder) if self.encoder != CNN else CNN,
            units=self.units or units,
            dropout=default(self.dropout, 0.5, 0.1),
            doubly_stochastic=spread,
            label_smoothing=default(self.label_smoothing, 0.1, 0.05),
            learning_rate=self.learning_rate or default(None, 1e-3, 2.5e-3),
        )


def _absolute(name):
    return str(Path(name).resolve()) if Path(name).exists() else name


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
    counts = {"train": 32_000, "validation": 500, "test": 2000}
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
        **{part: Part(found.captions, scenes=found) for part, found in parts.items()},
        vocabulary=WordVocabulary.fit(text for texts in train for text in texts),
        extractor=_extractor(config, (SIDE, SIDE)),
        epochs=config.epochs or (2 if config.quick else 13),
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
                print(f"  {grids.broken[image.digest]}")
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
    epochs = max(1, round(READ / max(len(captions), FEW)))
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
    if np.mean([i == UNKNOWN for i in ids] or [True]) <= 0.5:
        return words
    print("most words of the validation captions are unknown: subwords are used")
    return SubwordVocabulary.fit(captions, size=SUBWORDS)
