"""Requests like a normal one, with something hostile in them."""

import math
import random
import struct
import zlib
from collections.abc import Iterator, Mapping
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

    def tenfold(self) -> Iterator[tuple[dict[str, np.ndarray], str]]:
        """One row of a normal request, with each limit in turn ten times exceeded."""
        row = {name: value[:1] for name, value in self.normal.items()}
        for name, limit in self.limits.items():
            if name == "rows":
                many = {n: np.repeat(v, 10 * limit, axis=0) for n, v in row.items()}
                yield many, f"{10 * limit} rows"
            elif name in row:
                for value in _beyond(name, row[name], 10 * limit):
                    yield row | {name: value}, f"{name} of {10 * limit}"

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


def _beyond(name: str, value: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """One row of so many characters, pixels or steps, or of such a number."""
    if value.dtype.kind in "iuf" and value.ndim == 1:
        yield np.array([size], value.dtype)
    elif value.dtype != object:
        yield np.resize(value, (1, size, *value.shape[2:]))
    elif name.endswith("_bytes"):
        side = math.isqrt(size) + 1
        yield np.array([_png(side, side, honest=True)], object)
    else:
        for piece in ("a", "a ", "\n", "\U0001f600"):
            text = (piece * size)[:size]
            yield np.full(value.shape, text.encode(), object)


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
