"""Tables of numbers, dates and categories, read from CSV files or JSON objects."""

import contextlib
import csv
import dataclasses
import gzip
import io
import itertools
import json
import math
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from keras_seq.text import decoded
from recipes.binary_classification.dates import seconds_of
from recipes.binary_classification.numerals import (
    Numeral,
    is_missing,
    numeral,
    read_as,
    simplified,
)

Kind: TypeAlias = Literal["number", "date", "category"]
Record: TypeAlias = tuple[int, list[str]]
"""A line's number, and its fields."""

DELIMITERS = ",;\t|"
LARGEST = float(np.finfo("float32").max)
SNIFFED = 20  # records that tell the delimiter
SNIFFED_CHARACTERS = 2**20
MOST_BYTES = 2**31  # of a file, unpacked


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a table that the model reads, and how its fields are written.

    Attributes:
        name: As in the header.
        kind: "number", "date" (or time: seconds) or "category".
        decimal: The decimal sign of numbers, "." or ",".
        unit: "%" or a currency that stands beside the numbers.
        form: How dates are written, one of `dates.FORMS`.
        exact: Whether float32 would lose what tells its values apart.
        strays: Fields that are no such number or date, and count as missing.
    """

    name: str
    kind: Kind
    decimal: str = "."
    unit: str = ""
    form: str = ""
    exact: bool = False
    strays: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "strays", tuple(self.strays))  # JSON has lists

    @property
    def dtype(self) -> str:
        """The type of float that its values need."""
        return "float64" if self.exact or self.kind == "date" else "float32"

    @property
    def expected(self) -> str:
        """What a field must be, in words."""
        if self.kind == "date":
            return f"a time written {self.form}"
        unit = f" with {self.unit!r}" if self.unit == "%" else ""
        mark = " with a decimal comma" if self.decimal == "," else ""
        return f"a number{unit}{mark} up to {LARGEST:.2g}"

    def number(self, field: str | float) -> float | None:
        """What a field stands for: NaN if missing, None if it is none.

        A date is seconds since 1970; what isn't text is a number already.
        """
        if isinstance(field, (int, float)):
            return None if self.kind == "date" else _finite(field)
        if is_missing(field) or field in self.strays:
            return math.nan
        if self.kind == "date":
            return seconds_of(simplified(field), self.form)
        return self.of_numeral(numeral(field))

    def of_numeral(self, found: Numeral | None) -> float | None:
        """What a field that may be a number is in this column; None if none."""
        return _finite(read_as(found, self.decimal, self.unit))


def _finite(value: float | None) -> float | None:
    if value is None or abs(value) > LARGEST:
        return None
    return value + 0.0  # -0 is 0, and an integer a float


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows as the model reads them.

    Numbers have shape (B, number and date columns), float32, or float64 where one of
    them needs it, NaN where missing; strings (B, category columns), "" where missing.
    `dates` are the indices of those numbers that are seconds of a date.
    """

    numbers: np.ndarray
    strings: np.ndarray
    dates: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, indices: Any) -> "Rows":
        """The rows with these indices."""
        return Rows(self.numbers[indices], self.strings[indices], self.dates)

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
            It may be packed by gzip, or be alone in a .zip.
        delimiter: One character; None finds it among comma, semicolon, tab and bar.

    Returns:
        List of names; list of (line, values), without those that have no value.

    Raises:
        ValueError: With the line, if the file can't be read as a table.
    """
    place = Path(path).name
    text = decoded(place, _content(Path(path)))
    if named := re.match("sep=(.)\r?\n", text):  # as Excel names it
        delimiter = delimiter or named[1]
        text = "\n" + text[named.end() :]
    delimiter = "\t" if delimiter in ("\\t", "tab") else delimiter  # as shells pass it
    if delimiter is None:
        delimiter = _sniff(text[:SNIFFED_CHARACTERS])
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
    return header, [record for record in records if any(record[1])]


def _content(path: Path) -> bytes:
    """The bytes of a file, unpacked by what it is, whatever its name."""
    with path.open("rb") as file:
        start = file.read(4)
    try:
        if start.startswith(b"\x1f\x8b"):
            with gzip.open(path) as packed:
                content = packed.read(MOST_BYTES + 1)
        elif start == b"PK\x03\x04":
            with zipfile.ZipFile(path) as archive:
                names = [
                    name
                    for name in archive.namelist()
                    if Path(name).suffix.lower() in (".csv", ".tsv", ".txt")
                    and not name.startswith("__MACOSX/")
                ]
                if len(names) != 1:
                    raise ValueError(
                        f"{path.name}: expected one .csv, .tsv or .txt file in it; it "
                        f"has {archive.namelist()[:5]}. A workbook must be saved as "
                        "CSV."
                    )
                with archive.open(names[0]) as packed:
                    content = packed.read(MOST_BYTES + 1)
        else:
            with path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        raise ValueError(f"{path.name}: can't be unpacked: {error}.") from error
    except RuntimeError as error:  # encrypted, or packed in a way not known
        raise ValueError(f"{path.name}: can't be unpacked: {error}.") from error
    if len(content) > MOST_BYTES:
        raise ValueError(
            f"{path.name}: expected {MOST_BYTES} bytes at most; it has more."
        )
    return content


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


def rows_of(
    columns: Sequence[Column],
    lines: Sequence[int | None],
    fields: Mapping[str, Sequence[str | float]],
    place: str,
) -> Rows:
    """Fields as the model reads them.

    Args:
        columns: List of `Column`.
        lines: The line of each row; None for a row given otherwise.
        fields: Dict from the names of the columns to a field for each row.
        place: Name of the file, for messages.

    Returns:
        `Rows`.

    Raises:
        ValueError: If a field of a number column is none, or not finite in float32, or
            a field of a date column no date.
    """
    numeric = [column for column in columns if column.kind != "category"]
    dtype = np.result_type("float32", *(column.dtype for column in numeric))
    numbers = np.empty((len(lines), len(numeric)), dtype)
    for i, column in enumerate(numeric):
        # Fields come again: each is understood once.
        known = {field: column.number(field) for field in set(fields[column.name])}
        found = list(map(known.__getitem__, fields[column.name]))
        if None in known.values():
            row = found.index(None)
            where = place if lines[row] is None else f"{place}:{lines[row]}"
            raise ValueError(
                f"{where}: expected {column.expected} in column {column.name!r}; "
                f"received {fields[column.name][row]!r}."
            )
        numbers[:, i] = found
    strings = np.array(
        [
            ["" if is_missing(str(f)) else str(f) for f in fields[column.name]]
            for column in columns
            if column.kind == "category"
        ],
        dtype=object,  # as wide as each is, not as the widest
    )
    dates = tuple(i for i, column in enumerate(numeric) if column.kind == "date")
    return Rows(numbers, strings.reshape(-1, len(lines)).T, dates)


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
    if not records:
        raise ValueError(f"{place} has no rows.")
    lines = [line for line, _ in records]
    places = {name: i for i, name in enumerate(header)}
    fields = {
        c.name: [values[places[c.name]] for _, values in records] for c in columns
    }
    return rows_of(columns, lines, fields, place), lines


def row_from_json(text: str, columns: list[Column]) -> tuple[Rows, list[str]]:
    """A row from a JSON object, null for missing; columns left out are missing too.

    A JSON number is one, in the unit of the column; a string is read as in a file.

    Returns:
        `Rows` with one row, and the names of the columns that were left out.

    Raises:
        ValueError: If it is no object, or names a column that isn't known.
    """
    try:
        given = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
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
    fields = {c.name: [_field(c, given.get(c.name))] for c in columns}
    absent = [name for name in names if name not in given]
    return rows_of(columns, [None], fields, "`row`"), absent


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"expected names that differ; received {twice} twice")
    return found


def _field(column: Column, value: Any) -> str | float:
    if isinstance(value, (dict, list)):
        raise ValueError(
            f"`row` must have a number, a string or null for {column.name!r}; received "
            f"{value!r}."
        )
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and column.kind == "number":
        return value
    return "" if value is None else str(value).strip()
