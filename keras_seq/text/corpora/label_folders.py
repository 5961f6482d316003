"""Texts with labels from folders: a folder, or a file, for each label."""

import collections
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from keras_seq.text.corpora.parts import TEST, TRAIN, VALIDATION, part_of, part_within
from keras_seq.text.corpora.sources import Source

UNUSED = "unused"
_NUMBERED = re.compile(r"(?i)(?:(?:fold|cv|split|part|batch|year)[-_ ]?)?\d+")
_NO_LABELS = ("unsup", "unlabeled", "unlabelled")
ABOUT = ("readme", "license", "licence", "copying", "changelog", "index", "makefile")


class Labelled(NamedTuple):
    """A text as it was found.

    Attributes:
        text: The text.
        label: Its label.
        place: Where it is from.
        part: "train", "validation", "test", "" or `UNUSED`.
    """

    text: str
    label: str
    place: str
    part: str = ""


class LabelledFile(NamedTuple):
    """A file with a text, by the folders that it is in; or a folder that isn't used."""

    source: Source | None
    label: str
    place: str
    part: str


def label_folders(
    sources: Sequence[Source], notes: list[str]
) -> list[LabelledFile] | None:
    """The texts in folders named by labels; None if there are no two such folders.

    The label is the outermost folder's name below the parts' (train/, test/) and below
    those that hold everything. Where only one of two levels is of names that aren't
    numbers, as years and folds are, that is the label's.
    """
    files = [
        source
        for source in sources
        if source.suffix in ("", ".txt") or not _is_suffix(source.suffix)
        if len(source.path.parts) > 1 and source.stem.casefold() not in ABOUT
    ]
    parts_of = _named_parts({source.path.parts[:-1] for source in files})
    folders = {source.path.parent for source in files}
    read = set(files)
    others = collections.Counter(
        source.suffix
        for source in sources
        if source not in read and source.stem.casefold() not in ABOUT
        if source.path.parent in folders
    )
    inside = {source: _folders(source, parts_of) for source in files}
    split = any(part for part, _ in inside.values())
    if split:  # beside train/pos and test/pos may lie more, such as word lists
        inside = {source: found for source, found in inside.items() if found[0]}
    below = {source: folders for source, (_, folders) in inside.items() if folders}
    while len({folders[0] for folders in below.values()}) == 1:
        below = {source: found[1:] for source, found in below.items() if found[1:]}
    if len(below) < 2:
        return None
    level = _level(list(below.values()))
    named = {
        source: folders[level] for source, folders in below.items() if folders[level:]
    }
    if any(len(folders) > 1 for folders in below.values()):
        shown = sorted(set(named.values()))
        notes.append(
            f"labels are the folders {', '.join(shown[:6])}{', …' * (len(shown) > 6)}; "
            "others above or below them are none"
        )
    if beside := len(inside) - len(named):
        notes.append(f"{beside} files lie in no label's folder, and aren't read")
    if others:
        counted = ", ".join(f"{n} {suffix}" for suffix, n in others.most_common(5))
        notes.append(f"files with other endings aren't read: {counted}")
    parts = {source: inside[source][0] for source in named}
    judged = set(parts.values())
    last = next(part for part in (TEST, VALIDATION, TRAIN, "") if part in judged)
    labels = {named[source] for source, part in parts.items() if part == last}
    real = {label for label in labels if label.casefold() not in _NO_LABELS}
    labels = real if len(real) > 1 else labels
    found = []
    for source, label in named.items():
        if label in labels:
            found.append(LabelledFile(source, label, source.name, parts[source]))
        else:
            place = PurePosixPath(source.name).parent.as_posix()
            found.append(LabelledFile(None, label, place, UNUSED))
    return found


def label_files(sources: Sequence[Source]) -> dict[str, Source] | None:
    """The file of each label, its name's ending; None if there are no such files."""
    by_stem: dict[PurePosixPath, dict[str, Source]] = collections.defaultdict(dict)
    for source in sources:
        other = source.suffix in ("", ".txt", ".xml", ".md")
        if not other and source.stem.casefold() not in ABOUT:
            label = source.unpacked.suffix[1:]
            folder_and_stem = source.path.with_name(source.stem)
            if label in by_stem[folder_and_stem]:
                raise ValueError(
                    f"expected one file of the label {label!r}; received "
                    f"{str(by_stem[folder_and_stem][label].path)!r} and "
                    f"{str(source.path)!r}."
                )
            by_stem[folder_and_stem][label] = source
    several = [found for found in by_stem.values() if len(found) > 1]
    return several[0] if len(several) == 1 else None


def _named_parts(folders: Collection[tuple[str, ...]]) -> dict[str, str]:
    """The parts by the names of folders that have them as one of their words, where
    all beside each other have, with folders within: 20news-bydate-train.
    """
    level = 0
    while len({found[: level + 1] for found in folders}) == 1 and all(
        len(found) > level + 1 for found in folders
    ):
        level += 1
    if any(len(found) < level + 2 for found in folders):
        return {}
    named = {found[level]: part_within(found[level]) for found in folders}
    parts = [*named.values()]
    whole = TRAIN in parts and len(parts) == len({*parts} - {""}) > 1
    return named if whole else {}


def _folders(
    source: Source, parts_of: Mapping[str, str]
) -> tuple[str, tuple[str, ...]]:
    """The part that a file's folders name, and the folders below that one."""
    folders = source.path.parts[:-1]
    for i, name in enumerate(folders):
        if part := part_of(name) or parts_of.get(name, ""):
            return part, folders[i + 1 :]
    return "", folders


def _level(folders: Sequence[tuple[str, ...]]) -> int:
    """Which of the folders, from the outermost, names the label."""
    levels = [{f[i] for f in folders if len(f) > i} for i in range(2)]
    numbers = [all(map(_NUMBERED.fullmatch, level)) for level in levels]
    deep = all(len(f) > 1 for f in folders)
    return int(deep and len(levels[1]) > 1 and numbers == [True, False])


def _is_suffix(suffix: str) -> bool:
    """Whether what follows the last point of a name is an ending that means a form."""
    return suffix[1:].isalpha() and len(suffix) <= 8
