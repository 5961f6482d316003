"""Pairs of sentences, read from files."""

import hashlib
import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from keras_seq.text.corpora.columns import Column
from keras_seq.text.corpora.hub import SCHEME, hub_sources, is_saved
from keras_seq.text.corpora.oddities import oddities
from keras_seq.text.corpora.pair_columns import pair_columns
from keras_seq.text.corpora.parallel_files import parallel_files, refuse_by_name
from keras_seq.text.corpora.parts import TRAIN, part_files, split_of
from keras_seq.text.corpora.sources import (
    Source,
    in_folder,
    in_zip,
    is_zip,
    named_path,
    one_file,
)
from keras_seq.text.corpora.tables import SUFFIXES, read_table, readable
from keras_seq.text.normalising import normalise

Pair = tuple[str, str]

_FILES = (".txt", *SUFFIXES)


@dataclass(frozen=True, slots=True)
class PairCorpus:
    """Pairs of sentences, and what was left out.

    Args:
        name: The file or files that they come from.
        pairs: Source and target of each, in the order of the file.
        empty: How many were left out because a side was empty.
        duplicates: How many were left out because the same pair came before.
        parts: "train", "validation" or "test" for each pair; empty where the files
            have no such parts.
        notes: What else is to be known of how they were read.
    """

    name: str
    pairs: tuple[Pair, ...]
    empty: int
    duplicates: int
    parts: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.summary().partition(chr(10))[0]})"

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
        found = hashlib.sha256()
        between = ""
        for source, target in self.pairs:
            found.update(f"{between}{source}\t{target}".encode())
            between = "\n"
        return found.hexdigest()

    def part(self, name: str) -> list[Pair]:
        """The pairs of one of the parts; "" has all where there are none."""
        parts = self.parts or itertools.repeat("")
        return [p for p, part in zip(self.pairs, parts, strict=False) if part == name]

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
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])


def read_pairs(
    path: str | os.PathLike[str],
    *,
    columns: tuple[Column, Column] | None = None,
    member: str | None = None,
    encoding: str | None = None,
) -> PairCorpus:
    r"""Reads pairs from a table with a pair in each row.

    A table is a file with a pair in each line, tabs between columns (.tsv, .txt), CSV
    (.csv), JSON Lines (.jsonl) or Parquet (which needs pyarrow); as it is, gzipped
    (.gz) or in a .zip, where the one such file is read whose name doesn't begin with
    "_" or ".". Or a folder (or .zip) has two files whose names differ in their ending
    alone, which names the language: train.en and train.fr, as Moses reads them, or
    those of the parts. Or it has the tables train.tsv, validation.tsv (or
    dev.tsv, ...) and test.tsv, which become the corpus's parts, as a column "split"
    with such values does.

    `hf://NAME[:CONFIG][@SPLIT]` is a data set of the library `datasets` (extra `hub`),
    or, with a folder for NAME, one that it has saved.

    A header is known by its names: "source" and "target", "en" and "fr", ... White
    space at the ends of a sentence is left out. Pairs with an empty side (nothing but
    white space and control characters), blank lines too, and repeated pairs are left
    out and counted.

    Args:
        path: The file or folder.
        columns: Columns of source and target, numbers from 0 or names in the header;
            (1, 0) swaps the first two. Others are ignored. By default those that a
            header names; else the first two, unless these are identifiers beside two
            columns of text, which are then taken.
        member: Name of the file in the .zip, if several are there.
        encoding: The encoding of the file; by default UTF-8, with or without byte
            order mark.

    Returns:
        A `PairCorpus`.

    Raises:
        OSError: If the file cannot be read.
        ImportError: If it is Parquet, and pyarrow is missing.
        ValueError: If it is not what its name says, is not UTF-8, has a line
            without those columns, or no pair, or it isn't clear which columns are
            meant; the message names file and line.

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
    pairs = _Pairs()
    notes: list[str] = []
    hub = hub_sources(path, notes)
    label = os.fspath(path)
    path = named_path(path)
    if hub is None and is_saved(path):
        raise ValueError(f"{label!r} is of the library datasets: {SCHEME}{label}.")
    if (
        hub is None
        and member is None
        and (sides := parallel_files(path, columns, notes))
    ):
        for part, both in sides.items():
            _add_lines(pairs, both, part, encoding, notes)
        return pairs.corpus(path.name, notes)
    sources = hub or _sources(path, member)
    for part, source in sources.items():
        refuse_by_name(source)
        notes += source.encoding_note(encoding)
        table = read_table(source, encoding)
        (first, second), table, note = pair_columns(table, columns)
        if note and note not in notes:
            notes.append(note)
        part_in = split_of(table)
        widest, more = 0, []
        for row in table.rows:
            cells = row.cells
            if not any(cell.strip() for cell in cells):
                pairs.add("", "", part)
                continue
            if len(cells) > (widest := widest or len(cells)):
                more.append(row.line)
            if len(cells) <= max(first, second):
                tabs = ", with tabs between" if source.suffix != ".csv" else ""
                raise ValueError(
                    f"{table.name}:{row.line}: expected columns {first} and {second}, "
                    f"counted from 0{tabs}; received {len(cells)} column(s)."
                )
            sentences = readable(cells[first]), readable(cells[second])
            pairs.add(*sentences, part or part_in(row))
        if more:
            notes.append(
                f"{len(more)} rows have more columns than the first, as where a tab is "
                f"in a sentence: {table.name}:{more[0]} is one"
            )
    name = label if hub else path.name
    if len(sources) == 1:
        name = next(iter(sources.values())).name
    return pairs.corpus(name, notes)


def read_two(
    source_path: str | os.PathLike[str],
    target_path: str | os.PathLike[str],
    *,
    encoding: str | None = None,
) -> PairCorpus:
    r"""Reads pairs from two files, whose lines belong together one to one.

    Each file may be gzipped (.gz) or alone in a .zip, with a sentence in each line.

    Args:
        source_path: File of the sources.
        target_path: File of the targets.
        encoding: Of both; by default UTF-8, with or without byte order mark.

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
    paths = Path(source_path), Path(target_path)
    sides = [_only(path, None) for path in paths]
    pairs = _Pairs()
    notes: list[str] = []
    _add_lines(pairs, sides, "", encoding, notes)
    return pairs.corpus(" + ".join(side.name for side in sides), notes)


def _add_lines(
    pairs: "_Pairs",
    sides: Sequence[Source],
    part: str,
    encoding: str | None,
    notes: list[str],
) -> None:
    """The pairs of two files, whose lines belong together."""
    counts = [0, 0]
    for side in sides:
        notes += side.encoding_note(encoding)
    lines = [_counted(side, encoding, counts, i) for i, side in enumerate(sides)]
    for source, target in itertools.zip_longest(*lines, fillvalue=""):
        pairs.add(source, target, part)
    if counts[0] != counts[1]:
        raise ValueError(
            f"{sides[0].name} and {sides[1].name} must have as many lines; received "
            f"{counts[0]} and {counts[1]}."
        )


class _Pairs:
    """Pairs as they are read; each is kept once."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str, str], None] = {}
        self.count = self.empty = 0

    def add(self, source: str, target: str, part: str) -> None:
        self.count += 1
        source, target = source.strip(), target.strip()
        if normalise(source) and normalise(target):
            self.kept.setdefault((source, target, part))
        else:
            self.empty += 1

    def corpus(self, name: str, notes: Sequence[str]) -> PairCorpus:
        if not self.kept:
            raise ValueError(
                f"{name}: expected pairs of sentences; received {self.count} lines, "
                "none with two sides."
            )
        split = any(part for _, _, part in self.kept)
        return PairCorpus(
            name,
            tuple((source, target) for source, target, _ in self.kept),
            self.empty,
            self.count - self.empty - len(self.kept),
            tuple(part for _, _, part in self.kept) if split else (),
            (*notes, *oddities(f"{s}\t{t}" for s, t, _ in self.kept)),
        )


def _counted(
    source: Source, encoding: str | None, counts: list[int], side: int
) -> Iterator[str]:
    for line in source.lines(encoding):
        counts[side] += 1
        yield line


def _sources(path: Path, member: str | None) -> dict[str, Source]:
    """What is read: by its part, or one file that is none."""
    if path.is_dir() or (is_zip(path) and member is None):
        found = in_folder(path) if path.is_dir() else in_zip(path)
        parts = part_files(path.name, found, _FILES)
        if TRAIN in parts:
            return dict(parts)
        if path.is_dir():
            raise ValueError(
                f"{path.name}: expected train.tsv, validation.tsv and test.tsv, or "
                "tables of other forms; received "
                f"{', '.join(repr(str(s.path)) for s in found[:6]) or 'no files'}."
            )
    elif member is not None and not is_zip(path):
        raise ValueError(
            f"`member` must be None for what is no .zip; received {member!r}."
        )
    return {"": _only(path, member)}


def _only(path: Path, member: str | None) -> Source:
    """A file, or the one that is meant in a .zip."""
    if not is_zip(path):
        return one_file(path)
    found = in_zip(path)
    names = [str(source.path) for source in found if source.suffix in _FILES]
    chosen = [member] if member is not None else names
    for source in found:
        if [str(source.path)] == chosen:
            return source
    raise ValueError(
        f"{path.name}: expected one .txt or .tsv file in it, or another table, or its "
        f"name in `member`; received {names} and `member` {member!r}."
    )
