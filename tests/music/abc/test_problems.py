import pickle

import pytest

from keras_seq.music.abc import AbcError, parse, validate
from tests.music.abc.support import tune

ERROR, WARNING = "error", "warning"
# body, code, severity, column in line 6
MUSIC = [
    ("CD ?EF|", "reserved", WARNING, 4),
    ("CD{EF GA|", "grace", ERROR, 3),
    ("CD{E{F}G2|", "grace", ERROR, 5),
    ("CD{}EF|", "grace", ERROR, 4),
    ("CDEF}|", "unexpected", ERROR, 5),
    ("CDEF|{g}", "grace", WARNING, 7),
    ("CD[EG|", "chord", ERROR, 3),
    ("C[EG[FA]2D|", "chord", ERROR, 2),
    ("CDE[]F|", "chord", ERROR, 4),
    ("C[EzG]2D|", "chord", ERROR, 4),
    ("CDEF]|", "unexpected", ERROR, 5),
    ('CD"AmEF|', "unclosed", ERROR, 3),
    ("CD[K:G EF|", "unclosed", ERROR, 3),
    (">CDEF|", "broken-rhythm", ERROR, 1),
    ("CDEF>|G4|", "broken-rhythm", ERROR, 5),
    ("CDE>>>>F|", "broken-rhythm", ERROR, 4),
    ("CDE><F|", "broken-rhythm", ERROR, 5),
    ("C2(3DE|", "tuplet", ERROR, 3),
    ("C(3DE(2FGz4|", "tuplet", ERROR, 2),
    ("C(1DEF|", "tuplet", ERROR, 2),
    ("C(0DEF|", "tuplet", ERROR, 2),
    ("C(333DEF|", "tuplet", ERROR, 2),
    ("-CDEF|", "tie", ERROR, 1),
    ("CDEF|-G4|", "tie", ERROR, 6),
    ("CDEz-|G4|", "tie", WARNING, 5),
    ("CDEF-|G4|", "tie", WARNING, 5),
    ("CDEF-|", "tie", WARNING, 5),
    ("CD EE -E|", "tie", WARNING, 7),
    ("(CDEF|", "slur", WARNING, 1),
    ("CDEF)|", "slur", WARNING, 5),
    ("CDEF0|", "length", ERROR, 4),
    ("CDEF/0|", "length", ERROR, 4),
    ("CDEF12345|", "length", ERROR, 4),
    ("CDEF/513|", "length", ERROR, 4),
    ("CDEF 2|", "unexpected", ERROR, 6),
    ("CDEF//4|", "unexpected", ERROR, 7),
    ("CDEF| 1 GABc|", "unexpected", ERROR, 7),
    ("CDEF:GABc|", "unexpected", ERROR, 5),
    ("CD^EF^|", "unexpected", ERROR, 6),
    ("^^^CDEF|", "unexpected", ERROR, 1),
    ("CD\\EF|", "unexpected", ERROR, 3),
    ("CDEF\x00\x01|", "unexpected", ERROR, 5),
    ("CDEFé|", "unexpected", ERROR, 5),
    ("CDEA'''''|", "pitch-range", ERROR, 4),
    ("C,,,,,,DEF|", "pitch-range", ERROR, 1),
    ("CDEF|G4|=20 ", "transfer-encoding", WARNING, 9),
    ("CDEF|G4=", "transfer-encoding", WARNING, 8),
    ("CDqEF|", "symbol", WARNING, 3),
    ("CDEF|RG4|", "symbol", WARNING, 6),
    ("CDE!nonsense!F|", "decoration", WARNING, 4),
    ("CDEFT", "decoration", WARNING, 5),
    ("Z0|", "rest", ERROR, 1),
    ("Z1000|", "rest", ERROR, 1),
    ("CDEF|[0 G4|", "ending", ERROR, 6),
    ("CDEF|[3-1 G4|", "ending", ERROR, 6),
    ("CDEF|1,,2 G4|", "ending", ERROR, 5),
    ("CDEF|[17 G4|", "ending", ERROR, 6),
    ("CDEF::::::::::::::::|", "repeat", ERROR, 5),
    ("&CDEF|", "overlay", WARNING, 1),
    ("CDEF&&G4|", "overlay", WARNING, 5),
    ("CD[M:no]EF|", "meter", ERROR, 3),
    ("CD[L:no]EF|", "unit-length", ERROR, 3),
    ("CD[K:no]EF|", "key", ERROR, 3),
    ("CD[K:C no]EF|", "key-word", WARNING, 3),
    ("CD[K:Kx]EF|", "key", ERROR, 3),
    ("CD[U:x]EF|", "user-symbol", ERROR, 3),
    ("CD[Q:fast]EF|", "tempo", WARNING, 3),
    ("CD[X:2]EF|", "field-place", ERROR, 3),
    ("CD[H:x]EF|", "field-place", WARNING, 3),
    ("CD[w:x]EF|", "field-place", WARNING, 3),
    ("CD[m:x=y]EF|", "macro", WARNING, 3),
    ("C:x", "field-place", WARNING, 1),
    ("H:x", "field-place", WARNING, 1),
    ("Z:x", "field-place", WARNING, 1),
    ("G:x", "field-place", WARNING, 1),
    ("A:x", "field-place", WARNING, 1),
    ("a:x", "field-place", WARNING, 1),
    ("CD[Z:x]EF|", "field-place", WARNING, 3),
    ("CD[M:]EF|", "meter", WARNING, 3),
    ("C!segno!DEF|", "sign", WARNING, 2),
    ('"_D.C."CDEF|', "sign", WARNING, 1),
    ("X:2", "after-tune", ERROR, 1),
    ("M:x", "meter", ERROR, 3),
    ("L: x", "unit-length", ERROR, 4),
]
# What is dropped from the page or the sound: body, code, line in the body, column.
LEFT_OUT = [
    ("CDEF|\nw:la la la la", "not-drawn", 2, 3),
    ("CDEF|\nW:la la la la", "not-drawn", 2, 3),
    ("CDEF|\ns:* !f! * *", "not-drawn", 2, 3),
    ("CDEF|\nT:Part two\nCDEF|", "not-drawn", 2, 3),
    ("CDEF|\nQ:1/4=90\nCDEF|", "not-played", 2, 3),
    ("CD[Q:1/4=90]EF|", "not-played", 1, 3),
    ("CDEF|\n%%text Big Deal", "not-drawn", 2, 1),
    ("%%begintext\nBig Deal\n%%endtext\nCDEF|", "not-drawn", 1, 1),
    ("%%MIDI program 40\nCDEF|", "not-played", 1, 1),
    ("[I:MIDI program 40]CDEF|", "not-played", 1, 1),
    ("CDEF|[K:C bass]CDEF|", "not-drawn", 1, 6),
    ("V:1 clef=bass\nCDEF|", "not-drawn", 1, 3),
]
# text, code, severity, line, column
HEADERS = [
    ("T:Test\nM:4/4\nL:1/4\nK:C\n", "missing-reference", ERROR, 1, 1),
    ("X:one\nT:Test\nM:4/4\nL:1/4\nK:C\n", "reference", ERROR, 1, 3),
    ("X:-1\nT:Test\nM:4/4\nL:1/4\nK:C\n", "reference", ERROR, 1, 3),
    ("X:\nT:Test\nM:4/4\nL:1/4\nK:C\n", "reference", WARNING, 1, 3),
    ("X:0\nT:Test\nM:4/4\nL:1/4\nK:C\n", "reference", WARNING, 1, 3),
    ("X:1\nT:Test\nX:2\nM:4/4\nL:1/4\nK:C\n", "repeated-reference", ERROR, 3, 1),
    ("X:1\nM:4/4\nL:1/4\nK:C\n", "missing-title", WARNING, 2, 1),
    ("X:1\nT:Test\nL:1/4\nK:C\n", "missing-meter", WARNING, 4, 1),
    ("X:1\nT:Test\nM:4/4\nK:C\n", "missing-unit-length", WARNING, 4, 1),
    ("X:1\nT:Test\nM:5\nL:1/4\nK:C\n", "meter", ERROR, 3, 3),
    ("X:1\nT:Test\nM: 0/4\nL:1/4\nK:C\n", "meter", ERROR, 3, 4),
    ("X:1\nT:Test\nM:4/5\nL:1/4\nK:C\n", "meter", ERROR, 3, 3),
    ("X:1\nT:Test\nM:\nL:1/4\nK:C\n", "meter", WARNING, 3, 3),
    ("X:1\nT:Test\nM:6/8 ABC|\nL:1/4\nK:C\n", "meter", ERROR, 3, 3),
    ("X:1\nT:Test\nM:4/4\nL:1/3\nK:C\n", "unit-length", ERROR, 4, 3),
    ("X:1\nT:Test\nM:4/4\nL:1/4\nQ:quick\nK:C\n", "tempo", WARNING, 5, 3),
    ("X:1\nT:Test\nM:4/4\nL:1/4\nK:H\n", "key", ERROR, 5, 3),
    ("X:1\nT:Test\nM:4/4\nL:1/4\nK:C blah\n", "key-word", WARNING, 5, 3),
    ("X:1\nT:Test\nM:4/4\nL:1/4\nU:x\nK:C\n", "user-symbol", ERROR, 5, 3),
    ("X:1\nT:Test\nM:4/4\nL:1/4\nm:x\nK:C\n", "macro", WARNING, 5, 3),
    ("X:1\nT:Test\nM:4/4\nL:1/4\nw:x\nK:C\n", "field-place", ERROR, 5, 1),
    ("X:1\nT:Test\nM:4/4\nL:1/4\nJ:x\nK:C\n", "unknown-field", WARNING, 5, 1),
    ("+:x\nX:1\nT:Test\nM:4/4\nL:1/4\nK:C\n", "missing-reference", ERROR, 1, 1),
    ("X:1\nT:Test\nM:4/4\nL:1/4\nCDEF|\nK:C\n", "missing-key", ERROR, 5, 1),
    ("X:1\nT:Test\n\nM:4/4\nL:1/4\nK:C\n", "missing-key", ERROR, 3, 1),
    ("X:1\nT:Test\nM:4/4\n", "missing-key", ERROR, 3, 1),
    ("X:1\nT:Test\nM:4/4\nL:1/4\nK:C\nC4|\n\nmore", "after-tune", ERROR, 8, 1),
    ("X:1\nT:Test\nM:4/4\nL:1/4\nK:C\n\n \t\nX:2\nT:", "after-tune", ERROR, 8, 1),
]


@pytest.mark.parametrize(("body", "code", "severity", "column"), MUSIC)
def test_problems_of_the_music(body, code, severity, column):
    validation = validate(tune(body))
    found = [
        (problem.code, problem.severity, problem.line, problem.column)
        for problem in validation.problems
    ]
    assert (code, severity, 6, column) in found
    if severity == WARNING:
        assert validation.valid, str(validation)


@pytest.mark.parametrize(("body", "code", "line", "column"), LEFT_OUT)
def test_what_is_left_out_is_named_once(body, code, line, column):
    validation = validate(tune(f"{body}\n{body}\n"))
    assert validation.valid, str(validation)
    found = [(each.code, each.line, each.column) for each in validation.problems]
    assert found == [(code, 5 + line, column)]


def test_what_only_informs_is_not_named():
    text = "N:a note\nr:remark\n%%pagewidth 20cm\n% comment\nCDEF|[r:x][N:y]CDEF|"
    assert str(validate(tune(text, more="Z:me\nS:a book\nH:long ago\n"))) == ""


@pytest.mark.parametrize(("text", "code", "severity", "line", "column"), HEADERS)
def test_problems_of_the_header(text, code, severity, line, column):
    validation = validate(text)
    found = [
        (problem.code, problem.severity, problem.line, problem.column)
        for problem in validation.problems
    ]
    assert (code, severity, line, column) in found
    if severity == WARNING:
        assert validation.valid, str(validation)


def test_every_message_says_what_was_expected_and_what_came():
    texts = [tune(body) for body, *_ in MUSIC] + [text for text, *_ in HEADERS]
    for text in texts:
        for problem in validate(text).problems:
            assert problem.message.startswith("expected ")
            assert len(problem.message) < 200


def test_problems_are_in_the_order_of_the_text():
    validation = validate("T:x\nM:no\nL:no\nK:no\n(q|\nC>|z4-|\n)")
    places = [(problem.line, problem.column) for problem in validation.problems]
    assert len(places) > 6
    assert places == sorted(places)


def test_str_is_a_line_for_each_problem():
    assert str(validate(tune("CDEF|"))) == ""
    assert str(validate(tune("CDEF;]|"))).splitlines() == [
        "6:5: warning: expected music, came ';', which the standard reserves "
        "[reserved]",
        "6:6: error: expected '[' before ']', came none [unexpected]",
    ]


def test_parse_raises_at_the_first_error():
    text = tune("CDE|*F|\n)CD}E]F|")
    with pytest.raises(AbcError, match=r"^7:4: error: expected '{' before") as raised:
        parse(text)
    error = raised.value
    assert isinstance(error, ValueError)
    assert (error.line, error.column) == (7, 4)
    assert error.problem in validate(text).problems


def test_parse_lets_warnings_pass():
    text = tune("CDE|*F|", more="J:x\n")
    assert parse(text) == validate(text).tune


def test_errors_and_tunes_can_be_pickled():
    with pytest.raises(AbcError) as raised:
        parse("no tune")
    copy = pickle.loads(pickle.dumps(raised.value))
    assert copy.problem == raised.value.problem
    read = parse(tune("|:[CE]2 ^F2:|"))
    assert pickle.loads(pickle.dumps(read)) == read
    assert hash(read.notes[0]) == hash(pickle.loads(pickle.dumps(read.notes[0])))


def test_what_cannot_be_read_does_not_hide_the_rest():
    validation = validate(tune("CDEF|GA%%Bc|\nGA)Bc|[CE G4|C0DEF|\nCDEF|"))
    assert [bar.length for bar in validation.tune.bars][-1] == 1
    assert len(validation.tune.notes) > 16
