"""The captioning recipe's images, split, and in which batches."""

import dataclasses
import functools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_seq.extras import require
from keras_seq.runs import RunDirectory
from keras_seq.text import END, START, Vocabulary
from keras_seq.training import pad
from keras_seq.typing import Tensor
from keras_seq.vision import CachedGrids, GridExtractor, readable_image
from recipes.image_captioning.scenes import Scenes
from recipes.image_captioning.settings import CompleteConfig

FEW = 3000  # captions: with fewer, an epoch is several passes over them
BATCH = {"scenes": 32, "own": 64}  # captions in a training step
EPOCH = 16_000  # scenes in an epoch at most, chosen anew for each
LONGEST = 40  # tokens of a caption
READ = 80_000  # captions of one's own data, in all epochs together


@dataclasses.dataclass(frozen=True)
class Part:
    """Images of the training, the validation or the test, with their captions.

    Attributes:
        captions: For each image a list of strings.
        scenes: `Scenes`, if the images are drawn; None if they are files.
        grids: `CachedGrids` of files.
        files: The files of the cached grids.
        images: The files of the images.
    """

    captions: list[list[str]]
    scenes: Scenes | None = None
    grids: CachedGrids | None = None
    files: tuple[Path, ...] = ()
    images: tuple[Path, ...] = ()

    def __len__(self) -> int:
        return len(self.captions)

    def read(self, places: Tensor) -> Tensor:
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
    def _pixels(self) -> Tensor:
        return _constant(self.scenes and self.scenes.images)

    @functools.cached_property
    def _files(self) -> Tensor:
        return _constant(list(map(str, self.files)))

    def batches(self, size: int = 50) -> Any:
        """The grids of all images, in order, as a data set of tensors (B, h, w, C)."""
        tf = require("tensorflow", "recipes")
        places = tf.data.Dataset.range(len(self)).batch(size)
        return places.map(
            tf.autograph.experimental.do_not_convert(self.read),
            num_parallel_calls=tf.data.AUTOTUNE,
        ).prefetch(2)

    def image_bytes(self, place: int) -> bytes:
        """The content of an image file: what a server would be sent."""
        if self.scenes is None:
            return readable_image(self.images[place])
        tf = require("tensorflow", "recipes")
        return tf.io.encode_png(self.scenes.images[place]).numpy()

    def name(self, place: int) -> str:
        """What to call an image."""
        return self.images[place].name if self.images else f"scene {place + 1}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Images:
    """Images with captions in three parts.

    Attributes:
        name: Of the corpus.
        digest: Of its images and captions.
        terms: On which they may be used.
        train: To learn from.
        validation: To choose the epoch by.
        test: To be judged by.
        extractor: From an image to what the model reads.
        left_out: How many images were, for each of the reasons.
    """

    name: str
    digest: str
    terms: str
    train: Part
    validation: Part
    test: Part
    extractor: GridExtractor
    left_out: dict[str, int]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Data(Images):
    """The images, the vocabulary of the training captions, and the batches."""

    vocabulary: Vocabulary
    config: CompleteConfig

    @property
    def monitor(self) -> str:
        """The figure that decides which epoch is best."""
        return "val_right" if self.train.scenes else "val_cider"

    @property
    def epochs(self) -> int:
        """How many epochs of training suit the number of captions."""
        count = max(sum(map(len, self.train.captions)), FEW)
        suited = 13 if self.train.scenes else max(1, round(READ / count))
        return self.config.epochs or (2 if self.config.quick else suited)

    @functools.cached_property
    def pairs(self) -> list[list[tuple[int, list[int]]]]:
        """What training reads: pairs of the place of an image and ids of a caption.

        Of scenes, whose captions say the same in other words, each has one in an epoch;
        of other images all.
        """
        return [
            [(place, _marked(ids)) for ids in some]
            for place, some in enumerate(self._encoded)
        ]

    @functools.cached_property
    def cut(self) -> int:
        """How many training captions are longer than what the model may write."""
        return sum(len(ids) >= LONGEST for some in self._encoded for ids in some)

    @functools.cached_property
    def _encoded(self) -> list[list[list[int]]]:
        """Ids of all training captions, whole and without marks."""
        encode = self.vocabulary.encode
        return [[encode(text) for text in texts] for texts in self.train.captions]

    def ids(self, text: str) -> list[int]:
        """Ids of a caption with its marks."""
        return _marked(self.vocabulary.encode(text))

    @property
    def batch_size(self) -> int:
        """Captions in a training step."""
        return BATCH["scenes" if self.train.scenes else "own"]

    @property
    def passes(self) -> int:
        """Passes over one's own captions in an epoch.

        After each epoch it is decided whether to go on: not after a few steps.
        """
        count = sum(map(len, self.train.captions))
        return 1 if self.config.quick else math.ceil(FEW / count)

    @functools.cached_property
    def steps_per_epoch(self) -> int:
        """Training steps in an epoch."""
        count = len(self._epoch(0))
        return max(1, count // self.batch_size)

    def _epoch(self, epoch: int) -> list[tuple[int, list[int]]]:
        """The pairs of an epoch, in its order."""
        generator = np.random.default_rng((self.config.seed, epoch))
        if self.train.scenes:
            scenes = generator.permutation(len(self.pairs))[:EPOCH]
            return [
                self.pairs[i][generator.integers(len(self.pairs[i]))] for i in scenes
            ]
        chosen = [pair for some in self.pairs for pair in some] * self.passes
        return [chosen[i] for i in generator.permutation(len(chosen))]

    def training_batches(self, first_epoch: int) -> Any:
        """Batches of all epochs from one on, each a function of seed and epoch.

        Returns:
            A `tf.data.Dataset`, without end.
        """
        tf = require("tensorflow", "recipes")

        def generate() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
            epoch = first_epoch
            while True:
                pairs = self._epoch(epoch)
                for step in range(self.steps_per_epoch):
                    some = pairs[step * self.batch_size :][: self.batch_size]
                    places, ids = zip(*some, strict=True)
                    yield np.array(places), pad(ids), np.array([epoch, step])
                epoch += 1

        def read(
            places: Tensor, ids: Tensor, key: Tensor
        ) -> tuple[dict[str, Tensor], Tensor]:
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

    def validation_batches(self) -> Any:
        """The validation images, each with its first caption, once."""
        tf = require("tensorflow", "recipes")
        ids = tf.constant(
            pad([self.ids(texts[0]) for texts in self.validation.captions])
        )

        def read(places: Tensor) -> tuple[dict[str, Tensor], Tensor]:
            some = tf.gather(ids, places)
            grids = self.validation.read(places)
            return {"source": grids, "target": some[:, :-1]}, some[:, 1:]

        return (
            tf.data.Dataset.range(len(self.validation))
            .batch(self.batch_size)
            .map(tf.autograph.experimental.do_not_convert(read))
            .prefetch(2)
        )

    def keep_known(self, run: RunDirectory) -> None:
        """Writes what the verbs need of the data; refuses data that have changed.

        Nor may the network have, of whose grids the data consist.
        """
        known: dict[str, Any] = {
            "digest": self.digest,
            "network": self.extractor.digest,
            "vocabulary": self.vocabulary.to_config(),
            "extractor": self.extractor.to_config(),
        }
        name = "vocabulary.json"
        before = run.read_json(name) if (run / name).is_file() else {}
        if before.get("network", known["network"]) != known["network"]:
            raise ValueError(
                f"--encoder {self.config.encoder!r} is not what the run was started "
                f"with: its digest was {before['network'][:12]} and is "
                f"{known['network'][:12]}."
            )
        run.keep_known(name, known, self.name)

    def description(self) -> dict[str, Any]:
        """What metrics.json says of the data."""
        return {
            "name": self.name,
            "digest": self.digest,
            "train": len(self.train),
            "validation": len(self.validation),
            "test": len(self.test),
            "captions": sum(map(len, self.train.captions)),
            "cut": self.cut,
            "vocabulary": len(self.vocabulary),
            "left_out": self.left_out,
            "terms": self.terms,
        }


def _marked(ids: list[int]) -> list[int]:
    """Ids with the marks of start and end, cut to what the model may write."""
    return [START, *ids[: LONGEST - 1], END]


def _constant(values: Any) -> Tensor:
    """A tensor that may be asked for first while a graph is traced."""
    tf = require("tensorflow", "recipes")
    with tf.init_scope():
        return tf.constant(values)


def augmented(images: Tensor, key: Tensor, *, moved: bool) -> Tensor:
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

    def draw(number: int, shape: list[Any], low: float, high: float) -> Tensor:
        seed = key + tf.constant([0, number * 1_000_003], tf.int64)
        return tf.random.stateless_uniform(shape, seed, low, high)

    if moved:
        cut = draw(1, [rows, 4], 0.0, 0.1)
        boxes = tf.concat([cut[:, :2], 1 - cut[:, 2:]], axis=1)
        images = tf.image.crop_and_resize(images, boxes, tf.range(rows), size)
    contrast = draw(2, [rows, 1, 1, 1], 0.8, 1.2)
    light = draw(3, [rows, 1, 1, 1], -20.0, 20.0)
    return tf.clip_by_value((images - 127.5) * contrast + 127.5 + light, 0.0, 255.0)
