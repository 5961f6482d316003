import pytest

from keras_seq.music import load_corpus, normalise, parse, validate
from keras_seq.music.documents import (
    HeaderStyle,
    from_document,
    split_document,
    to_document,
)
from tests.music.data import irish_tunes, oneills_file

TUNE = "X:12\nT:First\nT:Second\nM:C|\nR:reel\nQ:1/4=90\nL:1/8\nK:Edor\nA B|\nc d|"


def test_document_has_the_fields_in_order_and_no_number():
    assert to_document(TUNE) == (
        "T:First\nR:reel\nM:C|\nL:1/8\nQ:1/4=90\nK:Edor\nA B|\nc d|\n"
    )


def test_document_of_a_document_is_itself():
    document = to_document(TUNE)
    assert to_document(document) == document
    assert to_document(from_document(document, 7)) == document


def test_split_parts_behind_the_first_key():
    tune = "X:1\nK:D\nDE|\nK:G\nGA|\n"
    assert split_document(tune) == ("X:1\nK:D\n", "DE|\nK:G\nGA|\n")
    assert split_document("T:no key") == ("T:no key", "")
    assert split_document("T:a\nK:G") == ("T:a\nK:G", "")


@pytest.fixture
def style():
    return HeaderStyle.fit(
        [
            "T:a\nR:Reel\nM:C\nL:1/8\nK:D Major\nK:G|",
            "T:b\nR:reel\nM:4/4\nL:1/8\nK:D\n",
            "T:c\nR:reel\nM:C\nL:1/8\nK:D Major\n",
            "T:d\nR:jig\nM:6/8\nL:1/8\nK:A Dorian\n",
            "T:e\nM:C|\nL:1/16\nK:Am\n",
        ]
    )


@pytest.mark.parametrize(
    ("field", "asked", "spelled"),
    [
        ("K", "D", "D Major"),
        ("K", "Dmaj", "D Major"),
        ("K", "Ador", "A Dorian"),
        ("K", "A aeolian", "Am"),
        ("K", "Bb", "Bb"),
        ("M", "4/4", "C"),
        ("M", "2/2", "C|"),
        ("M", "3/4", "3/4"),
        ("R", "REEL", "reel"),
        ("T", "  A name ", "A name"),
        ("T", "100% pure", "100\\% pure"),
    ],
)
def test_spells_as_the_training_documents_do(style, field, asked, spelled):
    assert style.spell(field, asked) == spelled


def test_the_fields_of_music_lines_do_not_count(style):
    assert "G|" not in style.counts["K"]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("M", "5/0", "`meter` '5/0'"),
        ("M", "six-eight", "`meter` 'six-eight'"),
        ("M", "", "`meter` must be one line"),
        ("K", "H major", "`key` 'H major'"),
        ("K", "D\nT:x", "`key` must be one line"),
        ("R", "tango", "`type` must be one that the training tunes have, such as reel"),
        ("T", " ", "`title` must be one line"),
    ],
)
def test_refuses_by_name(style, field, value, message):
    with pytest.raises(ValueError, match=message):
        style.spell(field, value)


def test_refuses_a_type_where_there_is_none():
    with pytest.raises(ValueError, match="name no types"):
        HeaderStyle.fit(["T:a\nK:D\n"]).spell("R", "jig")


def test_survives_json(style):
    import json

    again = HeaderStyle(json.loads(json.dumps(style.counts)))
    assert again.spell("K", "D") == "D Major"


@pytest.mark.parametrize(
    ("written", "learned"),
    [
        ("  A  B | c d |\n", "A B|c d|\n"),
        ("A B |: c :| :: d ||\n", "A B|:c:| ::d||\n"),
        ("A B | \\\n  c d |\n", "A B|c d|\n"),
        ("A B \\\nc d|\n", "A B c d|\n"),
        ("AB|\\\nK:G\nc d |\n", "AB|\nK:G\nc d|\n"),
        ('"A  |  b" c |  [1 d :| [2 e |]\n', '"A  |  b" c|[1 d:|[2 e|]\n'),
    ],
)
def test_layout_goes(written, learned):
    assert split_document(to_document(f"T:a\nK:D\n{written}"))[1] == learned


def sounding(tune):
    read = parse(tune)
    notes = [(note.pitches, note.length, note.bar) for note in read.notes]
    bars = [(bar.start, bar.end, bar.endings) for bar in read.bars]
    return notes, bars


def test_the_music_of_real_tunes_stays():
    tunes = [t for t in map(normalise, irish_tunes()[::5]) if validate(t).valid]
    tunes += load_corpus(oneills_file(), normalised=True).texts
    assert len(tunes) > 200
    for tune in tunes:
        assert sounding(from_document(to_document(tune))) == sounding(tune)
