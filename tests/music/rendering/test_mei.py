"""The score against music21, which reads MEI as well as ABC."""

import re
from fractions import Fraction

import pytest

from keras_seq.music import load_corpus, parse
from keras_seq.music.rendering._marks import read_marks
from keras_seq.music.rendering._mei import to_mei
from tests.music.data import music21_corpus

FILES = [
    "oneills1850/0101-0200.abc",
    "oneills1850/1276-1375.abc",
    "airdsAirs/book4.abc",
    "essenFolksong/irl.abc",
]


def simple(text):
    """Whether music21 reads it right in both formats.

    Its reading of MEI knows neither grace notes nor endings, its reading of
    ABC stumbles over slurs written as ties and over decorations.
    """
    body = text.partition("\nK:")[2].partition("\n")[2]
    return not re.search(r"[{&!~.H-Wu-vy\"-]|[|\[:]\s*[12]|\([^23]|^[A-Z]:", body, re.M)


def written(score):
    """Name, octave and length of each note, in order."""
    return [
        (pitch.step, pitch.octave, Fraction(note.quarterLength).limit_denominator(96))
        for note in score.stripTies().recurse().notes
        for pitch in note.pitches
    ]


@pytest.mark.parametrize("file", FILES)
def test_real_tunes_are_written_as_they_read(file):
    music21 = pytest.importorskip("music21")
    tunes = [t.text for t in load_corpus(music21_corpus() / file).tunes]
    tunes = [tune for tune in tunes if simple(tune)][:12]
    assert len(tunes) > 5
    for tune in tunes:
        score = to_mei(parse(tune), read_marks(tune))
        expected = written(music21.converter.parse(tune, format="abc"))
        assert len(expected) > 20
        mei = music21.converter.parse('<?xml version="1.0"?>' + score, format="mei")
        assert written(mei) == expected, tune
