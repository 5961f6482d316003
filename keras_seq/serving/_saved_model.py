"""What lies in a folder of SavedModels, and in one of them."""

import os
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from keras_seq.serving._errors import ServingError

EXTRA = "assets.extra"  # Where servers look for warm-up requests.


def newest_version(path: str | os.PathLike[str]) -> Path:
    """The version folder that a server would load: the largest number."""
    path = Path(path)
    names = sorted(p.name for p in path.iterdir()) if path.is_dir() else []
    versions = [int(name) for name in names if name.isdecimal()]
    if not versions:
        raise ServingError(
            "There is no model to check",
            [
                f"`path` must be a folder with a version folder (1, 2, ...) in it; "
                f"{str(path)!r} holds {names}"
            ],
        )
    return path / next(n for n in names if n.isdecimal() and int(n) == max(versions))


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
