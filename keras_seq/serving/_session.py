"""A SavedModel in a Session, as TensorFlow Serving loads it.

Run as a script, this file is the probe of `check`: a fresh process in which
neither Keras nor keras_seq can be imported answers the requests of a job file.
So it imports nothing but TensorFlow, NumPy and the standard library, and
TensorFlow only after the imports are blocked.
"""

import base64
import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

BLOCKED = ("keras", "tf_keras", "keras_seq")


class SessionModel:
    """A loaded SavedModel; `run` answers a signature."""

    def __init__(self, directory: str | os.PathLike[str]):
        import tensorflow as tf

        v1 = tf.compat.v1
        self._session = v1.Session(
            graph=tf.Graph(), config=v1.ConfigProto(device_count={"GPU": 0})
        )
        with self._session.graph.as_default(), _quiet(tf.get_logger()):
            meta_graph = v1.saved_model.loader.load(
                self._session, ["serve"], os.fspath(directory)
            )
        self.signatures = {
            name: definition
            for name, definition in meta_graph.signature_def.items()
            if not name.startswith("__")
        }

    def run(
        self, signature: str, inputs: Mapping[str, Any], *, seconds: float | None = None
    ) -> dict[str, Any]:
        """Feeds named arrays, fetches named arrays, in `seconds` if they are given."""
        import tensorflow as tf

        options = None
        if seconds is not None:
            milliseconds = max(1, round(seconds * 1000))
            options = tf.compat.v1.RunOptions(timeout_in_ms=milliseconds)
        definition = self.signatures[signature]
        return self._session.run(
            {name: info.name for name, info in sorted(definition.outputs.items())},
            {definition.inputs[name].name: value for name, value in inputs.items()},
            options=options,
        )

    def close(self) -> None:
        self._session.close()


@contextlib.contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    # TensorFlow advises its newer loader, which is not the server's.
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def encode(arrays: Mapping[str, Any]) -> dict[str, str]:
    """Named arrays, strings too, in JSON-safe text."""
    import tensorflow as tf

    return {
        name: base64.b64encode(tf.make_tensor_proto(value).SerializeToString()).decode()
        for name, value in arrays.items()
    }


def decode(texts: Mapping[str, str]) -> dict[str, Any]:
    """The inverse of `encode`."""
    import tensorflow as tf
    from tensorflow.core.framework import tensor_pb2

    return {
        name: tf.make_ndarray(
            tensor_pb2.TensorProto.FromString(base64.b64decode(value))
        )
        for name, value in texts.items()
    }


class _Blocker(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    # It finds the modules, so that TensorFlow's question whether Keras is
    # there gets an answer, and fails when one is to be loaded.
    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        if fullname.partition(".")[0] in BLOCKED:
            return importlib.machinery.ModuleSpec(fullname, self)
        return None

    def create_module(self, spec: Any) -> Any:
        raise ModuleNotFoundError(f"{spec.name} is not on a server", name=spec.name)

    def exec_module(self, module: Any) -> None:
        raise AssertionError("create_module has raised")


def block_imports() -> None:
    """Makes Keras and keras_seq impossible to import in this process."""
    here = Path(__file__).resolve().parent
    sys.path[:] = [p for p in sys.path if Path(p or ".").resolve() != here]
    sys.meta_path.insert(0, _Blocker())


def text_libraries() -> list[Path]:
    """The files that hold tensorflow-text's ops."""
    spec = importlib.util.find_spec("tensorflow_text")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            "the graph holds tensorflow-text ops, and tensorflow-text is not "
            "installed here: pip install 'keras-seq[text]', or in a checkout "
            "pip install -e '.[text]'; Windows has none"
        )
    package = Path(spec.submodule_search_locations[0])
    return sorted((package / "python").rglob("_*.so"))


def load_text_ops() -> None:
    """Registers tensorflow-text's ops without its Python code, which needs Keras."""
    import tensorflow as tf

    for library in text_libraries():
        tf.load_op_library(os.fspath(library))


def main(job_path: str, result_path: str) -> None:
    """Answers the job's requests, each with its outputs or its error."""
    block_imports()
    job = json.loads(Path(job_path).read_text("utf-8"))
    result: dict[str, Any] = {"runs": []}
    try:
        if job["text_ops"]:
            load_text_ops()
        model = SessionModel(job["directory"])
    except Exception as error:
        result["error"] = f"{type(error).__name__}: {error}"
        job["runs"] = []
    for run in job["runs"]:
        try:
            outputs = model.run(run["signature"], decode(run["inputs"]))
            result["runs"].append({"outputs": encode(outputs)})
        except Exception as error:
            result["runs"].append({"error": f"{type(error).__name__}: {error}"})
    result["imported"] = sorted(m for m in sys.modules if m.split(".")[0] in BLOCKED)
    Path(result_path).write_text(json.dumps(result), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
