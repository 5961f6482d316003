import pytest

from keras_seq.music.abc import validate
from tests.music.abc.support import read
from tests.music.abc.support import tune as tune_text


def played(body, **header):
    """The first letter of each bar, in the order of playing."""
    tune = read(body, meter="1/4", **header)
    first = {note.bar: note.letter for note in reversed(tune.notes)}
    return "".join(first[bar.index] for bar in tune.playing_order())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("A|B|C|", "ABC"),
        ("|:A|B:|C|", "ABABC"),
        ("|:A:|:B:|", "AABB"),
        ("|:A::B:|", "AABB"),
        ("|:A:|:B:||:C:|", "AABBCC"),
        ("|::A::|B|", "AAAB"),
        ("A|:B:|C|", "ABBC"),
        # Without a start: from the tune's, the last repeat's, the last double bar.
        ("A|B:|C|D:|", "ABABCDCD"),
        ("A||B:|", "ABB"),
        ("A|]B:|", "ABB"),
        # With a start, from there.
        ("|:A||B:|", "ABAB"),
        ("A|:B||C:|D||E:|", "ABCBCDEE"),
        ("|:A|1 B:|2 C||D|", "ABACD"),
        ("|:A|1 B:|2 C:|D|", "ABACD"),
        ("A|[1 B:|[2 C|]D|1 E:|2 F|]", "ABACDEDF"),
        ("|:A|1 B:|2 C|]D:|E|", "ABACDDE"),
        ("|:A|1 B|C:|2 D|E||F|", "ABCADEF"),
        ("|:A|[1,3 B:|[2 C|]D|", "ABACABD"),
        ("|:A|[1-2 B:|[3 C|]", "ABABAC"),
        ("|:A|[1 B:|[2 C:|[3 D|]", "ABACAD"),
        ("|:A|1 B:|C|", "ABAC"),
        ("|:A|1 B|2 C|]D|1 E:|2 F|]", "ABACDEDF"),
        ("|:A|1 B||", "AB"),
        ("P:A\nA:|\nP:B\nB|", "AAB"),
    ],
)
def test_repeats_and_endings(body, expected):
    assert played(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # Once back, repeats are not played again, and the last ending is.
        ("A|B!fine!||C|D!D.C.!|]", "ABCDAB"),
        ("|:A|1 B:|2 C!fine!||D|E!D.C.!|]", "ABACDEAC"),
        ("A|:B:|C|D!D.C.alfine!|]", "ABBCDABCD"),
        # Words do as decorations do, before a note or a bar line.
        ('A|B"Fine"||C|"_D.C."D|]', "ABCDAB"),
        ('A|B"^FINE"||C|D"D. C. al Fine":|', "ABCDCDAB"),
        ("A|B+fine+||C|D!D.C. al Fine!|]", "ABCDAB"),
        ('A|B||C|D|]"D.C."', "ABCDABCD"),
        # A fermata over a double bar is its end, where nothing else is.
        ("A|BH||C|D!D.C.!|]", "ABCDAB"),
        ("A|HB|C|D!D.C.!|]", "ABCDABCD"),
        ("A|BH||C!fine!|D!D.C.!|]", "ABCDABC"),
        # From the sign; one behind D.S. is its picture.
        ("A|!segno!B|C|D!D.S.!|]", "ABCDBCD"),
        ("A|SB!fine!|C|D!dalsegno!|]", "ABCDB"),
        ('A"^Segno"|B|C"D.S.""Segno"|]', "ABCBC"),
        ("A|B!D.S.!|]", "ABAB"),
        # To the coda, which is marked at both places or only at its start.
        ("A|!segno!B|C!coda!|D|E!D.S.!||!coda!F|G|]", "ABCDEBCFG"),
        ("A|B!dacoda!|C!D.C.alcoda!||OD|E|]", "ABCABDE"),
        ('A|B"To Coda"|C"D.C. al Coda"||"Coda"D|E|]', "ABCABDE"),
        # In the middle of a tune: there and on.
        ("A|B!D.C.!||C|D|]", "ABABCD"),
        ("|:A!D.C.!:|B|", "AAAB"),
        ("A!D.C.!|B!D.C.!|", "AABAB"),
        # What is no such word.
        ('A|B"Find"||C|D"Dad"|]', "ABCD"),
        # A label begins no repeat (abc2midi and abcjs agree).
        ("P:A\nA|\nP:B\nB:|", "ABAB"),
        ("P:A\nA||\nP:B\nB:|", "ABB"),
        ("P:A\n|:A|\nP:B\nB:|", "ABAB"),
    ],
)
def test_signs_that_send_elsewhere(body, expected):
    assert played(body) == expected


def test_signs_hold_for_all_voices():
    tune = read("V:1\nA|B!fine!|C!D.C.!|]\nV:2\nC|D|E|]", meter="1/4")
    assert [bar.index for bar in tune.playing_order("2")] == [3, 4, 5, 3, 4]


@pytest.mark.parametrize(
    ("body", "column"),
    [
        ("|:A|1 B:|C|", 4),
        ("|:A|2 B:|C|", 4),
        ("|:A|1 B:|3 C|]", 8),
        ("|:A|1 B:|1 C|]", 4),
        ("|:A|[1 B:|[2 C:|[4 D|]", 17),
        ("|:A|[1,3 B:|C|", 5),
        ("|:A|1 B||", 4),
    ],
)
def test_every_playing_needs_its_ending(body, column):
    problems = validate(tune_text(body, meter="1/4")).problems
    places = [p.column for p in problems if p.code == "variant-endings"]
    assert places[0] == column


@pytest.mark.parametrize(
    ("body", "columns"),
    [
        ("|:A|B|]", [3]),
        ("|:A|:B:|", [3]),
        ("A||:B|C||", [5]),
        ("|:A:|:B|]", [7]),
        ("|:A|:B|C|", [3, 6]),
        ("|:A:|:B:|", []),
        ("A|B:|C:|", []),
        ("A|B::C:|", []),
        ("|:A|1 B|2 C|]", []),
    ],
)
def test_repeats_that_are_begun_and_not_ended(body, columns):
    problems = validate(tune_text(body, meter="1/4")).problems
    assert [p.column for p in problems if p.code == "repeat-sign"] == columns


@pytest.mark.parametrize(
    "body",
    [
        "|:A|1 B:|2 C|]",
        "|:A|[1,3 B:|[2 C|]",
        "|:A|[1-3 B:|[4 C|]",
        "|:A|1 B|2 C|]D|1 E:|2 F|]",
        "P:A\nA|[1 B:|[2 C:|[3 D:|[4 E|]\nP:B\nF|",
    ],
)
def test_endings_that_are_all_there(body):
    assert str(validate(tune_text(body, meter="1/4"))) == ""


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("ABA", "ABBCAB"),
        ("A2B", "ABABBC"),
        ("A.B.", "ABBC"),
        ("(AB)2", "ABBCABBC"),
        ("((A)2B)2", "ABABBCABABBC"),
        # No order of these parts: as it stands.
        ("ABD", "ABBC"),
        ("Modern version", "ABBC"),
        ("(AB", "ABBC"),
        ("AB)", "ABBC"),
        ("A999999", "ABBC"),
        ("(((A99)99)99)99", "ABBC"),
        ("", "ABBC"),
    ],
)
def test_order_of_parts(order, expected):
    assert played("P:A\nA|B|\nP:B\nB|C|", more=f"P:{order}\n") == expected


def test_repeats_in_parts():
    assert played("P:A\n|:A:|\nP:B\nB|", more="P:ABA\n") == "AABAA"


def test_variant_endings_of_a_part_are_its_playings():
    body = "P:A\nA|[1 B:|[2 C:|[3 D:|[4 E|]\nP:B\nF|"
    assert played(body, more="P:A4B\n") == "ABACADAEF"


def test_each_voice_has_its_order():
    tune = read("V:1\n|:A:|B|\nV:2\n|:C:|D|", meter="1/4")
    assert [bar.index for bar in tune.playing_order()] == [0, 0, 1]
    assert [bar.index for bar in tune.playing_order("2")] == [2, 2, 3]
    with pytest.raises(ValueError, match=r"voice: expected one of \['1', '2'\]"):
        tune.playing_order("3")


def test_a_tune_without_music_is_played_in_no_time():
    assert read("").playing_order() == ()
