"""Files with text, as they lie, gzipped or in a .zip, read line by line."""

import contextlib
import gzip
import itertools
import os
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple, cast

from keras_seq.text.corpora.encodings import lines_of
from keras_seq.text.vocabulary import encodable

_PACKED = ".gz"
_LONGEST_LINE = 2**28  # bytes: a small packed file may hold any number of them


class Source(NamedTuple):
    """A file, or one in a .zip.

    Attributes:
        name: What messages call it.
        path: Where it lies, from the folder or the .zip that it was found in.
        open: Opens it for reading bytes, unpacked.
        archive: Name of the .zip that it is in, or "".
    """

    name: str
    path: PurePosixPath
    open: Callable[[], IO[bytes]]
    archive: str = ""

    @property
    def suffix(self) -> str:
        """The ending of its name, in lower case, without that of its packing."""
        return self._unpacked.suffix.lower()

    @property
    def stem(self) -> str:
        """Its name, without both endings."""
        return self._unpacked.stem

    @property
    def _unpacked(self) -> PurePosixPath:
        packed = self.path.suffix.lower() == _PACKED
        return self.path.with_suffix("") if packed else self.path

    def raw_lines(self) -> Iterator[bytes]:
        """Its bytes, cut behind each line's end; ValueError if it isn't whole."""
        try:
            with self.open() as file:
                while line := file.readline(_LONGEST_LINE):
                    if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
                        raise ValueError(
                            f"{self.name}: expected lines of less than "
                            f"{_LONGEST_LINE:,} bytes; received a longer one."
                        )
                    yield line
        except (gzip.BadGzipFile, EOFError, zlib.error, zipfile.BadZipFile) as error:
            kind = ".zip" if self.archive else ".gz"
            name = self.archive or self.name
            raise ValueError(f"{name}: is no whole {kind} file: {error}") from error
        except RuntimeError as error:  # encrypted, or packed in a way not known
            name = self.archive or self.name
            raise ValueError(f"{name}: can't be unpacked: {error}") from error

    def lines(self, encoding: str | None = None) -> Iterator[str]:
        """Its lines, decoded, without their ends."""
        return lines_of(self.name, self.raw_lines(), encoding)

    def read(self) -> bytes:
        """All of it."""
        return b"".join(self.raw_lines())


def is_zip(path: Path) -> bool:
    """Whether a file's name says that it is a .zip."""
    return path.suffix.lower() == ".zip"


def one_file(path: Path) -> Source:
    """A file by itself, perhaps gzipped; OSError if there is none."""
    if not path.exists():
        raise FileNotFoundError(2, os.strerror(2), os.fspath(path))
    name = encodable(path.name)
    return Source(name, PurePosixPath(name), lambda: _opened(path))


def read_lines(path: str, encoding: str | None = None) -> Iterator[str]:
    r"""The lines of a file or of standard input, one after the other.

    Args:
        path: File, gzipped if its name ends in .gz; or "-" for standard input.
        encoding: Its encoding; None for UTF-8.

    Returns:
        Iterator over strings, the lines without their ends. As it goes on it raises
        ValueError where what comes isn't in this encoding, with file, line and byte.

    Raises:
        OSError: If the file can't be read.
        ValueError: If it has no lines, or its first one isn't in this encoding.

    Example:

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".txt") as file:
    ...     _ = file.write(b"one\r\n\ntwo")
    ...     file.flush()
    ...     list(read_lines(file.name))
    ['one', '', 'two']
    """
    source = one_file(Path(path)) if path != "-" else _standard_input()
    lines = source.lines(encoding)
    first = list(itertools.islice(lines, 1))  # what is wrong is told at once
    if not first:
        raise ValueError(f"{source.name}: expected lines; received nothing.")
    return itertools.chain(first, lines)


def _standard_input() -> Source:
    name = "standard input"
    return Source(
        name,
        PurePosixPath(name),
        lambda: cast("IO[bytes]", contextlib.nullcontext(sys.stdin.buffer)),
    )


def in_folder(folder: Path) -> list[Source]:
    """The files in a folder and below it whose names aren't hidden, in their order."""
    found = []
    # Not `rglob`: this follows no link to a folder, so no loop.
    for place, below, files in os.walk(folder):
        below[:] = sorted(name for name in below if name[0] not in "._")
        for name in files:
            path = Path(place, name)
            if name[0] not in "._" and path.is_file():
                found.append(_source(folder, path))
    return sorted(found, key=lambda source: source.path)


def in_zip(path: Path) -> list[Source]:
    """The files in a .zip whose names aren't hidden, in the archive's order.

    Raises:
        OSError: If there is no such file.
        ValueError: If it is no whole .zip.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path.name}: is no whole .zip file: {error}") from error
    return [
        Source(
            f"{path.name}/{name}", PurePosixPath(name), _member(path, name), path.name
        )
        for name in names
        if not name.endswith("/") and _shown(PurePosixPath(name))
    ]


def needs_password(path: Path) -> bool:
    """Whether a file in a .zip is encrypted."""
    with zipfile.ZipFile(path) as archive:
        return any(member.flag_bits & 1 for member in archive.infolist())


def _source(folder: Path, path: Path) -> Source:
    name = encodable(path.relative_to(folder).as_posix())
    return Source(name, PurePosixPath(name), lambda: _opened(path))


def _opened(path: Path) -> IO[bytes]:
    if path.suffix.lower() == _PACKED:
        return cast("IO[bytes]", gzip.open(path))
    return open(path, "rb")


def _member(path: Path, name: str) -> Callable[[], IO[bytes]]:
    def opened() -> IO[bytes]:
        # The archive is closed with the last of its members that is open.
        with zipfile.ZipFile(path) as archive:
            member = archive.open(name)
        if name.lower().endswith(_PACKED):
            return cast("IO[bytes]", gzip.GzipFile(fileobj=member))
        return member

    return opened


def _shown(path: PurePosixPath) -> bool:
    return not any(part[0] in "._" for part in path.parts)
