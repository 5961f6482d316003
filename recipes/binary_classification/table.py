"""Tables of numbers, dates and categories, read from files or JSON objects."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from keras_seq.files import unique_object
from recipes.binary_classification.dates import seconds_of
from recipes.binary_classification.numerals import (
    Numeral,
    is_missing,
    numeral,
    read_as,
    simplified,
)
from recipes.binary_classification.reading import name_of, read_table

Kind: TypeAlias = Literal["number", "date", "category"]

LARGEST = float(np.finfo("float32").max)


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
    path: str,
    columns: list[Column],
    delimiter: str | None = None,
    encoding: str | None = None,
) -> tuple[Rows, list[int]]:
    """Rows of a file with the columns that a model was trained on, and more.

    Returns:
        `Rows`, and the line of each.

    Raises:
        ValueError: If a column isn't there, or as `read_table` and `rows_of` do.
    """
    header, records = read_table(path, delimiter, encoding)
    place = name_of(path)
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
        given = json.loads(text, object_pairs_hook=unique_object)
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
