"""Texts with labels, read from files."""

import collections
import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from keras_seq.runs import reading
from keras_seq.text.corpora.columns import Column
from keras_seq.text.corpora.encodings import cleaned, decoded, marked
from keras_seq.text.corpora.hub import SCHEME, hub_sources, is_saved
from keras_seq.text.corpora.label_folders import (
    UNUSED,
    Labelled,
    label_files,
    label_folders,
)
from keras_seq.text.corpora.label_spelling import one_spelling
from keras_seq.text.corpora.label_tables import table_texts
from keras_seq.text.corpora.oddities import oddities
from keras_seq.text.corpora.parts import part_files
from keras_seq.text.corpora.sources import (
    Source,
    in_folder,
    in_zip,
    is_zip,
    named_path,
    needs_password,
    one_file,
)
from keras_seq.text.corpora.tables import SUFFIXES
from keras_seq.text.normalising import normalise

_MOST = 20  # labels that a summary names
_FILES = (*SUFFIXES, ".txt")


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text with its label.

    Args:
        text: The text, normalised (NFC, white space and control characters as one
            space).
        label: The label.
        place: The file that it comes from, with the line if it is one of many.
        part: "train", "validation", "test", or "" where the files aren't split.
    """

    text: str
    label: str
    place: str
    part: str = ""


@dataclass(frozen=True, slots=True)
class LabelledCorpus:
    """Texts with labels, and what was left out.

    Args:
        name: The file or folder that they come from.
        texts: The texts, in the order of the files.
        empty: Places of the texts that were left out because nothing was in them.
        repeated: How many were left out because the same text with the same label
            came before, in the same part.
        contradictory: How many different texts have more than one label. They are
            kept, with each label.
        unused: Folders of train/ that were left out because test/ (or, without one,
            validation/) has no folder of that name, as those of unlabelled texts.
        notes: What else is to be known of how they were read.
    """

    name: str
    texts: tuple[LabelledText, ...]
    empty: tuple[str, ...]
    repeated: int
    contradictory: int
    unused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.summary().partition(chr(10))[0]})"

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def labels(self) -> list[str]:
        """The labels, each once, in their order as strings."""
        return sorted({text.label for text in self.texts})

    @property
    def digest(self) -> str:
        """SHA-256 over labels, texts and parts, in order: 64 hexadecimal digits."""
        found = hashlib.sha256()
        between = ""
        for text in self.texts:
            found.update(f"{between}{text.part}\t{text.label}\t{text.text}".encode())
            between = "\n"
        return found.hexdigest()

    def summary(self) -> str:
        """What there is and what was left out, line by line."""
        counts = collections.Counter(text.label for text in self.texts)
        shares = [f"{counts[label]} {label!r}" for label in self.labels[:_MOST]]
        if len(counts) > _MOST:
            shares.append(f"and {len(counts) - _MOST} more labels")
        lines = [f"{self.name}: {len(self.texts)} texts, {', '.join(shares)}"]
        if self.unused:
            lines.append(f"  left out, as no test has them: {_few(self.unused)}")
        if self.empty:
            lines.append(f"  {len(self.empty):6d} are empty: {_few(self.empty)}")
        if self.repeated:
            lines.append(f"  {self.repeated:6d} repeat an earlier one and its label")
        if self.contradictory:
            lines.append(f"  {self.contradictory:6d} come with more than one label")
        lines += [f"  {note}" for note in self.notes]
        return "\n".join(lines)


def read_labelled(
    path: str | os.PathLike[str],
    *,
    columns: tuple[Column, Column] | None = None,
    encoding: str | None = None,
) -> LabelledCorpus:
    r"""Reads texts with labels, in one of these forms.

    - A .tsv or .txt file: in each line a label, a tab and a text; or other columns
      with a header that names them ("label" and "text", "sentiment" and "review", ...).
    - A .csv, .jsonl or .parquet file with such columns; Parquet needs pyarrow.
    - A file in fastText's form: in each line `__label__` with the label, and a text.
    - A folder with train.tsv, test.tsv and perhaps validation.tsv (or dev.tsv), or such
      files of the other forms. A column "split" with these names does the same.
    - A folder with a folder for each label, and in it, or below, a .txt file (or one
      without an ending) for each text, as NLTK's movie_reviews has them. Such folders
      may lie in train/, test/ and validation/ (or dev/).
    - A folder with a file for each label, its name ending with the label, and a text
      in each line, as NLTK's sentence_polarity has them: rt-polarity.pos.
    - `hf://NAME[:CONFIG][@SPLIT]`, a data set of the library `datasets` (extra `hub`),
      or, with a folder for NAME, one that it has saved.

    A file may be gzipped (.gz), and each of the folders in a .zip. Text is UTF-8, with
    or without byte order mark, or UTF-16 or UTF-32 with one. Texts are normalised
    (`normalise` with "NFC"), and labels, of which those that differ in case alone, or
    as 1 and 1.0 do, are one; empty texts, and those that come again with the same
    label in the same part, are left out and counted. Files whose name begins with "."
    or "_" are ignored.

    Args:
        path: The file or folder.
        columns: Columns of label and text in a table, numbers from 0 or names in the
            header. By default those that the header names; without one the label is
            first, and the text all that follows.
        encoding: The encoding of the files; by default UTF-8.

    Returns:
        A `LabelledCorpus`.

    Raises:
        OSError: If it cannot be read.
        ImportError: If it is Parquet, and pyarrow is missing.
        ValueError: If it has none of these forms, a .zip cannot be unpacked, a line
            has no tab or no label (named by its number), a file is not UTF-8, all
            texts have one label, or it isn't clear which columns are meant.

    Example:

    >>> from pathlib import Path
    >>> _ = Path("few.tsv").write_text("good\tA fine film.\nbad\tDull .\nbad\t\n")
    >>> corpus = read_labelled("few.tsv")
    >>> [(text.label, text.text) for text in corpus.texts]
    [('good', 'A fine film.'), ('bad', 'Dull .')]
    >>> corpus.empty
    ('few.tsv:3',)
    """
    notes: list[str] = []
    hub = hub_sources(path, notes, labelled=True)
    label = os.fspath(path)
    path = named_path(path)
    if hub is not None:
        tables = (
            table_texts(source, part, columns, encoding, notes)
            for part, source in hub.items()
        )
        return _corpus(label, itertools.chain.from_iterable(tables), notes)
    if is_saved(path):
        raise ValueError(f"{label!r} is of the library datasets: {SCHEME}{label}.")
    if path.is_dir():
        found = _from_files(path.name, in_folder(path), columns, encoding, notes)
    elif is_zip(path):
        sources = in_zip(path)
        if needs_password(path):
            raise ValueError(
                f"{path.name}: cannot be unpacked: it is encrypted, with a password."
            )
        if len(sources) == 1:
            found = table_texts(sources[0], "", columns, encoding, notes)
        else:
            found = _from_files(path.name, sources, columns, encoding, notes)
    else:
        found = table_texts(one_file(path), "", columns, encoding, notes)
    return _corpus(path.name, found, notes)


def _corpus(name: str, found: Iterable[Labelled], notes: list[str]) -> LabelledCorpus:
    kept: dict[tuple[str, str, str], str] = {}
    empty, unused, count = [], set(), 0
    label_of: dict[str, str] = {}
    several: set[str] = set()
    seen: collections.Counter[str] = collections.Counter()
    for text, label, place, part in found:
        if part == UNUSED:
            unused.add(place)
            continue
        text, label = normalise(text), cleaned(label)
        if not text:
            empty.append(place)
            continue
        count += 1
        seen[label] += 1
        kept.setdefault((part, label, text), place)
    spelling = one_spelling(seen, notes)
    if spelling:
        renamed: dict[tuple[str, str, str], str] = {}
        for (part, label, text), place in kept.items():
            renamed.setdefault((part, spelling.get(label, label), text), place)
        kept = renamed
    for _, label, text in kept:
        if label_of.setdefault(text, label) != label:
            several.add(text)
    notes += oddities({text for _, _, text in kept})
    labels = {label for _, label, _ in kept}
    if len(labels) < 2:
        raise ValueError(
            f"{name}: expected texts with two labels at least; received {count} texts "
            f"with {_few(sorted(labels)) if labels else 'no label'}."
        )
    return LabelledCorpus(
        name,
        tuple(
            LabelledText(text, label, place, part)
            for (part, label, text), place in kept.items()
        ),
        tuple(empty),
        count - len(kept),
        len(several),
        tuple(sorted(unused)),
        tuple(notes),
    )


def _from_files(
    name: str,
    sources: list[Source],
    columns: tuple[Column, Column] | None,
    encoding: str | None,
    notes: list[str],
) -> Iterator[Labelled]:
    """The texts of a folder, of whatever form."""
    folders = label_folders(sources, notes)
    if folders is None:
        tables = part_files(name, sources, _FILES)
        if tables:
            others = [str(s.path) for s in sources if s not in tables.values()]
            if others:
                notes.append(f"not read: {_few(others)}")
            for part, source in sorted(tables.items(), key=lambda item: item[0]):
                yield from table_texts(source, part, columns, encoding, notes)
            return
        by_label = label_files(sources)
        if by_label is None:
            shown = [str(source.path) for source in sources]
            raise ValueError(
                f"{name}: expected train.tsv and test.tsv, folders named by labels "
                "with .txt files in them, or files that differ in their ending, which "
                f"is the label; received {_few(shown) if shown else 'no files'}."
            )
        for label, source in by_label.items():
            for number, line in enumerate(source.lines(encoding), start=1):
                yield Labelled(line, label, f"{source.name}:{number}")
        return
    wide = 0
    for found in reading(folders, name, len(folders), unit="files"):
        text = ""
        if found.source is not None:
            data = found.source.read()
            text = decoded(found.source.name, data, encoding)
            wide += encoding is None and bool(marked(data))
        yield Labelled(text, found.label, found.place, found.part)
    if wide:
        notes.append(f"{wide} files are read as the UTF-16 or UTF-32 that they mark")


def _few(names: Sequence[str], count: int = 3) -> str:
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(map(repr, names[:count])) + more
