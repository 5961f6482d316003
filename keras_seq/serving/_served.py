"""Loaded versions of a model, and what a server says of them, whatever the protocol."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_seq.serving import _rest
from keras_seq.serving._saved_model import EXTRA, describe, is_version
from keras_seq.serving._session import SessionModel

_CODES = tf.errors
# TensorFlow Serving's statuses; what isn't here is 500.
_STATUSES = {
    _CODES.INVALID_ARGUMENT: 400,
    _CODES.FAILED_PRECONDITION: 400,
    _CODES.OUT_OF_RANGE: 400,
    _CODES.UNAUTHENTICATED: 401,
    _CODES.PERMISSION_DENIED: 403,
    _CODES.NOT_FOUND: 404,
    _CODES.ALREADY_EXISTS: 409,
    _CODES.ABORTED: 409,
    _CODES.RESOURCE_EXHAUSTED: 429,
    _CODES.CANCELLED: 503,  # Only a server that ends cancels.
    _CODES.UNIMPLEMENTED: 501,
    _CODES.UNAVAILABLE: 503,
    _CODES.DEADLINE_EXCEEDED: 504,
}


MOST_ROWS = 65_536  # of a request, where the export tells no limit


class RefusedError(Exception):
    """A request that is answered with an error of HTTP.

    Args:
        status: The status.
        message: What is wrong.
        headers: Headers of the answer.
    """

    def __init__(
        self, status: int, message: str, headers: Mapping[str, str] | None = None
    ):
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})


class ServedModel:
    """Versions of a model, loaded as TensorFlow Serving does.

    Args:
        directories: Version folders; the last is what requests get that name none.
        name: Model name, in addresses.
        labels: The version that each label stands for.
        seconds: What an answer may take.
    """

    def __init__(
        self,
        directories: Sequence[Path],
        name: str,
        *,
        labels: Mapping[str, str],
        seconds: float,
    ):
        if not re.fullmatch(r"[^/:]+", name):
            raise ValueError(
                f"A model's name stands in addresses, without '/' and ':'; got {name!r}"
            )
        self.name = name
        self.labels = dict(labels)
        self.seconds = seconds
        versions = {_version_of(d): d for d in directories}
        self._told = {v: _contract(d) for v, d in versions.items()}
        self._models = {v: SessionModel(d) for v, d in versions.items()}

    def close(self) -> None:
        """Cancels what still runs, and lets the versions go."""
        for model in self._models.values():
            model.close()

    @property
    def versions(self) -> list[str]:
        """The loaded versions, that without a name last."""
        return list(self._models)

    def version(
        self, name: str, number: str | None = None, label: str | None = None
    ) -> str:
        """The loaded version that an address means, or a `RefusedError`."""
        if name != self.name:
            asked = f"Specific({name}, {number})" if number else f"Latest({name})"
            raise RefusedError(404, f"Servable not found for request: {asked}")
        if label is not None:
            if label not in self.labels:
                message = f"Unrecognized servable version label: {label}"
                raise RefusedError(400, message)
            return self.labels[label]
        if number is None:
            return self.versions[-1]
        found = _canonical(number)
        if found not in self._models:
            raise RefusedError(
                404, f"Servable not found for request: Specific({name}, {found})"
            )
        return found

    def input_dtypes(self, version: str, signature: str) -> dict[str, Any]:
        """NumPy's types of the inputs of a signature, or a `RestError`."""
        return input_dtypes(self._models[version], signature)

    def signature(self, version: str, name: str) -> Any:
        """A SignatureDef."""
        return self._models[version].signatures[name]

    def signatures(self, version: str) -> dict[str, Any]:
        """All SignatureDefs by name."""
        return dict(sorted(self._models[version].signatures.items()))

    def limits(self, version: str, signature: str) -> dict[str, int]:
        """What the export tells of the limits of a signature."""
        return self._told[version].get(signature, {}).get("limits", {})

    def check_rows(self, version: str, signature: str, rows: int) -> None:
        """Refuses too many rows before anything is made of them, as the graph does."""
        most = self.limits(version, signature).get("rows", MOST_ROWS)
        if rows > most:
            raise _rest.RestError(
                f"a request must have at most {most} rows; received {rows}"
            )

    def run(
        self,
        version: str,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        until: float | None = None,
    ) -> dict[str, np.ndarray]:
        """Asks a signature.

        Args:
            version: A loaded version.
            signature: Its name.
            inputs: An array for each input.
            until: When the answer must be there, by `time.monotonic`.

        Raises:
            RefusedError: If it gives none.
        """
        model = self._models[version]
        _check_shapes(model.signatures[signature], inputs)
        seconds = self.seconds if until is None else until - time.monotonic()
        try:
            return model.run(signature, inputs, seconds=max(seconds, 0.001))
        except tf.errors.DeadlineExceededError as error:
            raise RefusedError(504, f"No answer in {self.seconds:g} s") from error
        except tf.errors.OpError as error:
            status = _STATUSES.get(error.error_code, 500)
            raise RefusedError(status, plain(error.message)) from error
        except (TypeError, ValueError) as error:
            raise RefusedError(400, str(error)) from error
        except RuntimeError as error:
            raise RefusedError(503, "The server is ending") from error


def input_dtypes(model: SessionModel, signature: str) -> dict[str, Any]:
    """NumPy's types of the inputs of a signature, or a `RestError`."""
    if signature not in model.signatures:
        raise _rest.RestError(
            f'Serving signature name: "{signature}" not found in signature def'
        )
    inputs = model.signatures[signature].inputs
    return {n: tf.as_dtype(i.dtype).as_numpy_dtype for n, i in inputs.items()}


def plain(message: str) -> str:
    r"""What an operation said, without the names of nodes and functions around it.

    TensorFlow Serving leaves them in.

    Args:
        message: The message of a `tf.errors.OpError`.

    Example:

    >>> plain("{{function_node f}} assertion failed: [too long]\n\t [[{{node a}}]]")
    'too long'
    """
    text = re.split(r"\s*\[\[\{\{node", message)[0]
    if text.startswith("Graph execution error"):  # and where the graph was written
        text = text.rsplit("\n\n", 1)[-1]
    text = re.sub(r"\{\{[a-z_]+ [^}]*\}\}\s*", "", text).strip()
    said = re.fullmatch(r"assertion failed: \[(.*)\]", text, re.DOTALL)
    return said[1] if said else text


def _contract(directory: Path) -> dict[str, Any]:
    """What an export of ours tells of its signatures."""
    file = directory / EXTRA / "signatures.json"
    return json.loads(file.read_text("utf-8")) if file.exists() else {}


def _version_of(folder: Path) -> str:
    """`0007` is 7; of what isn't finished yet the name."""
    return _canonical(folder.name) if is_version(folder) else folder.name


def _canonical(number: str) -> str:
    """A version as its folder is named: `007` asks for 7."""
    digits = number.lstrip("0") or "0"
    if len(digits) > 19 or int(digits) >= 2**63:
        raise RefusedError(400, f"Failed to convert version: {number[:40]} to numeric.")
    return digits


def _check_shapes(definition: Any, inputs: Mapping[str, np.ndarray]) -> None:
    for name, info in definition.inputs.items():
        sizes = [dim.size for dim in info.tensor_shape.dim]
        found = inputs[name].shape
        fits = len(sizes) == len(found) and all(
            size in (-1, other) for size, other in zip(sizes, found, strict=True)
        )
        if not fits and not info.tensor_shape.unknown_rank:
            raise RefusedError(
                400, f"{name} must be {describe(info)}; received shape {found}"
            )
