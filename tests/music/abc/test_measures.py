import pytest

from keras_seq.music.abc import intervals, notes_outside_key
from tests.music.abc.support import read


@pytest.mark.parametrize(
    ("body", "key", "expected"),
    [
        ("GABc", "G", 0),
        ("GA_Bc", "G", 1 / 4),
        ("G A {_e}B z c | ^c ^c c", "G", 3 / 7),
        ("[CE] [C^F] z2", "C", 1 / 2),
        ("z4", "C", 0),
        ("", "C", 0),
    ],
)
def test_notes_outside_key(body, key, expected):
    assert notes_outside_key(read(body, key=key)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("CDEC", (2, 2, -4)),
        ("C z {g}D [Ec]|C", (2, 2, -4)),
        ("C-C D D", (2, 0)),
        ("C-|C-|C2 G", (7,)),
        ("CDEF&C4|G4|", (2, 2, 1, 2)),
        ("V:1\nCE|\nV:2\nCDEF|", (4,)),
        ("C", ()),
        ("z", ()),
        ("", ()),
    ],
)
def test_intervals(body, expected):
    assert intervals(read(body)) == expected


def test_intervals_are_the_same_in_every_key():
    melody = "CDEF|GABc|cBAG|FEDC|"
    higher = "DEFG|ABcd|dcBA|GFED|"
    assert intervals(read(melody, key="C")) == intervals(read(higher, key="D"))
