"""The commands: a file of rows is answered, a check has an exit status."""

import concurrent.futures
import json
import os
import signal
import sys

import pytest

from keras_seq.serving import _batch
from keras_seq.serving.__main__ import main
from keras_seq.serving._batch import Batches
from keras_seq.serving._served import ServedModel
from keras_seq.serving._server import plain


def test_a_file_of_rows_is_answered_in_its_order(exported, tmp_path, capsys):
    rows, out = tmp_path / "rows.jsonl", tmp_path / "answers.jsonl"
    texts = ["some words", "on", "é", "some words"]
    lines = [json.dumps({"text": text}) for text in texts]
    rows.write_text("\n".join([*lines[:2], '{"text": 3}', "no JSON", *lines[2:]]))
    command = ["batch", str(exported.path), str(rows), str(out)]
    assert main([*command, "--signature", "score", "--batch-size", "3"]) == 1
    answers = [json.loads(line) for line in out.read_text().splitlines()]
    assert "2 rows have an error" in capsys.readouterr().out, answers
    counts = [answer.get("characters") for answer in answers]
    assert counts == [10, 2, None, None, 1, 10]
    assert "expected type: string" in answers[2]["error"]
    assert answers[3]["error"]
    assert answers[0] == answers[5]
    rows.write_text("\n".join(lines))
    assert main([*command, "--signature", "score"]) == 0


def test_a_check_prints_what_it_found(exported, capsys):
    assert main(["check", str(exported.path), "--hostile", "0"]) == 0
    printed = capsys.readouterr().out
    assert "serves without Keras" in printed
    assert "limits of score" in printed


@pytest.mark.parametrize("command", ["check", "serve"])
def test_what_is_no_model_is_said_in_a_line(tmp_path, command, capsys):
    assert main([command, str(tmp_path)]) == 1
    assert "must be a folder with a version folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--port", "99999", "from 0 to 65535, not '99999'"),
        ("--port", "-1", "from 0 to 65535"),
        ("--name", "a/b", "without '/' and ':', not 'a/b'"),
        ("--label", "stable", "LABEL=VERSION, e.g. stable=1, not 'stable'"),
        ("--timeout", "0", "a whole number from 1, not '0'"),
        ("--max-body", "1e9", "a whole number from 1, not '1e9'"),
    ],
)
def test_an_option_of_the_server_is_told(exported, option, value, said, capsys):
    with pytest.raises(SystemExit):
        main(["serve", str(exported.path), f"{option}={value}"])
    assert said in capsys.readouterr().err


def test_a_label_of_a_version_that_is_not_there(exported, capsys):
    assert main(["serve", str(exported.path), "--label", "canary=7"]) == 1
    assert "--label canary: there is no " in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("module", ["starlette", "uvicorn"])
def test_a_server_without_its_libraries_names_the_extra(
    exported, module, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, module, None)
    assert main(["serve", str(exported.path), "--port", "0"]) == 1
    assert "pip install 'keras-seq[server]'" in capsys.readouterr().err


def test_a_line_of_too_many_brackets_has_an_error(exported, tmp_path):
    rows, out = tmp_path / "rows.jsonl", tmp_path / "answers.jsonl"
    half = '{"tex\\ud800": "on"}'  # a name that UTF-8 can't write comes back
    rows.write_text("[" * 100_000 + '\n{"text": "on", "text": "on"}\n"on"\n' + half)
    command = ["batch", str(exported.path), str(rows), str(out)]
    assert main([*command, "--signature", "score"]) == 1
    answers = [json.loads(line) for line in out.read_text().splitlines()]
    assert "brackets" in answers[0]["error"]
    assert "stands twice" in answers[1]["error"]
    assert answers[2]["characters"] == 2
    assert "tex\ud800" in answers[3]["error"]


def test_rows_as_windows_writes_them(exported, tmp_path):
    rows, out = tmp_path / "rows.jsonl", tmp_path / "answers.jsonl"
    rows.write_bytes(b'\xef\xbb\xbf{"text": "on"}\r\n"off"\r\n')
    command = ["batch", str(exported.path), str(rows), str(out)]
    assert main([*command, "--signature", "score"]) == 0
    answers = [json.loads(line) for line in out.read_text().splitlines()]
    assert [answer["characters"] for answer in answers] == [2, 3]


def test_answers_do_not_take_the_place_of_rows(exported, tmp_path, capsys):
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "on"}')
    assert main(["batch", str(exported.path), str(rows), str(rows)]) == 1
    assert "take the place of the rows" in capsys.readouterr().err
    assert rows.read_text() == '{"text": "on"}'


def test_rows_that_are_not_utf_8(exported, tmp_path, capsys):
    rows, out = tmp_path / "rows.jsonl", tmp_path / "answers.jsonl"
    rows.write_bytes('"on"\n'.encode("utf-16"))
    assert main(["batch", str(exported.path), str(rows), str(out)]) == 1
    assert f"{rows} is not UTF-8" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "assertion failed: [seed must be >= 0; received -1 in row 1]\n"
            "\t [[{{node refused_3/Assert}}]]",
            "seed must be >= 0; received -1 in row 1",
        ),
        (
            "{{function_node __inference_f_37}} {{function_node g}} Reduction axis 0 "
            "is empty in shape [0]\n\t [[{{node ArgMax}}]]\n\t [[{{node b}}]]",
            "Reduction axis 0 is empty in shape [0]",
        ),
        ("Input is empty.", "Input is empty."),
        (
            "Graph execution error:\n\nDetected at node refused/Assert defined at:\n"
            '  File "a.py", line 46, in f\n\nassertion failed: [too long]\n'
            "\t [[{{node refused/Assert}}]] [Op:__inference_f_375]",
            "too long",
        ),
    ],
)
def test_messages_name_no_nodes(message, said):
    assert plain(message) == said


@pytest.fixture
def answered(exported, tmp_path):
    """From lines to their answers, and what the command has returned."""

    def ask(*lines, options=("--signature", "score")):
        rows, out = tmp_path / "rows.jsonl", tmp_path / "answers.jsonl"
        rows.write_text("\n".join(lines))
        status = main(["batch", str(exported.path), str(rows), str(out), *options])
        if not out.exists():
            return status, []
        return status, [json.loads(line) for line in out.read_text().splitlines()]

    return ask


def test_a_row_of_another_shape_is_told_by_the_names_of_the_signature(answered):
    status, answers = answered('{"text": ["a", "b"]}', "", '{"text": "on"}')
    assert status == 1
    assert answers[0]["error"] == "text must be string (batch); received shape (1, 2)"
    assert "line 1" in answers[1]["error"]
    assert answers[2]["characters"] == 2
    assert list(answers[2]) == sorted(answers[2])  # of a map that has no order


def test_no_row_is_asked_of_a_signature_that_there_is_not(answered, capsys):
    status, answers = answered('{"text": "on"}', options=("--signature", "scores"))
    assert (status, answers) == (1, [])
    said = capsys.readouterr().err
    assert "no signature 'scores'" in said
    assert "'score'" in said


def test_a_bad_row_and_a_signature_of_few_rows_do_not_split_a_batch(
    exported, monkeypatch
):
    model = ServedModel([exported.directory], "model", labels={}, seconds=60)
    asked = []
    run = model.run
    monkeypatch.setattr(
        model, "run", lambda *a: asked.append(len(a[2]["text"])) or run(*a)
    )
    monkeypatch.setattr(model, "limits", lambda *a: {"rows": 2})
    rows = Batches(model, "score", 32).answers(iter(['"a"', "{", '"on"', '"b"', '"c"']))
    assert [row.get("characters") for row in rows] == [1, None, 2, 1, 1]
    assert sorted(asked) == [1, 1, 2]
    model.close()


def test_a_line_that_is_too_long_is_read_no_further(answered, monkeypatch):
    monkeypatch.setattr(_batch, "MOST_BYTES", 20)
    long = json.dumps("x" * 100)
    _, answers = answered('"on"', long, '"off"', long)
    assert [answer.get("characters") for answer in answers] == [2, None, 3, None]
    assert answers[1] == answers[3] == {"error": "a line may have 20 characters"}


def test_answers_go_to_a_pipe_and_to_standard_output(exported, tmp_path, capfd):
    rows, pipe = tmp_path / "rows.jsonl", tmp_path / "pipe"
    rows.write_text('"on"\n')
    command = ["batch", str(exported.path), str(rows), "-", "--signature", "score"]
    assert main(command) == 0
    printed, said = capfd.readouterr()
    assert json.loads(printed)["characters"] == 2
    assert said.endswith("-\n")
    os.mkfifo(pipe)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        read = pool.submit(pipe.read_text)
        command[3] = str(pipe)
        assert main(command) == 0
        assert json.loads(read.result())["characters"] == 2
    assert not pipe.is_file()


def test_where_no_answer_can_be_written_is_named(exported, tmp_path, capsys):
    rows, out = tmp_path / "rows.jsonl", tmp_path / "none" / "answers.jsonl"
    rows.write_text('"on"\n')
    assert main(["batch", str(exported.path), str(rows), str(out)]) == 1
    assert f"{out} could not be written: No such file" in capsys.readouterr().err
    full = tmp_path / "full"
    full.symlink_to("/dev/full")
    assert main(["batch", str(exported.path), str(rows), str(full)]) == 1
    assert f"{full} could not be written: No space left" in capsys.readouterr().err
