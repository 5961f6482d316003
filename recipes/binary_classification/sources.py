"""Where the classification recipe's table comes from, and which columns it keeps."""

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_seq.extras import require
from recipes.binary_classification.settings import BREAST_CANCER, Config
from recipes.binary_classification.table import (
    Column,
    Kind,
    Record,
    Rows,
    as_number,
    column_kind,
    is_missing,
    read_csv,
    rows_of,
)

IDENTIFIER = 30  # different whole numbers, from which on they look like one
NEARLY = 0.9  # numbers among the fields of a column of categories, to be noted


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
    """

    name: str
    digest: str
    terms: str
    columns: list[Column]
    rows: Rows
    labels: list[str]
    lines: np.ndarray
    notes: list[str]


def breast_cancer() -> Table:
    """scikit-learn's breast-cancer table, as `csv_file` gives one."""
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


def csv_file(config: Config) -> Table:
    """A CSV file with a label column.

    Args:
        config: The recipe's `Config`.

    Raises:
        ValueError: If it can't be read, with the line; if it has no label column, a
            label is missing, or no column is left to predict from.
    """
    header, records = read_csv(config.data, config.delimiter)
    place = Path(config.data).name
    if config.label not in header:
        raise ValueError(
            f"{place}: expected a column {config.label!r}, the label; its columns are "
            f"{header}."
        )
    if not records:
        raise ValueError(f"{place} has no rows.")
    where = header.index(config.label)
    for line, values in records:
        if is_missing(values[where]):
            raise ValueError(f"{place}:{line}: expected a label; it is missing.")
    notes: list[str] = []
    columns = []
    for i, name in enumerate(header):
        values = [values[i] for _, values in records]
        if i != where and (kind := _usable(name, values, records, notes)):
            columns.append(Column(name, kind))
    if not columns:
        raise ValueError(f"{place} has no column to predict from. {' '.join(notes)}")
    fields = [(line, dict(zip(header, v, strict=True))) for line, v in records]
    return Table(
        name=place,
        digest=hashlib.sha256(Path(config.data).read_bytes()).hexdigest(),
        terms="Those of your file.",
        columns=columns,
        rows=rows_of(columns, fields, place),
        labels=[values[where] for _, values in records],
        lines=np.array([line for line, _ in records]),
        notes=notes,
    )


def _usable(
    name: str, values: list[str], records: list[Record], notes: list[str]
) -> Kind | None:
    """The kind of a column, or None if nothing can be learned from it; notes why."""
    known = [value for value in values if not is_missing(value)]
    different = len(set(known))
    missing = len(values) - len(known)
    if not known:
        notes.append(f"column {name!r} is left out: all its values are missing.")
        return None
    if different == 1 and not missing:
        notes.append(f"column {name!r} is left out: it is {known[0]!r} in every row.")
        return None
    kind = column_kind(values)
    each_once = different == len(known) > 1
    if kind == "category":
        if all(re.fullmatch(r"[+-]?\d+,\d+|[+-]?\d+", value) for value in known):
            line, value = next(
                (line, value)
                for (line, _), value in zip(records, values, strict=True)
                if "," in value
            )
            raise ValueError(
                f"line {line}: expected decimal points in column {name!r}; received "
                f"{value!r}."
            )
        if each_once:
            notes.append(
                f"column {name!r} is left out: no value of its {different} is in two "
                "rows, as in a name or an identifier."
            )
            return None
        _note_nearly_numbers(name, values, records, notes)
        return kind
    whole = all(re.fullmatch(r"[+-]?\d+", value) for value in known)
    if each_once and whole and not missing:
        numbers = list(map(int, known))
        if max(numbers) - min(numbers) + 1 == len(numbers):
            notes.append(f"column {name!r} is left out: it numbers the rows.")
            return None
        if len(numbers) > IDENTIFIER:
            notes.append(
                f"column {name!r} looks like an identifier: whole numbers, no two the "
                "same. It is used; remove it from the file if it is one."
            )
    return kind


def _note_nearly_numbers(
    name: str, values: list[str], records: list[Record], notes: list[str]
) -> None:
    others = [i for i, value in enumerate(values) if as_number(value) is None]
    if len(others) <= (1 - NEARLY) * len(values):
        line, value = records[others[0]][0], values[others[0]]
        notes.append(
            f"column {name!r} is read as categories, though nearly all its values are "
            f"numbers: line {line} has {value!r}."
        )
