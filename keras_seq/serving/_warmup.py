"""Warm-up requests: sample questions with the answers of the live model."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_seq.extras import require
from keras_seq.serving._errors import ServingError
from keras_seq.serving._saved_model import EXTRA
from keras_seq.serving._signature import Signature

FILE = "tf_serving_warmup_requests"  # The name and the limit are the server's.
MAX_RECORDS = 1000


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """One request to a signature and the answer it should get."""

    signature: str
    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]

    @property
    def rows(self) -> int:
        return len(next(iter(self.inputs.values())))


def answer(
    signatures: Mapping[str, Signature],
    warmup: Mapping[str, Sequence[Mapping[str, Any]]],
    functions: Mapping[str, Any],
) -> list[Record]:
    """Checks the requests and has the live functions, traced, answer them."""
    unknown = sorted(set(warmup) - set(signatures))
    if unknown:
        raise ServingError(
            "The warm-up requests do not fit",
            [f"`warmup` names {unknown}, the signatures are {sorted(signatures)}"],
        )
    records = []
    for name, requests in warmup.items():
        for index, request in enumerate(requests):
            what = f"warm-up request {index} of signature {name!r}"
            inputs = as_arrays(what, signatures[name].inputs, request)
            outputs = call(functions[name], inputs)
            _require_text(what, outputs)
            records.append(Record(name, inputs, outputs))
    if len(records) > MAX_RECORDS:
        raise ServingError(
            "The warm-up requests do not fit",
            [f"servers refuse more than {MAX_RECORDS} records; got {len(records)}"],
        )
    return records


def call(function: Any, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Calls a live function eagerly, on the CPU, with arrays for tensors."""
    with tf.device("/CPU:0"):
        outputs = function(**{name: tf.constant(v) for name, v in inputs.items()})
    return {name: np.asarray(value) for name, value in outputs.items()}


def write(directory: Path, model_name: str, records: Iterable[Record]) -> None:
    """Writes the records where a server looks for them, as PredictionLogs.

    Servers read the request of a log and leave the response alone.
    """
    logs = require("tensorflow_serving.apis.prediction_log_pb2", "serving")
    with tf.io.TFRecordWriter(str(directory / EXTRA / FILE)) as writer:
        for record in records:
            log = logs.PredictionLog()
            request = log.predict_log.request
            request.model_spec.name = model_name
            request.model_spec.signature_name = record.signature
            for name, value in record.inputs.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
            for name, value in record.outputs.items():
                log.predict_log.response.outputs[name].CopyFrom(
                    tf.make_tensor_proto(value)
                )
            writer.write(log.SerializeToString())


def read(directory: Path) -> list[Record]:
    """Reads what `write` wrote; no file is no records."""
    path = directory / EXTRA / FILE
    if not path.exists():
        return []
    logs = require("tensorflow_serving.apis.prediction_log_pb2", "serving")
    records = []
    for data in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        log = logs.PredictionLog.FromString(data).predict_log
        records.append(
            Record(
                log.request.model_spec.signature_name or "serving_default",
                {k: tf.make_ndarray(v) for k, v in log.request.inputs.items()},
                {k: tf.make_ndarray(v) for k, v in log.response.outputs.items()},
            )
        )
    return records


def as_arrays(
    what: str, specs: Mapping[str, tf.TensorSpec], request: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """A request as arrays of the inputs' types, its shapes and rows checked."""
    if set(request) != set(specs):
        raise ServingError(
            "The warm-up requests do not fit",
            [f"{what} has {sorted(request)}; needed are {sorted(specs)}"],
        )
    arrays = {}
    problems = []
    for name, spec in specs.items():
        try:
            array = tf.constant(request[name], dtype=spec.dtype).numpy()
        except (TypeError, ValueError) as error:
            problems.append(f"{what}: {name!r} is no {spec.dtype.name} tensor: {error}")
            continue
        arrays[name] = array
        if not spec.shape.is_compatible_with(array.shape) or not array.size:
            problems.append(
                f"{what}: {name!r} must have shape {tuple(spec.shape)} and at least "
                f"one row; received {array.shape}"
            )
        elif array.dtype.kind == "f" and not np.isfinite(array).all():
            problems.append(f"{what}: {name!r} must be finite; received {array}")
    rows = {name: len(array) for name, array in arrays.items() if array.ndim}
    if len(set(rows.values())) > 1:
        problems.append(f"{what} must have as many rows in every input; has {rows}")
    if problems:
        raise ServingError("The warm-up requests do not fit", problems)
    return arrays


def _require_text(what: str, outputs: Mapping[str, np.ndarray]) -> None:
    for name, value in outputs.items():
        if value.dtype != object or name.endswith("_bytes"):
            continue
        for text in value.ravel():
            try:
                text.decode("utf-8")
            except UnicodeDecodeError as error:
                raise ServingError(
                    "An output is no text",
                    [
                        f"{what}: output {name!r} is not UTF-8: {text[:40]!r}. REST "
                        "sends bytes only from outputs whose name ends in '_bytes'"
                    ],
                ) from error
