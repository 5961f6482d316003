"""Captions by the names of images, and tables of them."""

import ast
import contextlib
import csv
import json
import re
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

SPLITS = ("train", "validation", "test")
_SPLIT = re.compile(
    r"(?<![a-z])(?:(train|rest)(?:ing)?|(val|dev)(?:id|idation)?|(test)(?:ing)?)"
    r"(?:val)?(?:images?|set)?(?![a-z])"
)
_NUMBER = re.compile(r"(?<=\.\w{3})#\d+$|(?<=\.\w{4})#\d+$")
_IMAGE = ("image", "file_name", "filename", "image_name", "image_path")
_CAPTION = ("caption", "text", "comment", "sentence", "captions", "raw")
_LIST = re.compile(r"""\s*\[\s*["'].*["']\s*\]\s*""", re.DOTALL)
_APART = re.compile(r"""(?<=["'])\s+(?=["'])""")
_LONGEST_LIST = 2**16  # characters
_NUMBERED = re.compile(r"\s*(\d+)\s+(\S.*)", re.DOTALL)

Named = dict[str, list[str]]
"""Captions by the name of the image."""


def split_named(text: str) -> str:
    """The split that the name of a file or folder, or a field, speaks of; or ""."""
    some = {
        split
        for found in _SPLIT.findall(text.lower())
        for split, word in zip(SPLITS, found, strict=True)
        if word
    }
    return some.pop() if len(some) == 1 else ""


def _listed_in(caption: str) -> list[str]:
    """The captions in a field that holds a list of them, as of JSON or Python."""
    if _LIST.fullmatch(caption) and len(caption) < _LONGEST_LIST:
        # NumPy writes no commas, and Python joins strings with none between.
        python = _APART.sub(", ", caption)
        for parsed, text in ((json.loads, caption), (ast.literal_eval, python)):
            with contextlib.suppress(ValueError, SyntaxError, RecursionError):
                some = parsed(text)
                if some and all(isinstance(each, str) for each in some):
                    return list(some)
    return [caption]


class Collected:
    """Captions and splits, as they are found."""

    def __init__(self) -> None:
        self.captions: Named = {}
        self.splits: dict[str, str] = {}

    def add(self, name: str, captions: typing.Any, split: typing.Any = None) -> None:
        captions = "" if captions is None else captions
        captions = _listed_in(captions) if isinstance(captions, str) else captions
        if not isinstance(captions, list) or not all(
            isinstance(caption, str) for caption in captions
        ):
            raise TypeError(f"caption is {captions!r}")
        self.captions.setdefault(name, []).extend(captions)
        if split is None:
            return
        known = split_named(str(split))
        if not known:
            raise ValueError(f"split is {split!r}; expected train, validation or test")
        if self.splits.setdefault(name, known) != known:
            raise ValueError(f"{name!r} is of {self.splits[name]} and of {known}")

    def add_object(self, note: Mapping[str, typing.Any]) -> None:
        names = [key for key in _IMAGE if key in note]
        captions = [key for key in _CAPTION if key in note]
        if not names or not captions:
            missing = "an image" if not names else "a caption"
            raise KeyError(f"{missing} among {sorted(note)}")
        self.add(str(note[names[0]]), note[captions[0]], note.get("split"))


def read_table(file: Path, text: str) -> tuple[Named, dict[str, str]]:
    """As Flickr8k and Flickr30k write it, or a table of metadata."""
    lines = re.split("\r\n|\r|\n", text)
    head = lines[0]
    found = Collected()
    if "#" in head and "\t" in head:
        for number, line in enumerate(lines, start=1):
            name, tab, caption = line.partition("\t")
            if line.strip():
                if not tab or "#" not in name:
                    raise ValueError(
                        f"{file}:{number}: expected NAME#number<TAB>caption; received "
                        f"{line[:60]!r}."
                    )
                found.add(name.rpartition("#")[0], caption)
        return found.captions, found.splits
    delimiter = max(",\t|;", key=head.count)
    rows = _rows(lines, delimiter, file)
    columns = [name.strip().lower().replace(" ", "_") for name in next(rows)[1]]
    places = [
        next((columns.index(name) for name in names if name in columns), None)
        for names in (_IMAGE, _CAPTION, ("split",))
    ]
    image, caption, split = places
    if image is None or caption is None:
        raise ValueError(
            f"{file}:1: expected a head with the columns image and caption (or "
            "file_name and text), or lines NAME#number<TAB>caption; received "
            f"{head[:60]!r}."
        )
    last = caption == len(columns) - 1
    for number, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) > len(columns) and last:
            # Commas of a caption that nothing quotes.
            row = [*row[:caption], delimiter.join(row[caption:])]
        numbered = _NUMBERED.fullmatch(row[-1]) if last and caption else None
        if len(row) == len(columns) - 1 and numbered:
            # In Flickr30k's table one bar is missing behind the number.
            row = [*row[:-1], *numbered.groups()]
        if len(row) != len(columns):
            raise ValueError(
                f"{file}:{number}: expected {len(columns)} columns; received "
                f"{len(row)}."
            )
        try:
            part = None if split is None else row[split]
            found.add(_NUMBER.sub("", row[image].strip()), row[caption], part)
        except ValueError as error:
            raise ValueError(f"{file}:{number}: {error}.") from error
    return found.captions, found.splits


def _rows(
    lines: Sequence[str], delimiter: str, file: Path
) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table, each with the number of its last line."""

    def reader(some: Iterable[str], *, strict: bool = False) -> typing.Any:
        return csv.reader(
            (f"{line}\n" for line in some), delimiter=delimiter, strict=strict
        )

    rows, start = reader(lines), 1
    try:
        for row in rows:
            if rows.line_num > start:
                # A quotation mark that nothing closes would swallow other rows.
                list(reader(lines[start - 1 : rows.line_num], strict=True))
            yield rows.line_num, row
            start = rows.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"{file}:{start}: expected a row whose quotation marks are closed; "
            f"received {lines[start - 1][:60]!r} ({error})."
        ) from error
