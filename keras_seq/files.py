"""Writing a file whole or not at all, and tables that read back as they are."""

import contextlib
import csv
import io
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

_TEMPORARY = re.compile(r"\.[0-9a-f]{16}\.tmp(\..*)?")


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
    >>> folder = tempfile.TemporaryDirectory()
    >>> with replacing(folder.name + "/table.npy") as temporary:
    ...     np.save(temporary, np.arange(3))
    >>> np.load(folder.name + "/table.npy")
    array([0, 1, 2])
    >>> folder.cleanup()
    """
    target = Path(path).resolve()
    if target.is_dir():
        raise IsADirectoryError(f"`path` must name a file; {str(path)!r} is a folder.")
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
