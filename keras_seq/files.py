"""Files: written whole or not at all, unpacked, and known by their first bytes."""

import bz2
import codecs
import collections
import contextlib
import csv
import gzip
import io
import lzma
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, TypeAlias, cast

MARKUP_START = 2**18  # characters that tell what a text is written in
SMALL_UNPACKED = 2**27  # bytes that any packed file may have
TIMES_UNPACKED = 200  # its size, that a larger one may have
YES_NO = {"yes": "no", "y": "n", "true": "false", "t": "f", "1": "0"}
_EXCEL = re.compile('"?sep=(.)"?')
_TEMPORARY = re.compile(r"\.[0-9a-f]{16}\.tmp(\..*)?")
_Opener: TypeAlias = Callable[[str | os.PathLike[str]], io.BufferedIOBase]
_PACKERS: dict[bytes, _Opener] = {
    b"\x1f\x8b": gzip.GzipFile,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    b"BZh": bz2.BZ2File,
}
_KINDS = {
    b"%PDF-": "PDF",
    b"{\\rtf1": "RTF",
    b"PK\x03\x04": "a .zip, or what is one within, as .xlsx, .docx and .ods",
    b"PK\x05\x06": "an empty .zip",
    b"\xd0\xcf\x11\xe0": "of an old office program, as .xls and .doc",
    b"SQLite format 3\0": "an SQLite database",
    b"\x93NUMPY": "of NumPy, .npy",
    b"PAR1\x15": "Parquet, whose names end in .parquet",
    b"ARROW1\0": "of Arrow, .feather",
    b"\x89HDF": "HDF5",
    b"7z\xbc\xaf": "a .7z",
    b"Rar!\x1a": "a .rar",
    b"\x28\xb5\x2f\xfd": "packed by zstd",
    b"\x89PNG": "an image, PNG",
    b"\xff\xd8\xff": "an image, JPEG",
    b"GIF8": "an image, GIF",
    b"MThd": "MIDI",
    b"\x7fELF": "a program",
    b"\x1f\x8b": "packed by gzip",  # what is packed once is unpacked before
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself",
}
_PICKLE = re.compile(rb"\x80[\x02-\x05](?:\x95|[c\]}(K]|q\x00)")
_MARKUP = (
    (re.compile(r"(?i)<!doctype html|<(?:html|head|body|table)[\s>]"), "HTML"),
    (re.compile(r"(?is)(?:<\?xml[^>]*>.{0,500}?)?<tmx[\s>]"), "TMX"),
    (re.compile(r"(?is)(?:<\?xml[^>]*>.{0,500}?)?<xliff[\s>]"), "XLIFF"),
    (re.compile(r"<\?xml[\s>]|<[a-zA-Z][\w:.-]*\s[^<>]{0,500}?xmlns[:=]"), "XML"),
    # Its comments may be long, and "@relation " alone may begin any text.
    (
        re.compile(
            r"(?i)(?:%[^\n]*\n|\s)*@relation\s[^\n]*\n(?:%[^\n]*\n|\s)*@attribute\s"
        ),
        "ARFF",
    ),
    (re.compile(r"\d+\r?\n[\d:]{7,8}[,.]\d{3} --> "), "SubRip's, with times"),
    (re.compile(r"WEBVTT\s"), "WebVTT, with times"),
)


def atomic_write(
    path: str | os.PathLike[str], data: bytes | str, *, durable: bool = False
) -> Path:
    r"""Writes `data` to `path`, so that a reader sees the old file or the new.

    The data go to a temporary file in the same folder, which then takes the
    name. When anything fails on the way (a full disk, an interrupt), the
    temporary file is removed and the old content stays. A symbolic link stays
    a link: the file it points to is replaced. Unless `durable`, data are not
    flushed to the device, so the guarantee is against a failing program, not a
    power cut.

    Args:
        path: File to write; its folder must exist.
        data: Content; text is written as UTF-8, its newlines as they are.
        durable: Whether to wait until the device has the file and its name, so
            that not even a power cut loses them.

    Returns:
        `path` as a `pathlib.Path`.

    Raises:
        OSError: If the folder is missing or the file cannot be written.

    Example:

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = atomic_write(folder.name + "/tune.abc", "X:1\nK:C\n")
    >>> path.read_bytes()
    b'X:1\nK:C\n'
    >>> folder.cleanup()
    """
    content = data.encode("utf-8") if isinstance(data, str) else data
    # "x" keeps the permissions that the user's umask gives a new file, which
    # tempfile's private mode would not.
    with (
        replacing(path, durable=durable) as temporary,
        open(temporary, "xb") as file,
    ):
        file.write(content)
    return Path(path)


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], *, durable: bool = False) -> Iterator[Path]:
    """Gives a temporary path that takes the name `path` when the block ends.

    For libraries that write a file themselves; the promises are those of
    `atomic_write`. The temporary name keeps the suffix of `path`.

    Args:
        path: File to write; its folder must exist.
        durable: As for `atomic_write`.

    Yields:
        Path of the temporary file, which the block must create.

    Raises:
        OSError: If the folder is missing or the file cannot be written.

    Example:

    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(f"{folder}/x.npy") as temporary:
    ...         np.save(temporary, np.arange(3))
    ...     np.load(f"{folder}/x.npy").tolist()
    [0, 1, 2]
    """
    target = Path(path).resolve()
    if target.exists() and not target.is_file():  # /dev/null, which root may replace
        error = IsADirectoryError if target.is_dir() else OSError
        raise error(f"`path` must name a file; {str(path)!r} is none.")
    temporary = target.parent / f".{secrets.token_hex(8)}.tmp{target.suffix}"
    try:
        yield temporary
        if durable:
            _flush(temporary)
        with contextlib.suppress(FileNotFoundError):
            temporary.chmod(target.stat().st_mode & 0o7777)
        os.replace(temporary, target)
        if durable:
            with contextlib.suppress(OSError):  # not every file system can
                _flush(target.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _flush(path: Path) -> None:
    """Waits until the device has what is written to a file or a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_leftover(path: str | os.PathLike[str]) -> bool:
    """Whether `path` is a temporary file that a killed process left behind."""
    return _TEMPORARY.fullmatch(Path(path).name) is not None


def remove_leftovers(folder: str | os.PathLike[str]) -> None:
    """Removes, in `folder` and below, what killed processes left behind.

    No other process may be writing there.

    Args:
        folder: Folder, which need not exist.
    """
    for path in Path(folder).rglob(".*.tmp*"):
        if is_leftover(path):
            path.unlink(missing_ok=True)


class TableText:
    r"""The text of a table, row by row, each ended by a line feed.

    A field with a line break of any kind is quoted: Python's own writer leaves a
    carriage return bare where rows end with a line feed, and readers break there.

    Args:
        delimiter: Between the fields: `","` for CSV, a tab for TSV.

    Example:

    >>> table = TableText("\t")
    >>> table.writerow(["a", "b\rc", 3])
    >>> table.getvalue()
    'a\t"b\rc"\t3\n'
    """

    def __init__(self, delimiter: str = ",") -> None:
        self._rows: list[str] = []
        self._delimiter = delimiter

    def writerow(self, values: Iterable[object]) -> None:
        """Adds a row."""
        row = io.StringIO()
        csv.writer(row, delimiter=self._delimiter).writerow(values)
        self._rows.append(row.getvalue().removesuffix("\r\n") + "\n")

    def getvalue(self) -> str:
        """The rows so far."""
        return "".join(self._rows)


def foreign_kind(start: bytes) -> str:
    r"""What a file is, if its first bytes say that it is none of text; else "".

    Args:
        start: The first bytes of a file, 300 or more.

    Example:

    >>> foreign_kind(b"%PDF-1.7\n")
    'PDF'
    >>> foreign_kind(b"a,b\n1,2\n")
    ''
    """
    for mark, kind in _KINDS.items():
        if start.startswith(mark):
            return kind
    if start[257:262] == b"ustar":
        return "a .tar"
    return "a pickle of Python" if _PICKLE.match(start) else ""


def markup_kind(start: str) -> str:
    """The markup that a text is written in, if its beginning says so; else "".

    Args:
        start: The beginning of a text, some hundred characters; of ARFF all up to its
            first attribute, behind what may be many lines of comments.

    Example:

    >>> markup_kind("<!DOCTYPE html><html>")
    'HTML'
    >>> markup_kind("a < b")
    ''
    """
    start = start.lstrip("\ufeff \t\r\n")
    found = (kind for pattern, kind in _MARKUP if pattern.match(start))
    return next(found, "")


def open_unpacked(path: str | os.PathLike[str]) -> IO[bytes]:
    """Opens a file for reading bytes; gzip, bzip2 and xz are unpacked.

    What a file is its first bytes tell, not its name.

    Args:
        path: The file.

    Returns:
        The open file. Reading it raises EOFError, OSError, zlib.error or
        lzma.LZMAError where it isn't whole.

    Raises:
        OSError: If it can't be opened.

    Example:

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = file.write(gzip.compress(b"text"))
    ...     file.flush()
    ...     with open_unpacked(file.name) as unpacked:
    ...         unpacked.read()
    b'text'
    """
    file = open(path, "rb")  # noqa: SIM115 (who asked for it closes it)
    try:
        if not file.seekable():
            return file
        start = file.read(10)
        file.seek(0)
        for mark, unpack in _PACKERS.items():
            # Text may begin with the mark of bzip2, but not go on as that does.
            if start.startswith(mark) and (mark != b"BZh" or start[4:] == b"1AY&SY"):
                file.close()
                return cast("IO[bytes]", unpack(path))
    except BaseException:
        file.close()
        raise
    return file


def named_delimiter(line: str) -> str:
    """The delimiter that Excel names in a first line of its own; "" if it is none.

    Args:
        line: The first line of a table, without its end.

    Example:

    >>> named_delimiter("sep=;")
    ';'
    """
    found = _EXCEL.fullmatch(line)
    return found[1] if found else ""


def unique_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of a JSON text's pairs, as `object_pairs_hook` of `json.loads`.

    Args:
        pairs: Names and values.

    Raises:
        ValueError: If a name stands twice, of which JSON would keep the last.

    Example:

    >>> import json
    >>> json.loads('{"a": 1, "b": 2}', object_pairs_hook=unique_object)
    {'a': 1, 'b': 2}
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = collections.Counter(name for name, _ in pairs)
        twice = [name[:60] for name, count in counts.items() if count > 1]
        raise ValueError(f"expected names that differ; received {twice[:20]} twice")
    return found


def check_encoding(encoding: str | None) -> None:
    """Refuses what is no name of an encoding.

    Args:
        encoding: A name that Python knows, or None.

    Raises:
        ValueError: If there is no such encoding of text.

    Example:

    >>> check_encoding("cp1251")
    >>> check_encoding("utf-9")
    Traceback (most recent call last):
    ValueError: `encoding` must be one that Python knows, as "cp1252"; received 'utf-9'.
    """
    if encoding is None:
        return
    try:
        codecs.lookup(encoding)
        with contextlib.suppress(UnicodeError):
            b"a".decode(encoding)  # "hex" is known too, but is none of text
    except (LookupError, ValueError) as error:
        raise ValueError(
            '`encoding` must be one that Python knows, as "cp1252"; received '
            f"{encoding!r}."
        ) from error


def parse_columns(text: str, count: int) -> tuple[int | str, ...]:
    """Columns as a person writes them: by number, from 1, or by name, with commas.

    Args:
        text: String.
        count: How many are needed.

    Returns:
        As the readers of tables take them: numbers from 0, and names.

    Raises:
        ValueError: If there are more or fewer, one has no name, or one comes twice.

    Example:

    >>> parse_columns("3,review", 2)
    (2, 'review')
    """
    wanted = {1: "one", 2: "two", 3: "three"}[count]
    names = [name.strip() for name in text.split(",")]
    found = tuple(int(n) - 1 if n.isdecimal() else n for n in names)
    if len(set(found)) != count or len(found) != count or "" in names or -1 in found:
        raise ValueError(
            f"`columns` must be {wanted} of a table, by number (from 1) or "
            f"name, with commas between; received {text!r}."
        )
    return found
