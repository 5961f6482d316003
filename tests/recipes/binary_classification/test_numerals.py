"""Numbers as people write them: values worked out by hand, or formatted by Python."""

import collections

import numpy as np
import pytest

from recipes.binary_classification.numerals import (
    is_missing,
    numeral,
    read_as,
    writing_of,
)


@pytest.mark.parametrize(
    ("text", "point", "comma", "unit"),
    [
        ("5,123.40", 5123.4, None, ""),
        ("1.037,50", None, 1037.5, ""),
        ("1 234,5", None, 1234.5, ""),
        ("1\u202f234,5", None, 1234.5, ""),
        ("1'234.50", 1234.5, None, ""),
        ("1,000", 1000.0, 1.0, ""),
        ("1.000", 1.0, 1000.0, ""),
        ("0,500", None, 0.5, ""),
        ("12,34,567", 1234567.0, None, ""),
        ("$3.00", 3.0, None, "$"),
        ("€ 5", 5.0, 5.0, "€"),
        ("-US$1,500", -1500.0, -1.5, "US$"),
        ("5 EUR", 5.0, 5.0, "EUR"),
        ("12 %", 12.0, 12.0, "%"),
        ("(1,234)", -1234.0, -1.234, ""),
        ("($5)", -5.0, -5.0, "$"),
        ("5-", -5.0, -5.0, ""),
        ("\u22123", -3.0, -3.0, ""),
        ("\uff11\uff12", 12.0, 12.0, ""),
        ("\u0661\u0662\u066b\u0665", 12.5, None, ""),
        ("1,5e3", None, 1500.0, ""),
        ("+.5", 0.5, None, ""),
    ],
)
def test_what_a_field_may_mean(text, point, comma, unit):
    found = numeral(text)
    assert (found.point, found.comma, found.unit) == (point, comma, unit)


@pytest.mark.parametrize(
    "text",
    [
        *("1_000", "10\u00b2", "(-5)", "--5", "1.2.3", "€5$", "12 345 6", "2024-03-05"),
        *("5 apples", "$", "0x10", "1,", "1, 2", "(5", "5)", "9" * 100 + "x"),
    ],
)
def test_what_is_no_number(text):
    assert numeral(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan"),
        *("1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a"),
        *("nan", "null", "-", ".", "N.A.", "?", "\u2212"),  # pandas lacks the last
    ],
)
def test_what_is_missing(text):
    assert is_missing(text)


def written(values, otherwise="."):
    counts = collections.Counter(values)
    numerals = {text: numeral(text) for text in counts}
    writing = writing_of(counts, numerals, otherwise)
    return writing, [
        read_as(numerals[text], writing.decimal, writing.unit) for text in values
    ]


def german(text):
    return text.translate(str.maketrans(",.", ".,"))


@pytest.mark.parametrize("style", ["{:.2f}", "{:,.2f}", "${:,.2f}", "{:.2f} %"])
@pytest.mark.parametrize("turn", [str, german])
def test_a_column_is_read_as_it_agrees(style, turn):
    numbers = np.round(np.random.default_rng(0).lognormal(6, 3, 300), 2)
    writing, found = written([turn(style.format(x)) for x in numbers])
    assert found == numbers.tolist()
    assert writing.is_number
    assert writing.told


def test_the_column_decides_what_a_thousand_is():
    assert written(["1,000", "2,500.50"])[1] == [1000, 2500.5]
    assert written(["1,000", "0,250"])[1] == [1.0, 0.25]
    assert written(["1.000", "2.500,5"])[1] == [1000, 2500.5]
    alone, found = written(["1,000", "2,000"])
    assert found == [1000, 2000]
    assert not alone.told
    assert written(["1,000", "2,000"], otherwise=",")[1] == [1, 2]


def test_units_that_disagree_are_no_numbers_of_the_column():
    assert written(["$1", "$2", "€3"])[1] == [1, 2, None]
    assert written(["$1", "2", "3"])[1] == [1, 2, 3]
    assert written(["1 %", "2 %", "0.03", "0"])[1] == [1, 2, None, 0]
    assert written(["1", "2", "3 %"])[1] == [1, 2, None]


def test_nine_in_ten_exactly():
    numbers = [str(i) for i in range(9)]
    assert written([*numbers, "lots"])[0].is_number
    assert written([*numbers, "lots", "-", ""])[0].is_number  # of those that are known
    assert not written([*numbers[1:], "few", "lots"])[0].is_number
