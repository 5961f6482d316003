"""Random and hostile requests to a served model, and how it stood them.

Run as a script, this file is the process in which the model is asked: it may die.
"""

import dataclasses
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

INTEGERS = (-(2**31), -1, 0, 1, 2, 3, 5, 16, 17, 100, 501, 10**6, 10**9, 2**31 - 1)
FLOATS = (np.nan, np.inf, -np.inf, 3e38, -3e38, 1e30, 1e-45, -1.0, 0.0, 0.3, 1.0, 7.0)
PIECES = (
    *("", " ", "a", "word ", "\n", "\r\n", "\0", "é", "e\u0301", "\u200f", "😀", "ﷺ"),
    *("X:1\n", "K:D\n", "|: ", "\ufffd", "▁", "■", "¶ ↵", "ß", "\u0130", "\ud7ff"),
)
BYTES = (b"\x80", b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80", b"\xe2\x82", b"\xf4\x90")
LONGEST = 1000  # of what has no limit


@dataclasses.dataclass(frozen=True, slots=True)
class HostileReport:
    """How one signature stood hostile requests.

    Attributes:
        signature: Its name.
        requests: How many there were.
        refused: How many were refused as a whole.
        rows_refused: Rows that got an `error` in the others.
        slowest: Seconds that the slowest took, and what it was.
        slowest_refusal: The same of the requests that were refused as a whole.
        peak: MB of memory above the loaded model, at most.
        kept: MB of it that were still there at the end.
        problems: What is wrong: an abort, a number that isn't finite, an output that
            isn't UTF-8, or another answer to a normal request than before.
    """

    signature: str
    requests: int
    refused: int
    rows_refused: int
    slowest: tuple[float, str]
    slowest_refusal: tuple[float, str]
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
            *self.problems,
        ]
        return "\n    ".join(lines)


def ask_hostile(
    path: str | os.PathLike[str], *, requests: int = 200, seed: int = 0
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

    Returns:
        A `HostileReport` for each signature.

    Raises:
        ServingError: If there is no model.

    Example:

    >>> ask_hostile("no/such/folder")
    Traceback (most recent call last):
    keras_seq.serving._errors.ServingError: There is no model to check:
    - `path` must be a folder with a version folder (1, 2, ...) in it; ...
    """
    from keras_seq.serving import _session, _warmup
    from keras_seq.serving._ops import inspect
    from keras_seq.serving._saved_model import newest_version, read_meta_graph

    directory = newest_version(path)
    text_ops = bool(inspect(read_meta_graph(directory)).text_ops)
    firsts: dict[str, Any] = {}
    for record in _warmup.read(directory):
        firsts.setdefault(record.signature, record)
    limits = {}
    path = directory / _warmup.EXTRA / "signatures.json"
    if path.exists():
        told = json.loads(path.read_text("utf-8"))
        limits = {name: signature.get("limits", {}) for name, signature in told.items()}
    reports = []
    for name, record in firsts.items():
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
            [sys.executable, __file__, *map(str, files)],
            capture_output=True,
            text=True,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
        )
        if files[1].exists():
            found: dict[str, Any] = json.loads(files[1].read_text("utf-8"))
            found["problems"] = tuple(found["problems"])
            for key in ("slowest", "slowest_refusal"):
                found[key] = tuple(found[key])
            return HostileReport(**found)
        asked = files[2].read_text("utf-8") if files[2].exists() else "loading it"
        reason = " ".join(ran.stderr.strip().splitlines()[-2:])[-300:]
        problem = f"the process ended with {ran.returncode} at {asked}: {reason}"
        none = (0.0, "")
        return HostileReport(job["signature"], 0, 0, 0, none, none, 0, 0, (problem,))


class Requests:
    """Draws requests like a normal one, with something hostile in most of them."""

    def __init__(
        self, normal: Mapping[str, np.ndarray], limits: Mapping[str, int], seed: int
    ) -> None:
        self.normal, self.limits = normal, limits
        self.chance = random.Random(seed)
        self.rows = len(next(iter(normal.values())))

    def __iter__(self) -> Iterator[tuple[dict[str, np.ndarray], str]]:
        while True:
            yield self._request()

    def _request(self) -> tuple[dict[str, np.ndarray], str]:
        chance, most = self.chance, self.limits.get("rows", 64)
        count = chance.choices(
            [1, 2, 3, most, 0, most + 1, 10 * most], [60, 20, 10, 2, 3, 3, 2]
        )[0]
        hostile = [n for n in self.normal if chance.random() < 1.5 / len(self.normal)]
        size = chance.choice([0, 1, 2, 8, LONGEST])
        made: dict[str, np.ndarray] = {}
        said = []
        # Many rows are copies of a few: to make them is no part of the test.
        kinds = min(count, 4)
        for name, value in self.normal.items():
            rows = [value[chance.randrange(self.rows)] for _ in range(kinds)]
            if name in hostile:
                size = chance.choice([size, self._around(name)])
                row = chance.randrange(kinds) if kinds else 0
                if value.ndim > 1 and value.dtype == object:
                    # Texts of megabytes, not of all rows at once.
                    rows = [
                        self._array(value, size) if i == row else other
                        for i, other in enumerate(rows)
                    ]
                elif value.ndim > 1:
                    rows = [self._array(value, size) for _ in rows]
                elif rows:
                    rows[row] = self._scalar(name, value)
                said.append(f"{name} {_short(rows[row] if rows else 'none')}")
            empty = np.zeros((0, *value.shape[1:]), value.dtype)
            array = np.array(rows, value.dtype) if rows else empty
            made[name] = array[np.arange(count) % kinds] if kinds else array
        if chance.random() < 0.03 and len(made) > 1:
            name = chance.choice(list(made))
            made[name] = made[name][:-1]
            said.append(f"{name} a row short")
        return made, f"{count} rows, " + ", ".join(said or ["a normal one"])

    def _around(self, name: str) -> int:
        limit = self.limits.get(name, LONGEST)
        return self.chance.choice([limit, limit + 1, 10 * limit])

    def _array(self, value: np.ndarray, size: int) -> np.ndarray:
        size = value.shape[1] if value.dtype == object else min(size, 10**6)
        shape = (size, *value.shape[2:])
        few = [self._scalar("", value) for _ in range(4)]
        calm = self.chance.random() < 0.5
        return np.zeros(shape, value.dtype) if calm else np.resize(few, shape)

    def _scalar(self, name: str, value: np.ndarray) -> Any:
        chance = self.chance
        if value.dtype.kind == "f":
            return chance.choice([*FLOATS, chance.gauss(0, 10)])
        if value.dtype.kind in "iu":
            info = np.iinfo(value.dtype)
            return int(np.clip(chance.choice(INTEGERS), info.min, info.max))
        if name.endswith("_bytes"):
            return self._picture(bytes(value.flat[0]))
        if value.dtype.kind == "b":
            return chance.random() < 0.5
        return self._text(name, [bytes(text) for text in value.flat])

    def _text(self, name: str, normal: list[bytes]) -> bytes:
        chance = self.chance
        piece = chance.choice(PIECES).encode()
        if chance.random() < 0.2:
            piece = chance.choice(BYTES)
        size = chance.choice([1, 3, 30, self._around(name), 2**20])
        text = piece * (size // max(len(piece.decode("utf-8", "replace")), 1))
        if chance.random() < 0.3:
            pieces = [chance.choice([*normal, piece, *BYTES]) for _ in range(5)]
            text = b"".join(pieces) + text[: 2**12]
        return text

    def _picture(self, normal: bytes) -> bytes:
        chance = self.chance
        kind = chance.randrange(6)
        if kind == 0:
            return normal[: chance.randrange(len(normal))]
        if kind == 1:
            broken = bytearray(normal)
            for _ in range(chance.choice([1, 5, 50])):
                broken[chance.randrange(len(broken))] = chance.randrange(256)
            return bytes(broken)
        sides = [0, 1, 7, 640, 2000, 10_000, 2**16 - 1]
        width, height = (chance.choice(sides) for _ in range(2))
        if kind == 2:
            return _png(width, height, honest=chance.random() < 0.7)
        if kind == 3:
            frame = struct.pack("<HHHHB", 0, 0, width, height, 0)
            screen = struct.pack("<HHBBB", 9, 9, 0x80, 0, 0) + bytes(6)
            parts = (b"\1a" * chance.choice([1, 10**5])) + b"\0"
            return b"GIF89a" + screen + b"," + frame + b"\2" + parts + b";"
        if kind == 4:
            head = struct.pack("<IHHI", 70, 0, 0, 54)
            return b"BM" + head + struct.pack("<Iii", 40, width, -height) + bytes(40)
        marks = (b"", b"\xff\xd8\xff\xe0\0\x10JFIF", b"GIF89a", b"RIFF0000WEBP", b"BM")
        return chance.choice(marks) + chance.randbytes(chance.choice([0, 9, 10**6]))


def _png(width: int, height: int, *, honest: bool) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    pixels = bytes((1 + (width + 7) // 8) * (height if honest else 1))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(pixels))
        + chunk(b"IEND", b"")
    )


def _short(value: Any) -> str:
    if isinstance(value, bytes):
        return f"{value[:30]!r} ({len(value)} bytes)"
    return f"{value!r} {np.shape(value)}"[:80]


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


def main(job_path: str, result_path: str, last_path: str) -> None:
    """Asks the requests of a job, and writes what came of them."""
    sys.path[:] = [p for p in sys.path if Path(p or ".") != Path(__file__).parent]
    from keras_seq.serving import _session

    job = json.loads(Path(job_path).read_text("utf-8"))
    if job["text_ops"]:
        _session.load_text_ops()
    model = _session.SessionModel(job["directory"])
    import tensorflow as tf

    name, normal = job["signature"], _session.decode(job["normal"])
    before = model.run(name, normal)
    model.run(name, {key: value[:1] for key, value in normal.items()})
    memory = Memory()
    loaded = memory.now()
    memory.most = loaded
    slowest = refusal = (0.0, "")
    refused = rows_refused = 0
    problems: dict[str, None] = {}
    drawn = Requests(normal, job["limits"], job["seed"])
    for _, (inputs, said) in zip(range(job["requests"]), drawn, strict=False):
        Path(last_path).write_text(said, "utf-8")
        started = time.perf_counter()
        try:
            outputs = model.run(name, inputs)
        except tf.errors.OpError:
            refused += 1
            refusal = max(refusal, (time.perf_counter() - started, said))
            continue
        slowest = max(slowest, (time.perf_counter() - started, said))
        for problem in _problems(outputs):
            problems[f"{problem}: {said}"] = None
        if "error" in outputs:
            rows_refused += int((outputs["error"] != b"").sum())
    after = model.run(name, normal)
    for key, value in before.items():
        if value.dtype.kind == "f":
            same = np.allclose(value, after[key], rtol=1e-5, atol=1e-6)
        else:
            same = np.array_equal(value, after[key])
        if not same:
            problems[f"output {key} of a normal request differs afterwards"] = None
    time.sleep(0.1)
    found = HostileReport(
        *(name, job["requests"], refused, rows_refused, slowest, refusal),
        *(memory.most - loaded, memory.now() - loaded, tuple(problems)),
    )
    Path(result_path).write_text(json.dumps(dataclasses.asdict(found)), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
