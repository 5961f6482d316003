"""The styles of dates in many languages: how they are written, and read back."""

import collections
import datetime
import functools
import itertools
import re
import unicodedata
from collections.abc import Collection, Iterator
from typing import Any, TypeAlias

from keras_seq.extras import require

PIVOT = 1969  # the first year that two digits stand for
COMMON = ("short", "medium", "long", "full")
_ORDERS_LEFT_OUT = ("ydm", "Ydm", "Ymd")
_NUMBER = re.compile(r"\d+")
_DIGIT = re.compile(r"\d")
_SPACE = re.compile(r"\s")
_SPACES = re.compile(r" +")
_DIRECTION_MARK = re.compile(r"[\u200e\u200f\u061c]")
_NOT_TYPED = re.compile(r"(?<!\d)[.,]|[.,](?= |$)")
_OF_NO_ACCOUNT = re.compile(r"[\s.,،፣⹁]+")
_ZEROS = {  # of the numbering systems that are some locale's own
    **{"arab": 0x660, "arabext": 0x6F0, "deva": 0x966, "beng": 0x9E6},
    **{"tibt": 0xF20, "mymr": 0x1040, "nkoo": 0x7C0, "olck": 0x1C50},
    **{"adlm": 0x1E950, "hmnp": 0x1E140, "cakm": 0x11136},
}
_ORDINALS = (
    "d'{}' MMMM y",
    "d'{} of' MMMM y",
    "'the' d'{} of' MMMM, y",
    "MMMM d'{}', y",
    "MMM d'{}' y",
)

# ("text", its characters, None), ("number", of what, its digits) or ("names", of what,
# those names).
Piece: TypeAlias = tuple[str, str, Any]
# What each number is, or must be; and the month that a name says.
Reading: TypeAlias = tuple[tuple[str | int, ...], int | None]


class Template:
    """A pattern with its names, in the words and digits of a locale."""

    def __init__(
        self, locale: str, style: str, pieces: list[Piece], zero: int | None = None
    ) -> None:
        self.locale = locale
        self.style = style
        self.pieces = pieces
        self.zero = zero
        self.common = style in COMMON
        self._kinds = {(kind, name) for kind, name, _ in pieces}
        self.short_year = ("number", "Y") in self._kinds

    def write(self, date: datetime.date) -> str:
        """The text of a date."""
        parts = []
        for kind, name, value in self.pieces:
            if kind == "text":
                parts.append(name)
            elif kind == "names":
                parts.append(value[_index(name, date)])
            else:
                number = {"d": date.day, "m": date.month, "y": date.year}.get(
                    name, date.year % 100
                )
                parts.append(self._digits(f"{number:0{value}d}"))
        return "".join(parts)

    def _digits(self, text: str) -> str:
        if self.zero is None:
            return text
        return "".join(chr(self.zero + int(digit)) for digit in text)

    def shapes(self) -> Iterator[tuple[str, Reading]]:
        """Every text that it can write, with 0 for a number; and how to read it.

        Yields:
            Tuples `(text, reading)`, a reading `(slots, month)`: what each number
            is, and what the month's name says, or None.
        """
        indices = {
            "m": range(12) if ("names", "m") in self._kinds else [None],
            "w": range(7) if ("names", "w") in self._kinds else [None],
            # One day for each of 1st, 2nd, 3rd and 4th.
            "ending": range(4) if ("names", "ending") in self._kinds else [None],
        }
        for chosen in itertools.product(*indices.values()):
            index = dict(zip(indices, chosen, strict=True))
            parts: list[str] = []
            slots: list[str | int] = []
            for kind, name, value in self.pieces:
                if kind == "number":
                    parts.append("0")
                    slots.append(name)
                else:
                    # Some names of months and weekdays have numbers in them.
                    text = name if kind == "text" else value[index[name]]
                    shape, constants = _shape_and_numbers(text)
                    parts.append(shape)
                    slots += constants
            month = None if index["m"] is None else index["m"] + 1
            yield "".join(parts), (tuple(slots), month)


class DateStyles:
    """The templates of languages, and how all of them together read a text."""

    def __init__(self, templates: list[Template]) -> None:
        self.templates = templates
        self._readings: dict[str, dict[Reading, set[str]]] = {}
        for template in templates:
            for text, reading in template.shapes():
                readings = self._readings.setdefault(_plain(text), {})
                readings.setdefault(reading, set()).add(text)

    def by_language(
        self, without: Collection[tuple[str, str]] = ()
    ) -> list[list[Template]]:
        """Lists of templates, one a language."""
        groups: dict[str, list[Template]] = {}
        for template in self.templates:
            if (template.locale, template.style) not in without:
                language = re.split("[-_]", template.locale)[0]
                groups.setdefault(language, []).append(template)
        return list(groups.values())

    def meanings(self, text: str, *, exact: bool = False) -> set[datetime.date]:
        """The dates that a text has in any language.

        Args:
            text: Text of a date.
            exact: Whether capitals, dots and the like tell patterns apart; if
                not, all count that differ in these alone.

        Returns:
            Set of dates; empty if no pattern fits.
        """
        plain = _plain(text)
        found = _NUMBER.findall(plain)
        shape = _NUMBER.sub("0", text)
        return {
            date
            for reading, shapes in self._readings.get(
                _NUMBER.sub("0", plain), {}
            ).items()
            if (not exact or shape in shapes)
            and (date := _read(reading, found)) is not None
        }


@functools.lru_cache(maxsize=4)
def date_styles(languages: tuple[str, ...] | None = None) -> DateStyles:
    """The styles of languages.

    Args:
        languages: Tuple of ISO codes; None for all of Babel that have Gregorian
            dates with names of their own.

    Returns:
        A `DateStyles`.

    Raises:
        ValueError: If a language is not known.
    """
    babel = require("babel", "recipes")
    localedata = require("babel.localedata", "recipes")
    parents = collections.Counter(babel.core.get_global("parent_exceptions").values())
    names: dict[str, list[str]] = {}
    # Of locales that write alike, the one that others take after gives the name.
    for name in sorted(
        localedata.locale_identifiers(), key=lambda n: (len(n), -parents[n], n)
    ):
        names.setdefault(name.split("_")[0], []).append(name)
    templates: list[Template] = []
    for language in sorted(names) if languages is None else languages:
        seen: set[Any] = set()
        for name in names.get(language, ()):
            for template in _of_locale(babel.Locale.parse(name)):
                key = (tuple(template.pieces), template.zero)
                if key not in seen:
                    templates.append(template)
                seen.add(key)
        if languages is not None and not seen:
            raise ValueError(
                "`languages` must be codes of languages whose dates Babel knows; "
                f"received {language!r} among them."
            )
    return DateStyles(templates)


def _of_locale(locale: Any) -> Iterator[Template]:
    """The usable templates of a locale."""
    if locale.months["format"]["wide"][1].startswith("M0"):
        return  # Babel has no Gregorian names for it
    zero = _ZEROS.get(locale.default_numbering_system)
    patterns = {style: locale.date_formats[style].pattern for style in COMMON}
    for skeleton, pattern in locale.datetime_skeletons.items():
        if re.fullmatch(r"G*y+M+[Ec]*d+", skeleton):
            patterns[skeleton] = getattr(pattern, "pattern", pattern)
    for style, pattern in patterns.items():
        if pieces := _pieces(locale, pattern):
            yield Template(str(locale), style, pieces, zero)
    if str(locale) == "en":
        for number, pattern in enumerate(_ORDINALS, start=1):
            yield Template("en", f"ordinal {number}", _pieces(locale, pattern) or [])


def _pieces(locale: Any, pattern: str) -> list[Piece] | None:
    """The pieces of a pattern: fixed text, numbers, names; None if unusable."""
    tokenize = require("babel.dates", "recipes").tokenize_pattern
    pieces: list[Piece] = []
    for kind, value in tokenize(pattern):
        if kind == "chars":
            before, ending, after = value.partition("{}")
            pieces += [("text", before, None)]
            if ending:
                pieces += [("names", "ending", _ENDINGS), ("text", after, None)]
            continue
        letter, width = value
        if letter == "d" and width > 2:
            return None  # an ordinal, which Babel writes as zeros and the number
        if letter in "yd" or (letter in "ML" and width < 3):
            name = "Y" if letter == "y" and width == 2 else letter.lower()
            pieces.append(("number", "m" if name == "l" else name, width))
        elif letter == "G":
            eras = {5: "narrow", 4: "wide"}.get(width, "abbreviated")
            pieces.append(("text", locale.eras[eras][1], None))
        elif letter in "MLEc":
            words = _names(locale, letter, width)
            if words is None:
                return None
            pieces.append(("names", "m" if letter in "ML" else "w", words))
        else:
            return None  # a year of weeks, a week: not what the locale means
    order = "".join(name for kind, name, _ in pieces if kind == "number")
    names = {name for kind, name, _ in pieces if kind == "names"}
    fields = sorted({*order.lower(), *names} - {"w", "ending"})
    slash = any("/" in name for kind, name, _ in pieces if kind == "text")
    misread = order in _ORDERS_LEFT_OUT or (order in ("mdy", "mdY") and not slash)
    return None if fields != ["d", "m", "y"] or misread else pieces


def _names(locale: Any, letter: str, width: int) -> tuple[str, ...] | None:
    context = "format" if letter in "ME" else "stand-alone"
    form = {4: "wide", 5: "narrow", 6: "short"}.get(width, "abbreviated")
    names = (locale.months if letter in "ML" else locale.days)[context][form]
    words = tuple(names[i] for i in (range(1, 13) if letter in "ML" else range(7)))
    return None if any(re.fullmatch(r"M\d\d", word) for word in words) else words


# 1st, 2nd, 3rd, 4th, ..., 31st.
_ENDINGS = tuple(
    "th" if 10 < day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    for day in range(1, 32)
)


def _index(name: str, date: datetime.date) -> int:
    if name == "w":
        return date.weekday()
    return (date.month if name == "m" else date.day) - 1


def typed_text(text: str, change: float) -> str:
    """The text as somebody types it; `change` in [0, 1) chooses how."""
    plain = _DIRECTION_MARK.sub("", _SPACE.sub(" ", text))
    digits = _DIGIT.sub(lambda digit: str(int(digit.group())), plain)
    bare = _SPACES.sub(" ", _NOT_TYPED.sub("", digits))
    ways = [digits, digits.lower(), digits.upper(), bare, bare.lower()]
    ways = [way for way in ways if way != text] or [text]
    return ways[int(change * len(ways))]


def _plain(text: str) -> str:
    """What stays when nothing counts that people leave out or change."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return _OF_NO_ACCOUNT.sub(" ", _DIRECTION_MARK.sub("", text)).strip()


@functools.cache
def _shape_and_numbers(text: str) -> tuple[str, list[int]]:
    return _NUMBER.sub("0", text), [int(number) for number in _NUMBER.findall(text)]


def _read(reading: Reading, found: list[str]) -> datetime.date | None:
    """The date that a reading gives to the numbers of a text, or None."""
    slots, month = reading
    if len(slots) != len(found):
        return None
    values = {} if month is None else {"m": month}
    for slot, number in zip(slots, found, strict=True):
        value = int(number)
        if isinstance(slot, int):
            if slot != value:
                return None
        elif len(number) > 2 if slot != "y" else len(number) != 4:
            return None
        elif slot == "Y":
            if len(number) != 2:
                return None
            values["y"] = PIVOT + (value - PIVOT) % 100
        else:
            values[slot] = value
    if not 1900 <= values["y"] <= 2099:
        return None
    try:
        return datetime.date(values["y"], values["m"], values["d"])
    except ValueError:
        return None
