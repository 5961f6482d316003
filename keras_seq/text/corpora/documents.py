"""Documents, read from a text file, a folder of text files or a table."""

import hashlib
import itertools
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from keras_seq.runs import reading
from keras_seq.text.corpora.columns import (
    TEXTS,
    Column,
    described,
    found_header,
    named,
    places,
    width,
)
from keras_seq.text.corpora.cutting import BLANK_LINES, cut_text
from keras_seq.text.corpora.encodings import decoded, marked, western_text
from keras_seq.text.corpora.hub import SCHEME, hub_sources, is_saved
from keras_seq.text.corpora.oddities import oddities
from keras_seq.text.corpora.parts import TRAIN, part_of, split_of
from keras_seq.text.corpora.sources import (
    Source,
    in_folder,
    in_zip,
    is_zip,
    named_path,
    one_file,
)
from keras_seq.text.corpora.tables import SUFFIXES, Table, peeked, read_table, readable
from keras_seq.text.vocabulary import encodable
from keras_seq.text.words import count_words

_FEWEST_DOCUMENTS = 10  # fewer can't be split, and are cut
_PIECES = 100  # that texts are cut into
_FEWEST_WORDS = 100  # in a piece
_NO_TEXTS = ("readme", "license", "licence", "copying", "makefile", "changelog")


@dataclass(frozen=True, slots=True)
class TextCorpus:
    """Documents, and what was done to them.

    Args:
        name: The file or folder that they come from.
        names: Name of each document; what isn't UTF-8 in it is "?".
        texts: Text of each document.
        empty: Names of files that were left out because they hold no text.
        not_utf8: Names of files that aren't UTF-8.
        cut: Of how many texts the documents are pieces; 0 if they are whole.
        encodings: For each file that isn't UTF-8 what it was read as.
        parts: "train", "validation" or "test" for each document; empty where the files
            have no such parts.
        lines: Whether each line is a text by itself.
        notes: What else is to be known of how they were read.
    """

    name: str
    names: tuple[str, ...]
    texts: tuple[str, ...]
    empty: tuple[str, ...] = ()
    not_utf8: tuple[str, ...] = ()
    cut: int = 0
    encodings: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    lines: bool = False
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.summary().partition(chr(10))[0]})"

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def digest(self) -> str:
        """SHA-256 over names and texts, in order, as 64 hexadecimal digits."""
        found = hashlib.sha256()
        for part in (*self.names, *self.texts):
            found.update(f"{len(part)}:{part}".encode("utf-8", "replace"))
        return found.hexdigest()

    def summary(self) -> str:
        """How many documents there are, and what was done to them, line by line."""
        kind = f"pieces of {self.cut} text(s)" if self.cut else "documents"
        lines = [
            f"{self.name}: {len(self)} {kind}, {sum(map(len, self.texts)):,} characters"
        ]
        of_encoding: dict[str, list[str]] = {}
        for name, encoding in zip(self.not_utf8, self.encodings, strict=True):
            of_encoding.setdefault(encoding, []).append(name)
        for found, what in (
            (self.empty, "empty and left out"),
            *((found, f"not UTF-8, read as {e}") for e, found in of_encoding.items()),
        ):
            if found:
                shown = ", ".join(found[:6]) + (", …" if len(found) > 6 else "")
                lines.append(f"  {len(found):6d} {what}: {shown}")
        for part, count in Counter(self.parts).items():
            lines.append(f"  {count:6d} are for {part or 'any part'}")
        lines += [f"  {note}" for note in self.notes]
        return "\n".join(lines)


def read_documents(
    path: str | os.PathLike[str],
    *,
    column: Column | None = None,
    encoding: str | None = None,
) -> TextCorpus:
    r"""Reads a text file, a table of texts, or all text files in a folder and below it.

    Of a folder, each file is a document, in the order of their names: all .txt files,
    or, where there is none, those without an ending; gzipped ones (.gz) too. Hidden
    files are passed over. A .zip is like a folder. Files or folders that are named
    train, validation (valid, dev, ...) and test make parts of the corpus. Of a table
    (.csv, .tsv, .jsonl, .parquet) each row is a document.

    A file is UTF-8, with or without byte order mark, or UTF-16 or UTF-32 with one. One
    that isn't, nor has UTF-8's sequences in it, is read as Windows-1252 (or Big5) if it
    is mostly ASCII and just one of these makes sense of the rest, and named in the
    corpus; others are refused, as are HTML and XML.

    `hf://NAME[:CONFIG][@SPLIT]` is a data set of the library `datasets` (extra `hub`),
    or, with a folder for NAME, one that it has saved: a table; its splits are parts.

    Fewer than ten texts are cut into pieces by `cut_text`, about a hundred in all: one
    can't hold out a part of them otherwise.

    Args:
        path: The file or folder.
        column: Of a table: the column of the texts, its number from 0 or its name in
            the header; by default the one that the header calls "text", "review", ...
        encoding: The encoding of all files; by default as said above.

    Returns:
        A `TextCorpus`.

    Raises:
        OSError: If it cannot be read.
        ImportError: If it is Parquet, and pyarrow is missing.
        ValueError: If a file is no text, or there is none with any; with file, line
            and byte.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for i in range(10):
    ...         _ = Path(folder, f"{i}.txt").write_bytes(b"It cost %d \x80." % i)
    ...     corpus = read_documents(folder)
    >>> corpus.texts[7], corpus.not_utf8[:2]
    ('It cost 7 €.', ('0.txt', '1.txt'))
    """
    notes: list[str] = []
    hub = hub_sources(path, notes)
    if hub is not None:
        return _from_tables(os.fspath(path), hub, column, encoding, notes)
    path = named_path(path)
    if is_saved(path):
        raise ValueError(f"{str(path)!r} is of the library datasets: {SCHEME}{path}.")
    sources = _sources(path, notes)
    if len(sources) == 1 and sources[0].suffix in SUFFIXES:
        return _from_tables(sources[0].name, {"": sources[0]}, column, encoding, [])
    if column is not None:
        raise ValueError(f"{str(path)!r} is no table: it has no column {column!r}.")
    names, texts, empty, not_utf8, encodings, parts = [], [], [], [], [], []
    place = path.parent if is_zip(path) else path
    for source in reading(sources, path.name, len(sources), unit="files"):
        blamed = str(path) if source.name == path.name else f"{place}/{source.name}"
        text, found = _decoded(blamed, source, encoding)
        if not text or text.isspace():
            empty.append(source.name)
            continue
        names.append(source.name)
        texts.append(text)
        parts.append(_part(source) if len(sources) > 1 else "")
        if found:
            not_utf8.append(source.name)
            encodings.append(found)
    if not texts:
        raise ValueError(f"{str(path)!r} holds no text.")
    if TRAIN not in parts or len(set(parts) - {""}) < 2:
        parts = [""] * len(texts)  # a name by chance
    lines = all(map(_has_texts_for_lines, texts))
    cut = len(texts) if len(texts) < _FEWEST_DOCUMENTS else 0
    if cut:
        size = max(_FEWEST_WORDS, sum(map(count_words, texts)) // _PIECES)
        pieces = [cut_text(text, words=size) for text in texts]
        names = [
            f"{name}, piece {i}"
            for name, found in zip(names, pieces, strict=True)
            for i in range(1, len(found) + 1)
        ]
        parts = [part for part, found in zip(parts, pieces, strict=True) for _ in found]
        texts = list(itertools.chain(*pieces))
    return TextCorpus(
        encodable(path.name),
        tuple(names),
        tuple(texts),
        tuple(empty),
        tuple(not_utf8),
        cut,
        tuple(encodings),
        tuple(parts) if any(parts) else (),
        lines,
        (*notes, *oddities(texts)),
    )


def _sources(path: Path, notes: list[str]) -> list[Source]:
    if path.is_dir():
        found = in_folder(path)
    elif is_zip(path):
        found = in_zip(path)
        if len(found) == 1:
            return found
    else:
        return [one_file(path)]
    texts = [source for source in found if source.suffix == ".txt"] or [
        source
        for source in found
        if source.suffix == "" and source.stem.casefold() not in _NO_TEXTS
    ]
    if not texts:
        raise ValueError(f"{str(path)!r} has no .txt file in it or below it.")
    others = Counter(source.suffix or "without one" for source in found)
    del others[texts[0].suffix or "without one"]
    if others:
        shown = ", ".join(
            f"{count} {suffix}" for suffix, count in others.most_common(5)
        )
        notes.append(f"of the files those of other endings aren't read: {shown}")
    seen: dict[Path, Source] = {}
    for source in texts:
        other = seen.setdefault(Path(source.path).with_name(source.stem), source)
        if other is not source:
            raise ValueError(
                f"{str(path)!r} has both {str(other.path)!r} and {str(source.path)!r}: "
                "expected one of them."
            )
    return texts


def _part(source: Source) -> str:
    """The part that a file's name, or a folder above it, stands for."""
    names = [*source.path.parts[:-1], *source.stem.split(".")]
    return next((part for name in names if (part := part_of(name))), "")


def _from_tables(
    name: str,
    sources: dict[str, Source],
    column: Column | None,
    encoding: str | None,
    notes: list[str],
) -> TextCorpus:
    """The texts of tables, by the part of each; "" for what may say it itself."""
    names, texts, empty, parts = [], [], [], []
    for part, source in sources.items():
        place, table = _chosen(read_table(source, encoding), column)
        part_in = split_of(table)
        note = f"texts are in the column {described([place], table)}"
        notes += [n for n in (note, *source.encoding_note(encoding)) if n not in notes]
        for row in table.rows:
            if len(row.cells) <= place:
                raise ValueError(
                    f"{source.name}:{row.line}: expected a column {place}, counted "
                    f"from 0; received {len(row.cells)} column(s)."
                )
            text = readable(row.cells[place]).strip()
            if text:
                names.append(f"{source.name}:{row.line}")
                texts.append(text)
                parts.append(part or part_in(row))
            else:
                empty.append(f"{source.name}:{row.line}")
    if not texts:
        raise ValueError(f"{name}: the column {place} holds no text.")
    if len(sources) > 1 and (TRAIN not in parts or len(set(parts) - {""}) < 2):
        parts = []
    return TextCorpus(
        name,
        tuple(names),
        tuple(texts),
        tuple(empty),
        parts=tuple(parts) if any(parts) else (),
        lines=True,
        notes=(*notes, *oddities(texts)),
    )


def _chosen(table: Table, column: Column | None) -> tuple[int, Table]:
    """The number of the column of texts, and the table."""
    if column is not None:
        [place], table = places(table, [column], 1)
        return place, table
    table = found_header(table)
    start, table = peeked(table, 100)
    found = named(table, TEXTS)
    if found is None and width(start) == 1:
        found = 0
    if found is None:
        shown = ", ".join(map(repr, (table.header or [])[:20])) or "no header"
        raise ValueError(
            f"{table.name}: expected a column of texts; received {shown} that is "
            "known: `columns` says which."
        )
    return found, table


def _has_texts_for_lines(text: str) -> bool:
    """Whether a text seems to be of lines that are texts by themselves: where there
    are no blank lines, or where nearly all that stands between these is one line.
    """
    blanks = blank_ends = 0
    start, end = 0, len(text)  # of what isn't space: a stripped copy may be large
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    for match in re.compile(BLANK_LINES).finditer(text, start, end):
        blanks += 1
        blank_ends += match.group().count("\n")
    ends = text.count("\n", start, end) - blank_ends
    return ends == 0 or blanks == 0 or 10 * ends < blanks


def _decoded(blamed: str, source: Source, encoding: str | None) -> tuple[str, str]:
    """The text of a file, and what it was read as if that isn't UTF-8 or was asked."""
    data, found = source.read(), ""
    try:
        text = decoded(blamed, data, encoding)
        found = marked(data).upper() if encoding is None else ""
    except ValueError:
        other = western_text(data) if encoding is None else None
        if other is None:
            raise
        text, found = other
    place = text.find("\0")
    if place >= 0:
        line = text.count("\n", 0, place) + 1
        raise ValueError(f"{blamed}:{line}: is no text: it has NUL bytes in it.")
    if "\n" not in text and "\r" in text:  # as of an old Macintosh
        text = text.replace("\r", "\n")
    source.check_markup(text)
    return text, found
