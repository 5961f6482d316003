"""`command_line`: flags, verbs, resuming, and how it fails."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from keras_seq.runs import check_out, command_line, picture_file
from tests.runs import toy_recipe

ROOT = Path(__file__).parents[2]
VERBS = {"say": toy_recipe.say, "fail": toy_recipe.fail}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KERAS_SEQ_TRACEBACK", raising=False)


def call(*arguments):
    command_line(toy_recipe.Config, toy_recipe.main, VERBS, list(arguments))


def trained(capsys, *arguments):
    """The config that `main` was given."""
    call(*arguments)
    return toy_recipe.Config(**json.loads(capsys.readouterr().out))


def failed(capsys, *arguments):
    """Exit status, and what was printed as an error."""
    with pytest.raises(SystemExit) as caught:
        call(*arguments)
    out, err = capsys.readouterr()
    assert out == ""
    return caught.value.code, err


def test_train_is_the_default(capsys):
    assert trained(capsys) == toy_recipe.Config()
    expected = toy_recipe.Config(out="b", seed=3, epochs=7, rate=0.25, quick=True)
    flags = ["--out", "b", "--seed", "3", "--epochs", "7", "--rate", "0.25", "--quick"]
    assert trained(capsys, *flags) == expected
    flags[1] = "c"
    replaced = dataclasses.replace(expected, out="c")
    assert trained(capsys, "train", *flags) == replaced


def test_verbs(capsys):
    call()
    capsys.readouterr()
    call("say", "--text", "moo")
    assert capsys.readouterr().out == "moo\n"
    call("say", "--text", "a b", "--times", "3")
    assert capsys.readouterr().out == "a b a b a b\n"


def test_resume_takes_the_stored_settings(capsys):
    call("--out", "a", "--seed", "5", "--data", "mine", "--quick", "--epochs", "2")
    capsys.readouterr()
    stored = toy_recipe.Config(
        out="a", seed=5, data="mine", quick=True, epochs=2, resume=True
    )
    assert trained(capsys, "--out", "a", "--resume") == stored
    # Given again and the same, they may stand there.
    assert trained(capsys, "--resume", "--out", "a", "--seed", "5") == stored
    status, error = failed(capsys, "--resume", "--out", "a", "--seed", "6")
    assert (status, error.count("\n")) == (1, 1)
    assert error.endswith("other settings: seed was 5 and is 6.\n")
    status, error = failed(capsys, "--resume", "--out", "a", "--no-quick")
    assert error.endswith("other settings: quick was True and is False.\n")


def test_a_run_that_was_moved_is_resumed_where_it_is(capsys):
    call("--out", "a", "--seed", "5")
    capsys.readouterr()
    Path("a").rename("b")
    resumed = trained(capsys, "--out", "b", "--resume")
    assert (resumed.out, resumed.seed) == ("b", 5)
    assert not Path("a").exists()


def test_a_run_that_replaced_another_can_be_resumed(capsys):
    call()
    call("--overwrite", "--seed", "4")
    capsys.readouterr()
    resumed = trained(capsys, "--resume")
    assert resumed == toy_recipe.Config(seed=4, resume=True)


def test_resume_where_nothing_is_starts(capsys):
    assert trained(capsys, "--resume", "--seed", "2").seed == 2


def test_resuming_what_another_version_began(capsys):
    call()
    capsys.readouterr()
    path = Path("runs/toy/config.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "gone": 1}))
    status, error = failed(capsys, "--resume")
    assert status == 1
    assert error == (
        "error: the run in 'runs/toy' cannot be resumed: it has settings that are "
        "not known here, gone.\n"
    )


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("value", "error: first line second line third"),
        ("empty", "error: ValueError"),
        ("file", "error: No such file or directory: a/b.csv"),
        ("plain", "error: no tunes there"),
        ("import", "error: music21 is missing"),
        ("runtime", "error: out of steps"),
    ],
)
def test_what_goes_wrong_is_told_in_a_line(capsys, monkeypatch, kind, line):
    assert failed(capsys, "fail", "--kind", kind) == (1, f"{line}\n")
    monkeypatch.setenv("KERAS_SEQ_TRACEBACK", "1")
    with pytest.raises((ValueError, OSError, ImportError, RuntimeError)):
        call("fail", "--kind", kind)


def test_a_bug_is_shown_as_one():
    with pytest.raises(ZeroDivisionError):
        call("fail", "--kind", "bug")


def test_a_setting_out_of_range(capsys):
    status, error = failed(capsys, "--rate", "3")
    assert status == 2
    assert "`rate` must be in [0, 1]; received 3.0." in error
    assert not Path("runs").exists()


def test_a_run_that_is_there_and_one_that_is_not(capsys):
    status, error = failed(capsys, "say", "--text", "x", "--run", "nowhere")
    assert status == 1
    assert error.startswith("error: no run in 'nowhere': it has no config.json. Train")
    call()
    capsys.readouterr()
    status, error = failed(capsys)
    assert status == 1
    assert "holds a run already: --resume continues it, --overwrite" in error


@pytest.mark.parametrize(
    "arguments",
    [
        ["--unknown", "1"],
        ["--seed", "many"],
        ["--seed"],
        ["train", "surplus"],
        ["say", "--text", "x", "--unknown", "1"],
        ["say"],
        ["say", "--text", "x", "--times", "often"],
    ],
    ids=" ".join,
)
def test_flags_that_are_not_known(capsys, arguments):
    status, error = failed(capsys, *arguments)
    assert status == 2
    assert "Traceback" not in error
    assert not Path("runs").exists()


def test_a_command_that_is_not_known(capsys):
    for arguments in (["sing"], ["sing", "--loud"]):
        assert failed(capsys, *arguments) == (
            2,
            "error: 'sing' is not one of train, say, fail.\n",
        )


def test_control_c(capsys):
    with pytest.raises(SystemExit) as caught:
        call("--data", "interrupt")
    assert caught.value.code == 130
    error = capsys.readouterr().err
    assert error == "interrupted. What is done is kept; --resume continues it.\n"
    assert failed(capsys, "fail", "--kind", "interrupt") == (130, "interrupted.\n")


def test_help(capsys):
    with pytest.raises(SystemExit) as caught:
        call("--help")
    assert caught.value.code == 0
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for field in dataclasses.fields(toy_recipe.Config):
        assert f"--{field.name}" in shown
    for words in (
        "Learns nothing: a recipe for the tests of the command line.",
        "It has a second paragraph.",
        "python -m tests.runs.toy_recipe say",
        "python -m tests.runs.toy_recipe fail",
        "Passes over the data.",
        "Only to see that it works.",
        "(default: toys)",
    ):
        assert words in shown
    with pytest.raises(SystemExit) as caught:
        call("say", "--help")
    assert caught.value.code == 0
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for words in ("python -m tests.runs.toy_recipe say", "Says it.", "How often"):
        assert words in shown


def run_as_program(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.runs.toy_recipe", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_as_a_program():
    process = run_as_program("--data", "interrupt", "--out", "a")
    out, error = process.communicate(timeout=120)
    assert process.returncode == 130, error
    assert json.loads(out)["out"] == "a"
    assert error.splitlines()[-1].startswith("interrupted. What is done is kept")
    assert "Traceback" not in error
    process = run_as_program("--help")
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert "usage: python -m tests.runs.toy_recipe" in out
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_files_that_cannot_be_written_are_refused_first(tmp_path):
    check_out(None)
    check_out("figures.json")
    with pytest.raises(IsADirectoryError, match="`out` must name a file"):
        check_out(tmp_path)
    with pytest.raises(FileNotFoundError, match="`out` must be in a folder"):
        picture_file("nowhere/a.png", "a")


def test_a_picture_replaces_none_that_was_not_named():
    assert picture_file("b.png", "a").name == "b.png"
    for name in ("a.png", "a-2.png", "a-3.png"):
        path = picture_file(None, "a")
        assert path.name == name
        path.touch()


def test_a_reader_that_stops_reading(capfd, monkeypatch):
    """As in `| head -1`: no message, and what is left to write goes nowhere."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        stdout.write("left in the buffer")
        with pytest.raises(SystemExit) as stopped:
            call("fail", "--kind", "pipe")
        monkeypatch.undo()
        stdout.flush()
    assert stopped.value.code == 141
    assert capfd.readouterr() == ("", "")
