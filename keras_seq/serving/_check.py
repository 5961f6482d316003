"""Proof that an exported model serves."""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_seq.serving import _session, _warmup
from keras_seq.serving._errors import ServingError
from keras_seq.serving._ops import inspect
from keras_seq.serving._replay import Arrays, Replay, SignatureReport
from keras_seq.serving._saved_model import (
    EXTRA,
    newest_version,
    read_meta_graph,
    signature_defs,
)
from keras_seq.serving._signature import Signature


@dataclasses.dataclass(frozen=True, slots=True)
class CheckReport:
    """What `check` found.

    Attributes:
        directory: The version folder.
        ops: The operations of the graph and its functions.
        text_ops: Those of them that are tensorflow-text's.
        signatures: A `SignatureReport` for each signature.
    """

    directory: Path
    ops: tuple[str, ...]
    text_ops: tuple[str, ...]
    signatures: Mapping[str, SignatureReport]

    def __str__(self) -> str:
        lines = [
            f"{self.directory} serves without Keras: {len(self.ops)} different ops, "
            f"{len(self.text_ops)} of them from tensorflow-text"
        ]
        for name, report in self.signatures.items():
            alone = (
                "may depend on their batch"
                if report.row_difference is None
                else f"the same alone within {report.row_difference:.1e}"
            )
            lines.append(
                f"  {name}: {report.requests} requests, {report.rows} rows; "
                f"as the live model within {report.difference:.1e}; rows {alone}"
            )
        return "\n".join(lines)


def check(
    path: str | os.PathLike[str],
    *,
    live: Mapping[str, Signature | Callable[..., Mapping[str, Any]]] | None = None,
    tolerance: float = 1e-5,
) -> CheckReport:
    """Serves an exported model in a bare process and compares its answers.

    The newest version is loaded in a fresh process in which neither Keras nor
    keras_seq can be imported, through the Session loader that TensorFlow
    Serving uses. There every signature answers its warm-up requests, then all
    their rows in one batch, then the first rows alone. The answers must equal
    those that the live model gave at export: strings and integers exactly,
    floats within `tolerance`, absolute and relative. A row must get the same
    answer alone as in a batch, unless its `Signature` says otherwise. Every
    operation must be one that the server has.

    Args:
        path: The `saved_model` folder, which holds version folders.
        live: For any of the signatures, the live `Signature` or its function,
            to be asked again and compared with.
        tolerance: Largest difference between floats.

    Returns:
        A `CheckReport`; printed, it has a line for each signature.

    Raises:
        ServingError: If anything is wrong; the message lists everything.

    Example:

    >>> import tempfile
    >>> import tensorflow as tf
    >>> from keras_seq.serving import Signature, export
    >>> shout = Signature(
    ...     lambda text: {"loud": tf.strings.upper(text)},
    ...     {"text": tf.TensorSpec([None], tf.string)},
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     requests = {"serving_default": [{"text": ["a", "b"]}]}
    ...     _ = export([], folder, {"serving_default": shout}, warmup=requests)
    ...     report = check(folder)
    >>> report.signatures["serving_default"]
    SignatureReport(requests=1, rows=2, difference=0.0, row_difference=0.0)
    """
    directory = newest_version(path)
    meta_graph = read_meta_graph(directory)
    inspection = inspect(meta_graph)
    names = list(signature_defs(meta_graph))
    functions = _functions(live or {}, names)
    records = _warmup.read(directory)
    replays = {
        name: Replay(
            name,
            [record for record in records if record.signature == name],
            _rows_independent(directory, name),
        )
        for name in names
    }
    answers = iter(
        _ask_bare_process(
            directory,
            [(name, r) for name, replay in replays.items() for r in replay.requests],
            text_ops=bool(inspection.text_ops),
        )
    )
    problems = list(inspection.problems)
    reports = {}
    for name, replay in replays.items():
        own_answers = [next(answers) for _ in replay.requests]
        reports[name], found = replay.judge(own_answers, functions.get(name), tolerance)
        problems += found
    if problems:
        raise ServingError(f"{directory} does not serve", problems)
    return CheckReport(directory, inspection.ops, inspection.text_ops, reports)


def _functions(
    live: Mapping[str, Any], names: Sequence[str]
) -> dict[str, Callable[..., Mapping[str, Any]]]:
    unknown = sorted(set(live) - set(names))
    if unknown:
        raise ValueError(
            f"`live` must name signatures of the model, {sorted(names)}; received "
            f"{unknown}."
        )
    return {
        name: value.function if isinstance(value, Signature) else value
        for name, value in live.items()
    }


def _rows_independent(directory: Path, name: str) -> bool:
    path = directory / EXTRA / "signatures.json"
    if not path.exists():
        return True
    return json.loads(path.read_text("utf-8"))[name]["rows_independent"]


def _ask_bare_process(
    directory: Path, requests: Sequence[tuple[str, Arrays]], *, text_ops: bool
) -> list[Arrays | str]:
    """The outputs to each request, or what went wrong."""
    job = {
        "directory": str(directory.resolve()),
        "text_ops": text_ops,
        "runs": [
            {"signature": name, "inputs": _session.encode(inputs)}
            for name, inputs in requests
        ],
    }
    with tempfile.TemporaryDirectory() as folder:
        job_path, result_path = Path(folder, "job.json"), Path(folder, "result.json")
        job_path.write_text(json.dumps(job), "utf-8")
        ran = subprocess.run(
            [sys.executable, _session.__file__, job_path, result_path],
            capture_output=True,
            text=True,
            # Servers are judged on a CPU.
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
        )
        if ran.returncode:
            lines = ran.stderr.strip().splitlines()
            raise ServingError(
                f"{directory} does not serve",
                [f"the process ended with {ran.returncode}: " + "; ".join(lines[-3:])],
            )
        result = json.loads(result_path.read_text("utf-8"))
    if "error" in result:
        raise ServingError(f"{directory} does not load", [result["error"]])
    if result["imported"]:
        raise ServingError(
            f"{directory} was not tried alone", [f"imported: {result['imported']}"]
        )
    return [
        _session.decode(run["outputs"]) if "outputs" in run else run["error"]
        for run in result["runs"]
    ]
