"""Tables of numbers and categories, read from CSV files or JSON objects."""

import contextlib
import csv
import dataclasses
import io
import itertools
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from keras_seq.text import decoded

Kind: TypeAlias = Literal["number", "category"]
Record: TypeAlias = tuple[int, list[str]]
"""A line's number, and its fields."""

MISSING = {"", "na", "n/a", "nan", "null", "none", "?"}  # compared in lower case
DELIMITERS = ",;\t|"
LARGEST = float(np.finfo("float32").max)
SNIFFED = 20  # records that tell the delimiter


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a table that the model reads."""

    name: str
    kind: Kind


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows as the model reads them.

    Numbers have shape (B, number columns), float32, NaN where missing; strings
    (B, category columns), "" where missing.
    """

    numbers: np.ndarray
    strings: np.ndarray

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, indices: Any) -> "Rows":
        """The rows with these indices."""
        return Rows(self.numbers[indices], self.strings[indices])

    @property
    def different(self) -> int:
        """How many rows differ from all before them."""
        return len(set(self.duplicate_groups().tolist()))

    def duplicate_groups(self) -> np.ndarray:
        """A number for each row, the same for rows that are equal; shape (B,)."""
        known: dict[tuple, int] = {}
        return np.array(
            [
                known.setdefault((number.tobytes(), *string), len(known))
                for number, string in zip(self.numbers, self.strings, strict=True)
            ],
            dtype=int,
        )


def read_csv(path: str, delimiter: str | None = None) -> tuple[list[str], list[Record]]:
    """The column names of a CSV file, and its records with their line numbers.

    Args:
        path: File in UTF-8, a byte order mark in front or not; fields may be quoted.
        delimiter: One character; None finds it among comma, semicolon, tab and bar.

    Returns:
        List of names; list of (line, values).

    Raises:
        ValueError: With the line, if the file can't be read as a table.
    """
    place = Path(path).name
    text = decoded(place, Path(path).read_bytes())
    if delimiter is None:
        delimiter = _sniff(text)
    elif len(delimiter) != 1 or delimiter in '"\r\n':
        raise ValueError(f"`delimiter` must be one character; received {delimiter!r}.")
    records = list(_records(text, delimiter, place))
    if not records:
        raise ValueError(f"{place} is empty; expected a line of column names.")
    (line, header), *records = records
    _check_names(header, place, line)
    for line, values in records:
        if len(values) != len(header):
            raise ValueError(
                f"{place}:{line}: expected {len(header)} fields, as in the first line; "
                f"received {len(values)}."
            )
    return header, records


def _records(text: str, delimiter: str, place: str) -> Iterator[Record]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(f"{place}:{line}: {error}.") from error
        if values:  # an empty line has none
            yield line, [value.strip() for value in values]


def _sniff(text: str) -> str:
    """The delimiter that gives records of one width, the widest; else a comma."""

    def fit(delimiter: str) -> tuple[bool, int]:
        widths = []
        # A quote that isn't closed is for the reader to tell.
        with contextlib.suppress(ValueError):
            for _, values in itertools.islice(_records(text, delimiter, ""), SNIFFED):
                widths.append(len(values))
        # Where no delimiter fits every line, the names tell.
        return len(set(widths)) == 1 and widths[0] > 1, widths[0] if widths else 0

    return max(DELIMITERS, key=fit)


def _check_names(header: list[str], place: str, line: int) -> None:
    for number, name in enumerate(header, start=1):
        if not name:
            header[number - 1] = name = f"column {number}"
        first = header.index(name) + 1
        if first != number:
            raise ValueError(
                f"{place}:{line}: expected column names that differ; {name!r} is the "
                f"name of columns {first} and {number}."
            )


def is_missing(value: str) -> bool:
    """Whether a field says that nothing is known."""
    return value.lower() in MISSING


def as_number(value: str) -> float | None:
    """The number that a field holds: NaN if missing, None if it is none."""
    if is_missing(value):
        return math.nan
    try:
        return None if "_" in value else float(value)  # Python reads 1_000
    except ValueError:
        return None


def column_kind(values: list[str]) -> Kind:
    """Tells "number" if every field that isn't missing is one, else "category"."""
    return "category" if any(as_number(v) is None for v in values) else "number"


def rows_of(
    columns: list[Column],
    records: Sequence[tuple[int | None, dict[str, str]]],
    place: str,
) -> Rows:
    """Fields as the model reads them.

    Args:
        columns: List of `Column`.
        records: List of (line, dict from the names of the columns to fields).
        place: Name of the file, for messages; a row given otherwise has line None.

    Returns:
        `Rows`.

    Raises:
        ValueError: If a field of a number column is none or is not finite in float32.
    """
    numbers = [column.name for column in columns if column.kind == "number"]
    strings = [column.name for column in columns if column.kind == "category"]
    table = np.empty((len(records), len(numbers)), "float32")
    for row, (line, fields) in zip(table, records, strict=True):
        for i, name in enumerate(numbers):
            value = as_number(fields[name])
            if value is None or abs(value) > LARGEST:
                where = place if line is None else f"{place}:{line}"
                raise ValueError(
                    f"{where}: expected a number up to {LARGEST:.2g} in column "
                    f"{name!r}; received {fields[name]!r}."
                )
            row[i] = value
    texts = [
        ["" if is_missing(fields[name]) else fields[name] for name in strings]
        for _, fields in records
    ]
    return Rows(table, np.array(texts, dtype=str).reshape(len(records), len(strings)))


def rows_from_csv(
    path: str, columns: list[Column], delimiter: str | None = None
) -> tuple[Rows, list[int]]:
    """Rows of a CSV file with the columns that a model was trained on, and more.

    Returns:
        `Rows`, and the line of each.

    Raises:
        ValueError: If a column isn't there, or as `read_csv` and `rows_of` do.
    """
    header, records = read_csv(path, delimiter)
    place = Path(path).name
    if absent := [c.name for c in columns if c.name not in header]:
        raise ValueError(f"{place}: expected columns that it hasn't: {absent}.")
    fields = [(line, dict(zip(header, v, strict=True))) for line, v in records]
    if not fields:
        raise ValueError(f"{place} has no rows.")
    return rows_of(columns, fields, place), [line for line, _ in fields]


def row_from_json(text: str, columns: list[Column]) -> tuple[Rows, list[str]]:
    """A row from a JSON object, null for missing; columns left out are missing too.

    Returns:
        `Rows` with one row, and the names of the columns that were left out.

    Raises:
        ValueError: If it is no object, or names a column that isn't known.
    """
    try:
        given = json.loads(text)
    except ValueError as error:
        raise ValueError(f"`row` must be a JSON object; {error}.") from error
    if not isinstance(given, dict) or not given:
        raise ValueError(
            "`row` must be a JSON object of column names and values; received "
            f"{text!r}."
        )
    names = [column.name for column in columns]
    if unknown := sorted(set(given) - set(names)):
        raise ValueError(
            f"`row` must name columns that the model reads; received {unknown}. They "
            f"are {names}."
        )
    fields = {name: _field(name, given.get(name)) for name in names}
    absent = [name for name in names if name not in given]
    return rows_of(columns, [(None, fields)], "`row`"), absent


def _field(name: str, value: Any) -> str:
    if isinstance(value, (dict, list)):
        raise ValueError(
            f"`row` must have a number, a string or null for {name!r}; received "
            f"{value!r}."
        )
    return "" if value is None else str(value).strip()
