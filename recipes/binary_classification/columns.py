"""What the columns of a table are: numbers, dates, categories, or nothing to learn."""

import collections
import dataclasses
import re
from collections.abc import Iterable, Sequence

import numpy as np

from recipes.binary_classification.dates import ALIKE, FORMS, seconds_of
from recipes.binary_classification.features import (
    FEWEST_OF_A_CATEGORY,
    MOST_CATEGORIES,
)
from recipes.binary_classification.hints import (
    DIGITS_ALONE,
    are_codes,
    are_dates,
    other_dates,
    sentinel,
    spellings,
)
from recipes.binary_classification.numerals import (
    Numeral,
    evidence,
    is_ambiguous,
    is_missing,
    numeral,
    read_as,
    simplified,
    writing_of,
)
from recipes.binary_classification.table import LARGEST, Column

IDENTIFIER = 30  # different whole numbers, from which on they look like one
NOTED = 0.5  # numbers among the fields of a column of categories, to be noted
LINES = 12  # in a note
LONGEST_STRAY = 100  # characters
MOST_STRAYS = 1000  # different ones that a model knows as missing
SAMPLE = 50  # different fields
DIGITS = 15  # of a number, which float64 keeps
LOST = 1e-5  # standard deviations that rounding to float32 may move a value


@dataclasses.dataclass(frozen=True)
class Field:
    """A column as it stands in the file: its fields, and the line of each."""

    name: str
    values: Sequence[str]
    lines: Sequence[int]
    counts: collections.Counter[str]
    numerals: dict[str, Numeral | None]

    @classmethod
    def of(cls, name: str, values: Sequence[str], lines: Sequence[int]) -> "Field":
        """The column with each different field looked at once."""
        counts = collections.Counter(values)
        return cls(
            name, values, lines, counts, {text: numeral(text) for text in counts}
        )

    @property
    def known(self) -> list[str]:
        """The different fields that aren't missing."""
        return [text for text in self.counts if not is_missing(text)]

    def line_of(self, text: str) -> int:
        """The first line that has a field."""
        return self.lines[self.values.index(text)]


def decimal_of(fields: Iterable[Field]) -> str:
    """The decimal sign of a file's columns, for those that don't tell theirs: whole
    numbers, or 1,000 and 2,000.
    """
    told = [evidence(field.counts, field.numerals) for field in fields]
    commas = sum(comma > point for point, comma in told)
    points = sum(point > comma for point, comma in told)
    return "," if commas and not points else "."


def columns_of(
    fields: Sequence[Field], otherwise: str
) -> tuple[list[Column], list[str]]:
    """The columns to learn from, and notes on how they are read and what is left out.

    Args:
        fields: List of `Field`.
        otherwise: The decimal sign of those that don't tell it.

    Returns:
        List of `Column`, list of notes.
    """
    notes: list[str] = []
    columns = [_column(field, otherwise, notes) for field in fields]
    return [column for column in columns if column is not None], notes


def _column(field: Field, otherwise: str, notes: list[str]) -> Column | None:
    """A column, or None if nothing can be learned from it; notes why."""
    name, known = field.name, field.known
    count = sum(field.counts[text] for text in known)
    if not known:
        notes.append(f"column {name!r} is left out: all its values are missing.")
        return None
    if len(known) == 1 and count == len(field.values):
        notes.append(
            f"column {name!r} is left out: it is {_short(known[0])} in every row."
        )
        return None
    writing = writing_of(field.counts, field.numerals, otherwise)
    if writing.is_number and are_dates(field.counts):
        notes.append(f"column {name!r} is read as dates written {DIGITS_ALONE}.")
        return _without_strays(field, Column(name, "date", form=DIGITS_ALONE), notes)
    if codes := writing.is_number and are_codes(field.counts):
        notes.append(
            f"column {name!r} is read as categories: its whole numbers are of one "
            "width, with leading zeros, as codes are."
        )
    elif writing.is_number:
        column = Column(name, "number", writing.decimal, writing.unit)
        if not writing.told:
            _note_ambiguous(field, writing.decimal, notes)
        column = _without_strays(field, column, notes)
        return _number_column(field, column, notes)
    if not codes and (form := _form(field, count, notes)):
        return _without_strays(field, Column(name, "date", form=form), notes)
    nearly = "" if codes else other_dates(field.counts, field.line_of)
    if not codes and writing.numbers >= NOTED * count:
        odd = next(
            text
            for text in known
            if read_as(field.numerals[text], writing.decimal, writing.unit) is None
        )
        nearly = (
            f" {writing.numbers} of its {count} values are numbers, which are fewer "
            f"than nine in ten: line {field.line_of(odd)} has {_short(odd)}."
        )
    if len(known) == count > 1:
        notes.append(
            f"column {name!r} is left out: no value of its {count} is in two rows, as "
            f"in a name or an identifier.{nearly}"
        )
        notes += [f"column {name!r}: {note}" for note in spellings(field.counts)]
        return None
    if nearly:
        notes.append(f"column {name!r} is read as categories.{nearly}")
    notes += [f"column {name!r}: {note}" for note in spellings(field.counts)]
    frequent = sum(field.counts[text] >= FEWEST_OF_A_CATEGORY for text in known)
    if len(known) > MOST_CATEGORIES:
        notes.append(
            f"column {name!r} has {len(known)} categories: the "
            f"{min(frequent, MOST_CATEGORIES)} most frequent are told apart, the "
            "others count as one."
        )
    return Column(name, "category")


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _listed(lines: Iterable[int], count: int) -> str:
    shown = ", ".join(str(line) for _, line in zip(range(LINES), lines, strict=False))
    return f"line{'s' if count > 1 else ''} {shown}{', ...' if count > LINES else ''}"


def _without_strays(field: Field, column: Column, notes: list[str]) -> Column:
    """The column that knows its strays as missing; a note counts them, with lines."""
    strays = [
        text
        for text in field.known
        if _value(field, column, text) is None
        and not (column.kind == "number" and _too_large(field.numerals[text]))
    ]
    if not strays:
        return column
    count = sum(field.counts[text] for text in strays)
    among = set(strays)
    where = [
        line
        for value, line in zip(field.values, field.lines, strict=True)
        if value in among
    ]
    frequent = sorted(strays, key=lambda text: -field.counts[text])
    shown = ", ".join(map(_short, frequent[:5])) + (", ..." if strays[5:] else "")
    what = "times" if column.kind == "date" else "numbers"
    notes.append(
        f"column {column.name!r}: {count} of its {len(field.values)} values are no "
        f"{what}, and count as missing: {shown} ({_listed(where, count)})."
    )
    kept = tuple(t for t in frequent if len(t) <= LONGEST_STRAY)[:MOST_STRAYS]
    return dataclasses.replace(column, strays=kept)


def _value(field: Field, column: Column, text: str) -> float | None:
    """What a field that isn't missing is in a column; None if nothing."""
    if column.kind == "date":
        return column.number(text)
    return column.of_numeral(field.numerals[text])


def _too_large(found: Numeral | None) -> bool:
    """Whether a field is a number that no table may have: it is refused by its line."""
    values = (found.point, found.comma) if found is not None else ()
    return any(value is not None and abs(value) > LARGEST for value in values)


def _note_ambiguous(field: Field, decimal: str, notes: list[str]) -> None:
    some = [text for text in field.known if is_ambiguous(field.numerals[text])]
    # A point that no other column speaks against is what programs write.
    some = [text for text in some if decimal == "," or "," in text]
    if some:
        text = some[0]
        value = Column("", "number", decimal).number(text)
        other = Column("", "number", "." if decimal == "," else ",").number(text)
        notes.append(
            f"column {field.name!r}: {_short(text)} (line {field.line_of(text)}) and "
            f"its like are read as {value:g}, though they could be {other:g}: no field "
            "of the column tells."
        )


def _number_column(field: Field, column: Column, notes: list[str]) -> Column | None:
    """The column, with the precision that it needs; None if it numbers the rows."""
    name, strays = column.name, set(column.strays)
    known = [text for text in field.known if text not in strays]
    complete = len(known) == len(field.values)  # and so each is there once
    if (
        complete
        and len(known) > 1
        and all(re.fullmatch(r"[+-]?[0-9]{1,18}", t) for t in known)
    ):
        numbers = list(map(int, known))
        if max(numbers) - min(numbers) + 1 == len(numbers):
            notes.append(f"column {name!r} is left out: it numbers the rows.")
            return None
        if len(numbers) > IDENTIFIER:
            notes.append(
                f"column {name!r} looks like an identifier: whole numbers, no two the "
                "same. It is used; remove it from the file if it is one."
            )
    long = [t for t in known if _digits(t) > DIGITS and int(float(t)) != int(t)]
    if long:
        notes.append(
            f"column {name!r}: {_short(long[0])} (line {field.line_of(long[0])}) has "
            f"more digits than a number keeps; {len(long)} of its different values "
            "lose their last ones."
        )
    values = np.array([_value(field, column, text) or 0.0 for text in known])
    if note := sentinel(values, [field.counts[text] for text in known]):
        notes.append(f"column {name!r}: {note}")
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return column
    with np.errstate(over="ignore"):
        rounded = values.astype("float32").astype("float64")
    spread = float(np.std(values))
    quarters = np.subtract(*np.percentile(values, [75, 25]))
    spread = min(spread, float(quarters) or spread)
    if spread > 0 and np.abs(values - rounded).max() > LOST * spread:
        notes.append(
            f"column {name!r} is read in 64 bits: in 32 its {len(set(values))} "
            f"different values would be {len(set(rounded))}, or moved."
        )
        return dataclasses.replace(column, exact=True)
    return column


def _digits(text: str) -> int:
    """Digits of a whole number; 0 of another, or of one that is too large anyway."""
    return len(text) if re.fullmatch(r"[+-]?[0-9]{1,38}", text) else 0


def _form(field: Field, count: int, notes: list[str]) -> str | None:
    """How nine in ten fields write dates or times; None if they are none."""

    def is_so(text: str, form: str) -> bool:
        return seconds_of(simplified(text), form) is not None

    first = field.known[:SAMPLE]  # tells most forms off
    forms = [f for f in FORMS if 2 * sum(is_so(t, f) for t in first) >= len(first)]
    times = {
        form: sum(field.counts[text] for text in field.known if is_so(text, form))
        for form in forms
    }
    times = {form: n for form, n in times.items() if 10 * n >= 9 * count}
    if not times:
        return None
    best = max(times, key=times.__getitem__)
    other = ALIKE.get(best)
    if other and times.get(other) == times[best]:
        text = next(text for text in field.known if is_so(text, best))
        notes.append(
            f"column {field.name!r}: {_short(text)} (line {field.line_of(text)}) and "
            f"its like are read as {best}, though they could be {other}: no field of "
            "the column tells."
        )
    return best
