"""Texts with labels, read from files."""

import collections
import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from keras_seq.text.corpora.parallel import decoded, decoded_lines, unpacked
from keras_seq.text.normalising import normalise

TRAIN, VALIDATION, TEST = "train", "validation", "test"
_PARTS = {"train": TRAIN, "validation": VALIDATION, "valid": VALIDATION, "test": TEST}
_PARTS |= {"val": VALIDATION, "dev": VALIDATION}
_UNUSED = "unused"
_MOST = 20  # labels that a summary names


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
    """

    name: str
    texts: tuple[LabelledText, ...]
    empty: tuple[str, ...]
    repeated: int
    contradictory: int
    unused: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def labels(self) -> list[str]:
        """The labels, each once, in their order as strings."""
        return sorted({text.label for text in self.texts})

    @property
    def digest(self) -> str:
        """SHA-256 over labels, texts and parts, in order: 64 hexadecimal digits."""
        lines = (f"{text.part}\t{text.label}\t{text.text}" for text in self.texts)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

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
        return "\n".join(lines)


def read_labelled(path: str | os.PathLike[str]) -> LabelledCorpus:
    r"""Reads texts with labels, in one of these forms.

    - A .tsv or .txt file, which may be gzipped (.gz): in each line a label, a tab and
      a text.
    - A folder with train.tsv, test.tsv and perhaps validation.tsv (or dev.tsv).
    - A folder with a folder for each label, and in it a .txt file for each text, as
      NLTK's movie_reviews has them. Such folders may lie in train/, test/ and
      validation/ (or dev/).
    - A folder with a file for each label, its name ending with the label, and a text
      in each line, as NLTK's sentence_polarity has them: rt-polarity.pos.

    Each of the folders may also be in a .zip. Text is UTF-8, with or without byte
    order mark. Texts are normalised (`normalise` with "NFC"); empty ones, and those
    that come again with the same label in the same part, are left out and counted.
    Files whose name begins with "." or "_" are ignored.

    Args:
        path: The file or folder.

    Returns:
        A `LabelledCorpus`.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it has none of these forms, a .zip cannot be unpacked, a line
            has no tab or no label (named by its number), a file is not UTF-8, or all
            texts have one label.

    Example:

    >>> _ = Path("few.tsv").write_text("good\tA fine film.\nbad\tDull .\nbad\t\n")
    >>> corpus = read_labelled("few.tsv")
    >>> [(text.label, text.text) for text in corpus.texts]
    [('good', 'A fine film.'), ('bad', 'Dull .')]
    >>> corpus.empty
    ('few.tsv:3',)
    """
    path = Path(path)
    if path.is_dir():
        files = {
            file.relative_to(path).as_posix(): file.read_bytes
            for file in sorted(path.rglob("*"))
            if file.is_file() and _shown(file.relative_to(path).as_posix())
        }
        found = _from_files(path.name, files)
    elif path.suffix.lower() == ".zip":
        found = _from_zip(path)
    else:
        found = _from_table(path.name, "", unpacked(path))
    return _corpus(path.name, found)


def _corpus(name: str, found: Iterable[LabelledText]) -> LabelledCorpus:
    kept: dict[tuple[str, str, str], LabelledText] = {}
    empty, unused, count = [], set(), 0
    labels_of: dict[str, set[str]] = collections.defaultdict(set)
    for text in found:
        if text.part == _UNUSED:
            unused.add(text.place)
            continue
        if not text.text:
            empty.append(text.place)
            continue
        count += 1
        kept.setdefault((text.part, text.label, text.text), text)
        labels_of[text.text].add(text.label)
    labels = {text.label for text in kept.values()}
    if len(labels) < 2:
        raise ValueError(
            f"{name}: expected texts with two labels at least; received {count} texts "
            f"with {_few(sorted(labels)) if labels else 'no label'}."
        )
    contradictory = sum(len(labels) > 1 for labels in labels_of.values())
    texts = tuple(kept.values())
    repeated = count - len(kept)
    left_out = tuple(sorted(unused))
    return LabelledCorpus(name, texts, tuple(empty), repeated, contradictory, left_out)


def _from_files(
    name: str, files: dict[str, Callable[[], bytes]]
) -> Iterable[LabelledText]:
    """The texts of a folder, of whatever form."""
    paths = {file: PurePosixPath(file) for file in files}
    tables = {
        file: _PARTS[path.stem.lower()]
        for file, path in paths.items()
        if path.suffix.lower() == ".tsv" and path.stem.lower() in _PARTS
    }
    if tables:
        for file, part in sorted(tables.items(), key=lambda item: item[::-1]):
            yield from _from_table(file, part, files[file]())
        return
    single = {
        file: (path.parent.name, _part_of(path))
        for file, path in paths.items()
        if path.suffix.lower() == ".txt" and path.parent.name
    }
    if len({label for label, _ in single.values()} - set(_PARTS)) > 1:
        if any(part for _, part in single.values()):
            # Beside train/pos and test/pos may lie more, such as unlabelled texts.
            single = {f: (lab, p) for f, (lab, p) in single.items() if p}
            judged = {p for _, p in single.values()}
            last = next(p for p in (TEST, VALIDATION, TRAIN) if p in judged)
            labels = {lab for lab, p in single.values() if p == last}
            for file, (label, _) in single.items():
                if label not in labels:
                    folder = paths[file].parent.as_posix()
                    yield LabelledText("", label, folder, _UNUSED)
            single = {f: (lab, p) for f, (lab, p) in single.items() if lab in labels}
        for file, (label, part) in single.items():
            yield LabelledText(_text(file, files[file]()), label, file, part)
        return
    by_stem = collections.defaultdict(list)
    for file, path in paths.items():
        if path.suffix and path.suffix.lower() not in (".txt", ".xml", ".md"):
            by_stem[path.with_suffix("")].append(file)
    several = [found for found in by_stem.values() if len(found) > 1]
    if len(several) != 1:
        raise ValueError(
            f"{name}: expected train.tsv and test.tsv, folders named by labels with "
            ".txt files in them, or files that differ in their ending, which is the "
            f"label; received {_few(list(files)) if files else 'no files'}."
        )
    for file in several[0]:
        label = paths[file].suffix[1:]
        for number, line in enumerate(decoded_lines(file, files[file]()), start=1):
            yield LabelledText(normalise(line), label, f"{file}:{number}")


def _part_of(path: PurePosixPath) -> str:
    """The part that a folder above the label's is named after."""
    above = (part.lower() for part in reversed(path.parts[:-2]))
    return next((_PARTS[part] for part in above if part in _PARTS), "")


def _from_table(name: str, part: str, data: bytes) -> Iterable[LabelledText]:
    for number, line in enumerate(decoded_lines(name, data), start=1):
        place = f"{name}:{number}"
        label, tab, text = line.partition("\t")
        if not line.strip():
            yield LabelledText("", "", place, part)
        elif not tab or not label.strip():
            raise ValueError(
                f"{place}: expected a label, a tab and a text; received "
                f"{_short(line)!r}."
            )
        else:
            yield LabelledText(normalise(text), label.strip(), place, part)


def _from_zip(path: Path) -> Iterable[LabelledText]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if not n.endswith("/") and _shown(n)]
            files = {name: _member(archive, name) for name in names}
            if len(files) == 1:
                [(name, read)] = files.items()
                yield from _from_table(f"{path.name}/{name}", "", read())
            else:
                yield from _from_files(path.name, files)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{path.name}: is no whole .zip file: {error}") from error
    except RuntimeError as error:  # a password, or an unknown way of packing
        raise ValueError(f"{path.name}: cannot be unpacked: {error}") from error


def _member(archive: zipfile.ZipFile, name: str) -> Callable[[], bytes]:
    return lambda: archive.read(name)


def _text(name: str, data: bytes) -> str:
    return normalise(decoded(name, data))


def _short(line: str) -> str:
    return line if len(line) <= 60 else f"{line[:57]}..."


def _shown(name: str) -> bool:
    return not any(part[0] in "._" for part in PurePosixPath(name).parts)


def _few(names: list[str] | tuple[str, ...], count: int = 3) -> str:
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(map(repr, names[:count])) + more
