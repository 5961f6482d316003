"""Imports of what may be missing, with a word on what to install; and in silence."""

import json
import os
import subprocess
import sys

import pytest

from keras_seq.extras import quiet_import, require
from tests.house import ROOT


def test_a_module_that_is_there():
    assert require("json", "text") is json
    assert require("json.decoder", "text") is json.decoder


def test_a_module_that_is_missing():
    message = r"no_such_module.*'music'.*pip install 'keras-seq\[music\]'"
    with pytest.raises(ImportError, match=message) as caught:
        require("no_such_module.below", "music")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_a_module_that_fails_to_import(tmp_path, monkeypatch):
    (tmp_path / "broken_module.py").write_text("from json import no_such_name\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match=r"no_such_name.*keras-seq\[plots\]"):
        require("broken_module", "plots")


def test_notes_of_libraries_are_not_shown_and_all_else_is(tmp_path, capfd, monkeypatch):
    lines = [
        "WARNING: All log messages before absl::InitializeLog() is called are written",
        "I0000 00:00:1 1 port.cc:153] oneDNN custom operations are on.",
        "W0000 00:00:1 1 a.cc:1] a warning",
        "E0000 00:00:1 1 a.cc:1] an error",
        "I am no note",
    ]
    source = f"import os\nos.write(2, {chr(10).join(lines).encode()!r})\n"
    (tmp_path / "talks_too_much.py").write_text(source)
    (tmp_path / "fails.py").write_text("raise ValueError('as it is')")
    monkeypatch.syspath_prepend(tmp_path)
    quiet_import("talks_too_much", "is_not_there")
    assert "talks_too_much" in sys.modules
    assert capfd.readouterr().err.splitlines() == lines[2:]
    with pytest.raises(ValueError, match="as it is"):
        quiet_import("fails")
    os.write(2, b"here again")
    assert capfd.readouterr().err == "here again"


@pytest.mark.parametrize("name", ["recipes.binary_classification", "keras_seq.serving"])
def test_programs_start_in_silence(name):
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    environment.pop("TF_CPP_MIN_LOG_LEVEL")
    command = [sys.executable, "-m", name, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: python -m {name}" in done.stdout


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            ["recipes.binary_classification", "--data", "gone.csv", "--label", "y"],
            "error: --data: No such file or directory: 'gone.csv'",
        ),
        (["keras_seq.serving", "check", "."], "There is no model to check:"),
    ],
)
def test_programs_that_import_tensorflow_do_so_in_silence(command, said, tmp_path):
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "PYTHONPATH": str(ROOT)}
    environment.pop("TF_CPP_MIN_LOG_LEVEL")
    done = subprocess.run(
        [sys.executable, "-m", *command],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (1, "")
    first, *more = done.stderr.splitlines()
    assert first.startswith(said)
    assert all(line.startswith("- `path` must be a folder") for line in more)


def test_who_wants_the_notes_has_them(tmp_path, capfd, monkeypatch):
    (tmp_path / "talks_again.py").write_text(
        "import os\nos.write(2, b'I0000 a note\\n')"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    quiet_import("talks_again")
    assert capfd.readouterr().err == "I0000 a note\n"
