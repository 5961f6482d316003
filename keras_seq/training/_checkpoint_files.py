"""The files of a checkpoint: arrays in order, named values, and a checksum."""

import hashlib
import io
import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

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


class Contents(NamedTuple):
    """What a file holds.

    Attributes:
        data: The file as it is.
        arrays: Those that have no name, in order.
        named: The others, as Python's own values.
    """

    data: bytes
    arrays: list[np.ndarray]
    named: dict[str, Any]


def packed(arrays: Iterable[np.ndarray], **named: Any) -> bytes:
    """A file of NumPy's with arrays in order, named values, and a checksum.

    The checksum is the archive's comment, over all that stands before it, so that
    readers that know nothing of it read the file as any other.
    """
    buffer = io.BytesIO()
    # A file of NumPy's has no bfloat16; float32 holds it exactly.
    arrays = [a.astype("float32") if a.dtype.kind == "V" else a for a in arrays]
    numbered = {str(i): array for i, array in enumerate(arrays)}
    values = {name: np.array(value) for name, value in named.items()}
    np.savez(buffer, **(numbered | values))  # type: ignore[arg-type] # no allow_pickle
    body = buffer.getvalue()[:-2] + struct.pack("<H", _TRAILER)
    return body + _MARK + hashlib.sha256(body).hexdigest().encode()


def read(path: Path) -> Contents:
    """Reads a file and verifies its checksum, if it isn't of version 0.1.0.

    Raises:
        DamagedError: If it isn't there, or isn't as it was written.
    """
    if not os.path.lexists(path):
        raise DamagedError(path, "is missing", missing=True)
    if path.is_dir():
        raise DamagedError(path, "is a folder")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DamagedError(path, f"can't be read ({error.strerror})") from error
    if not data:
        raise DamagedError(path, "is empty")
    entries = None  # that the archive's list says to have, where no checksum is
    body, trailer = data[:-_TRAILER], data[-_TRAILER:]
    if trailer.startswith(_MARK):
        digest = trailer[len(_MARK) :].decode("ascii", "replace")
        if hashlib.sha256(body).hexdigest() != digest:
            raise DamagedError(path, "is damaged (its checksum is another)")
    elif data[-_END_SIZE:][:4] != _END or data[-2:] != b"\0\0":
        raise DamagedError(path, "is damaged (it doesn't end as it was written)")
    else:
        (entries,) = struct.unpack("<H", data[-_END_SIZE:][10:12])
    try:
        with np.load(io.BytesIO(data)) as file:
            if entries not in (None, len(file.files)):
                raise DamagedError(path, "is damaged (its list of arrays is)")
            count = sum(name.isdecimal() for name in file.files)
            arrays = [file[str(i)] for i in range(count)]
            named = {n: file[n].item() for n in file.files if not n.isdecimal()}
    except DamagedError:
        raise
    except Exception as error:  # broken archives raise all kinds
        raise DamagedError(path, f"is damaged ({type(error).__name__})") from error
    return Contents(data, arrays, named)


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


def check_shapes(
    path: Path, variables: Sequence[Any], arrays: Sequence[np.ndarray]
) -> None:
    """Refuses arrays that are not those of the variables, place for place."""
    found = [array.shape for array in arrays]
    expected = [tuple(variable.shape) for variable in variables]
    if found == expected:
        return
    differing = [
        f"{variable.path!r} has shape {tuple(variable.shape)} and had {shape}"
        for variable, shape in zip(variables, found, strict=False)
        if tuple(variable.shape) != shape
    ]
    if len(found) != len(expected):
        differing = [
            f"it holds {len(found)} variables, the model and its optimizer "
            f"have {len(expected)}"
        ]
    raise ValueError(
        f"{os.fspath(path)!r} is the checkpoint of another model: "
        f"{', '.join(differing)}."
    )
