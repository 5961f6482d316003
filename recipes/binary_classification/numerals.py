"""How numbers are written in tables: separators, signs, units, and what is missing."""

import collections
import dataclasses
import math
import re
import unicodedata
from collections.abc import Mapping

# What pandas reads as missing, and what else people write; in lower case.
MISSING = {
    *("", "na", "n/a", "nan", "-nan", "null", "none", "?", "-", "--", ".", "n.a."),
    *("#n/a", "#n/a n/a", "#na", "<na>", "-1.#ind", "-1.#qnan", "1.#ind", "1.#qnan"),
    *("n.a", "\u2013", "\u2014", "\u2212"),  # dashes alone
}
_CODES = (
    "AUD|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP|HUF|ILS|INR|JPY|KRW|MXN|NOK|NZD|PLN|RUB|SEK|"
    "TRY|USD|ZAR|kr|zł|Kč"
)
_PLAIN = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_POINTS = re.compile(r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}")
_INFINITE = re.compile("[+-]?inf(?:inity)?", re.IGNORECASE)
_CURRENCY = rf"(?:[A-Z]{{0,3}}[$\u00a2-\u00a5\u20a0-\u20cf]|{_CODES})"
_FIELD = re.compile(
    r"(?P<open>\()?(?P<before>[+-]?) ?"
    rf"(?P<front>{_CURRENCY})? ?(?P<inner>[+-]?)"
    r"(?P<body>[0-9.,' ]*[0-9][.]?)(?P<power>[eE][+-]?[0-9]+)?"
    rf" ?(?P<back>{_CURRENCY}|%)?(?P<close>\))?(?P<after>-?)"
)


def _body(decimal: str, other: str, more: str = "") -> re.Pattern[str]:
    whole = rf"[1-9][0-9]{{0,2}}(?:([{other}' ])[0-9]{{3}})(?:\1[0-9]{{3}})*{more}"
    return re.compile(rf"(?:{whole}|[0-9]+)?(?:[{decimal}][0-9]+)?")


_BODIES = {
    ".": _body(".", ",", "|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}"),  # lakhs and crores
    ",": _body(",", "."),
}
_CHARACTERS = {
    **dict.fromkeys("\u2212\ufe63\u2013", "-"),
    **dict.fromkeys("\u00a0\u2007\u2009\u202f", " "),
    "\u2019": "'",
    "\u066b": ".",  # the Arabic decimal point, and what groups thousands there
    "\u066c": "'",
    "\u066a": "%",
}


@dataclasses.dataclass(frozen=True)
class Numeral:
    """What a field may mean: with a decimal point, with a decimal comma; its unit."""

    point: float | None
    comma: float | None
    unit: str


@dataclasses.dataclass(frozen=True)
class Writing:
    """How the numbers of a column are written.

    Attributes:
        decimal: "." or ",".
        unit: "", "%" or a currency.
        told: Whether the fields themselves tell the decimal sign.
        numbers: How many fields are numbers so.
        known: How many aren't missing.
    """

    decimal: str
    unit: str
    told: bool
    numbers: int
    known: int

    @property
    def is_number(self) -> bool:
        """From nine in ten on the column is one of numbers."""
        return self.known > 0 and 10 * self.numbers >= 9 * self.known


def is_missing(value: str) -> bool:
    """Whether a field says that nothing is known."""
    return value.lower() in MISSING


def simplified(text: str) -> str:
    """Digits, signs and spaces of any script as ASCII has them."""
    if text.isascii():
        return text
    found = []
    for c in text:
        if "\uff01" <= c <= "\uff5e":  # the wide forms of ASCII
            c = chr(ord(c) - 0xFEE0)
        elif unicodedata.category(c) == "Nd":
            c = str(unicodedata.decimal(c))
        found.append(_CHARACTERS.get(c, c))
    return "".join(found)


def numeral(text: str) -> Numeral | None:
    """What a field may mean as a number; None if it is none.

    A number in brackets is negative, as accountants write it. Infinity is one here:
    what reads the field refuses it by its line.
    """
    if not _PLAIN.fullmatch(text):
        text = simplified(text)
    if _PLAIN.fullmatch(text):
        value = float(text)
        if _POINTS.fullmatch(text):
            return Numeral(value, float(text.replace(".", "")), "")
        whole = "." not in text
        return Numeral(value, value if whole else None, "")
    if _INFINITE.fullmatch(text):
        return Numeral(float(text), float(text), "")
    field = _FIELD.fullmatch(text) if len(text) < 100 else None
    if field is None:
        return None
    signs = [
        field[name] for name in ("open", "before", "inner", "after") if field[name]
    ]
    bracketed = field["open"] is not None
    units = [field[name] for name in ("front", "back") if field[name]]
    if bracketed != (field["close"] is not None) or len(signs) > 1 or len(units) > 1:
        return None
    point, comma = (_value(field, decimal) for decimal in ".,")
    if point is None and comma is None:
        return None
    negative = bool(signs) and signs[0] in "(-"
    point, comma = (
        -value if negative and value is not None else value for value in (point, comma)
    )
    return Numeral(point, comma, units[0] if units else "")


def _value(field: re.Match[str], decimal: str) -> float | None:
    body = field["body"]
    if decimal == "." and body.endswith("."):
        body += "0"
    if not _BODIES[decimal].fullmatch(body):
        return None
    kept = "".join(
        "." if c == decimal else c for c in body if c in f"0123456789{decimal}"
    )
    return float(kept + (field["power"] or ""))


def read_as(found: Numeral | None, decimal: str, unit: str) -> float | None:
    """The number that a field is in a column so written; None if it is none.

    Where others have a currency a number alone is one too; where others have "%" it
    could be a share of 1.
    """
    if found is None or found.unit not in ("", unit):
        return None
    known = (0, math.inf, -math.inf)  # with a "%" and without
    if unit == "%" and not found.unit and found.point not in known:
        return None
    return found.point if decimal == "." else found.comma


def writing_of(
    counts: Mapping[str, int], numerals: Mapping[str, Numeral | None], otherwise: str
) -> Writing:
    """How a column's numbers are written, by what most of them say.

    Args:
        counts: How often each field is in the column.
        numerals: `numeral` of each.
        otherwise: The decimal sign if the column doesn't tell it.
    """
    known = {text: n for text, n in counts.items() if not is_missing(text)}
    units: collections.Counter[str] = collections.Counter()
    for text, count in known.items():
        found = numerals[text]
        if found is not None and (found.unit or found.point != 0):
            units[found.unit] += count
    shares = units.pop("%", 0)
    currencies = [unit for unit, _ in units.most_common() if unit]
    unit = "%" if shares > units.total() else currencies[0] if currencies else ""
    points, commas = evidence(known, numerals)
    decimal = otherwise if points == commas else "." if points > commas else ","
    numbers = sum(
        count
        for text, count in known.items()
        if read_as(numerals[text], decimal, unit) is not None
    )
    told = points != commas
    return Writing(decimal, unit, told, numbers, sum(known.values()))


def evidence(
    counts: Mapping[str, int], numerals: Mapping[str, Numeral | None]
) -> tuple[int, int]:
    """How many fields are numbers only with a decimal point, only with a comma."""
    points = commas = 0
    for text, count in counts.items():
        found = numerals[text]
        if found is not None:
            points += count * (found.comma is None)
            commas += count * (found.point is None)
    return points, commas


def is_ambiguous(found: Numeral | None) -> bool:
    """Whether a field is another number with a decimal point than with a comma."""
    return (
        found is not None
        and None not in (found.point, found.comma)
        and (found.point != found.comma)
    )
