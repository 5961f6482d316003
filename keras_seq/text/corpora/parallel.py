"""Pairs of sentences, read from files."""

import gzip
import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from keras_seq.text.normalising import normalise

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class PairCorpus:
    """Pairs of sentences, and what was left out.

    Args:
        name: The file or files that they come from.
        pairs: Source and target of each, in the order of the file.
        empty: How many were left out because a side was empty.
        duplicates: How many were left out because the same pair came before.
    """

    name: str
    pairs: tuple[Pair, ...]
    empty: int
    duplicates: int

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def sources(self) -> tuple[str, ...]:
        """The source of each pair."""
        return tuple(source for source, _ in self.pairs)

    @property
    def targets(self) -> tuple[str, ...]:
        """The target of each pair."""
        return tuple(target for _, target in self.pairs)

    @property
    def digest(self) -> str:
        """SHA-256 over the pairs, in order, as 64 hexadecimal digits."""
        text = "\n".join(f"{source}\t{target}" for source, target in self.pairs)
        return hashlib.sha256(text.encode()).hexdigest()

    def summary(self) -> str:
        """How many pairs there are and why the others are not, line by line."""
        found = len(self.pairs) + self.empty + self.duplicates
        lines = [
            f"{self.name}: {len(self.pairs)} of {found} pairs are usable, "
            f"{len(set(self.sources))} different sources, "
            f"{len(set(self.targets))} different targets"
        ]
        if self.empty:
            lines.append(f"  {self.empty:6d} have an empty side")
        if self.duplicates:
            lines.append(f"  {self.duplicates:6d} repeat an earlier pair")
        return "\n".join(lines)


def read_pairs(
    path: str | os.PathLike[str],
    *,
    columns: tuple[int, int] = (0, 1),
    member: str | None = None,
) -> PairCorpus:
    r"""Reads pairs from a file with a pair in each line, tabs between columns.

    The file is UTF-8, with or without byte order mark, as it is, gzipped (.gz)
    or in a .zip, where the one .txt or .tsv file is read whose name doesn't
    begin with "_" or ".". White space at the ends of a sentence is left out.
    Pairs with an empty side (nothing but white space and control characters),
    blank lines too, and repeated pairs are left out and counted.

    Args:
        path: The file.
        columns: Columns of source and target, from 0; (1, 0) swaps the first
            two. Others are ignored.
        member: Name of the file in the .zip, if several are there.

    Returns:
        A `PairCorpus`.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is not what its name says, is not UTF-8, has a line
            without those columns, or no pair; the message names file and line.

    Example:

    >>> import pathlib, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name, "few.tsv")
    >>> _ = path.write_text("Go.\tVa !\tCC-BY\nGo.\tVa !\nRun!\tCours !\n")
    >>> corpus = read_pairs(path, columns=(1, 0))
    >>> corpus.pairs
    (('Va !', 'Go.'), ('Cours !', 'Run!'))
    >>> corpus.duplicates
    1
    >>> folder.cleanup()
    """
    if len(columns) != 2 or min(columns) < 0 or columns[0] == columns[1]:
        raise ValueError(
            f"`columns` must be two different numbers from 0 on; received {columns!r}."
        )
    name, data = _contents(Path(path), member)
    found = []
    for number, line in enumerate(decoded_lines(name, data), start=1):
        cells = line.split("\t")
        if len(cells) <= max(columns) and line.strip():
            raise ValueError(
                f"{name}:{number}: expected columns {columns[0]} and {columns[1]}, "
                f"counted from 0, with tabs between; received {len(cells)} column(s)."
            )
        found.append(
            (cells[columns[0]], cells[columns[1]]) if line.strip() else ("", "")
        )
    return _corpus(name, found)


def read_two(
    source_path: str | os.PathLike[str], target_path: str | os.PathLike[str]
) -> PairCorpus:
    r"""Reads pairs from two files, whose lines belong together one to one.

    Each file is as for `read_pairs`, with a sentence in each line.

    Args:
        source_path: File of the sources.
        target_path: File of the targets.

    Returns:
        A `PairCorpus`.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If a file is not what its name says or not UTF-8, they have
            different numbers of lines, or there is no pair.

    Example:

    >>> import pathlib, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> english = pathlib.Path(folder.name, "few.en")
    >>> french = pathlib.Path(folder.name, "few.fr")
    >>> _ = english.write_text("Go.\nRun!\n"), french.write_text("Va !\nCours !\n")
    >>> read_two(french, english).pairs
    (('Va !', 'Go.'), ('Cours !', 'Run!'))
    >>> folder.cleanup()
    """
    sides = [_contents(Path(path), None) for path in (source_path, target_path)]
    names = [name for name, _ in sides]
    sources, targets = (decoded_lines(name, data) for name, data in sides)
    if len(sources) != len(targets):
        raise ValueError(
            f"{names[0]} and {names[1]} must have as many lines; received "
            f"{len(sources)} and {len(targets)}."
        )
    name = " + ".join(names)
    return _corpus(name, zip(sources, targets, strict=True))


def _corpus(name: str, found: Iterable[Pair]) -> PairCorpus:
    stripped = [(source.strip(), target.strip()) for source, target in found]
    full = [pair for pair in stripped if all(map(normalise, pair))]
    kept = tuple(dict.fromkeys(full))
    if not kept:
        raise ValueError(
            f"{name}: expected pairs of sentences; received {len(stripped)} lines, "
            "none with two sides."
        )
    return PairCorpus(name, kept, len(stripped) - len(full), len(full) - len(kept))


def _contents(path: Path, member: str | None) -> tuple[str, bytes]:
    """Name to report and bytes of a file, unpacked."""
    if path.suffix.lower() == ".zip":
        return _from_zip(path, member)
    if member is not None:
        raise ValueError(
            f"`member` must be None for what is no .zip; received {member!r}."
        )
    return path.name, unpacked(path)


def unpacked(path: Path) -> bytes:
    """The bytes of a file, unpacked if it is a .gz."""
    data = path.read_bytes()
    if path.suffix.lower() != ".gz":
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path.name}: is no whole .gz file: {error}") from error


def _from_zip(path: Path, member: str | None) -> tuple[str, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [
                name
                for name in archive.namelist()
                if Path(name).suffix.lower() in (".txt", ".tsv")
                and not any(part[0] in "_." for part in Path(name).parts)
            ]
            chosen = [member] if member is not None else names
            if len(chosen) != 1 or chosen[0] not in archive.namelist():
                raise ValueError(
                    f"{path.name}: expected one .txt or .tsv file in it, or its name "
                    f"in `member`; received {names} and `member` {member!r}."
                )
            return f"{path.name}/{chosen[0]}", archive.read(chosen[0])
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{path.name}: is no whole .zip file: {error}") from error
    except RuntimeError as error:  # encrypted, or packed in a way not known
        raise ValueError(f"{path.name}: can't be unpacked: {error}") from error


def decoded(name: str, data: bytes) -> str:
    r"""The text of a file in UTF-8, without a byte order mark.

    Args:
        name: Name of the file, for the message.
        data: What is in it.

    Returns:
        The text, its ends of lines as they are.

    Raises:
        ValueError: If it isn't UTF-8; with file, line and byte.

    Example:

    >>> decoded("table.csv", b"a,b\r\n1,2\n")
    'a,b\r\n1,2\n'
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        rest = error.object  # the data without the byte order mark
        number = rest.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{name}:{number}: expected UTF-8; received the byte "
            f"0x{rest[error.start]:02X}."
        ) from error


def decoded_lines(name: str, data: bytes) -> list[str]:
    r"""The lines of a file in UTF-8, without their ends.

    Args:
        name: Name of the file, for the message.
        data: What is in it.

    Raises:
        ValueError: If it isn't UTF-8; with file, line and byte.

    Example:

    >>> decoded_lines("texts.txt", b"one\r\ntwo\n")
    ['one', 'two']
    """
    text = decoded(name, data)
    # Not `splitlines`, which breaks lines at more than a line break.
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines[:-1] if lines[-1] == "" else lines
