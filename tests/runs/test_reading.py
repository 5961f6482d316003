"""`reading`: silent where it is quick, lines or one line where it takes long."""

import gzip
import itertools
import json
import sys
from pathlib import Path

import pytest

from keras_seq.runs import _reading, _streams, reading
from keras_seq.text import read_documents, read_lines, read_pairs
from keras_seq.text.corpora import sources
from keras_seq.vision import read_captions


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


def test_what_is_given_up_has_no_last_count(clock, capsys, monkeypatch):
    items = reading(iter(range(100)), "x")
    assert [next(items) for _ in range(5)] == [*range(5)]
    items.close()
    assert capsys.readouterr().err.splitlines() == ["reading x: 3 rows, 1 s"]

    def broken():
        yield from range(5)
        raise ValueError("here")

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with pytest.raises(ValueError, match="here"):
        list(reading(broken(), "x"))
    told = capsys.readouterr().err
    assert told.endswith("\n")  # what is said next has a line of its own
    assert told.rstrip().rpartition("\r")[2] == "reading x: 5 rows, 2 s"


def test_the_folder_here_has_a_name(clock, capsys, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for i in range(20):
        Path(f"{i}.txt").write_text(f"text {i}")
    corpus = read_documents(".")
    assert corpus.name == "here"
    told = capsys.readouterr().err.splitlines()
    assert next(line for line in told if "files" in line).startswith("reading here: ")


def test_what_is_read_whole_is_told(clock, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "_PIECE", 100)
    monkeypatch.setattr(_reading, "_LARGE", 200)
    path = tmp_path / "x.txt"
    path.write_text("word " * 200)
    read_documents(path)
    assert capsys.readouterr().err.startswith("reading x.txt: 0 of 1 MB, 1 s")
    notes = [{"file_name": f"{i}.png", "text": f"picture {i}"} for i in range(20)]
    for note in notes:
        (tmp_path / note["file_name"]).write_bytes(note["text"].encode())
    path = tmp_path / "captions.json"
    path.write_text(json.dumps(notes))
    path.with_name("x.txt").unlink()
    assert len(read_captions(path).images) == 20
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith("reading captions.json: 0 of 1 MB")
    assert told[-1] == "reading captions.json: 0 MB of JSON, all at once"
    packed = gzip.compress(path.read_bytes())
    path.unlink()
    (tmp_path / "captions.json.gz").write_bytes(packed)
    assert len(read_captions(tmp_path).images) == 20
