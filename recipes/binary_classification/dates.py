"""Dates and times in tables: from text to seconds, in Python and inside a graph."""

import datetime
import functools
import re
from typing import Any

import numpy as np

from keras_seq.typing import Tensor

MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august"),
    *("september", "october", "november", "december"),
)
_NAMES = {
    **{name: i for i, name in enumerate(MONTHS, start=1)},
    **{name[:3]: i for i, name in enumerate(MONTHS, start=1)},
    "sept": 9,
}
# Which of year, month (in digits, or its name) and day comes when, and what between.
FORMS = {
    "YYYY-MM-DD": ("YMD", "-"),
    "YYYY/MM/DD": ("YMD", "/"),
    "YYYY.MM.DD": ("YMD", r"\."),
    "YYYYMMDD": ("YMD", ""),
    "DD.MM.YYYY": ("DMY", r"\. ?"),
    "MM/DD/YYYY": ("MDY", "/"),
    "DD/MM/YYYY": ("DMY", "/"),
    "MM-DD-YYYY": ("MDY", "-"),
    "DD-MM-YYYY": ("DMY", "-"),
    "DD month YYYY": ("DBY", r"\.?[ -]"),
    "month DD, YYYY": ("BDY", r"\.?,? "),
    "YYYY-MM": ("YM", "-"),
    "MM/YYYY": ("MY", "/"),
    "month YYYY": ("BY", "[ -]"),
    "HH:MM": ("", ""),
}
ALIKE = {"MM/DD/YYYY": "DD/MM/YYYY", "MM-DD-YYYY": "DD-MM-YYYY"}
# A year behind month and day may have two digits.
_LATE = {"Y": "([0-9]{4}|[0-9]{2})"}
_PARTS = {
    "Y": "([0-9]{4})",
    "M": "([0-9]{1,2})",
    "D": "([0-9]{1,2})",
    "B": "([A-Za-z]{3,9})",
}
_TIME = (
    r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}(?:[.,][0-9]{1,9})?))?"
    r"(?: ?([AaPp])\.?[Mm]\.?)?"
)
_ZONE = r"(?: ?([Zz]|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?))?"
_DAY = 86_400
_EPOCH = 2_440_588  # the Julian day of 1970-01-01
PARTS = {"month": range(1, 13), "weekday": range(7), "hour": range(24)}
"""What repeats in a date, and its values; Monday is 0."""


@functools.cache
def _pattern(form: str) -> tuple[str, str]:
    """A regular expression for Python and RE2, and which part each group is."""
    order, between = FORMS[form]
    if not order:
        return _TIME, "hmsa"
    parts = {**_PARTS, **_LATE} if order[0] != "Y" and "D" in order else _PARTS
    if not between:
        parts = {**parts, "M": "([0-9]{2})", "D": "([0-9]{2})"}
    date = between.join(parts[part] for part in order)
    weekday = "(?:[A-Za-z]{3,9},? )?" if "B" in order else ""
    return f"{weekday}{date}(?:(?:[Tt]|,? ){_TIME}{_ZONE})?", f"{order}hmsaz"


def seconds_of(text: str, form: str) -> float | None:
    """Seconds since 1970 (of a time: since midnight); None if it isn't so written.

    A time with a zone is moved to UTC, one without is taken as it is.
    """
    pattern, groups = _pattern(form)
    found = re.fullmatch(pattern, text)
    if found is None:
        return None
    parts = {group: found[i] or "" for i, group in enumerate(groups, start=1)}
    year = float(parts.get("Y") or 1970)
    if len(parts.get("Y", "")) == 2:
        year += 1900 if year >= 69 else 2000
    month = float(parts.get("M") or 1)
    if "B" in parts:
        month = float(_NAMES.get(parts["B"].lower(), 0))
    zone = parts.get("z", "")
    offset = 0.0
    if zone[:1] in ("+", "-"):
        offset = float(zone[1:3]) * 3600 + float(zone[-2:] if zone[3:] else 0) * 60
        offset *= -1 if zone[0] == "-" else 1
    seconds, valid = _assembled(
        year,
        month,
        float(parts.get("D") or 1),
        float(parts["h"] or 0),
        float(parts["m"] or 0),
        float(parts["s"].replace(",", ".") or 0),
        {"": 0.0, "a": 1.0, "p": 2.0}[parts["a"].lower()],
        offset,
    )
    return seconds if valid else None


def graph_seconds(texts: Tensor, form: str) -> Tensor:
    """`seconds_of` inside a graph: strings (B,) to float64, NaN where none."""
    import tensorflow as tf

    pattern, groups = _pattern(form)
    matches = tf.strings.regex_full_match(texts, pattern)
    # Extracting from what doesn't match would give the text itself.
    texts = tf.where(matches, texts, "")

    def part(group: str) -> Tensor:
        if group not in groups:
            return tf.zeros_like(texts)
        number = groups.index(group) + 1
        return tf.strings.regex_replace(texts, f"^(?:{pattern})$", rf"\{number}")

    def number(text: Tensor, otherwise: str = "0") -> Tensor:
        text = tf.strings.regex_replace(text, ",", ".")
        text = tf.where(tf.strings.length(text) == 0, otherwise, text)
        return tf.strings.to_number(text, tf.float64)

    year = number(part("Y"), "1970")
    short = tf.strings.length(part("Y")) == 2
    century = tf.where(year >= 69, tf.constant(1900.0, tf.float64), 2000.0)
    year = tf.where(short, year + century, year)
    month = number(part("M"), "1")
    if "B" in groups:
        same = tf.strings.lower(part("B"))[:, None] == tf.constant(list(_NAMES))
        values = tf.constant(list(_NAMES.values()), tf.float64)
        month = tf.reduce_sum(tf.cast(same, tf.float64) * values, axis=1)
    zone = part("z")
    sign = tf.strings.substr(zone, 0, 1)
    signed = (sign == "+") | (sign == "-")
    digits = tf.strings.regex_replace(zone, "[^0-9]", "")
    digits = tf.where(signed, tf.strings.join([digits, "0000"]), "0000")
    offset = 60 * (
        60 * number(tf.strings.substr(digits, 0, 2))
        + number(tf.strings.substr(digits, 2, 2))
    )
    half = tf.strings.lower(part("a"))
    seconds, valid = _assembled(
        year,
        month,
        number(part("D"), "1"),
        number(part("h")),
        number(part("m")),
        number(part("s")),
        tf.cast(half == "a", tf.float64) + 2 * tf.cast(half == "p", tf.float64),
        tf.where(sign == "-", -offset, offset),
    )
    return tf.where(matches & valid, seconds, np.nan)


def _assembled(
    year: Any,
    month: Any,
    day: Any,
    hour: Any,
    minute: Any,
    second: Any,
    half: Any,
    offset: Any,
) -> tuple[Any, Any]:
    """Seconds, and whether there is such a time; of floats or tensors of floats.

    `half` is 0 where the hours go to 24, 1 before noon, 2 after it.
    """
    length = _days(year + month // 12, month % 12 + 1, 1.0) - _days(year, month, 1.0)
    valid = (year >= 2) & (year <= 9998)  # in any zone
    valid = valid & (month >= 1) & (month <= 12) & (day >= 1) & (day <= length)
    valid = valid & (hour <= 23) & (minute <= 59) & (second < 60)
    valid = valid & ((half <= 0) | ((hour >= 1) & (hour <= 12)))
    halved = (half + 1) // 2
    hour = (1 - halved) * hour + halved * (hour % 12 + 12 * (half // 2))
    days = _days(year, month, day)
    return _DAY * days + 3600 * hour + 60 * minute + second - offset, valid


def _days(year: Any, month: Any, day: Any) -> Any:
    """Days since 1970-01-01, in the Gregorian calendar; of floats or tensors."""
    early = (14 - month) // 12
    y, m = year + 4800 - early, month + 12 * early - 3
    days = day + (153 * m + 2) // 5 + 365 * y + y // 4 - y // 100 + y // 400
    return days - 32_045 - _EPOCH


def repeating(seconds: Any) -> dict[str, Any]:
    """Month (1 to 12), weekday (0 is Monday) and hour; of float64 arrays or tensors."""
    days = seconds // _DAY
    # Richards, 2013, "Calendars": the month of a Julian day.
    shifted = days + _EPOCH + 1401
    shifted = shifted + (4 * (days + _EPOCH) + 274_277) // 146_097 * 3 // 4 - 38
    in_year = (4 * shifted + 3) % 1461 // 4
    return {
        "month": ((5 * in_year + 2) // 153 + 2) % 12 + 1,
        "weekday": (days + 3) % 7,
        "hour": (seconds - _DAY * days) // 3600,
    }


def repeating_of(seconds: np.ndarray) -> dict[str, np.ndarray]:
    """`repeating` of an array in which NaN is missing."""
    with np.errstate(invalid="ignore"):
        return repeating(seconds)


def text_of(seconds: float, form: str) -> str:
    """A time as the column has it; "" if it is missing."""
    if np.isnan(seconds):
        return ""
    order, _ = FORMS[form]
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=float(seconds))
    time = f"{moment:%H:%M:%S}".removesuffix(":00")
    if not order:
        return time
    date = form.replace("YYYY", f"{moment.year:04}").replace("MM", f"{moment:%m}")
    date = date.replace("DD", f"{moment:%d}")
    date = date.replace("month", MONTHS[moment.month - 1].capitalize())
    return date if not seconds % _DAY else f"{date} {time}"
