from fractions import Fraction

import pytest

from keras_seq.music.abc import Meter, parse, validate


def with_field(field):
    return f"X:1\nT:Test\n{field}\nK:C\nC|"


def test_header():
    text = (
        "% a comment\n%%directive\nX: 23 % comment\nT:First\nT: Second title \n"
        "C:Trad.\n"
        "M:6/8\nL:1/16\nQ:3/8=100\nP:AB\nZ:Somebody\n+:and others\nK:A Dorian\nA|"
    )
    tune = parse(text)
    assert tune.reference == 23
    assert tune.title == "First"
    assert tune.titles == ("First", "Second title")
    assert tune.meter.length == Fraction(3, 4)
    assert tune.unit_length == Fraction(1, 16)
    assert (tune.tempo.beat, tune.tempo.per_minute) == (Fraction(3, 8), 100)
    assert tune.parts == "AB"
    assert (tune.key.tonic, tune.key.mode) == ("A", "dorian")
    assert tune.headers[0] == ("X", "23", 3)
    assert tune.headers[-2:] == (
        ("Z", "Somebody and others", 11),
        ("K", "A Dorian", 13),
    )


def test_a_field_is_continued_over_comments_and_directives():
    tune = parse("X:1\nT:One\n% comment\n%%directive\n+:title\nK:C\n")
    assert tune.title == "One title"


@pytest.mark.parametrize(
    ("value", "length", "text", "compound"),
    [
        ("4/4", Fraction(1), "4/4", False),
        ("6/8", Fraction(3, 4), "6/8", True),
        ("9/8", Fraction(9, 8), "9/8", True),
        ("12/8", Fraction(3, 2), "12/8", True),
        ("3/4", Fraction(3, 4), "3/4", False),
        ("3/8", Fraction(3, 8), "3/8", False),
        ("C", Fraction(1), "C", False),
        ("C|", Fraction(1), "C|", False),
        ("(2+3+2)/8", Fraction(7, 8), "(2+3+2)/8", False),
        ("2+3/8", Fraction(5, 8), "(2+3)/8", False),
        (" 2/4 ", Fraction(1, 2), "2/4", False),
    ],
)
def test_meters(value, length, text, compound):
    meter = parse(with_field(f"M:{value}")).meter
    assert meter.length == length
    assert str(meter) == text
    assert meter.compound == compound


def test_free_meter():
    assert parse(with_field("M:none")).meter is None
    assert parse(with_field("C:no meter")).meter is None


def test_cut_time_keeps_its_symbol():
    assert parse(with_field("M:C|")).meter == Meter((2,), 2, "C|")


@pytest.mark.parametrize(
    ("meter", "unit"),
    [
        ("2/4", "1/16"),
        ("3/8", "1/16"),
        ("5/8", "1/16"),
        ("(2+3)/8", "1/16"),
        ("3/4", "1/8"),
        ("6/8", "1/8"),
        ("4/4", "1/8"),
        ("C", "1/8"),
        ("C|", "1/8"),
        ("none", "1/8"),
    ],
)
def test_default_unit_length_follows_the_meter(meter, unit):
    tune = parse(with_field(f"M:{meter}"))
    assert tune.unit_length == Fraction(unit)
    assert tune.notes[0].length == Fraction(unit)


@pytest.mark.parametrize(
    ("value", "unit"),
    [("1/4", "1/4"), ("1", "1"), ("1/1", "1"), ("1/512", "1/512"), ("2/4", "1/2")],
)
def test_unit_length(value, unit):
    assert parse(with_field(f"L:{value}")).unit_length == Fraction(unit)


@pytest.mark.parametrize(
    ("value", "beat", "per_minute", "text"),
    [
        ("1/4=120", "1/4", 120, ""),
        ("1/4 3/8 1/4 3/8=40", "5/4", 40, ""),
        ('"Allegro" 1/4=120', "1/4", 120, "Allegro"),
        ('3/8=50 "Slowly"', "3/8", 50, "Slowly"),
        # The outdated forms count in unit lengths, here 1/16.
        ("120", "1/16", 120, ""),
        ("C=90", "1/16", 90, ""),
        ("C3=90", "3/16", 90, ""),
    ],
)
def test_tempo(value, beat, per_minute, text):
    tempo = parse(with_field(f"Q:{value}\nM:2/4")).tempo
    assert tempo.beat == Fraction(beat)
    assert (tempo.per_minute, tempo.text) == (per_minute, text)


def test_tempo_in_words():
    tempo = parse(with_field('Q:"Andante"')).tempo
    assert (tempo.beat, tempo.per_minute, tempo.text) == (None, None, "Andante")


def test_a_tune_without_music():
    validation = validate("X:1\nT:Only a title\nM:4/4\nL:1/8\nK:G\n")
    assert validation.valid
    assert not validation.complete
    assert validation.tune.bars == ()
    assert validation.tune.notes == ()


@pytest.mark.parametrize(
    "text", ["", "\n\n", "X:1\nT:x\nM:4/4", "words", "%", "X:1\n\nK:C"]
)
def test_without_a_key_there_is_no_tune(text):
    validation = validate(text)
    assert validation.tune is None
    assert [problem.code for problem in validation.problems][-1] == "missing-key"
    assert not validation.valid
    assert not validation.complete


@pytest.mark.parametrize("value", [None, b"X:1", 3, ["X:1"]])
@pytest.mark.parametrize("function", [parse, validate])
def test_only_strings(function, value):
    with pytest.raises(
        TypeError, match=f"tune: expected a str, came {type(value).__name__}"
    ):
        function(value)
