"""Dates in many languages and styles, each with its one meaning in ISO 8601.

The languages are those of Babel, which has them from Unicode's CLDR: every
locale's short, medium, long and full format, and its patterns for combinations
such as yMMMEd. All are Gregorian, as are Babel's patterns even where another
calendar is usual (Persian, Thai); months and weekdays are in the language, and
digits those that CLDR gives as the locale's own, where Babel always prints 0-9.

**A text has one meaning.** Before a text is used, it is read back by all
patterns of all languages at hand; if two of them find different dates, it is
left out. So "3/4/2005" never occurs, which is 4 March in the United States and
3 April elsewhere, but "13/4/2005" and "4/13/2005" do; and a month's name that
is another month's in another language (Polish and Croatian have a "listopada"
each) occurs only where the rest of the text tells them apart. Three orders of
numbers are left out altogether, as they would cost far more common ones: year,
day, month; a two-digit year first; and month first with dots between.

**Years** are 1900 to 2099: what people write, leap days with both exceptions of
the rule (1900 has none, 2000 has one), and a range in which every country has
the Gregorian calendar but for its first years. Two-digit years are 1969 to
2068, as in POSIX and in Python's `strptime`, and are only used for these.
"""

import datetime
import functools
import re
import unicodedata
from typing import Any, NamedTuple

import numpy as np

from keras_seq._extras import require

FIRST = datetime.date(1900, 1, 1).toordinal()
LAST = datetime.date(2099, 12, 31).toordinal()
PIVOT = 1969  # the first year that two digits stand for
PARTS = {"train": (0.0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1.0)}
COMMON = ("short", "medium", "long", "full")
_ORDERS_LEFT_OUT = re.compile(r"^(ydm|Ydm|Ymd)$")
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


class DateText(NamedTuple):
    """A date as text, and what it means.

    `style` is the name of a format or pattern of CLDR, with ", typed" where it
    was changed as people do who type. `held_out` says that training had no text
    in this style of this locale.
    """

    text: str
    iso: str
    locale: str
    style: str
    held_out: bool


def dates(
    count,
    *,
    part="train",
    seed=1,
    languages=None,
    rare=0.2,
    typed=0.25,
    held_out=0.0,
    progress=None,
):
    """Different texts, drawn at random, with their dates.

    Every calendar day belongs to one part: no day of the test is in training, in
    any language. Languages are drawn alike, then the style, then the day.

    Args:
        count: Number of texts.
        part: `"train"` (of 80 % of the days), `"validation"` or `"test"` (of
            10 % each).
        seed: Seed of the division of the days, of the held-out styles, and of
            what is drawn.
        languages: ISO codes such as `"en"`; None for all.
        rare: Share of patterns other than the four formats of a locale.
        typed: Share that is changed as by typing: capitals, small letters, dots
            and commas left out, digits 0-9.
        held_out: Share of the pairs of locale and style that only the test has.
        progress: Called now and then as `progress(done, total)`.

    Returns:
        List of `DateText`.

    Raises:
        ValueError: If an argument is not what it must be, or if there aren't so
            many texts.

    Example:

    >>> for text, iso, *_ in dates(2, languages=["en"], typed=0.0):
    ...     assert iso[:4] in text or iso[2:4] in text
    """
    if part not in PARTS:
        raise ValueError(f"`part` must be one of {sorted(PARTS)}; received {part!r}.")
    for name, share in (("rare", rare), ("typed", typed), ("held_out", held_out)):
        if not 0 <= share <= 1:
            raise ValueError(f"`{name}` must be in [0, 1]; received {share!r}.")
    styles = date_styles(None if languages is None else tuple(sorted(languages)))
    days = np.random.default_rng(seed).permutation(np.arange(FIRST, LAST + 1))
    start, end = (round(share * len(days)) for share in PARTS[part])
    chance = np.random.default_rng((seed, list(PARTS).index(part)))
    secret = styles.choose(held_out, seed)
    choices = [
        ([t for t in group if t.common], [t for t in group if not t.common])
        for group in styles.by_language(without=() if part == "test" else secret)
    ]
    found: dict[str, DateText] = {}
    for attempt in range(20 * count + 1000):
        if len(found) == count:
            break
        if attempt % 4096 == 0:
            drawn = chance.random((4096, 6))
        which, is_rare, style, day, is_typed, change = drawn[attempt % 4096]
        common, others = choices[int(which * len(choices))]
        group = others if (is_rare < rare and others) or not common else common
        template = group[int(style * len(group))]
        date = datetime.date.fromordinal(int(days[start + int(day * (end - start))]))
        if template.short_year and not PIVOT <= date.year < PIVOT + 100:
            continue
        text, label = template.write(date), template.style
        if is_typed < typed:
            text, label = _type(text, change), f"{label}, typed"
        if text in found or styles.meanings(text, exact=is_typed >= typed) != {date}:
            continue
        held = (template.locale, template.style) in secret
        found[text] = DateText(text, date.isoformat(), template.locale, label, held)
        if progress is not None and len(found) % 1000 == 0:
            progress(len(found), count)
    if len(found) < count:
        raise ValueError(f"`count` must be less: {count} texts were not to be found.")
    return list(found.values())


class Template:
    """A pattern with its names, in the words and digits of a locale."""

    def __init__(self, locale, style, pieces, zero=None):
        self.locale = locale
        self.style = style
        self.pieces = pieces
        self.zero = zero
        self.common = style in COMMON
        self.fields = [name for kind, name, _ in pieces if kind != "text"]
        self.short_year = "Y" in self.fields

    def write(self, date):
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

    def _digits(self, text):
        if self.zero is None:
            return text
        return "".join(chr(self.zero + int(digit)) for digit in text)

    def shapes(self):
        """Every text that it can write, with 0 for a number; and how to read it.

        Yields:
            Tuples `(text, reading)`, a reading `(slots, month, weekday)`: what
            each number is, and what the names say, or None.
        """
        used = [name for kind, name, _ in self.pieces if kind == "names"]
        months = range(1, 13) if "m" in used else [None]
        weekdays = range(7) if "w" in used else [None]
        endings = {self.pieces[i][2][d]: d for i in self._endings() for d in range(31)}
        for month in months:
            for weekday in weekdays:
                for ending in endings or [None]:
                    yield self._shape(month, weekday, endings.get(ending))

    def _endings(self):
        return [i for i, (_, name, _) in enumerate(self.pieces) if name == "ending"]

    def _shape(self, month, weekday, ending):
        index = {"m": (month or 1) - 1, "w": weekday, "ending": ending}
        parts, slots = [], []
        for kind, name, value in self.pieces:
            if kind == "number":
                parts.append("0")
                slots.append(name)
            else:
                text = name if kind == "text" else value[index[name]]
                parts.append(text)
                # Some names of months and weekdays have numbers in them.
                slots += [int(number) for number in re.findall(r"\d+", text)]
        return "".join(parts), (tuple(slots), month, weekday)


class DateStyles:
    """The templates of languages, and how all of them together read a text."""

    def __init__(self, templates):
        self.templates = templates
        self._readings: dict[str, dict[tuple, set[str]]] = {}
        for template in templates:
            for text, reading in template.shapes():
                readings = self._readings.setdefault(_shape_of(_plain(text)), {})
                readings.setdefault(reading, set()).add(_shape_of(text))

    def by_language(self, without=()):
        """Lists of templates, one a language."""
        groups: dict[str, list[Template]] = {}
        for template in self.templates:
            if (template.locale, template.style) not in without:
                language = re.split("[-_]", template.locale)[0]
                groups.setdefault(language, []).append(template)
        return list(groups.values())

    def choose(self, share, seed):
        """A share of the pairs of locale and style, drawn at random."""
        pairs = sorted({(t.locale, t.style) for t in self.templates})
        chance = np.random.default_rng((seed, len(PARTS)))
        chosen = chance.permutation(len(pairs))[: round(share * len(pairs))]
        return {pairs[i] for i in chosen}

    def meanings(self, text, *, exact=False):
        """The dates that a text has in any language.

        Args:
            text: Text of a date.
            exact: Whether capitals, dots and the like tell patterns apart; if
                not, all count that differ in these alone.

        Returns:
            Set of dates; empty if no pattern fits.
        """
        plain = _plain(text)
        numbers = re.findall(r"\d+", plain)
        shape = _shape_of(text)
        return {
            date
            for reading, shapes in self._readings.get(_shape_of(plain), {}).items()
            if (not exact or shape in shapes)
            and (date := _read(reading, numbers)) is not None
        }


@functools.lru_cache(maxsize=4)
def date_styles(languages=None):
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
    names: dict[str, list[str]] = {}
    for name in sorted(localedata.locale_identifiers(), key=lambda n: (len(n), n)):
        names.setdefault(name.split("_")[0], []).append(name)
    if unknown := set(languages or ()) - set(names):
        raise ValueError(f"`languages` must be known to Babel; it lacks {unknown}.")
    templates: list[Template] = []
    for language in sorted(names) if languages is None else languages:
        seen: set[Any] = set()
        for name in names[language]:
            for template in _of_locale(babel.Locale.parse(name)):
                key = (tuple(template.pieces), template.zero)
                if key not in seen:
                    templates.append(template)
                seen.add(key)
    return DateStyles(templates)


def _of_locale(locale):
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
            yield Template("en", f"ordinal {number}", _pieces(locale, pattern))


def _pieces(locale, pattern):
    """The pieces of a pattern: fixed text, numbers, names; None if unusable."""
    tokenize = require("babel.dates", "recipes").tokenize_pattern
    pieces: list[tuple[str, str, Any]] = []
    for kind, value in tokenize(pattern):
        if kind == "chars":
            before, ending, after = value.partition("{}")
            pieces += [("text", before, None)]
            if ending:
                pieces += [("names", "ending", _ENDINGS), ("text", after, None)]
            continue
        letter, width = value
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
    dots = "." in "".join(name for kind, name, _ in pieces if kind == "text")
    misread = _ORDERS_LEFT_OUT.match(order) or (order in ("mdy", "mdY") and dots)
    return None if fields != ["d", "m", "y"] or misread else pieces


def _names(locale, letter, width):
    context = "format" if letter in "ME" else "stand-alone"
    width = {4: "wide", 5: "narrow", 6: "short"}.get(width, "abbreviated")
    names = (locale.months if letter in "ML" else locale.days)[context][width]
    words = tuple(names[i] for i in (range(1, 13) if letter in "ML" else range(7)))
    return None if any(re.fullmatch(r"M\d\d", word) for word in words) else words


# 1st, 2nd, 3rd, 4th, ..., 31st.
_ENDINGS = tuple(
    "th" if 10 < day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    for day in range(1, 32)
)


def _index(name, date):
    if name == "w":
        return date.weekday()
    return (date.month if name == "m" else date.day) - 1


def _type(text, change):
    """The text as somebody types it; `change` in [0, 1) chooses how."""
    plain = re.sub(r"[\u200e\u200f\u061c]", "", re.sub(r"\s", " ", text))
    digits = re.sub(r"\d", lambda digit: str(int(digit.group())), plain)
    bare = re.sub(r" +", " ", re.sub(r"(?<!\d)[.,]|[.,](?= |$)", "", digits))
    ways = (digits, digits.lower(), digits.upper(), bare, bare.lower())
    ways = [way for way in ways if way != text] or [text]
    return ways[int(change * len(ways))]


def _plain(text):
    """What stays when nothing counts that people leave out or change."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = re.sub(r"[\u200e\u200f\u061c]", "", text)
    return re.sub(r"[\s.,،፣⹁]+", " ", text).strip()


def _shape_of(text):
    return re.sub(r"\d+", "0", text)


def _read(reading, numbers):
    """The date that a reading gives to the numbers of a text, or None."""
    slots, month, weekday = reading
    if len(slots) != len(numbers):
        return None
    values = {"m": month}
    for slot, number in zip(slots, numbers, strict=True):
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
    if not PIVOT - 69 <= values["y"] <= 2099:
        return None
    try:
        date = datetime.date(values["y"], values["m"], values["d"])
    except ValueError:
        return None
    return date if weekday in (None, date.weekday()) else None
