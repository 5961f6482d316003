import pytest

from keras_seq.music.abc import Key, key_signature

# The table of section 3.1.14 of the standard: the same signature in each mode.
MODES = ("", "m", "Mix", "Dor", "Phr", "Lyd", "Loc")
TABLE = {
    7: "C# A# G# D# E# F# B#",
    6: "F# D# C# G# A# B E#",
    5: "B G# F# C# D# E A#",
    4: "E C# B F# G# A D#",
    3: "A F# E B C# D G#",
    2: "D B A E F# G C#",
    1: "G E D A B C F#",
    0: "C A G D E F B",
    -1: "F D C G A Bb E",
    -2: "Bb G F C D Eb A",
    -3: "Eb C Bb F G Ab D",
    -4: "Ab F Eb Bb C Db G",
    -5: "Db Bb Ab Eb F Gb C",
    -6: "Gb Eb Db Ab Bb Cb F",
    -7: "Cb Ab Gb Db Eb Fb Bb",
}
SHARPS = "FCGDAEB"


@pytest.mark.parametrize("sharps", TABLE)
@pytest.mark.parametrize("column", range(7))
def test_the_standards_table_of_modes(sharps, column):
    tonic = TABLE[sharps].split()[column]
    key = key_signature(tonic + MODES[column])
    assert key.sharps == sharps
    assert key.tonic == tonic
    altered = SHARPS[:sharps] if sharps > 0 else SHARPS[sharps:] if sharps else ""
    sign = 1 if sharps > 0 else -1
    assert key.accidentals == {letter: sign for letter in altered}


@pytest.mark.parametrize(
    ("text", "tonic", "mode", "accidentals"),
    [
        ("G", "G", "major", {"F": 1}),
        ("G Major", "G", "major", {"F": 1}),
        ("GMAJ", "G", "major", {"F": 1}),
        ("C ionian", "C", "ionian", {}),
        ("A aeolian", "A", "aeolian", {}),
        ("Am", "A", "minor", {}),
        ("A minor", "A", "minor", {}),
        ("EM", "E", "minor", {"F": 1}),
        ("F# mixolydian", "F#", "mixolydian", {"C": 1, "D": 1, "F": 1, "G": 1, "A": 1}),
        ("Dmixolydisch", "D", "mixolydian", {"F": 1}),
        ("  Bb  ", "Bb", "major", {"B": -1, "E": -1}),
        # Section 3.1.14: these two name the same signature.
        ("D Phr ^f", "D", "phrygian", {"B": -1, "E": -1, "F": 1}),
        ("D exp _b _e ^f", "D", "explicit", {"B": -1, "E": -1, "F": 1}),
        ("D maj =c", "D", "major", {"F": 1}),
        ("D =c", "D", "major", {"F": 1}),
        ("Dmix=c", "D", "mixolydian", {"F": 1}),
        ("Ebminor=e^c", "Eb", "minor", {"A": -1, "B": -1, "C": 1, "D": -1, "G": -1}),
        ("C __B ^^f", "C", "major", {"B": -2, "F": 2}),
        ("Hp", None, "bagpipe", {"C": 1, "F": 1}),
        ("HP", None, "bagpipe", {"C": 1, "F": 1}),
        ("none", None, "none", {}),
        ("", None, "none", {}),
        ("Am clef=bass octave=-1 stafflines=5", "A", "minor", {}),
        ("G treble-8 transpose=-2", "G", "major", {"F": 1}),
        ("clef=alto", None, "none", {}),
        ("C m=D", "C", "major", {}),
        ("C middle=D", "C", "major", {}),
        ("Cm=e", "C", "minor", {"A": -1, "B": -1}),
        ("D pentatonic", "D", "major", {"C": 1, "F": 1}),
    ],
)
def test_ways_of_writing(text, tonic, mode, accidentals):
    key = key_signature(text)
    assert (key.tonic, key.mode) == (tonic, mode)
    assert key.accidentals == accidentals


def test_bagpipe_signature_is_printed_only_for_hp_in_small_letters():
    assert key_signature("Hp").sharps == 2
    assert key_signature("HP").sharps == 0


def test_pitch_classes_are_those_of_the_scale():
    assert key_signature("D").pitch_classes == {2, 4, 6, 7, 9, 11, 1}
    assert key_signature("Eb minor").pitch_classes == {3, 5, 6, 8, 10, 11, 1}
    assert Key().pitch_classes == {0, 2, 4, 5, 7, 9, 11}


@pytest.mark.parametrize(
    "text", ["H", "nonsense", "Bn", "Es", "G#", "Fb", "X minor", "D# lydian"]
)
def test_no_key(text):
    with pytest.raises(ValueError, match="expected a"):
        key_signature(text)
