"""Where the classification recipe's table comes from, and which columns it keeps."""

import collections
import hashlib
import unicodedata
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_seq.extras import require
from recipes.binary_classification.columns import Field, columns_of, decimal_of
from recipes.binary_classification.numerals import is_missing
from recipes.binary_classification.reading import AROUND, PIECE, name_of, read_table
from recipes.binary_classification.settings import BREAST_CANCER, Config
from recipes.binary_classification.table import Column, Rows, rows_of

FEWEST = 15  # different rows of each class: ten members need ten of two thirds
SHOWN = 50  # columns, in a message
SEPARATORS = ";|,"  # of several labels in a field
WITH_SEVERAL = 0.05  # of the rows, where fields hold several


class Table(NamedTuple):
    """A table with labels.

    Attributes:
        name: Where it comes from.
        digest: SHA-256 of it.
        terms: Under which it may be used.
        columns: Those that are used.
        rows: Their values.
        labels: A label for each row.
        lines: Where each row stands.
        notes: What was left out, and why.
        decimal: The decimal sign of the file, for columns that don't tell it.
    """

    name: str
    digest: str
    terms: str
    columns: list[Column]
    rows: Rows
    labels: list[str]
    lines: np.ndarray
    notes: list[str]
    decimal: str = "."


def breast_cancer() -> Table:
    """scikit-learn's breast-cancer table, as `table_file` gives one."""
    table = require("sklearn.datasets", "recipes").load_breast_cancer()
    numbers = table.data.astype("float32")
    digest = hashlib.sha256(numbers.tobytes() + table.target.tobytes())
    return Table(
        name=BREAST_CANCER,
        digest=digest.hexdigest(),
        terms="Breast Cancer Wisconsin (Diagnostic), CC BY 4.0: W. Wolberg, O. "
        "Mangasarian, N. Street, W. Street, UCI Machine Learning Repository, 1995.",
        columns=[Column(str(name), "number") for name in table.feature_names],
        rows=Rows(numbers, np.empty((len(numbers), 0), dtype=str)),
        labels=[str(table.target_names[target]) for target in table.target],
        lines=np.arange(1, len(numbers) + 1),
        notes=[],
    )


def table_file(config: Config) -> Table:
    """A file's table with a label column.

    Args:
        config: The recipe's `Config`.

    Raises:
        ValueError: If it can't be read, with the line; if it has no label column, a
            label is missing, or no column is left to predict from.
    """
    notes: list[str] = []
    header, records = read_table(config.data, config.delimiter, config.encoding, notes)
    place = name_of(config.data)
    if config.data.startswith("hf://"):  # no file, but rows
        digest = hashlib.sha256(repr(records).encode()).hexdigest()
    else:
        digest = _digest(Path(config.data))
    where = _label_column(header, config.label or "", place)
    if not records:
        raise ValueError(f"{place} has no rows.")
    lines = [line for line, _ in records]
    fields = [list(values) for values in zip(*(v for _, v in records), strict=True)]
    several = config.target_kind == "labels"
    labels, found = _labels(
        fields.pop(where), lines, header.pop(where), place, several=several
    )
    read = [Field.of(*column, lines) for column in zip(header, fields, strict=True)]
    label = Field.of(config.label or "", labels, lines)
    of_numbers = all(label.numerals[text] is not None for text in label.known)
    decimal = decimal_of([*read, label] if of_numbers else read)
    columns, others = columns_of(read, decimal)
    notes += found + others
    if not columns:
        raise ValueError(f"{place} has no column to predict from. {' '.join(notes)}")
    return Table(
        name=place,
        digest=digest,
        terms="Those of your file.",
        columns=columns,
        rows=rows_of(columns, lines, dict(zip(header, fields, strict=True)), place),
        labels=labels,
        lines=np.array(lines),
        notes=notes,
        decimal=decimal,
    )


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            found.update(piece)
    return found.hexdigest()


def _label_column(header: list[str], label: str, place: str) -> int:
    """Where the label's column is; spaces around and between words may differ."""

    def plain(name: str) -> str:
        return " ".join(unicodedata.normalize("NFC", name).split())

    some = [i for i, name in enumerate(header) if name == label.strip()]
    some = some or [i for i, name in enumerate(header) if plain(name) == plain(label)]
    if len(some) != 1:
        shown = header if len(header) <= SHOWN else [*header[:SHOWN], "..."]
        raise ValueError(
            f"{place}: expected a column {label!r}, the label; its columns are {shown}."
        )
    return some[0]


def _labels(
    values: list[str], lines: list[int], name: str, place: str, *, several: bool
) -> tuple[list[str], list[str]]:
    """The labels, and a note if a word that elsewhere means missing is one of them.

    Where a field may have several labels it may have none.
    """
    values = [unicodedata.normalize("NFC", value).strip(AROUND) for value in values]
    counts = collections.Counter(values)
    words = [text for text in counts if is_missing(text)]
    if several:
        count = sum(counts[text] for text in words if text)
        values = ["" if is_missing(text) else text for text in values]
        shown = ", ".join(repr(text) for text in words if text)
        note = f"label {name!r}: {count} fields count as without any label: {shown}."
        return values, [note] if count else []
    if not words or (words == [""] and separator_of(values)):
        return values, []
    [*others] = counts.keys() - set(words)
    if len(words) == len(others) == 1 and words[0] and counts[words[0]] >= FEWEST:
        return values, [
            f"label {name!r}: {words[0]!r} is read as a label, since there is one "
            f"other, {others[0]!r}; in other columns it means that a value is missing."
        ]
    line = lines[values.index(words[0])]
    raise ValueError(
        f"{place}:{line}: expected a label in column {name!r}; it is missing: received "
        f"{words[0]!r}."
    )


def separator_of(labels: list[str]) -> str:
    """What stands between several labels in a field; "" if each has one."""
    whole = set(labels)
    for separator in SEPARATORS:
        several = [text for text in labels if separator in text]
        parts = {part for text in labels for part in split_labels(text, separator)}
        if len(several) >= WITH_SEVERAL * len(labels) and 1 < len(parts) < len(whole):
            return separator
    return ""


def split_labels(text: str, separator: str) -> list[str]:
    """The labels in a field, each once."""
    parts = (part.strip() for part in text.split(separator))
    return list(dict.fromkeys(part for part in parts if part))
