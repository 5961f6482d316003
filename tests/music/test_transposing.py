import numpy as np
import pytest

from keras_seq.music.abc import parse, validate
from keras_seq.music.documents import HeaderStyle
from keras_seq.music.transposing import transpose, transpose_at_random
from tests.music.data import irish_tunes

TUNE = (
    "X:1\nT:Every letter A to G\nM:4/4\nL:1/8\nK:D\n"
    '"D7"D,C,B,A,|"A/C#"^G=cBA|{g}[DFA]2 (3def|d\'c\'ba g^f_e=f|A>B c<d|\n'
)


def pitches(tune):
    return [note.pitches for note in parse(tune).notes]


@pytest.mark.parametrize(
    ("key", "semitones"),
    [("E", 2), ("Eb", 1), ("G", 5), ("A", -5), ("C", -2), ("F#", 4), ("D", 0)],
)
def test_every_pitch_moves_by_the_same_interval(key, semitones):
    moved = transpose(TUNE, key)
    assert pitches(moved) == [
        tuple(p + semitones for p in chord) for chord in pitches(TUNE)
    ]
    assert f"\nK:{key}\n" in moved


def test_back_again_is_the_same():
    assert transpose(transpose(TUNE, "F"), "D") == TUNE


def test_chord_symbols_move():
    assert '"F7"' in transpose(TUNE, "F")
    assert '"C/E"' in transpose(TUNE, "F")


def test_header_and_other_letters_stay():
    moved = transpose(TUNE, "A")
    assert "T:Every letter A to G\n" in moved
    assert moved.count("(3") == 1


@pytest.mark.parametrize(
    ("tune", "key", "message"),
    [
        ("X:1\nK:D\nDE|\nK:G\nGA|", "A", "one key"),
        ("X:1\nK:D\nDE|[K:G]GA|", "A", "one key"),
        ("X:1\nV:1\nK:D\nDE|", "A", "one voice"),
        ("X:1\nK:D\nDE|", "Am", "mode"),
        ("X:1\nK:none\nDE|", "A", "mode"),
        ("X:1\nK:Cb\n^^c2|", "C#", "two sharps"),
    ],
)
def test_refuses(tune, key, message):
    with pytest.raises(ValueError, match=message):
        transpose(tune, key)


def test_real_tunes_keep_their_intervals():
    tunes = [tune for tune in irish_tunes()[::8] if validate(tune).valid]
    style = HeaderStyle.fit(tunes)
    chance = np.random.default_rng(3)
    moved = [transpose_at_random(tune, style, chance) for tune in tunes]
    changed = 0
    for before, after in zip(tunes, moved, strict=True):
        old, new = pitches(before), pitches(after)
        steps = {
            b - a
            for x, y in zip(old, new, strict=True)
            for a, b in zip(x, y, strict=True)
        }
        assert len(steps) == 1
        assert abs(steps.pop()) <= 6
        changed += before != after
    assert changed > len(tunes) / 3


def test_chance_is_the_generators():
    tunes = ["K:D\nDEF|\n", "K:G\nGAB|\n", "K:A\nABc|\n"]
    style = HeaderStyle.fit(tunes)
    drawn = {
        transpose_at_random(tunes[0], style, np.random.default_rng(i))
        for i in range(40)
    }
    assert drawn == {"K:D\nDEF|\n", "K:G\nGAB|\n", "K:A\nA,B,C|\n"}
    again = transpose_at_random(tunes[0], style, np.random.default_rng(5))
    assert again == transpose_at_random(tunes[0], style, np.random.default_rng(5))


def test_what_cannot_move_stays():
    style = HeaderStyle.fit(["K:D\n", "K:G\n"])
    document = "T:x\nK:none\nDE|\n"
    assert transpose_at_random(document, style, np.random.default_rng(0)) == document
