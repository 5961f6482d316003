"""What the next-word recipe refuses, reads and answers, without a trained model."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from keras_seq.text import NextWords, WordVocabulary
from recipes.next_word import recipe
from recipes.next_word.prompts import (
    continued,
    next_words_table,
    read_prompt,
    unknown_words,
)
from recipes.next_word.recipe import Config, load_data
from tests.recipes.shell import Shell

SHARED = Path(__file__).parents[3] / ".." / "shared" / "data"
fails = Shell(recipe, {}).fails


def bad_data(path, kind):
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "binary":
        path.write_bytes(bytes(range(256)) * 40)
    elif kind == "folder":
        path.mkdir()
        (path / "notes.md").write_text("no text")
    elif kind == "short":
        path.write_text("Too short a text to learn from.\n\n" * 20)
    elif kind == "the same again and again":
        path.mkdir()
        for i in range(30):
            (path / f"{i}.txt").write_text("one two three four five " * 30)
    elif kind == "no word twice":
        path.write_text("\n\n".join(f"w{i}a w{i}b" for i in range(2000)))
    return path


@pytest.mark.parametrize(
    "kind",
    ["missing", "empty", "binary", "folder", "short", "the same again and again"],
)
def test_bad_data_is_one_line_and_leaves_no_run(tmp_path, kind, capsys):
    path = bad_data(tmp_path / "data", kind)
    line = fails(capsys, "--data", path, "--out", tmp_path / "out", "--quick")
    assert line.startswith("error: --data")
    assert not (tmp_path / "out").exists()
    if kind not in ("the same again and again",):
        assert str(path) in line


def test_words_that_never_come_twice_are_refused(tmp_path, capsys):
    path = bad_data(tmp_path / "data", "no word twice")
    line = fails(
        capsys,
        *("--data", path, "--out", tmp_path / "out", "--min-count", 30_000),
    )
    assert "no word comes 30000 times, `min_count`" in line


def test_shakespeare_that_is_not_here_says_where_it_would_be(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    line = fails(capsys, "--data", "tinyshakespeare", "--out", tmp_path / "out")
    assert "data/tinyshakespeare/input.txt" in line
    assert "github.com/karpathy/char-rnn" in line
    (tmp_path / "data" / "tinyshakespeare").mkdir(parents=True)
    text = "\n\n".join(f"Speaker {i % 7}:\nspeak, speak {i}." for i in range(700))
    (tmp_path / "data" / "tinyshakespeare" / "input.txt").write_text(text)
    data = load_data(Config(data="tinyshakespeare").complete())
    assert data.corpus.name == "tinyshakespeare"
    assert data.corpus.cut == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--units", "1"], "`units` must be at least 2"),
        (["--dropout", "1"], "`dropout` must be in"),
        (["--window", "0"], "`window` must be at least 1"),
        (["--min-count", "0"], "`min_count` must be at least 1"),
        (["--learning-rate", "0"], "`learning_rate` must be above 0"),
        (["--seed", "99999999999"], "`seed` must be in"),
        (["--resume", "--overwrite"], "`resume` and `overwrite` exclude"),
        (["--data", ""], "--data: '' is neither pydoc"),
        (["--data", "\udce9"], "--data: the name must be UTF-8"),
        (["--quick", "--window", "99999"], "`window` must be at most"),
        (["--quick", "--batch-size", "9999999"], "`batch_size`; received"),
    ],
)
def test_bad_settings_are_one_line(tmp_path, arguments, message, capsys):
    line = fails(capsys, "--out", tmp_path / "out", *arguments)
    assert message in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "more", "expected"),
    [
        ("To be", "or not", "To be or not"),
        ("To be", ", or", "To be, or"),
        ("To be\n", "or", "To be\nor"),
        ("To be ", "or", "To be or"),
        ("To be", "\n\nor", "To be\n\nor"),
        ("", "To", "To"),
        ("To", "", "To"),
    ],
)
def test_a_continuation_stands_behind_its_text(text, more, expected):
    assert continued(text, more) == expected


def test_a_prompt_is_read_from_a_file(tmp_path):
    path = tmp_path / "text"
    path.write_bytes("\ufeffTo be,\r\nor not \u2026\r\n".encode())
    assert read_prompt("", str(path)) == "To be,\nor not \u2026"
    # Bytes that are no UTF-8 come from the shell as surrogates.
    assert read_prompt("To \udcff be", None) == "To \ufffd be"
    path.write_bytes(b"To be,\nor \xff")
    with pytest.raises(ValueError, match=r":2: expected UTF-8; received the byte 0xFF"):
        read_prompt("", str(path))


def test_a_prompt_without_an_end_is_refused(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="at most of a prompt; it has more"):
        read_prompt("", "/dev/zero")
    with open("/dev/zero", "rb") as endless:
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=endless))
        with pytest.raises(ValueError, match="standard input: expected"):
            read_prompt("", "-")


def test_of_many_unknown_words_a_few_are_named():
    class Known:
        vocabulary = WordVocabulary(["known"])

    text = " ".join(f"w{i % 1100} known" for i in range(2200))
    [line] = unknown_words(Known, text)
    assert line.startswith("not in the vocabulary: w0, w1, ")
    assert line.endswith(", w19, and 1,080 others")


def test_subwords_leave_no_word_unknown():
    found = NextWords(["\u21b5"], [0.5], 0.0, 0.25)
    assert next_words_table(found) == [
        "  0.5000  \u21b5 (end of line)",
        "  0.2500  (the end)",
    ]


def test_speeches_of_other_encodings_are_read():
    folder = SHARED / "lm-state-union"
    if not folder.exists():
        pytest.skip("lm-state-union is not beside the checkout")
    data = load_data(Config(data=str(folder)).complete())
    assert len(data.corpus) == 65
    assert len(data.corpus.not_utf8) == 6
    assert not any("\ufffd" in text for text in data.corpus.texts)
    assert not set(data.train) & {*data.validation, *data.test}


def test_unknown_words_come_with_those_that_are_spelt_nearly_so():
    vocabulary = WordVocabulary(["function", "Neural", "networks"])
    predictor = SimpleNamespace(vocabulary=vocabulary)
    long = "w" * 1000
    [line] = unknown_words(predictor, f"funktion neural xyz {long} networks")
    assert line == (
        "not in the vocabulary: funktion (known: function), neural (known: Neural), "
        f"xyz, {'w' * 40}…"
    )


def test_the_lectures_sentence_is_learnt_from():
    data = load_data(Config().complete())
    heard = " ".join(data.train).lower()
    assert heard.count("i love recurrent neural networks") >= 1
    following = re.findall(r"recurrent neural (\w+)", heard)
    assert len(following) >= 5
    assert set(following) == {"networks"}
