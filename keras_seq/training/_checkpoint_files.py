"""The files of a checkpoint: arrays in order, named values, and a checksum."""

import dataclasses
import errno
import hashlib
import io
import itertools
import os
import struct
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

_MARK = b"keras-seq sha256 "
_TRAILER = len(_MARK) + 2 * hashlib.sha256().digest_size
# How a ZIP archive without a comment ends: 22 bytes, the last two its length.
_END, _END_SIZE = b"PK\x05\x06", 22


class DamagedError(ValueError):
    """A file of a checkpoint is there and can't be read, or it isn't there."""

    def __init__(self, path: Path, reason: str, *, missing: bool = False) -> None:
        super().__init__(f"{os.fspath(path)!r} {reason}")
        self.path = path
        self.missing = missing


@dataclasses.dataclass(frozen=True)
class Contents:
    """What a file holds, which `read` has found whole.

    Attributes:
        path: The file.
        count: Number of the arrays that have no name.
        named: The others: numbers and texts as Python's own values.
    """

    path: Path
    count: int
    named: dict[str, Any]

    @property
    def arrays(self) -> list[np.ndarray]:
        """Those that have no name, in order, read anew."""
        return list(self)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Those arrays one by one, so that no more than one is held."""
        with open(self.path, "rb") as opened, np.load(opened) as file:
            for number in range(self.count):
                yield file[str(number)]


class _Summed:
    """A file that is written from front to back, and the checksum of what is written.

    Attributes:
        room: What stands for the checksum until it is known, and gives way to it.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.room: bytes | None = None
        self._file = file
        self._digest = hashlib.sha256()

    def write(self, data: Any) -> int:
        if self.room is not None and data == self.room:
            data = _MARK + self._digest.hexdigest().encode()
        self._digest.update(data)
        self._file.write(data)
        return len(data)

    def flush(self) -> None:
        self._file.flush()


def pack(file: IO[bytes], arrays: Iterable[np.ndarray], **named: Any) -> None:
    """Writes a file of NumPy's with arrays in order, named values, and a checksum.

    The checksum is the archive's comment, over all that stands before it, so that
    readers that know nothing of it read the file as any other. The arrays are asked
    for one by one, so that no more than one of them is held.
    """
    summed = _Summed(file)
    with zipfile.ZipFile(cast("IO[bytes]", summed), "w", zipfile.ZIP_STORED) as archive:
        items = ((str(number), array) for number, array in enumerate(arrays))
        for name, value in itertools.chain(items, named.items()):
            array = np.asanyarray(value)
            if array.dtype.kind == "V":
                # A file of NumPy's has no bfloat16; float32 holds it exactly.
                array = array.astype("float32")
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)
        archive.comment = summed.room = _MARK.ljust(_TRAILER, b"?")


def packed(arrays: Iterable[np.ndarray], **named: Any) -> bytes:
    """What `pack` writes."""
    buffer = io.BytesIO()
    pack(buffer, arrays, **named)
    return buffer.getvalue()


def read(path: Path) -> Contents:
    """Reads a file and verifies its checksum, if it isn't of version 0.1.0.

    Raises:
        DamagedError: If it isn't there, or isn't as it was written.
        OSError: If it can't be read, which says nothing of what is in it.
    """
    if not os.path.lexists(path):
        raise DamagedError(path, "is missing", missing=True)
    if path.is_dir():
        raise DamagedError(path, "is a folder")
    if os.path.exists(path) and not path.is_file():
        raise DamagedError(path, "is no file")
    try:
        with open(path, "rb") as opened:
            summed = _is_as_written(path, opened)
    except FileNotFoundError as error:  # where a link points
        raise DamagedError(path, f"can't be read ({error.strerror})") from error
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        with open(path, "rb") as opened, np.load(opened) as file:
            count = sum(name.isdecimal() for name in file.files)
            named = {n: _plain(file[n]) for n in file.files if not n.isdecimal()}
            entries = None if summed else _entries(path)
            if entries not in (None, len(file.files)):
                raise DamagedError(path, "is damaged (its list of arrays is)")
        contents = Contents(path, count, named)
        for _ in () if summed else contents:
            pass  # the archive has a checksum for each
    except DamagedError:
        raise
    except Exception as error:  # broken archives raise all kinds
        # EINVAL comes of a place before the beginning of the file.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise _unreadable(path, error) from error
        raise DamagedError(path, f"is damaged ({type(error).__name__})") from error
    return contents


def _unreadable(path: Path, error: OSError) -> OSError:
    return OSError(
        error.errno,
        f"{error.strerror}: a checkpoint is there and can't be read now, so nothing is "
        "changed. Try again; if it stays so, move this file away, to go on from others",
        os.fspath(path),
    )


def _is_as_written(path: Path, file: IO[bytes]) -> bool:
    """Whether the file has a checksum, which is then the right one."""
    size = file.seek(0, os.SEEK_END)
    if not size:
        raise DamagedError(path, "is empty")
    file.seek(max(0, size - _TRAILER))
    trailer = file.read()
    if not trailer.startswith(_MARK):
        if trailer[-_END_SIZE:][:4] != _END or trailer[-2:] != b"\0\0":
            raise DamagedError(path, "is damaged (it doesn't end as it was written)")
        return False
    file.seek(0)
    digest, left = hashlib.sha256(), size - _TRAILER
    while left:
        data = file.read(min(left, 2**20))
        if not data:
            raise DamagedError(path, "is damaged (it became shorter)")
        digest.update(data)
        left -= len(data)
    if trailer[len(_MARK) :] != digest.hexdigest().encode():
        raise DamagedError(path, "is damaged (its checksum is another)")
    return True


def _entries(path: Path) -> int:
    """The arrays that the end of an archive says to be in it."""
    with open(path, "rb") as file:
        file.seek(-_END_SIZE, os.SEEK_END)
        return int(struct.unpack("<H", file.read()[10:12])[0])


def _plain(array: np.ndarray) -> Any:
    return array.item() if array.ndim == 0 else array


def mean_arrays(lists: Iterable[Sequence[np.ndarray]]) -> list[np.ndarray]:
    """Mean of the arrays of several lists, place for place.

    What isn't a number with a fraction, such as a counter, has no mean: it is
    that of the first list.
    """
    rest: Iterator[Sequence[np.ndarray]] = iter(lists)
    first = next(rest)
    sums = [array.astype("float64") for array in first]
    count = 1
    for arrays in rest:
        count += 1
        for total, array in zip(sums, arrays, strict=True):
            total += array
    return [
        total / count if array.dtype.kind == "f" else array
        for total, array in zip(sums, first, strict=True)
    ]
