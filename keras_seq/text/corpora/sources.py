"""Files with text, as they lie, packed or in a .zip, read line by line."""

import bz2
import contextlib
import functools
import gzip
import io
import itertools
import lzma
import os
import stat
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple, cast

from keras_seq._folders import walk
from keras_seq.files import (
    MARKUP_START,
    foreign_kind,
    markup_kind,
    open_unpacked,
)
from keras_seq.files import SMALL_UNPACKED as _SMALL
from keras_seq.files import TIMES_UNPACKED as _TIMES
from keras_seq.runs import reading
from keras_seq.text.corpora.encodings import encoding_note, lines_of
from keras_seq.text.vocabulary import encodable

_UNPACKERS: dict[str, Callable[[IO[bytes]], Any]] = {
    ".gz": lambda file: gzip.GzipFile(fileobj=file),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
}
_LONGEST_LINE = 2**28  # bytes: a small packed file may hold any number of them
_PIECE = 2**16  # bytes
_COMMENTS = 10_000  # lines
_START = 600  # bytes that tell what a file is
_OFFICE = ("[Content_Types].xml", "mimetype")  # what is in the .zip of a document


class Source(NamedTuple):
    """A file, or one in a .zip.

    Attributes:
        name: What messages call it.
        path: Where it lies, from the folder or the .zip that it was found in.
        open: Opens it for reading bytes, unpacked.
        archive: Name of the .zip that it is in, or "".
        packed: Its bytes as it lies, packed or not; 0 if nobody knows.
        table: Gives the names of columns and the rows, objects, if it is no file.
        told: Whether it is said how far it is read, where that takes long.
    """

    name: str
    path: PurePosixPath
    open: Callable[[], IO[bytes]]
    archive: str = ""
    packed: int = 0
    table: Callable[[], tuple[list[str], Iterator[dict[str, Any]]]] | None = None
    told: bool = True

    @property
    def suffix(self) -> str:
        """The ending of its name, in lower case, without that of its packing."""
        return self.unpacked.suffix.lower()

    @property
    def stem(self) -> str:
        """Its name, without both endings."""
        return self.unpacked.stem

    @property
    def unpacked(self) -> PurePosixPath:
        """Its path, without the ending of its packing."""
        packed = self.path.suffix.lower() in _UNPACKERS
        return self.path.with_suffix("") if packed else self.path

    def raw_lines(self) -> Iterator[bytes]:
        """Its bytes, cut behind each line's end; ValueError if it isn't whole."""
        size = 0
        with self._unpacking(), self.open() as file:
            lines = iter(lambda: file.readline(_LONGEST_LINE), b"")
            for line in self._told(lines, file):
                if not size:
                    self._check_kind(line)
                if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
                    raise ValueError(
                        f"{self.name}: expected lines of less than {_LONGEST_LINE:,} "
                        "bytes; received a longer one."
                    )
                size += len(line)
                self._check_size(size)
                yield line

    def read(self) -> bytes:
        """All of it, if it may be text; ValueError as `raw_lines`."""
        data = self.content()
        self._check_kind(data)
        return data

    def content(self) -> bytes:
        """All of it, whatever it is; ValueError if it isn't whole."""
        found = io.BytesIO()  # grows in place, and hands out what it holds
        with self._unpacking(), self.open() as file:
            for piece in self._told(iter(lambda: file.read(_PIECE), b""), file):
                found.write(piece)
                self._check_size(found.tell())
        return found.getvalue()

    def _told(self, pieces: Iterator[bytes], file: IO[bytes]) -> Iterator[bytes]:
        if not self.told:
            return pieces
        whole = self.packed if isinstance(file, io.BufferedReader) else 0
        return reading(pieces, self.name, whole, unit="bytes", size=len)

    @contextlib.contextmanager
    def _unpacking(self) -> Iterator[None]:
        """Says of which file it is that it can't be unpacked."""
        kind = self.archive and ".zip"
        name = self.archive or self.name
        try:
            yield
        except (gzip.BadGzipFile, EOFError, zlib.error, zipfile.BadZipFile) as error:
            kind = kind or ".gz"
            raise ValueError(f"{name}: is no whole {kind} file: {error}") from error
        except lzma.LZMAError as error:
            kind = kind or ".xz"
            raise ValueError(f"{name}: is no whole {kind} file: {error}") from error
        except OSError as error:
            if error.errno is not None:
                raise
            # As bzip2's are: the system's have a number.
            raise ValueError(f"{name}: can't be unpacked: {error}") from error
        except RuntimeError as error:  # encrypted, or packed in a way not known
            raise ValueError(f"{name}: can't be unpacked: {error}") from error

    def _check_kind(self, start: bytes) -> None:
        if foreign := foreign_kind(start[:_START]):
            raise ValueError(f"{self.name}: is no text: it is {foreign}.")

    def _check_size(self, size: int) -> None:
        if self.packed and size > max(_SMALL, _TIMES * self.packed):
            raise ValueError(
                f"{self.name}: expected at most {_TIMES} times its {self.packed:,} "
                "packed bytes, as texts and tables have; received more."
            )

    def lines(self, encoding: str | None = None) -> Iterator[str]:
        """Its lines, decoded, without their ends; ValueError if they are markup."""
        lines = lines_of(self.name, self.raw_lines(), encoding)
        first = []
        # Who types the lines waits for no second one.
        wanted = 3 if self.packed else 1
        for line in itertools.islice(lines, _COMMENTS):
            first.append(line)
            # ARFF begins behind its comments, and is known by what follows.
            wanted -= not (self.packed and _is_of_arff(line))
            if not wanted:
                break
        self.check_markup("\n".join(line[:_START] for line in first))
        return itertools.chain(first, lines)

    def check_markup(self, text: str) -> None:
        """Refuses what begins as HTML or XML does: its markup isn't read."""
        if kind := markup_kind(text[:MARKUP_START]):
            hint = ": save it as plain text, or as a table"
            raise ValueError(f"{self.name}: is {kind}, which isn't read{hint}.")

    def encoding_note(self, encoding: str | None) -> list[str]:
        """A note if it is in another encoding than UTF-8 because it says so itself."""
        if encoding is not None:
            return []
        try:
            with self.open() as file:
                return encoding_note(self.name, file.read(4), encoding)
        except (OSError, EOFError, RuntimeError, zlib.error, lzma.LZMAError):
            return []  # who reads it is told


def _is_of_arff(line: str) -> bool:
    """Whether a line may stand above the first attribute of ARFF."""
    start = line[:_START].strip()
    return not start or start.startswith("%") or start.lower().startswith("@relation")


def is_zip(path: Path) -> bool:
    """Whether a file is a .zip, by its name or by what it is; no office document."""
    if path.suffix.lower() == ".zip":
        return True
    if not path.is_file() or not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return not any(name in _OFFICE for name in archive.namelist())
    except zipfile.BadZipFile:  # it only ends as one
        return False


def named_path(path: str | os.PathLike[str]) -> Path:
    """A path whose last part is a name: "." has none."""
    return Path(path) if Path(path).name else Path(path).resolve()


def one_file(path: Path, *, once: bool = False) -> Source:
    """A file by itself, perhaps packed.

    Raises:
        OSError: If there is none.
        ValueError: If it can be read only once, as a pipe, and that isn't enough.
    """
    kind = path.stat().st_mode  # FileNotFoundError if there is none
    name = encodable(path.name)
    if not (once or stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        raise ValueError(
            f"{name}: expected a file, which can be read again; received a pipe or a "
            "device."
        )
    return Source(
        name, PurePosixPath(name), lambda: _opened(path), packed=_packed_size(path)
    )


def read_lines(path: str, encoding: str | None = None) -> Iterator[str]:
    r"""The lines of a file or of standard input, one after the other.

    Args:
        path: File, perhaps packed by gzip, bzip2 or xz; or "-" for standard input.
        encoding: Its encoding; None for UTF-8, or UTF-16 or UTF-32 with their byte
            order mark.

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
    # Whoever answers them says how far that is.
    source = _standard_input()._replace(told=False)
    if path != "-":
        source = one_file(Path(path), once=True)._replace(told=False)
        if Path(path).is_file():  # a pipe can't be looked into
            for note in source.encoding_note(encoding):
                print(note, file=sys.stderr)
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
    for place, names in walk(folder):
        parts = Path(place).relative_to(folder).parts
        if any(part[0] == "_" for part in parts):  # __MACOSX
            continue
        for name in names:
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
        # Its list of members is read once; it is closed with the last source.
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path.name}: is no whole .zip file: {error}") from error
    return [
        Source(
            f"{path.name}/{member.filename}",
            PurePosixPath(member.filename),
            functools.partial(_member, archive, member),
            path.name,
            max(1, member.compress_size),
        )
        for member in archive.infolist()
        if not member.is_dir() and _shown(PurePosixPath(member.filename))
    ]


def needs_password(path: Path) -> bool:
    """Whether a file in a .zip is encrypted."""
    with zipfile.ZipFile(path) as archive:
        return any(member.flag_bits & 1 for member in archive.infolist())


def _source(folder: Path, path: Path) -> Source:
    name = encodable(path.relative_to(folder).as_posix())
    return Source(
        name, PurePosixPath(name), lambda: _opened(path), packed=_packed_size(path)
    )


def _packed_size(path: Path) -> int:
    """Bytes of a file that may be packed: which it is its content tells."""
    return max(1, path.stat().st_size) if path.is_file() else 0


def _opened(path: Path) -> IO[bytes]:
    if path.suffix.lower() == ".gz":  # or it is told that it is none
        return cast("IO[bytes]", gzip.open(path))
    return open_unpacked(path)


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> IO[bytes]:
    opened = archive.open(member)
    unpack = _UNPACKERS.get(PurePosixPath(member.filename).suffix.lower())
    return cast("IO[bytes]", unpack(opened)) if unpack is not None else opened


def _shown(path: PurePosixPath) -> bool:
    return not any(part[0] in "._" for part in path.parts)
