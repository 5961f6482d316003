"""Positions in the bar, written by hand under each character, and on real tunes."""

from fractions import Fraction

import numpy as np
import pytest

from keras_seq.music import (
    AbcError,
    bar_position,
    characters_since_bar_line,
    from_document,
    inside_chord,
    load_corpus,
    normalise,
    parse,
    to_document,
)
from tests.music.data import oneills_file

HEADER = "T:Scale | not\nM:4/4\nL:1/4\nK:D\n"

# For each character of the music the time reached, in eighths of a bar of 4/4;
# "." for what is not music.
IN_EIGHTHS = {
    "notes and bar lines": ("C2 DE|F4|]", [0, 0, 4, 4, 6, 0, 0, 0, 0, 0]),
    "marks before a note": ("C~.D(^E,,)F|", [0, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 0]),
    "an upbeat counts from 0": ("C|DEFG|", [0, 0, 0, 2, 4, 6, 0]),
    "a line ends in a bar": ("CD\nEF|\n", [0, 2, 4, 4, 6, 0, 0]),
    "no bar line at a line's end": ("CDEF\nC4|", [0, 2, 4, 6, 0, 0, 0, 0]),
    "space before the first note": ("C2\n  DE|", [0, 0, 4, 4, 4, 4, 6, 0]),
    "broken rhythm": ("C>DE<F|", [0, 3, 3, 4, 5, 5, 0]),
    "a triplet": ("(3CDEFG|", [0, 0, 0, "4/3", "8/3", 4, 6, 0]),
    "grace notes": ("{g}C{ab}D2|", [0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 0]),
    "chords": ("C[DF]2E|", [0, 2, 2, 2, 2, 2, 6, 0]),
    "rests": ("z2x2|Z2|", [0, 0, 4, 4, 0, 0, 0, 0]),
    "an overlay": ("CD&E2F|", [0, 2, 0, 0, 0, 4, 0]),
    "endings": ("C4|1D4:|2EF|", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0]),
    "too long a bar": ("C4D|E", [0, 0, 8, 0, 0]),
    "another meter": ("CD|[M:2/4]EF|", [0, 2, *[0] * 8, 0, 4, 0]),
    "a field of its own line": ("CD\nP:A\nEF|", [0, 2, 4, *"....", 4, 6, 0]),
    "an empty line at the end": ("C|\n\n", [0, 0, 0, *"."]),
}


@pytest.mark.parametrize("name", IN_EIGHTHS)
@pytest.mark.parametrize("reference", ["", "X:3\n", "%%scale 1\nX:3\n"])
def test_bar_position_by_hand(name, reference):
    music, expected = IN_EIGHTHS[name]
    found = bar_position(reference + HEADER + music)
    before = len(reference + HEADER)
    assert np.isnan(found[:before]).all()
    eighths = [np.nan if e == "." else float(Fraction(e)) / 8 for e in expected]
    np.testing.assert_allclose(found[before:], eighths, rtol=1e-12)


def test_free_meter_has_no_position():
    found = bar_position("M:none\nL:1/4\nK:D\nCD|\n[M:2/4]EF|")
    assert np.isnan(found[: -len("[M:2/4]EF|")]).all()
    assert found[-3:].tolist() == [0, 0.5, 0]


def test_characters_since_bar_line():
    music = "D2|:FA\nP:B\nB|]\n"
    found = characters_since_bar_line(HEADER + music)
    assert np.isnan(found[: len(HEADER)]).all()
    expected = [1, 2, 0, 0, 1, 2, 3, *[np.nan] * 4, 4, 0, 0, 1]
    np.testing.assert_array_equal(found[len(HEADER) :], expected)


def test_inside_chord():
    music = "[CE]2[1D|[K:G][B,d']3/2[|F|]"
    found = inside_chord(HEADER + music)
    expected = "1110000000000011111000000000"
    assert not found[: len(HEADER)].any()
    assert "".join(map(str, found[len(HEADER) :].astype(int))) == expected


@pytest.mark.parametrize(
    "function", [bar_position, characters_since_bar_line, inside_chord]
)
def test_what_is_no_tune_is_refused(function):
    for text in ("no tune", HEADER + "C[DE|", HEADER + "C|\n\nD|"):
        with pytest.raises(AbcError):
            function(text)


def test_notes_of_real_tunes_have_their_onsets():
    """At every note the parser's onset, and 0 at every bar line before one."""
    corpus = load_corpus(str(oneills_file()), normalised=True)
    for text in corpus.texts[:30]:
        document = to_document(normalise(text))
        found = bar_position(document)
        assert len(found) == len(document)
        read = parse(from_document(document))
        lines = document.split("\n")
        starts = np.cumsum([0, *(len(line) + 1 for line in lines)])
        for note in read.notes:
            bar = read.bars[note.bar]
            if bar.meter and bar.expected_length == bar.meter.length:
                # The X: line is not in the document.
                place = starts[note.line - 2] + note.column - 1
                assert found[place] == float(note.onset / bar.meter.length)
        bar_lines = [i for i, c in enumerate(document) if c == "|" and i >= starts[4]]
        assert np.isin(found[bar_lines], [0.0]).all() or read.meter is None
