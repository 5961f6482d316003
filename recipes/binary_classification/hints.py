"""What the fields of a column hint at: codes, dates in digits, missing values."""

import collections
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from keras_seq.files import YES_NO
from recipes.binary_classification.dates import FORMS, seconds_of
from recipes.binary_classification.numerals import is_missing, simplified
from recipes.binary_classification.reading import INVISIBLE

DIGITS_ALONE = "YYYYMMDD"
_CENTURIES = ("19", "20")
_DAYS = 3  # different ones, that digits alone are dates
_INVISIBLE = re.compile(f"[{INVISIBLE}]")
_NINES = re.compile(r"-?9{2,6}")
_WITH_UNIT = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)* ?([^\W\d_][^\d]{0,9}|\+)")
_SCALES = set(
    [
        "k",
        "K",
        "m",
        "M",
        "b",
        "B",
        "bn",
        "mn",
        "kB",
        "KB",
        "MB",
        "GB",
        "TB",
        "mg",
        "g",
        "kg",
        "mm",
        "cm",
        "km",
        "ml",
        "l",
    ]
)
_YES_NO = {*YES_NO, *YES_NO.values()}


def are_codes(counts: Mapping[str, int]) -> bool:
    """Whether nine in ten fields are whole numbers that are names, as postcodes are: of
    one width, 3 digits at least, with leading zeros rather than shorter ones.
    """
    known = {text: n for text, n in counts.items() if not is_missing(text)}
    digits = {t: n for t, n in known.items() if t.isascii() and t.isdigit()}
    widths: collections.Counter[int] = collections.Counter()
    for text, n in digits.items():
        widths[len(text)] += n
    if not widths:
        return False
    [(width, most)] = widths.most_common(1)
    shorter = sum(n for other, n in widths.items() if other < width)
    zeros = sum(n for t, n in digits.items() if len(t) == width and t[0] == "0")
    return width > 2 and 10 * most >= 9 * sum(known.values()) and zeros > shorter


def are_dates(counts: Mapping[str, int]) -> bool:
    """Whether nine in ten fields are days of two centuries in eight digits."""
    known = {text: n for text, n in counts.items() if not is_missing(text)}
    days = {
        text: n
        for text, n in known.items()
        if len(text) == 8
        and text.startswith(_CENTURIES)
        and seconds_of(text, DIGITS_ALONE) is not None
    }
    return len(days) >= _DAYS and 10 * sum(days.values()) >= 9 * sum(known.values()) > 0


def other_dates(counts: Mapping[str, int], line_of: Callable[[str], int]) -> str:
    """A note, if most fields are dates, but written in more ways than one."""
    known = {text: n for text, n in counts.items() if not is_missing(text)}
    found: collections.Counter[str] = collections.Counter()
    first: dict[str, str] = {}
    for text, n in known.items():
        for form in FORMS:
            if seconds_of(simplified(text), form) is not None:
                found[form] += n
                first.setdefault(form, text)
    if len(found) < 2 or 10 * max(found.values()) >= 9 * sum(known.values()):
        return ""
    dated = sum(
        n
        for text, n in known.items()
        if any(seconds_of(simplified(text), form) is not None for form in found)
    )
    if 10 * dated < 9 * sum(known.values()):
        return ""
    shown = " and ".join(
        f"{first[form]!r} (line {line_of(first[form])}) as {form}"
        for form, _ in found.most_common(2)
    )
    return f" Its dates are written in more ways than one: {shown}."


def spellings(counts: Mapping[str, int]) -> list[str]:
    """Notes of categories that may be one, and of numbers with a unit."""
    notes = []
    groups = collections.defaultdict(list)
    for text in counts:
        key = unicodedata.normalize("NFKC", text).casefold()
        groups[" ".join(_INVISIBLE.sub("", key).split())].append(text)
    alike = [some for some in groups.values() if len(some) > 1]
    if alike:
        shown = " and ".join(map(ascii, alike[0][:3]))
        notes.append(
            f"{shown} are different categories, though they differ in case, space or "
            f"accents' coding alone{_more(len(alike) - 1)}."
        )
    known = {key for key in groups if not is_missing(key)}
    if len(known) > 2 and known <= _YES_NO:
        notes.append(
            f"its {len(known)} categories are words for yes and no, and are told apart."
        )
    units: collections.Counter[str] = collections.Counter()
    for text, n in counts.items():
        if match := _WITH_UNIT.fullmatch(text):
            units[match[1].strip()] += n
    total = sum(n for text, n in counts.items() if not is_missing(text))
    if not units:
        return notes
    unit, most = units.most_common(1)[0]
    if 10 * most >= 9 * total:
        notes.append(
            f"{most} of its values are a number with {unit!r}: without that it would "
            "be a column of numbers."
        )
    elif 10 * units.total() >= 9 * total and units.keys() <= _SCALES:
        shown = ", ".join(map(repr, units))
        notes.append(
            f"{units.total()} of its values are numbers with one of {shown}: in one "
            "unit, and without it, it would be a column of numbers."
        )
    return notes


def sentinel(values: np.ndarray, counts: Sequence[int]) -> str:
    """A note, if a number of nines alone stands far from all others, several times."""
    known, places = np.unique(values, return_inverse=True)
    times = np.bincount(places, counts)
    if len(known) < 2:
        return ""
    low, high = known[[0, -1]]
    for value, count, far in (
        (high, times[-1], 2 * known[-2] < high),
        (low, times[0], known[1] >= 0 > low),
    ):
        if far and count >= 3 and _NINES.fullmatch(str(value).removesuffix(".0")):
            return (
                f"{value:g} comes {int(count)} times, far from all others. If it means "
                "that a value is missing, leave those fields empty."
            )
    return ""


def _more(count: int) -> str:
    return f" ({count} more such)" if count else ""
