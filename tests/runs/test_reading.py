"""`reading`: silent where it is quick, lines or one line where it takes long."""

import itertools
import sys

import pytest

from keras_seq.runs import _reading, _streams, reading
from keras_seq.text import read_lines, read_pairs


@pytest.fixture
def clock(monkeypatch):
    """Every item takes 0.4 seconds."""
    ticks = itertools.count()
    monkeypatch.setattr(_reading.time, "monotonic", lambda: 0.4 * next(ticks))


def test_what_is_quick_is_read_in_silence(capfd):
    assert list(reading(iter("abc"), "x", 3)) == ["a", "b", "c"]
    assert capfd.readouterr() == ("", "")


def test_lines_after_a_second_and_every_thirty(clock, capsys):
    items = [b"x" * 10**6] * 100
    found = list(reading(items, "big.csv", 10**8, unit="bytes", size=len))
    assert found == items
    out, told = capsys.readouterr()
    assert out == ""
    assert told.splitlines() == [
        "reading big.csv: 3 of 100 MB, 1 s",
        "reading big.csv: 78 of 100 MB, 31 s",
        "reading big.csv: 100 MB, 40 s",
    ]


def test_more_than_was_guessed(clock, capsys):
    list(reading(range(80), "grows.csv", 10))
    assert capsys.readouterr().err.splitlines() == [
        "reading grows.csv: 3 of 10 rows, 1 s",
        "reading grows.csv: 78 rows, 31 s",
        "reading grows.csv: 80 rows, 32 s",
    ]


def test_a_terminal_has_one_line(clock, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    list(reading(range(5), "n" * 200, 5, unit="files"))
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert told.endswith("\n")
    drawn = told.removesuffix("\n").split("\r")[1:]
    assert {len(line) for line in drawn} == {79}
    assert drawn[0].rstrip().endswith("nnn: 3 of 5 files, 1 s")


def test_quiet_says_nothing(clock, capsys):
    with _streams.answers_alone(quiet=True):
        list(reading(range(100), "x"))
    assert capsys.readouterr() == ("", "")


def test_a_reader_says_it_and_answers_do_not(clock, tmp_path, capsys):
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"{i} dogs\t{i} Hunde\n" for i in range(20)))
    assert len(read_pairs(path)) == 20
    assert "reading pairs.tsv: 0 of 1 MB, 1 s\n" in capsys.readouterr().err
    assert len(list(read_lines(str(path)))) == 20
    assert capsys.readouterr().err == ""
