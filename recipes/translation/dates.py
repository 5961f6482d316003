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
each) occurs only where the rest of the text tells them apart. A weekday tells
nothing apart, since nobody reads a date with a calendar in hand. Three orders of
numbers are left out altogether, as they would cost far more common ones: year,
day, month; a two-digit year first; and month first without slashes.

**Years** are 1900 to 2099: what people write, leap days with both exceptions of
the rule (1900 has none, 2000 has one), and a range that the Gregorian calendar
covers nearly everywhere. Two-digit years are 1969 to 2068, as in POSIX and in
Python's `strptime`, and are only used for these.
"""

import datetime
import numbers
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from recipes.translation.date_styles import PIVOT, DateStyles, date_styles, typed_text

FIRST = datetime.date(1900, 1, 1).toordinal()
LAST = datetime.date(2099, 12, 31).toordinal()
PARTS = {"train": (0.0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1.0)}


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
    count: int,
    *,
    part: str = "train",
    seed: int = 1,
    languages: Iterable[str] | None = None,
    rare: float = 0.2,
    typed: float = 0.25,
    held_out: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
) -> list[DateText]:
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
    if not isinstance(count, numbers.Integral) or count < 1:
        raise ValueError(f"`count` must be a positive integer; received {count!r}.")
    count = int(count)
    for name, share in (("rare", rare), ("typed", typed)):
        if not 0 <= share <= 1:
            raise ValueError(f"`{name}` must be in [0, 1]; received {share!r}.")
    if not 0 <= held_out < 1:
        raise ValueError(f"`held_out` must be in [0, 1); received {held_out!r}.")
    styles = date_styles(None if languages is None else tuple(sorted(languages)))
    days = np.random.default_rng(seed).permutation(np.arange(FIRST, LAST + 1))
    start, end = (round(share * len(days)) for share in PARTS[part])
    chance = np.random.default_rng((seed, list(PARTS).index(part)))
    secret = _choose(styles, held_out, seed)
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
        exact = True
        if is_typed < typed:
            written, text = text, typed_text(text, change)
            if text != written:
                label, exact = f"{label}, typed", False
        if text in found or styles.meanings(text, exact=exact) != {date}:
            continue
        held = (template.locale, template.style) in secret
        found[text] = DateText(text, date.isoformat(), template.locale, label, held)
        if progress is not None and (len(found) % 1000 == 0 or len(found) == count):
            progress(len(found), count)
    if len(found) < count:
        raise ValueError(f"`count` must be less: {count} texts were not to be found.")
    return list(found.values())


def _choose(styles: DateStyles, share: float, seed: int) -> set[tuple[str, str]]:
    """A share of the pairs of locale and style, drawn at random."""
    pairs = sorted({(t.locale, t.style) for t in styles.templates})
    chance = np.random.default_rng((seed, len(PARTS)))
    return {
        pairs[i] for i in chance.permutation(len(pairs))[: round(share * len(pairs))]
    }
