"""Grids of features: what a trained network makes of images, cached on disk."""

import dataclasses
import hashlib
import importlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_seq.extras import require
from keras_seq.files import replacing
from keras_seq.typing import Array, Tensor
from keras_seq.vision._architecture import architecture
from keras_seq.vision.image_files import readable_image
from keras_seq.vision.images import Size, check_image_size, decode_images, load_image

RANGES = {"0..255": (1.0, 0.0), "0..1": (1 / 255, 0.0), "-1..1": (1 / 127.5, -1.0)}
_HEADER = 128  # bytes, of an .npy file of few dimensions
_READING = 2  # raised when other pixels are made of the same files
_DEFAULT_SIZE = (224, 224)
_NAME = re.compile(r"[A-Za-z0-9.]")


class GridExtractor:
    """From image files to grids of features; without a network, to pixels.

    Images are stretched to one size, so that a cell of the grid is the same part of
    every image.

    Args:
        model: Keras model from images (B, H, W, 3) to grids (B, h, w, C), such as
            `grid_model` gives; None for the pixels themselves.
        size: Height and width of the images. By default those that the model asks
            for, or 224 × 224.
        pixels: What the model reads: "0..255", "0..1" or "-1..1"; or the name of a
            model of `keras.applications`, whose `preprocess_input` is then used.

    Raises:
        ValueError: If an argument is out of its range, or the model gives no grid.

    Example:

    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(5, 2, 4)])
    >>> extractor = GridExtractor(model, pixels="0..1")
    >>> extractor.shape, extractor.size
    ((2, 2, 5), (8, 8))
    """

    def __init__(
        self,
        model: keras.Model | None = None,
        *,
        size: Size | None = None,
        pixels: str = "0..255",
    ) -> None:
        if pixels not in RANGES and _application(pixels) is None:
            raise ValueError(
                f"`pixels` must be one of {sorted(RANGES)} or the name of a model of "
                f"keras.applications; received {pixels!r}."
            )
        asked = None
        if model is not None:
            asked = _shape_of(model.inputs, "inputs")[1:3]
            asked = None if None in asked else asked
        if size is not None and asked is not None and tuple(size) != tuple(asked):
            raise ValueError(
                f"`size` must be {tuple(asked)}, which the model asks for; received "
                f"{size!r}."
            )
        self.model = model
        self.size = check_image_size(size or asked or _DEFAULT_SIZE)
        self.pixels = pixels
        if model is None:
            self.shape: tuple[int, int, int] = (*self.size, 3)
        else:
            self.shape = tuple(model.compute_output_shape((1, *self.size, 3))[1:])
            if len(self.shape) != 3 or None in self.shape:
                raise ValueError(
                    "`model` must give grids (B, h, w, C); received one that gives "
                    f"(B, {', '.join(map(str, self.shape))})."
                )
            model.trainable = False

    @property
    def dtype(self) -> str:
        """Type of what is kept: "uint8" for pixels, "float16" for features."""
        return "uint8" if self.model is None else "float16"

    @property
    def digest(self) -> str:
        """SHA-256 of the network and its settings."""
        found = hashlib.sha256(json.dumps(self.to_config()).encode())
        if self.model is not None:
            found.update(architecture(self.model).encode())
            for weight in self.model.get_weights():
                found.update(np.ascontiguousarray(weight).tobytes())
        return found.hexdigest()

    def to_config(self) -> dict[str, Any]:
        """Size and range, JSON-able: what `GridExtractor(model, **config)` takes."""
        return {"size": list(self.size), "pixels": self.pixels}

    def __call__(self, image_bytes: Array) -> Tensor:
        """Grids of a batch of files, inside the graph.

        Args:
            image_bytes: String tensor (B,).

        Returns:
            Tensor (B, h, w, C), of `dtype`.
        """
        return self.features(decode_images(image_bytes, self.size))

    def features(self, images: Tensor) -> Tensor:
        """Grids of a batch of images, inside the graph.

        Args:
            images: float32 tensor (B, H, W, 3), from 0 to 255, of `size`.

        Returns:
            Tensor (B, h, w, C), of `dtype`.
        """
        import tensorflow as tf

        if self.model is None:
            return tf.cast(tf.round(images), tf.uint8)
        if self.pixels in RANGES:
            scale, offset = RANGES[self.pixels]
            images = images * scale + offset
        else:
            images = _application(self.pixels)[1](images)
        return tf.cast(self.model(images, training=False), tf.float16)


def grid_model(
    source: str | os.PathLike[str], *, weights: str | None = "imagenet"
) -> tuple[keras.Model, str]:
    """A network that makes grids of features.

    Args:
        source: Name of a model of `keras.applications`, such as "EfficientNetB0"; or
            a `.keras` file with a model whose output is a grid, or which has layers
            that give one: then the last of them counts. A single cell is no grid.
        weights: As that model takes it: "imagenet" for what Keras downloads, None for
            random weights, or a file. Not for a `.keras` file.

    Returns:
        The model, and what its pixels are: the `pixels` of `GridExtractor`. A model
        from a file that has a `Rescaling` or `Normalization` reads "0..255", another
        "-1..1".

    Raises:
        ValueError: If there is no such model, it can't be loaded, or none of its
            layers gives a grid.
        FileNotFoundError: If there is no such file.

    Example:

    >>> model, pixels = grid_model("MobileNetV3Small", weights=None)
    >>> model.output_shape[-1], pixels
    (576, 'MobileNetV3Small')
    """
    if not str(source).endswith(".keras"):
        found = _application(source)
        if found is None:
            raise ValueError(
                "`source` must be a .keras file or the name of a model of "
                f"keras.applications, such as EfficientNetB0; received {source!r}."
            )
        try:
            model = found[0](include_top=False, weights=weights)
        except Exception as error:
            raise ValueError(
                f"{source} with weights={weights!r} could not be made: {error}"
            ) from error
        return model, str(source)
    if not Path(source).is_file():
        raise FileNotFoundError(f"there is no file {str(source)!r}.")
    try:
        model = keras.models.load_model(source, compile=False)
    except Exception as error:
        raise ValueError(
            f"{str(source)!r} must be a model that Keras can load, with layers of its "
            f"own alone; {type(error).__name__}: {error}"
        ) from error
    layers = getattr(model, "_operations", model.layers)
    grids = [
        layer.output
        for layer in layers
        if not isinstance(layer, keras.layers.InputLayer)
        and isinstance(getattr(layer, "output", None), keras.KerasTensor)
        and len(layer.output.shape) == 4
        and tuple(layer.output.shape[1:3]) != (1, 1)
    ]
    if not grids:
        raise ValueError(
            f"{str(source)!r} must have a layer that gives a grid (B, h, w, C) of more "
            f"than one cell; none of its {len(model.layers)} layers does."
        )
    scaled = any(
        isinstance(layer, (keras.layers.Rescaling, keras.layers.Normalization))
        for layer in model._flatten_layers()
    )
    model = _servable(keras.Model(model.inputs[0], grids[-1]))
    return model, "0..255" if scaled else "-1..1"


def _servable(model: keras.Model) -> keras.Model:
    """The model with names of layers that a SavedModel may have."""
    if all(_NAME.match(layer.name) for layer in model.layers):
        return model

    def renamed(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        if not _NAME.match(layer.name):
            config["name"] = f"layer{layer.name}"
        return layer.__class__.from_config(config)

    clone = keras.models.clone_model(model, clone_function=renamed)
    clone.set_weights(model.get_weights())
    return clone


def _application(name: str | os.PathLike[str]) -> Any:
    """The class of a model of keras.applications, and how it wants its pixels."""
    found = getattr(keras.applications, str(name), None)
    if not callable(found):
        return None
    module = found.__module__.rpartition(".")[2]
    part = importlib.import_module(f"keras.applications.{module}")
    return found, part.preprocess_input


def _shape_of(tensors: Sequence[Tensor], what: str) -> tuple[int | None, ...]:
    """The shape of the one tensor."""
    if len(tensors) != 1 or len(tensors[0].shape) != 4 or tensors[0].shape[-1] != 3:
        raise ValueError(
            f"`model` must have images (B, H, W, 3) as its only {what}; received "
            f"{[tuple(tensor.shape) for tensor in tensors]}."
        )
    return tensors[0].shape


@dataclasses.dataclass(frozen=True)
class CachedGrids:
    """Grids on disk, one file an image.

    Attributes:
        files: Dict from the digest of an image to the .npy file of its grid.
        broken: Dict from the digest to why the image can't be read.
        shape: (h, w, C) of each grid.
        dtype: "uint8" or "float16".
    """

    files: dict[str, Path]
    broken: dict[str, str]
    shape: tuple[int, int, int]
    dtype: str

    def read(self, file: str | Array) -> Tensor:
        """The grid in a file, inside the graph.

        Args:
            file: String tensor ().

        Returns:
            Tensor (h, w, C).
        """
        import tensorflow as tf

        content = tf.strings.substr(tf.io.read_file(file), _HEADER, -1)
        return tf.reshape(tf.io.decode_raw(content, self.dtype), self.shape)


def grid_cache() -> Path:
    """The folder for grids that is used by default.

    Returns:
        Path of `grids` in Keras's folder, `~/.keras` or `KERAS_HOME`.

    Example:

    >>> grid_cache().name
    'grids'
    """
    home = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
    return Path(home) / "grids"


def cache_grids(
    images: Mapping[str, str | os.PathLike[str]],
    extractor: GridExtractor,
    folder: str | os.PathLike[str] | None = None,
    *,
    batch_size: int = 32,
    progress: Callable[[int, int], object] | None = None,
) -> CachedGrids:
    """Makes the grids of images, but for those that are on disk already.

    A grid's file is named by the content of the image, in a folder that is named by
    the content of the network. Each is written whole or not at all.

    Args:
        images: Dict from the digest of an image's content to its file.
        extractor: `GridExtractor`.
        folder: Folder for all grids; by default `grid_cache()`.
        batch_size: Images in a batch.
        progress: Called as `progress(done, total)`.

    Returns:
        `CachedGrids`. Images that can't be read are named in it, not raised.

    Raises:
        OSError: If the grids can't be written.

    Example:

    >>> import tempfile
    >>> import tensorflow as tf
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "black.png")
    ...     content = tf.io.encode_png(tf.zeros([4, 4, 3], tf.uint8)).numpy()
    ...     _ = file.write_bytes(content)
    ...     grids = cache_grids({"b1ac": file}, GridExtractor(size=(2, 2)), folder)
    ...     grids.read(str(grids.files["b1ac"])).numpy().max()
    np.uint8(0)
    """
    tf = require("tensorflow", "recipes")
    place = Path(folder or grid_cache()) / f"{extractor.digest[:16]}-{_READING}"
    place.mkdir(parents=True, exist_ok=True)
    files = {digest: place / f"{digest}.npy" for digest in images}
    size = _HEADER + int(np.prod(extractor.shape)) * np.dtype(extractor.dtype).itemsize
    todo = [
        digest
        for digest, file in files.items()
        if not file.is_file() or file.stat().st_size != size
    ]
    features = tf.function(extractor.features, autograph=False)

    def read(path: Tensor) -> Tensor:
        content = tf.numpy_function(_content, [path], tf.string)
        return decode_images(tf.reshape(content, [1]), extractor.size)[0]

    # What can't be decoded is dropped here, and found by its absence.
    batches = (
        tf.data.Dataset.from_tensor_slices((todo, [str(images[d]) for d in todo]))
        .map(
            tf.autograph.experimental.do_not_convert(
                lambda digest, path: (digest, read(path))
            ),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        .ignore_errors()
        .batch(batch_size)
        .prefetch(2)
        if todo
        else ()
    )
    done = len(images) - len(todo)
    if progress is not None:
        progress(done, len(images))
    for digests, pixels in batches:
        grids = features(pixels).numpy()
        if not np.isfinite(grids).all():
            raise ValueError(
                "`extractor` must give finite features in float16; received NaN or inf."
            )
        for digest, grid in zip(digests.numpy(), grids, strict=True):
            with replacing(files[digest.decode()]) as temporary:
                np.save(temporary, grid)
        done += len(grids)
        if progress is not None:
            progress(done, len(images))
    broken = {}
    for digest in todo:
        if not files[digest].is_file():
            broken[digest] = _reason(images[digest])
    kept = {digest: file for digest, file in files.items() if digest not in broken}
    return CachedGrids(kept, broken, extractor.shape, extractor.dtype)


def _content(path: bytes) -> bytes:
    return readable_image(os.fsdecode(path))


def _reason(path: str | os.PathLike[str]) -> str:
    """Why a file is not an image."""
    try:
        load_image(path)
    except (OSError, ValueError) as error:
        return str(error)
    return f"{str(path)!r} changed while it was read"
