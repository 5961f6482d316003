import pytest

from tests.music.abc_support import read


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
        ("|:A|1 B||", "AB"),
        ("P:A\nA:|\nP:B\nB|", "AAB"),
    ],
)
def test_repeats_and_endings(body, expected):
    assert played(body) == expected


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
