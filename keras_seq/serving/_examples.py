"""The clients of an export, and what the one in Python printed."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_seq.serving import _clients, _rest
from keras_seq.serving._errors import ServingError
from keras_seq.serving._saved_model import EXTRA
from keras_seq.serving._server import LocalServer
from keras_seq.serving._warmup import Record


def requests_of(records: Sequence[Record]) -> list[dict[str, Any]]:
    """The first record of each signature as a REST request, by rows."""
    firsts: dict[str, Record] = {}
    for record in records:
        firsts.setdefault(record.signature, record)
    return [
        {"signature_name": name, "instances": _instances(record)}
        for name, record in firsts.items()
    ]


def types_of(records: Sequence[Record]) -> dict[str, dict[str, str]]:
    """TensorFlow's dtypes of the inputs of each signature."""
    return {
        record.signature: {
            name: tf.as_dtype(value.dtype).name for name, value in record.inputs.items()
        }
        for record in records
    }


def write_and_run(
    directory: Path, name: str, records: Sequence[Record]
) -> list[dict[str, Any]]:
    """Writes the clients, runs Python's on the exported model, keeps what it printed.

    Returns:
        The pairs of `"request"` and `"response"` that were printed.
    """
    script = directory / EXTRA / _clients.PYTHON
    _clients.write(script.parent, name, requests_of(records), types_of(records))
    with LocalServer(directory, name) as server:
        ran = subprocess.run(
            [sys.executable, script, server.url],
            capture_output=True,
            text=True,
            env={**os.environ, "no_proxy": "127.0.0.1"},
        )
    if ran.returncode:
        raise ServingError(
            "The client example failed on the exported model",
            [ran.stderr.strip().splitlines()[-1]],
        )
    answers = json.loads(ran.stdout)
    text = json.dumps(answers, indent=2, ensure_ascii=False) + "\n"
    (directory / EXTRA / _clients.PRINTED).write_text(text, "utf-8")
    return answers


def _instances(record: Record) -> list[dict[str, Any]]:
    return [
        {name: _json_input(value[row]) for name, value in record.inputs.items()}
        for row in range(record.rows)
    ]


def _json_input(value: Any) -> Any:
    try:
        return _rest.format_tensor("text", value)
    except UnicodeDecodeError:
        return _rest.format_tensor("_bytes", value)
