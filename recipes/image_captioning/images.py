"""Where the captioning recipe's images and captions come from."""

import hashlib
import re
import unicodedata

import numpy as np

from keras_seq.runs import Progress
from keras_seq.text import (
    UNKNOWN,
    SubwordVocabulary,
    Vocabulary,
    WordVocabulary,
    normalise,
)
from keras_seq.vision import GridExtractor, cache_grids, grid_model, read_captions
from recipes.image_captioning.composing import SIDE
from recipes.image_captioning.data import Images, Part
from recipes.image_captioning.scenes import scenes
from recipes.image_captioning.settings import CNN, CompleteConfig

FEWEST_IMAGES = 20  # to train on
LARGEST_TEST = 1000  # images, and of the validation
PHOTOGRAPH = (96, 96)  # pixels, for the network that is trained from scratch
SUBWORDS = 2000


def _extractor(config: CompleteConfig, size: tuple[int, int]) -> GridExtractor:
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


def draw_scenes(config: CompleteConfig) -> Images:
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
    return Images(
        name="scenes",
        digest=digest.hexdigest(),
        terms="Drawn by this recipe from scikit-learn's handwritten digits (Alpaydin "
        "and Kaynak, 1998, UCI Machine Learning Repository, CC BY 4.0).",
        train=Part(parts["train"].captions, scenes=parts["train"]),
        validation=Part(parts["validation"].captions, scenes=parts["validation"]),
        test=Part(parts["test"].captions, scenes=parts["test"]),
        extractor=_extractor(config, (SIDE, SIDE)),
        left_out={},
    )


def plain(text: str) -> str:
    """A caption in lower case, without punctuation: as captions are compared.

    Apostrophes and hyphens within words stay.
    """
    text = normalise(text).lower()
    kept = "".join(
        c if c in "'’-" or unicodedata.category(c)[0] not in "PC" else " " for c in text
    )
    return " ".join(re.sub(r"(?<!\w)['’-]+|['’-]+(?!\w)", " ", kept).split())


def read_images(config: CompleteConfig) -> Images:
    """Images with captions from files, no image in two parts."""
    try:
        corpus = read_captions(
            config.data,
            encoding=config.encoding,
            progress=Progress("reading images and captions"),
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
    places = _parts([image.split for image, _ in usable], config)
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
    return Images(
        name=corpus.name,
        digest=corpus.digest,
        terms="Those of your images and captions.",
        train=parts["train"],
        validation=parts["validation"],
        test=parts["test"],
        extractor=extractor,
        left_out={
            "missing": len(corpus.missing),
            "broken": len(grids.broken),
            "repeated": len(corpus.repeated),
        },
    )


def _parts(splits: list[str], config: CompleteConfig) -> dict[str, np.ndarray]:
    """The places of the images of each part: as published, else drawn by chance.

    What is published with two parts, as COCO is, is judged on the second.
    """
    order = np.random.default_rng(config.seed).permutation(len(splits))
    found = {
        part: np.array([i for i in order if splits[i] == part], int)
        for part in ("train", "validation", "test")
    }
    published = bool(len(found["train"])) and any(
        len(found[part]) for part in ("validation", "test")
    )
    if not published:
        found = {"train": order, "validation": order[:0], "test": order[:0]}
    elif not len(found["test"]):
        found["test"], found["validation"] = found["validation"], order[:0]
    whole = len(found["train"])
    held = min(round(0.1 * whole), LARGEST_TEST)
    for part in ("test", "validation"):
        if not len(found[part]):
            found[part], found["train"] = np.split(found["train"], [held])
    found["validation"] = found["validation"][:LARGEST_TEST]
    if published:
        print(
            "the parts are those that the files name: "
            + ", ".join(
                f"{len(some)} images for {part}" for part, some in found.items()
            )
        )
    if held < 1 or len(found["train"]) < FEWEST_IMAGES:
        raise ValueError(
            f"--data {config.data!r} has {whole} images with captions that can be "
            f"read; {FEWEST_IMAGES} to train on, 1 to validate and 1 to test are "
            "needed, and a tenth is for each of the latter two."
        )
    return found


def fit_vocabulary(images: Images) -> Vocabulary:
    """Words; or subwords where words don't recur, as in scripts without spaces."""
    captions = [text for texts in images.train.captions for text in texts]
    if images.train.scenes:
        return WordVocabulary.fit(captions)
    words = WordVocabulary.fit(
        captions, min_count=int(np.clip(len(captions) // 1000, 1, 5))
    )
    others = [text for texts in images.validation.captions for text in texts]
    ids = [i for text in others for i in words.encode(text)]
    if np.mean([i == UNKNOWN for i in ids] or [True]) <= 0.5:
        return words
    print("most words of the validation captions are unknown: subwords are used")
    return SubwordVocabulary.fit(captions, size=SUBWORDS)
