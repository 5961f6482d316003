"""`answer_lines`: files of lines answered block by block."""

import itertools
import json

import pytest

from keras_seq.runs import answer_lines, quoted_text


def lengths(lines):
    return [{"length": len(line)} for line in lines]


def test_json_lines(capsys):
    answer_lines(["one", " ", "", "日本\u2028\ud800"], lengths)
    out = capsys.readouterr().out
    assert out.count("\n") == 4
    assert [json.loads(line) for line in out.split("\n")[:-1]] == [
        {"line": 1, "text": "one", "length": 3},
        {"line": 2, "text": " "},
        {"line": 3, "text": ""},
        {"line": 4, "text": "日本\u2028?", "length": 4},
    ]


def test_an_answer_has_one_line_and_a_blank_line_a_blank_one(capsys):
    answer_lines(
        ["a", "", "b"],
        lambda lines: [{"answer": f"{line}\r\n{line}\u2028"} for line in lines],
        shown=lambda record: record["answer"],
        header="answers",
    )
    assert capsys.readouterr().out == "answers\na a\n\nb b\n"


def test_blocks_are_answered_before_the_next_is_read(capsys):
    """A source without end: no more is taken of it than is answered."""
    taken, sizes = [], []

    def endless():
        for number in itertools.count():
            taken.append(number)
            yield "" if number == 1 else str(number)

    def answer(lines):
        sizes.append((len(lines), len(taken)))
        if len(sizes) == 3:
            raise KeyboardInterrupt
        return lengths(lines)

    with pytest.raises(KeyboardInterrupt):
        answer_lines(endless(), answer, at_once=4)
    assert sizes == [(3, 4), (4, 8), (4, 12)]
    assert len(capsys.readouterr().out.splitlines()) == 8


def test_a_line_without_an_answer_has_the_reason_and_its_neighbours_theirs(
    tmp_path, capsys
):
    def answer(lines):
        if "bad" in lines:
            raise ValueError("no\n  answer")
        return lengths(lines)

    asked = ["one", "bad", "three", "bad", "fifth"]
    with pytest.raises(ValueError, match=r"^2 of 5 lines could not be answered\.$"):
        answer_lines(asked, answer, name="a.txt", out=tmp_path / "out", at_once=3)
    rows = list(map(json.loads, (tmp_path / "out").read_text().splitlines()))
    assert [row.get("length") for row in rows] == [3, None, 5, None, 5]
    assert [row.get("error") for row in rows] == [None, "no answer"] * 2 + [None]
    assert capsys.readouterr().err == "a.txt:2: no answer\na.txt:4: no answer\n"
    with pytest.raises(ValueError, match="2 of 5"):
        answer_lines(asked, answer, shown=lambda record: str(record["length"]))
    assert capsys.readouterr().out == "3\n\n5\n\n5\n"


def test_what_stops_leaves_no_file(tmp_path):
    def broken():
        yield "one"
        raise ValueError("a.txt:2: expected UTF-8")

    (tmp_path / "out").write_text("old")
    with pytest.raises(ValueError, match="expected UTF-8"):
        answer_lines(broken(), lengths, out=tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out").read_text() == "old"


def test_numbers_of_rows_that_are_no_text(capsys):
    answer_lines(range(2), lambda rows: [{"row": r} for r in rows], numbers=[2, 5])
    assert capsys.readouterr().out == '{"line": 2, "row": 0}\n{"line": 5, "row": 1}\n'


def test_answers_too_few_are_a_bug():
    with pytest.raises(RuntimeError, match="2 lines have 1 answers"):
        answer_lines(["a", "b"], lambda lines: [{}])


def test_a_text_that_is_not_quoted():
    assert quoted_text([]) is None
    assert quoted_text(["a b"]) == "a b"
    with pytest.raises(ValueError, match="quote it, 'it'\"'\"'s one'"):
        quoted_text(["it's", "one"])
