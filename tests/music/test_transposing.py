import numpy as np
import pytest

from keras_seq.music.abc import parse, validate
from keras_seq.music.documents import HeaderStyle
from keras_seq.music.transposing import transpose, transpose_at_random
from tests.music.abc.support import abc2midi_pitches
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
        ("X:1\nK:HP\nDE|", "A", "a tonic"),
        ("X:1\nK:D clef=bass\nDE|", "A clef=alto", "alone"),
        ("X:1\nK:Dm\nDE|", "Am ^g", "accidentals of its own"),
        ("X:1\nK:Dm\n+:^c\nDE|", "Am", "in one line"),
        ("X:1\nm:~G3=GAG\nK:D\nDE|", "A", "macros"),
        ("X:1\nT:no key", "A", "K: field"),
        ("X:1\nK:C octave=5\ng'|", "D", "range"),
    ],
)
def test_refuses(tune, key, message):
    with pytest.raises(ValueError, match=message):
        transpose(tune, key)


# By hand: what stands in one key, and in the other.
MOVED = {
    "accidentals of the key": ("Dm ^c", "Dc^f=f", "Am", "Am ^g", "A,G^c=c"),
    "which may be asked for": ("Dm ^c", "Dc", "Am ^g", "Am ^g", "A,G"),
    "that the new key has anyway": ("Ddor =b", "DB", "Ador", "Ador", "A,F"),
    "explicit alone": ("D exp _b ^f", "DfBc", "G exp", "G exp _e", "Gbef"),
    "explicit from natural": ("D exp", "DF", "E exp", "E exp ^c ^f", "EG"),
    "modes": ("E Phr", "EF", "A phrygian", "A phrygian", "AB"),
    "minor and aeolian": ("Am", "A^G", "Eaeo", "Eaeo", "E^D"),
    "double": ("Gm", "G^^F__A", "Am", "Am", "A^^G__B"),
    "clef and octave": (
        "D clef=bass octave=-1 transpose=2 middle=d stafflines=3",
        "D,C'",
        "E",
        "E clef=bass octave=-1 transpose=2 middle=d stafflines=3",
        "E,d",
    ),
    "clef by its name": ("Dm ^c bass", "C", "Em", "Em ^d bass", "D"),
    "words": ("D", '"Fine"D"N.C."E"D.C."F', "E", "E", '"Fine"E"N.C."F"D.C."G'),
    "annotations": (
        "D",
        '"^A"D"_Big"E"<A"F"@1,1 A"A',
        "E",
        "E",
        '"^A"E"_Big"F"<A"G"@1,1 A"B',
    ),
    "chord symbols": (
        "C",
        '"Bb7/D"C"F#m7b5"D"G(Em)"E"Am;^Dal"F"C/e"G',
        "D",
        "D",
        '"C7/E"D"G#m7b5"E"A(F#m)"F"Bm;^Dal"G"D/f#"A',
    ),
    "what is no music": (
        "D % a bad egg",
        "D% bad\n%%text Big Deal\n%%begintext\nABC\n%%endtext\n"
        'w:|Dad a-gag\n+:bad\ns: "D" * "Fine"\n!D.C.!E\nN:Bad\n~F{cA}G[r:DAD]',
        "E",
        "E % a bad egg",
        "E% bad\n%%text Big Deal\n%%begintext\nABC\n%%endtext\n"
        'w:|Dad a-gag\n+:bad\ns: "E" * "Fine"\n!D.C.!F\nN:Bad\n~G{dB}A[r:DAD]',
    ),
    "the same key again": (
        "D",
        "D[K:D major]E[K:clef=bass]F",
        "E",
        "E",
        "E[K:E]F[K:clef=bass]G",
    ),
    "line ends": ("D", "D\r\nE\rF\n", "E", "E", "E\r\nF\rG\n"),
}


@pytest.mark.parametrize(
    ("old", "music", "new", "field", "moved"), MOVED.values(), ids=list(MOVED)
)
def test_what_moves_and_what_stays(old, music, new, field, moved):
    result = transpose(f"X:1\nT:Big Deal\nL:1/8\nK:{old}\n{music}", new)
    assert result == f"X:1\nT:Big Deal\nL:1/8\nK:{field}\n{moved}"


@pytest.mark.parametrize(
    ("key", "to", "semitones"),
    [("Dm ^c", "Am", -5), ("D exp _b ^f", "E exp", 2), ("F# exp", "C exp", -6)],
)
def test_abc2midi_hears_the_same_interval(key, to, semitones, tmp_path):
    text = f"X:1\nT:x\nM:4/4\nL:1/8\nK:{key}\nCDEF GABc|^f=f_b=b c^cde|\n"
    before, after = (
        abc2midi_pitches(tune, tmp_path) for tune in (text, transpose(text, to))
    )
    assert [pitch + semitones for pitch in before] == after


def test_keys_with_accidentals_are_drawn_without_them():
    style = HeaderStyle({"K": {"Dm ^c": 3, "Gm clef=bass": 1}})
    drawn = {
        transpose_at_random("K:Am\nA^GA|\n", style, np.random.default_rng(i))
        for i in range(20)
    }
    assert drawn == {"K:Dm\nd^cd|\n", "K:Gm\nG^FG|\n"}


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
