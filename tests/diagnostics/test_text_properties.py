"""Properties of text: every expectation is marked by hand under its character."""

import numpy as np
import pytest

from keras_seq.diagnostics import inside_brackets, inside_quotes, line_position

QUOTES = [
    ("", ""),
    ('"', "1"),
    ('a "bc" d', "00111000"),
    ("“a” «b» „c“ d", "1100110011000"),
    # Another kind of mark doesn't close.
    ('“a" b” c', "11111000"),
    # An empty line closes, one line's end doesn't.
    ('"a\nb\n\nc "d"', "11111000110"),
    ('\n\n"a"', "00110"),
    ("it's «да» 「日」", "0000011100000"),
]
BRACKETS = [
    ("", ""),
    ("(", "1"),
    ("f(x[0]) y", "011111000"),
    # What doesn't fit closes nothing, and what isn't open can't be closed.
    ("a) (b] c) d", "00011111000"),
    ("{(\n\n)} é", "11111000"),
]


def marked(array):
    return "".join(map(str, array.astype(int)))


@pytest.mark.parametrize(("text", "expected"), QUOTES)
def test_inside_quotes(text, expected):
    found = inside_quotes(text)
    assert found.dtype == bool
    assert marked(found) == expected


@pytest.mark.parametrize(("text", "expected"), BRACKETS)
def test_inside_brackets(text, expected):
    found = inside_brackets(text)
    assert found.dtype == bool
    assert marked(found) == expected


def test_marks_of_ones_own():
    assert marked(inside_quotes("「日」'a'", quotes="「」")) == "110000"
    assert marked(inside_brackets("<a>(b)", brackets="<>")) == "110000"
    with pytest.raises(ValueError, match="`quotes` must be opening and closing"):
        inside_quotes("a", quotes='"')
    with pytest.raises(ValueError, match="`brackets` must be opening and closing"):
        inside_brackets("a", brackets="")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a", [0]),
        ("\n", [0]),
        ("ab\n\ncd", [0, 1, 2, 0, 0, 1]),
        ("日本\nя\n", [0, 1, 2, 0, 1]),
    ],
)
def test_line_position(text, expected):
    found = line_position(text)
    assert found.dtype.kind == "i"
    np.testing.assert_array_equal(found, expected)
