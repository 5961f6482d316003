"""Pitches and lengths; expected values worked out from the standard's rules."""

from fractions import Fraction

import pytest

from keras_seq.music.abc import parse, validate
from tests.music.abc.support import read, tune


def pitches(body, **header):
    return [note.pitch for note in read(body, **header).notes]


def lengths(body, unit="1/8", **header):
    return [note.length for note in read(body, unit=unit, **header).notes]


def fractions(text):
    return [Fraction(part) for part in text.split()]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("CDEFGAB", [60, 62, 64, 65, 67, 69, 71]),
        ("cdefgab", [72, 74, 76, 77, 79, 81, 83]),
        ("C,,C,CcC'c'", [36, 48, 60, 72, 72, 84]),
        ("c,C,',c,,''", [60, 48, 72]),
        ("^C ^^D _E __F =G", [61, 64, 63, 63, 67]),
        # An accidental holds for all octaves up to the bar line.
        ("^F F f F,|F", [66, 66, 78, 54, 65]),
        ("^F =F F|F", [66, 65, 65, 65]),
        ("^F:|F", [66, 65]),
        ("_B [1 B:|[2 B|]", [70, 70, 71]),
        ("{^f}F F|F", [78, 66, 66, 65]),
        ("[^CE]C", [61, 61]),
        # A tie joins two notes of the same pitch, over a bar line too.
        ("^c-|c c", [73, 73, 72]),
        ("^c-|c'", [73, 84]),
        ("[^c_e]-|[ce]c", [73, 73, 72]),
        ("z x C", [None, None, 60]),
        ("K:D\nFC[K:F]BF\nK:\nB", [66, 61, 70, 65, 71]),
    ],
)
def test_pitches(body, expected):
    assert pitches(body) == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("D", [61, 66, 71]),
        ("F", [60, 65, 70]),
        ("D Dorian", [60, 65, 71]),
        ("Ab", [60, 65, 70]),
        ("C#", [61, 66, 72]),
        ("Hp", [61, 66, 71]),
        ("D exp ^f _b", [60, 66, 70]),
        ("C transpose=-2", [58, 63, 69]),
        ("C t=3", [63, 68, 74]),
        ("C octave=-1", [48, 53, 59]),
        ("C treble-8", [48, 53, 59]),
        ("C clef=bass+8 octave=-1", [60, 65, 71]),
    ],
)
def test_key_and_transposition(key, expected):
    assert pitches("CFB", key=key) == expected


@pytest.mark.parametrize(
    ("reach", "expected"),
    [
        ("not", [66, 65, 77]),
        ("octave", [66, 66, 77]),
        ("pitch", [66, 66, 78]),
    ],
)
def test_how_far_accidentals_reach(reach, expected):
    for line in ("%%propagate-accidentals", "I:propagate-accidentals"):
        assert pitches("^FFf", more=f"{line} {reach}\n") == expected


def test_in_key_is_about_the_sounding_pitch_class():
    notes = read("F ^F =F _G ^E c^B", key="G").notes
    # F sharp, F sharp, F, G flat (= F sharp), E sharp (= F), C, B sharp (= C)
    assert [note.in_key for note in notes] == [
        True,
        True,
        False,
        True,
        False,
        True,
        True,
    ]
    assert [note.accidental for note in notes] == ["", "^", "=", "_", "^", "", "^"]
    assert [note.letter for note in notes] == list("FFFGECB")
    assert not read("[CE^F]").notes[0].in_key
    # A transposing instrument plays in the key that it reads.
    assert all(note.in_key for note in read("CDEFGAB", key="C transpose=-2").notes)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("A A2 A3 A12", "1/8 1/4 3/8 3/2"),
        ("A/ A/2 A// A/4 A///", "1/16 1/16 1/32 1/32 1/64"),
        ("A3/2 A7/4 A3/", "3/16 7/32 3/16"),
        ("[L:1/4]A [L:1]A/2\nL:1/16\nA2", "1/4 1/2 1/8"),
        ("M:3/4\nA", "1/8"),
        # 4.4: a>b c<d and their kin
        ("a>b c<d", "3/16 1/16 1/16 3/16"),
        ("a>>b c<<d", "7/32 1/32 1/32 7/32"),
        ("a>>>b c<<<d", "15/64 1/64 1/64 15/64"),
        ("a2 > b2", "3/8 1/8"),
        ("[ac]>z", "3/16 1/16"),
        ("a>b>c", "3/16 3/32 1/16"),
        # 4.13
        ("(3abc d", "1/12 1/12 1/12 1/8"),
        ("(2ab", "3/16 3/16"),
        ("(4abcd", "3/32 3/32 3/32 3/32"),
        ("(5abcde", "1/20 1/20 1/20 1/20 1/20"),
        ("(6abcdef", "1/24 1/24 1/24 1/24 1/24 1/24"),
        ("(8abcdefga", "3/64 3/64 3/64 3/64 3/64 3/64 3/64 3/64"),
        ("(3 D2E2F2", "1/6 1/6 1/6"),
        ("(3 D3EF2", "1/4 1/12 1/6"),
        ("(3:2:2 G4c2 c", "1/3 1/6 1/8"),
        ("(3:2:4 G2A2Bc c", "1/6 1/6 1/12 1/12 1/8"),
        ("(3::2 ab c", "1/12 1/12 1/8"),
        ("(3:: abc d", "1/12 1/12 1/12 1/8"),
        ("(3:4 abc", "1/6 1/6 1/6"),
        ("(3[ac]zb", "1/12 1/12 1/12"),
        ("(3a>bc", "1/8 1/24 1/12"),
        # 4.17
        ("[CEG]2", "1/4"),
        ("[C2E2G2]3", "3/4"),
        ("[d2ag/]", "1/4"),
        # 4.5
        ("z2 x/ z", "1/4 1/16 1/8"),
        ("Z|Z2|[M:3/4]Z2|X", "1 2 3/2 3/4"),
        ("AyBy2C", "1/8 1/8 1/8"),
    ],
)
def test_lengths(body, expected):
    assert lengths(body) == fractions(expected)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("(5abcde", "3/40 3/40 3/40 3/40 3/40"),
        ("(7abcdefg", "3/56 " * 7),
        ("(9abcdefgab", "1/24 " * 9),
        ("(3abc", "1/12 1/12 1/12"),
    ],
)
def test_tuplets_in_compound_meter(body, expected):
    assert lengths(body, meter="6/8") == fractions(expected)


@pytest.mark.parametrize("body", ["A<{g}A", "A{g}<A"])
def test_grace_notes_are_transparent_to_broken_rhythm(body):
    notes = read(body, unit="1/8").notes
    assert [note.grace for note in notes] == [False, True, False]
    assert notes[0].length == Fraction(1, 16)
    assert notes[2].length == Fraction(3, 16)


def test_grace_notes_take_no_time_and_no_place_in_a_tuplet():
    notes = read("(3{ab}c{/d}ef g", unit="1/8").notes
    assert [note.grace for note in notes] == [
        True,
        True,
        False,
        True,
        False,
        False,
        False,
    ]
    timed = [note for note in notes if not note.grace]
    assert [note.length for note in timed] == fractions("1/12 1/12 1/12 1/8")
    assert [note.onset for note in notes] == fractions("0 0 0 1/12 1/12 1/6 1/4")


def test_chords():
    chord, after = read("[_e'CG]2 A").notes
    assert chord.pitches == (87, 60, 67)
    assert chord.pitch == 87
    assert (chord.letter, chord.accidental) == ("E", "_")
    assert (chord.line, chord.column) == (6, 1)
    assert after.onset == Fraction(1, 2)


def test_ties():
    notes = read("c-c [ce]-[ce] [c-e][ce] c.-c").notes
    assert [note.tie for note in notes] == [True, False] * 4


def test_places():
    notes = read("C D\n% comment\n  [CE] {g}^f (3zzz|\n").notes
    places = [(note.line, note.column) for note in notes]
    assert places == [
        (6, 1),
        (6, 3),
        (8, 3),
        (8, 9),
        (8, 11),
        (8, 16),
        (8, 17),
        (8, 18),
    ]


@pytest.mark.parametrize(
    "body",
    [
        '"Am7"C"^above"D"_below""<(" E F',
        "!trill!C !>!D !crescendo(!E !crescendo)!F",
        "+trill+C +fermata+D E F",
        ".C~D uEvF",
        "HC LD ME OF",
        "(C D (E) F)",
        ".(CD.)E F",
        "C`D``E F",
        "C D !\nE F!",
        "C D \\\nE F",
        "C D % comment\nE F",
        "C [r:remark] D [I:whatever] E F",
        "C D\nw: some-words are here\nE F\nw:more\n+:and more",
        'C D\ns: "^slow" *\nE F',
        "C D\n%%text typeset\nE F\n%%begintext\nAB CD\n%%endtext",
        "C D\nN:note\nr:remark\nE F",
        "yC D y E y3 F",
        "C #D; E *F",
        "{/g}C {ga}D {a>b}E {c3/2d/}F",
        "T:Part one\nC D\nW:words\nE F",
        "C\tD  E F",
        "C D $E F",
    ],
)
def test_what_does_not_sound_changes_nothing(body):
    validation = validate(tune(body))
    assert validation.valid, str(validation)
    notes = [note for note in validation.tune.notes if not note.grace]
    assert [note.pitch for note in notes] == [60, 62, 64, 65]
    assert {note.length for note in notes} == {Fraction(1, 4)}


def test_user_symbols():
    more = 'U: k = !trill!\nU: t = "^+"\nU: T = !nil!\n'
    assert pitches("kC tD [U:R=!roll!]RE", more=more) == [60, 62, 64]
    problems = validate(tune("TC", more=more)).problems
    assert [problem.code for problem in problems] == ["symbol", "bar-length"]


def test_voices_have_their_own_notes_and_accidentals():
    read_tune = read(
        "V:1\n^CD|\nV:2\nC,E,|\n[V:1]CD|[V:2]^C,C,|\n",
        meter="2/4",
        more="V:1 name=a\nV:2 clef=bass octave=1\n",
    )
    assert read_tune.voices == ("1", "2")
    by_voice = {
        name: [note.pitch for note in read_tune.notes if note.voice == name]
        for name in read_tune.voices
    }
    assert by_voice == {"1": [61, 62, 60, 62], "2": [60, 64, 61, 61]}
    assert [bar.voice for bar in read_tune.bars] == ["1", "1", "2", "2"]


def test_overlays_start_at_the_bar_again():
    notes = read("CDEF&G4|A4|").notes
    assert [note.layer for note in notes] == [0, 0, 0, 0, 1, 0]
    assert [note.onset for note in notes] == fractions("0 1/4 1/2 3/4 0 0")
    assert [note.bar for note in notes] == [0, 0, 0, 0, 0, 1]


def test_a_note_before_a_repeat_at_the_start_of_a_line_is_no_field():
    assert pitches("CDE\nF:|\nG::\nA|]") == [60, 62, 64, 65, 67, 69]


def test_a_byte_order_mark_is_no_part_of_the_tune():
    assert parse("\ufeff" + tune("CD|")).reference == 1


def test_line_ends_of_all_systems():
    text = tune("CD|\nE4|")
    for line_end in ("\r\n", "\r"):
        notes = parse(text.replace("\n", line_end)).notes
        assert [(note.pitch, note.line) for note in notes] == [
            (60, 6),
            (62, 6),
            (64, 7),
        ]
