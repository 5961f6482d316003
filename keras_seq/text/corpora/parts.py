"""Which part of a corpus, to train on or to be judged by, a name stands for."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from keras_seq.text.corpora.columns import SPLITS, named
from keras_seq.text.corpora.encodings import cleaned
from keras_seq.text.corpora.sources import Source
from keras_seq.text.corpora.tables import Row, Table

TRAIN, VALIDATION, TEST = "train", "validation", "test"
_NAMES = {
    TRAIN: ("train", "training", "trn", "train_set", "trainset"),
    VALIDATION: ("validation", "valid", "val", "dev", "development", "devel"),
    TEST: ("test", "testing", "tst", "test_set", "testset"),
}
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")  # as the Hub's files are called
_PERHAPS = ("set", "subset", "usage", "data_split", "dataset", "phase")
_PARTS = {name: part for part, names in _NAMES.items() for name in names}


def part_of(name: str) -> str:
    """The part that a name stands for: "train", "validation", "test", or ""."""
    return _PARTS.get(name.casefold(), "")


def part_within(name: str) -> str:
    """The part that one of a name's words stands for, as of "20news-bydate-train"."""
    found = {part for word in re.split(r"[\W_]+", name) if (part := part_of(word))}
    return found.pop() if len(found) == 1 else ""


def part_files(
    name: str, sources: Iterable[Source], suffixes: Sequence[str]
) -> dict[str, Source]:
    """The files of a corpus that are named after its parts, in the parts' order.

    Raises:
        ValueError: If two are of one part: which is meant nobody can know.
    """
    found: dict[str, Source] = {}
    for source in sources:
        part = part_of(_SHARD.sub("", source.stem))
        if not part or source.suffix not in suffixes:
            continue
        if part in found:
            raise ValueError(
                f"{name}: expected one file of the {part} part; received "
                f"{str(found[part].path)!r} and {str(source.path)!r}."
            )
        found[part] = source
    return {part: found[part] for part in _NAMES if part in found}


def split_of(table: Table) -> Callable[[Row], str]:
    """What tells the part of a row, by the column that names it, if there is one.

    Raises:
        ValueError: By what it gives, if a name stands for no part; with the line.
    """
    place = named(table, SPLITS)
    sure = place is not None
    if place is None:
        place = named(table, _PERHAPS)
    if place is None:
        return lambda row: ""
    is_one: bool | None = sure or None  # what may be called so the first row tells

    def part(row: Row) -> str:
        nonlocal is_one
        name = cleaned(row.cells[place]) if place < len(row.cells) else ""
        found = part_of(name)
        if is_one is None:
            is_one = bool(found)
        if not is_one:
            return ""
        if not found:
            raise ValueError(
                f"{table.name}:{row.line}: expected train, validation or test in the "
                f"column {(table.header or [])[place]!r}; received {name!r}."
            )
        return found

    return part


def all_parts() -> Iterator[str]:
    """The parts, in their order."""
    return iter(_NAMES)
