"""Random and hostile requests to a served model, and how it stood them."""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

_AS_SERVED = {"TF_ENABLE_ONEDNN_OPTS": "0"}  # oneDNN's allocator gives nothing back
_PROCESS = Path(__file__).with_name("_hostile_process.py")


@dataclasses.dataclass(frozen=True, slots=True)
class HostileReport:
    """How one signature stood hostile requests.

    Attributes:
        signature: Its name.
        requests: How many there were.
        refused: How many were refused as a whole.
        rows_refused: Rows that got an `error` in the others.
        slowest: Seconds that the slowest took, and what it was: seconds of time or of
            this process's processors, whichever are fewer.
        slowest_refusal: The same of the requests that were refused as a whole.
        tenfold: The same of single rows that exceed a limit ten times, by the best of
            five times.
        peak: MB of memory above the loaded model, at most.
        kept: MB of it that were still there at the end, when the C library has given
            back what was free. oneDNN, whose allocator never does, is off, as in the
            files that an export brings, unless `TF_ENABLE_ONEDNN_OPTS` is set.
        problems: What is wrong: an abort, a number that isn't finite, an output that
            isn't UTF-8, or another answer to a normal request than before.
    """

    signature: str
    requests: int
    refused: int
    rows_refused: int
    slowest: tuple[float, str]
    slowest_refusal: tuple[float, str]
    tenfold: tuple[float, str]
    peak: float
    kept: float
    problems: tuple[str, ...]

    def __str__(self) -> str:
        longest = 1000 * self.slowest_refusal[0]
        lines = [
            f"{self.signature}: of {self.requests} hostile requests {self.refused} "
            f"refused, in {longest:.0f} ms at most, and {self.rows_refused} rows of "
            f"the others; {self.peak:.0f} MB at most, {self.kept:.0f} MB kept; slowest "
            f"{self.slowest[0]:.2f} s: {self.slowest[1]}",
        ]
        if self.tenfold[1]:
            milliseconds = 1000 * self.tenfold[0]
            lines.append(
                f"ten times a limit is refused in {milliseconds:.0f} ms at most: "
                f"{self.tenfold[1]}"
            )
        lines += self.problems
        return "\n    ".join(lines)


def ask_hostile(
    path: str | os.PathLike[str],
    *,
    requests: int = 200,
    seed: int = 0,
    signatures: Collection[str] | None = None,
) -> list[HostileReport]:
    """Sends random and hostile requests to an exported model, in processes of its own.

    Each signature that has a warm-up request is asked: numbers up to the types' limits
    and NaN, texts of a megabyte and what is no UTF-8, files that are no pictures or
    name huge ones, more rows than there may be, some of them beside rows that are
    right. What `signatures.json` tells of limits is gone beyond by one, and tenfold.

    Args:
        path: The `saved_model` folder, which holds version folders.
        requests: How many, of each signature.
        seed: Of the requests.
        signatures: Names of those that are asked; None asks all.

    Returns:
        A `HostileReport` for each signature.

    Raises:
        ServingError: If there is no model, or a signature has no warm-up request.

    Example:

    >>> ask_hostile("no/such/folder")
    Traceback (most recent call last):
    keras_seq.serving._errors.ServingError: There is no model to check:
    - `path` must be a folder with a version folder (1, 2, ...) in it; ...
    """
    from keras_seq.serving import _session, _warmup
    from keras_seq.serving._errors import ServingError
    from keras_seq.serving._ops import inspect
    from keras_seq.serving._saved_model import newest_version, read_meta_graph

    directory = newest_version(path)
    text_ops = bool(inspect(read_meta_graph(directory)).text_ops)
    firsts: dict[str, Any] = {}
    for record in _warmup.read(directory):
        firsts.setdefault(record.signature, record)
    unknown = set(signatures or ()) - set(firsts)
    if unknown:
        message = f"`signatures` must be of {sorted(firsts)}; received {unknown}"
        raise ServingError("There are no requests to begin with", [message])
    limits = {}
    path = directory / _warmup.EXTRA / "signatures.json"
    if path.exists():
        told = json.loads(path.read_text("utf-8"))
        limits = {name: signature.get("limits", {}) for name, signature in told.items()}
    reports = []
    for name, record in firsts.items():
        if signatures is not None and name not in signatures:
            continue
        job = {
            "directory": str(directory.resolve()),
            "signature": name,
            "normal": _session.encode(record.inputs),
            "limits": limits.get(name, {}),
            "requests": requests,
            "seed": seed,
            "text_ops": text_ops,
        }
        reports.append(_ask_process(job))
    return reports


def _ask_process(job: Mapping[str, Any]) -> HostileReport:
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("job", "result", "last")]
        files[0].write_text(json.dumps(job), "utf-8")
        ran = subprocess.run(
            [sys.executable, str(_PROCESS), *map(str, files)],
            capture_output=True,
            text=True,
            env={**_AS_SERVED, **os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
        )
        if files[1].exists():
            found: dict[str, Any] = json.loads(files[1].read_text("utf-8"))
            found["problems"] = tuple(found["problems"])
            for key in ("slowest", "slowest_refusal", "tenfold"):
                found[key] = tuple(found[key])
            return HostileReport(**found)
        asked = files[2].read_text("utf-8") if files[2].exists() else "loading it"
        reason = " ".join(ran.stderr.strip().splitlines()[-2:])[-300:]
        problem = f"the process ended with {ran.returncode} at {asked}: {reason}"
        none = (0.0, "")
        return HostileReport(
            job["signature"], 0, 0, 0, none, none, none, 0, 0, (problem,)
        )
