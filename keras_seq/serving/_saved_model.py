"""What lies in a folder of SavedModels, and in one of them."""

import os
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from keras_seq.serving._errors import ServingError

EXTRA = "assets.extra"  # Where servers look for warm-up requests.


MOST_VERSION = 2**63 - 1  # servers take a larger one for no version


def folder_of(path: str | os.PathLike[str]) -> Path:
    """The folder that holds the versions; `~` is one's home.

    Raises:
        TypeError: If `path` is no text.
        ValueError: If it is empty, an address, or can't be a name.
    """
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str):
        raise TypeError(f"`path` must be a str or os.PathLike of one; got {path!r}.")
    if not text or "\0" in text or "://" in text:
        raise ValueError(f"`path` must name a folder on this machine; got {text!r}.")
    try:
        text.encode()
    except UnicodeEncodeError as error:  # TensorFlow's files have names in UTF-8
        raise ValueError(f"`path` must be UTF-8; received {text!r}.") from error
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError(f"`path` must name a folder; got {text!r}: {error}") from None


def is_version(folder: Path) -> bool:
    """Whether a server takes a folder for a version."""
    name = folder.name
    number = name.isascii() and name.isdecimal() and int(name) <= MOST_VERSION
    return number and folder.is_dir()


def newest_version(path: str | os.PathLike[str]) -> Path:
    """The version folder that a server would load: the largest number."""
    path = Path(path).expanduser()
    folders = sorted(path.iterdir()) if path.is_dir() else []
    versions = [folder for folder in folders if is_version(folder)]
    if not versions:
        names = [folder.name for folder in folders]
        raise ServingError(
            "There is no model to check",
            [
                f"`path` must be a folder with a version folder (1, 2, ...) in it; "
                f"{str(path)!r} holds {names}"
            ],
        )
    return max(versions, key=lambda folder: int(folder.name))


def read_meta_graph(directory: Path) -> Any:
    """The MetaGraphDef that servers load: the one tagged "serve"."""
    saved_model = saved_model_pb2.SavedModel.FromString(
        (directory / "saved_model.pb").read_bytes()
    )
    return next(m for m in saved_model.meta_graphs if "serve" in m.meta_info_def.tags)


def signature_defs(meta_graph: Any) -> dict[str, Any]:
    """The signatures of the graph by name, without TensorFlow's own."""
    return {
        name: definition
        for name, definition in sorted(meta_graph.signature_def.items())
        if not name.startswith("__")
    }


def describe(tensor_info: Any) -> str:
    """Dtype and shape of a tensor of a signature, e.g. `float32 (batch, ?, 3)`."""
    sizes = [dim.size for dim in tensor_info.tensor_shape.dim]
    shape = ["batch", *("?" if size < 0 else str(size) for size in sizes[1:])]
    return f"{tf.as_dtype(tensor_info.dtype).name} ({', '.join(shape)})"
