"""Dates in many languages: right, and each text with one meaning."""

import collections
import datetime
import re
import unicodedata

import pytest

pytest.importorskip("babel")

from babel.dates import format_date, format_skeleton, parse_date

from recipes.translation.date_styles import (
    COMMON,
    _read,
    date_styles,
    typed_text,
)
from recipes.translation.dates import FIRST, LAST, dates

SOME = ("de", "en", "fr", "ja", "ru")
# Days on which orders, names and weekdays can be confused, and leap days.
DAYS = [
    datetime.date(*day)
    for day in (
        *((2005, 3, 4), (2005, 4, 3), (2003, 4, 5), (2005, 11, 3), (2005, 10, 3)),
        *((2005, 6, 3), (2005, 7, 3), (2004, 2, 29), (2000, 2, 29), (1999, 12, 31)),
        *((1900, 1, 1), (2099, 12, 31), (1969, 1, 1), (2068, 12, 31), (2011, 11, 11)),
    )
]


@pytest.fixture(scope="module")
def styles():
    return date_styles()


@pytest.fixture(scope="module")
def drawn():
    return {
        part: dates(4000, part=part, held_out=0.1)
        for part in ("train", "validation", "test")
    }


def with_ascii_digits(text):
    return re.sub(r"\d", lambda digit: str(int(digit.group())), text)


def test_what_babel_writes(styles):
    """Every style of every locale, digits of other scripts aside."""
    wrong = []
    for number, template in enumerate(styles.templates):
        if template.style.startswith("ordinal"):
            continue
        date = DAYS[number % len(DAYS)]
        write = format_date if template.style in COMMON else format_skeleton
        arguments = (date, template.style)
        if template.style not in COMMON:
            arguments = arguments[::-1]
        expected = write(*arguments, locale=template.locale)
        got = template.write(date)
        if with_ascii_digits(got) != with_ascii_digits(expected):
            wrong.append((template.locale, template.style, got, expected))
    assert wrong == []


def test_there_are_many(styles):
    assert len(styles.by_language()) > 200
    locales = {template.locale for template in styles.templates}
    assert {"en", "en_GB", "pt_PT", "zh_Hant", "sr_Latn"} <= locales
    scripts = collections.Counter(
        unicodedata.name(letter).split()[0]
        for template in styles.templates
        for letter in set(template.write(DAYS[0]))
        if letter.isalpha()
    )
    assert len([name for name, count in scripts.items() if count > 5]) > 20
    zeros = {template.zero for template in styles.templates} - {None}
    assert len(zeros) > 6
    for zero in zeros:
        assert [int(chr(zero + i)) for i in range(10)] == list(range(10))


@pytest.mark.parametrize(
    ("locale", "style", "expected"),
    [
        ("fa", "medium", "۴ مارس ۲۰۰۵"),  # Gregorian, not 14 Esfand 1383
        ("fa", "short", "۲۰۰۵/۳/۴"),
        ("th", "long", "4 มีนาคม ค.ศ. 2005"),  # of the common era, not 2548
        ("ar_BH", "long", "٤ مارس ٢٠٠٥"),
        ("mr", "long", "४ मार्च, २००५"),
        ("he", "long", "4 במרץ 2005"),
        ("ja", "full", "2005年3月4日金曜日"),
        ("de", "full", "Freitag, 4. März 2005"),
        ("en", "ordinal 3", "the 4th of March, 2005"),
        ("en", "ordinal 5", "Mar 4th 2005"),
    ],
)
def test_some_by_hand(styles, locale, style, expected):
    [template] = [t for t in styles.templates if (t.locale, t.style) == (locale, style)]
    assert template.write(datetime.date(2005, 3, 4)) == expected


def test_ordinals():
    styles = date_styles(("en",))
    [template] = [t for t in styles.templates if t.style == "ordinal 1"]
    words = [
        template.write(datetime.date(2005, 3, day)).split()[0] for day in range(1, 32)
    ]
    firsts = {
        1: "1st",
        2: "2nd",
        3: "3rd",
        21: "21st",
        22: "22nd",
        23: "23rd",
        31: "31st",
    }
    assert words == [firsts.get(day, f"{day}th") for day in range(1, 32)]
    assert styles.meanings("the 12 of march 1999") == set()
    assert styles.meanings("the 12TH of march 1999") == {datetime.date(1999, 3, 12)}


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("3/4/2005", {(2005, 3, 4), (2005, 4, 3)}),
        ("13/4/2005", {(2005, 4, 13)}),
        ("4/13/2005", {(2005, 4, 13)}),
        ("4/4/2005", {(2005, 4, 4)}),
        ("3.4.2005", {(2005, 4, 3)}),
        ("2005-03-04", {(2005, 3, 4)}),
        ("4/13/68", {(2068, 4, 13)}),
        ("4/13/69", {(1969, 4, 13)}),
        ("4/31/2005", set()),
        ("29/2/1900", set()),
        ("Sunday, March 4, 2005", {(2005, 3, 4)}),  # whatever the weekday
        ("friday march 4 2005", {(2005, 3, 4)}),
        # 4 March was a Friday, 3 April a Sunday: without a calendar it may be both.
        ("Fri, 3/4/2005", {(2005, 3, 4), (2005, 4, 3)}),
        ("4/13/1899", set()),
        ("hello", set()),
        # October in Croatian, November in Polish.
        ("3 listopada 2005", {(2005, 10, 3), (2005, 11, 3)}),
    ],
)
def test_how_texts_are_read(styles, text, days):
    assert styles.meanings(text) == {datetime.date(*day) for day in days}


def test_dots_tell_languages_apart_where_they_are_written(styles):
    assert styles.meanings("3 listopada 2005", exact=True) == {
        datetime.date(2005, 11, 3)
    }
    assert styles.meanings("3. listopada 2005.", exact=True) == {
        datetime.date(2005, 10, 3)
    }


def test_no_text_that_could_be_used_has_two_meanings(styles):
    """All that any style writes on days that are easily confused."""
    meanings = collections.defaultdict(set)
    unread = []
    for template in styles.templates:
        for date in DAYS:
            if template.short_year and not 1969 <= date.year <= 2068:
                continue
            text = template.write(date)
            read = styles.meanings(text, exact=True)
            if date not in read:
                unread.append((template.locale, template.style, text))
            if read == {date}:
                meanings[text].add(date)
            # `change` picks one of the ways of typing; another for each day.
            text = typed_text(text, date.day / 32)
            if styles.meanings(text) == {date}:
                meanings[text].add(date)
    assert unread == []
    assert [text for text, days in meanings.items() if len(days) > 1] == []
    assert len(meanings) > 30000


def test_what_is_drawn_is_a_function(drawn):
    texts = [text for part in drawn.values() for text, *_ in part]
    assert len(texts) == len(set(texts)) == 12000
    again = {text: iso for text, iso, *_ in dates(4000, seed=2)}
    known = {text: iso for part in drawn.values() for text, iso, *_ in part}
    shared = known.keys() & again.keys()
    assert {text: known[text] for text in shared} == {
        text: again[text] for text in shared
    }


def test_python_reads_the_same_in_english():
    formats = {"full": "%A, %B %d, %Y", "long": "%B %d, %Y", "medium": "%b %d, %Y"}
    formats["short"] = "%m/%d/%y"
    count = collections.Counter()
    for text, iso, locale, style, _ in dates(600, languages=["en"], typed=0, rare=0):
        if locale == "en":
            text = text.replace("\u202f", " ")
            date = datetime.datetime.strptime(text, formats[style]).date()
            assert date.isoformat() == iso
            assert style != "full" or text.startswith(date.strftime("%A"))
            count[style] += 1
    assert min(count[style] for style in formats) > 5


def test_babel_reads_the_same():
    seen = 0
    for item in dates(1500, rare=0, typed=0):
        numbers = re.findall(r"\d+", item.text)
        numeric = not any(c.isalpha() for c in item.text) and len(numbers) == 3
        if item.style in COMMON and numeric and max(map(len, numbers)) == 4:
            text = with_ascii_digits(item.text)
            date = parse_date(text, locale=item.locale, format=item.style)
            assert date.isoformat() == item.iso, item
            seen += 1
    assert seen > 100


def test_days_are_in_one_part(drawn):
    days = {part: {item.iso for item in items} for part, items in drawn.items()}
    assert not days["train"] & days["test"]
    assert not days["train"] & days["validation"]
    assert not days["validation"] & days["test"]
    # In other languages, and other draws, too.
    other = {item.iso for item in dates(3000, part="test", languages=SOME)}
    assert not other & days["train"]
    ordinals = [
        datetime.date.fromisoformat(day).toordinal()
        for part in days.values()
        for day in part
    ]
    assert min(ordinals) >= FIRST
    assert max(ordinals) <= LAST
    assert min(ordinals) < FIRST + 400 < LAST - 400 < max(ordinals)


def test_styles_that_are_held_out(drawn):
    secret = {
        (i.locale, i.style.removesuffix(", typed")) for i in drawn["test"] if i.held_out
    }
    assert 0.05 < sum(i.held_out for i in drawn["test"]) / 4000 < 0.2
    for part in ("train", "validation"):
        pairs = {(i.locale, i.style.removesuffix(", typed")) for i in drawn[part]}
        assert not pairs & secret
        assert not any(item.held_out for item in drawn[part])


def test_shares(drawn):
    train = drawn["train"]
    typed = sum(item.style.endswith(", typed") for item in train) / len(train)
    rare = sum(item.style.split(",")[0] not in COMMON for item in train) / len(train)
    assert 0.12 < typed < 0.26
    assert 0.15 < rare < 0.25
    languages = collections.Counter(item.locale.split("_")[0] for item in train)
    assert len(languages) > 200
    assert max(languages.values()) < 4000 / len(languages) * 3
    plain = dates(300, languages=SOME, typed=0, rare=0)
    assert {item.style for item in plain} == set(COMMON)
    assert {item.locale.split("_")[0] for item in plain} == set(SOME)


def test_the_seed_decides():
    draw = {"count": 200, "languages": SOME}
    assert dates(**draw, seed=3) == dates(**draw, seed=3)
    assert dates(**draw, seed=3) != dates(**draw, seed=4)
    assert dates(**draw, seed=3)[:100] == dates(**{**draw, "count": 100}, seed=3)


def test_progress():
    calls = []
    dates(1500, languages=SOME, progress=lambda *call: calls.append(call))
    assert calls == [(1000, 1500), (1500, 1500)]


def test_numbers_in_names():
    reading = (("d", 3, "y"), 3)
    assert _read(reading, ["4", "3", "2005"]) == datetime.date(2005, 3, 4)
    assert _read(reading, ["4", "5", "2005"]) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 0}, "`count` must be a positive integer; received 0"),
        ({"part": "dev"}, "`part` must be one of .*received 'dev'"),
        ({"rare": 1.1}, r"`rare` must be in \[0, 1\]; received 1.1"),
        ({"typed": -1}, r"`typed` must be in \[0, 1\]"),
        ({"held_out": 1}, r"`held_out` must be in \[0, 1\)"),
        ({"languages": ["xx"]}, "`languages` must be codes .*'xx'"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        dates(**{"count": 5, "languages": SOME, **options})
