"""Tunes that copy are found, named, and drawn again."""

import json

import pytest

from keras_seq.music import WrittenTune, from_document, intervals, parse
from recipes.music_generation.copies import ROUNDS, CopyCheck, draw_originals

HEADER = "T:{}\nM:4/4\nL:1/8\nK:{}\n"
REEL = HEADER.format("The Reel", "D") + "DEFA dfed|Bdce dAFA|GBAG FAdf|edce d2A2|\n"
OTHER = HEADER.format("Another", "G") + "GABd gdBG|cegc BAGE|FADF AcdB|gabg g2G2|\n"
# The reel a fourth higher, with an end of its own.
COPY = HEADER.format("Mine", "G") + "GABd gbag|egfa gdBd|cedc Bdgb|aGgB c2a2|\n"
NEW = HEADER.format("New", "D") + "A,DFA d2d'2|gfga bagf|e2A2 A4|\n"


def check(limit=0.3):
    texts = [from_document(REEL), from_document(OTHER)]
    melodies = [list(intervals(parse(text))) for text in texts]
    known = {"limit": limit, "names": ["The Reel", "Another"], "melodies": melodies}
    return CopyCheck.from_known(json.loads(json.dumps(known)))


def drawing(*documents):
    """Draws these, one after the other, and keeps what was asked for."""
    left, asked = list(documents), []

    def draw(number, seed):
        asked.append((number, seed))
        return [
            WrittenTune(from_document(left.pop(0), i + 1), finished=True)
            for i in range(number)
        ]

    return draw, asked


def test_a_copy_in_another_key_is_named():
    complaint = check().complaint(from_document(COPY))
    assert "'The Reel'" in complaint
    assert "at most" in complaint
    assert (
        check().complaint(from_document(HEADER.format("New", "D") + "d4 A4|\n")) == ""
    )


def test_the_report_names_the_nearest_of_each():
    report = check().report([from_document(NEW), from_document(COPY)])
    first, second = report["nearest"]
    assert (first["tune"], first["nearest"]) == ("Mine", "The Reel")
    assert first["share"] > 0.5 > second["share"]
    assert report["share_above_limit"] == 0.5
    assert report["limit"] == 0.3


def test_copies_are_drawn_again_and_said(capsys):
    draw, asked = drawing(NEW, COPY, COPY, NEW)
    tunes = draw_originals(draw, 2, 5, check())
    assert [tune.text for tune in tunes] == [from_document(NEW, n) for n in (1, 2)]
    assert [number for number, _ in asked] == [2, 1, 1]
    assert len({seed for _, seed in asked}) == 3
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("tune 2: ") for line in lines)
    assert all(line.endswith("drawn again") for line in lines)
    again, same = drawing(NEW, COPY, COPY, NEW)
    draw_originals(again, 2, 5, check())
    assert same == asked


def test_what_copies_in_the_end_is_left_out_or_refused(capsys):
    draw, _ = drawing(COPY, NEW, *[COPY] * ROUNDS)
    assert len(draw_originals(draw, 2, 5, check())) == 1
    assert capsys.readouterr().out.endswith("left out\n")
    draw, asked = drawing(*[COPY] * (ROUNDS + 1))
    with pytest.raises(ValueError, match="--allow-copies"):
        draw_originals(draw, 1, 5, check())
    assert len(asked) == ROUNDS + 1
