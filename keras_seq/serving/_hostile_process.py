"""The process in which a model is asked hostile requests: it may die.

It runs as a script.
"""

import contextlib
import ctypes
import dataclasses
import json
import math
import os
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from keras_seq.serving._session import SessionModel


class Clock:
    """Seconds of time or of this process's processors, whichever are fewer.

    Others may have the processors, which is no fault of the model's.
    """

    def __init__(self) -> None:
        self._begun = time.perf_counter(), time.process_time()

    @property
    def seconds(self) -> float:
        now = time.perf_counter(), time.process_time()
        return min(a - b for a, b in zip(now, self._begun, strict=True))


class Memory:
    """MB that this process holds, and the most that it held."""

    def __init__(self) -> None:
        self.most = 0.0
        threading.Thread(target=self._watch, daemon=True).start()

    def now(self) -> float:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        found = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
        self.most = max(self.most, found)
        return found

    def _watch(self) -> None:
        while True:
            self.now()
            time.sleep(0.01)


def give_back() -> None:
    """Has the C library return what it keeps of memory that was freed, if it can."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _problems(outputs: Mapping[str, np.ndarray]) -> list[str]:
    found = []
    for name, value in outputs.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            found.append(f"output {name} isn't finite")
        if value.dtype == object and not name.endswith("_bytes"):
            try:
                b"".join(value.ravel().tolist()).decode("utf-8")
            except UnicodeDecodeError:
                found.append(f"output {name} isn't UTF-8")
    return found


def _until_refused(
    model: "SessionModel", name: str, inputs: Mapping[str, Any]
) -> float:
    """Seconds; infinitely many where the first row has an answer."""
    import tensorflow as tf

    clock = Clock()
    try:
        outputs = model.run(name, inputs)
    except tf.errors.OpError:
        return clock.seconds
    refused = "error" in outputs and outputs["error"][0]
    return clock.seconds if refused else math.inf


def main(job_path: str, result_path: str, last_path: str) -> None:
    """Asks the requests of a job, and writes what came of them."""
    sys.path[:] = [p for p in sys.path if Path(p or ".") != Path(__file__).parent]
    from keras_seq.serving import _session
    from keras_seq.serving._hostile import HostileReport
    from keras_seq.serving._hostile_requests import Requests

    job = json.loads(Path(job_path).read_text("utf-8"))
    if job["text_ops"]:
        _session.load_text_ops()
    model = _session.SessionModel(job["directory"])
    import tensorflow as tf

    name, normal = job["signature"], _session.decode(job["normal"])
    before = model.run(name, normal)
    model.run(name, {key: value[:1] for key, value in normal.items()})
    memory = Memory()
    give_back()
    loaded = memory.now()
    memory.most = loaded
    slowest = refusal = tenfold = (0.0, "")
    refused = rows_refused = 0
    problems: dict[str, None] = {}
    drawn = Requests(normal, job["limits"], job["seed"])
    for _, (inputs, said) in zip(range(job["requests"]), drawn, strict=False):
        Path(last_path).write_text(said, "utf-8")
        clock = Clock()
        try:
            outputs = model.run(name, inputs)
        except tf.errors.OpError:
            refused += 1
            refusal = max(refusal, (clock.seconds, said))
            continue
        slowest = max(slowest, (clock.seconds, said))
        for problem in _problems(outputs):
            problems[f"{problem}: {said}"] = None
        if "error" in outputs:
            rows_refused += int((outputs["error"] != b"").sum())
    for inputs, said in drawn.tenfold():
        Path(last_path).write_text(said, "utf-8")
        taken = [_until_refused(model, name, inputs) for _ in range(5)]
        tenfold = max(tenfold, (min(taken), said))
        if taken[0] == math.inf:
            problems[f"{said} is answered"] = None
    after = model.run(name, normal)
    for key, value in before.items():
        if value.dtype.kind == "f":
            same = np.allclose(value, after[key], rtol=1e-5, atol=1e-6)
        else:
            same = np.array_equal(value, after[key])
        if not same:
            problems[f"output {key} of a normal request differs afterwards"] = None
    time.sleep(0.1)
    give_back()
    found = HostileReport(
        *(name, job["requests"], refused, rows_refused, slowest, refusal),
        tenfold,
        *(memory.most - loaded, memory.now() - loaded, tuple(problems)),
    )
    Path(result_path).write_text(json.dumps(dataclasses.asdict(found)), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
