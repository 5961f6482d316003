"""Bar arithmetic; what is complete is worked out by hand, in quarter notes."""

from fractions import Fraction

import pytest

from keras_seq.music.abc import validate
from tests.music.abc.support import read, tune

COMPLETE = {
    "full bars": "CDEF|GABc|",
    "bar symbols": "|:CDEF|GABc:|[|CDEF||GABc|]",
    "no bar line at the end": "CDEF|GABc",
    "upbeat and the rest of it": "C|DEFG|ABcd|efg|]",
    "upbeat and a full last bar": "C|DEFG|ABcd|]",
    "upbeats in both parts": "C|DEFG|ABc:|d|efgf|edc:|",
    "parts divided by a double bar": "C|DEFG|ABc||d|efgf|edc|]",
    "parts divided by a line": "C|DEFG|ABc|\nd|efgf|edc|",
    "upbeat in the second part only": "CDEF|GAB:|c|defg|abc':|",
    "second part completes itself": "CDEF|GABc||d|efga|gfe|]",
    "first and second ending": "C|DEFG|1 ABc:|2 cBA|]",
    "endings of several bars": "|:C|DEFG|[1 ABcd|efg:|[2 gfed|cBA|]",
    "the second ending leads on": "C|DEFG|1 ABc:|2 cBAG||FEDC|DEF|]",
    "a bar split by an ending": "C|DEFG|AB[1 c:|[2 A|]",
    "an ending with its own upbeat": "C|DEFG|ABc|\n[1 d|efga|gfe:|[2 f|edcB|ABc|]",
    "a bar split by a repeat": "CDEF|GA:|Bc|defg|]",
    "a bar split by a double bar": "CDEF|GA||Bc|defg|]",
    "a bar over two lines": "CDEF|GA\nBc|",
    "a bar line left out at a line's end": "CDEF|GABc\nCDEF|GABc",
    "two bar lines left out, and an upbeat": "C|DEFG|ABcd\nefga|gfed\ncBA|]",
    "rests of whole bars": "Z4|CDEF|X|",
    "tuplets": "(3CDEFG|(3:2:4C2D2EF|",
    "broken rhythm": "C>DE<F|G>>AB<<c|",
    "grace notes": "{g}CD{ab}EF|GABc{d}|",
    "chords": "[CE]2[DF]2|[C4E2]|",
    "overlay": "CDEF&G4|A4|",
    "change of meter": "CDEF|[M:3/4]CDE|FGA|\nM:2/4\nCD|",
    "change of unit length": "CDEF|[L:1/8]CDEFGABc|",
    "two voices": "V:1\nC|DEFG|ABc|]\nV:2\nz|C4|D3|]",
    "free meter": "M:none\nCDEFGA|B|cde|",
    "parts": "P:A\nC|DEFG|ABc:|\nP:B\nc|BAGF|EDC:|",
}
INCOMPLETE = {
    "short": ("CDEF|GAB|CDEF|", [1]),
    "long": ("CDEF|GABcd|CDEF|", [1]),
    "short last bar": ("CDEF|GAB|]", [1]),
    "the rest of another upbeat": ("C|DEFG|AB|]", [2]),
    "short before a repeat without upbeat": ("CDEF|GAB:|CDEF|", [1]),
    "an upbeat that nothing completes": ("CDEF:|C|DEFG|ABcd:|", [1]),
    "a bar line within a bar": ("CDEF|GA|Bc|CDEF|", [1, 2]),
    "half bars": ("CD|EF|GA|Bc|", [1, 2]),
    "only a fragment": ("CD|", [0]),
    "one wrong ending": ("C|DEFG|1 ABc:|2 AB|]", [3]),
    "too long for the upbeat": ("C|DEFG|ABcd:|d|efgf|edcB|A2|]", [3, 6]),
    "a missing bar line": ("CDEF|GABcCDEF|GABc|", [1]),
    "a missing bar line and note": ("CDEF|GABc\nCDE|GABc|", [1]),
    "unequal overlay": ("CDEF&G3|A4|", [0]),
    "second voice": ("V:1\nCDEF|GABc|\nV:2\nC4|D3|", [3]),
    "lost note in a tuplet's bar": ("CDEF|(3CDEF|CDEF|", [1]),
    "after a change of meter": ("CDEF|[M:3/4]CDEF|CDE|", [1]),
    "broken rhythm in place of length": ("CDEF|C>DE|CDEF|", [1]),
}


@pytest.mark.parametrize("name", COMPLETE)
def test_complete(name):
    validation = validate(tune(COMPLETE[name]))
    assert validation.valid, str(validation)
    assert validation.complete, str(validation)


@pytest.mark.parametrize("name", INCOMPLETE)
def test_incomplete(name):
    body, expected = INCOMPLETE[name]
    validation = validate(tune(body))
    assert validation.valid, str(validation)
    assert not validation.complete
    bars = validation.tune.bars
    assert [bar.index for bar in bars if not bar.complete] == expected
    warned = [
        problem for problem in validation.problems if problem.code == "bar-length"
    ]
    assert [(problem.line, problem.column) for problem in warned] == [
        (bars[index].line, bars[index].column) for index in expected
    ]
    assert {problem.severity for problem in warned} == {"warning"}


def test_the_warning_says_what_was_expected_and_what_came():
    validation = validate(tune("CDEF|GAB|CDEF|"))
    assert str(validation) == (
        "6:6: warning: expected a bar of length 1, came 3/4 [bar-length]"
    )


def test_a_line_end_in_a_full_bar_is_warned_of():
    validation = validate(tune("CDEF|GABc\nCDEF|"))
    assert [(p.line, p.column, p.code) for p in validation.problems] == [
        (7, 1, "missing-bar-line")
    ]
    assert validation.tune.bars[1].expected_length == 2


def test_bars_tell_what_stands_around_them():
    bars = read("|:C|DEFG|1 ABc:|2 GEC||\nP:B\n[K:G]d|efgf|edc::e|f2 [M:3/4]d|]").bars
    assert [bar.start for bar in bars] == [
        "|:",
        "|",
        "|",
        ":|",
        "||",
        "|",
        "|",
        "::",
        "|",
    ]
    assert [bar.end for bar in bars] == [
        "|",
        "|",
        ":|",
        "||",
        "|",
        "|",
        "::",
        "|",
        "|]",
    ]
    assert [bar.length * 4 for bar in bars] == [1, 4, 3, 3, 1, 4, 3, 1, 3]
    assert {bar.expected_length for bar in bars} == {Fraction(1)}
    assert [bar.endings for bar in bars[:5]] == [(), (), (1,), (2,), ()]
    assert [bar.part for bar in bars] == [""] * 4 + ["B"] * 5
    assert [bar.key.tonic for bar in bars] == ["C"] * 4 + ["G"] * 5
    assert [bar.repeat_start for bar in bars] == [True] + [False] * 6 + [True, False]
    assert [bar.repeat_end for bar in bars] == [0, 0, 1, 0, 0, 0, 1, 0, 0]
    assert [(bar.line, bar.column) for bar in bars[:3]] == [(6, 3), (6, 5), (6, 12)]


@pytest.mark.parametrize(
    "symbol",
    ["|", "||", "|]", "[|", "|:", ":|", "::", ":|:", ":||:", ":|]", "[|:", ".|", "[|]",
     "|[|", "[|:::", "|||", ":|]|:", "| |:", ":| |: "],
)  # fmt: skip
def test_bar_lines_of_all_shapes_divide_bars(symbol):
    bars = read(f"CDEF{symbol}GABc|").bars
    assert [bar.length for bar in bars] == [1, 1]
