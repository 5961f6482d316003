"""The music recipe, run as a user runs it, on one file of real tunes."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from recipes.music_generation import recipe
from recipes.music_generation.units import _finding, bar_units
from tests.music.data import oneills_file
from tests.recipes.shell import Shell

VERBS = {
    "generate": recipe.generate_tunes,
    "evaluate": recipe.evaluate_run,
    "export": recipe.export_run,
}


@pytest.fixture(scope="module")
def tunes_file():
    return str(oneills_file())


def flags(tunes_file, out):
    return ["--data", tunes_file, "--out", str(out), "--quick", "--epochs", "3"]


def recipe_process(*arguments, limit=None):
    """The recipe in a process of its own, its files limited to `limit` bytes."""
    program = "import runpy, resource, signal, sys\n"
    if limit:
        program += "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        program += f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
    program += "runpy.run_module('recipes.music_generation', run_name='__main__')\n"
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )


def last_line(process):
    _, errors = process.communicate(timeout=300)
    return ["", *errors.strip().splitlines()][-1]  # a killed one has said nothing


shell = Shell(recipe, VERBS)
start, fails = shell.start, shell.fails


@pytest.fixture(scope="module")
def run(tunes_file, tmp_path_factory):
    """A finished run."""
    out = tmp_path_factory.mktemp("music") / "run"
    start(*flags(tunes_file, out))
    return out


def test_run_directory_is_complete(run):
    names = {path.name for path in run.iterdir()}
    assert names == {
        *("config.json", "metrics.json", "history.csv", "model.keras"),
        *("checkpoints", "figures", "report.html", "saved_model"),
        *("vocabulary.json", "tunes"),
    }


def test_metrics_have_what_the_contract_asks(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert set(metrics) == {
        *("recipe", "config", "data", "parameters", "train_seconds"),
        *("validation", "test", "baseline"),
    }
    data = metrics["data"]
    # 69 tunes in the file; those that can't be used are counted.
    used = data["train"] + data["validation"] + data["test"]
    assert used + data["rejected"] == 69
    assert len(data["digest"]) == 64
    assert metrics["test"]["nats_per_character"] > 0
    uniform = metrics["baseline"]["uniform"]["nats_per_character"]
    size = len(json.loads((run / "vocabulary.json").read_text())["characters"]) + 4
    assert uniform == pytest.approx(np.log(size))
    with open(run / "history.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    best = min(float(row["val_nats"]) for row in rows)
    assert metrics["validation"]["val_nats"] == best


def test_served_score_is_the_models_own(run):
    import tensorflow as tf

    served = tf.saved_model.load(run / "saved_model" / "1").signatures["score"]
    _, _, writer = recipe._finished(str(run))
    tune = "X:3\nT:A\nM:6/8\nL:1/8\nK:D\nDED FEF|"
    result = served(tune=tf.constant([tune, tune + "\n", tune.replace("\n", "\r\n")]))
    expected = writer.nats(["T:A\nM:6/8\nL:1/8\nK:D\nDED FEF|\n"])[0].mean()
    np.testing.assert_allclose(result["nats_per_character"], expected, rtol=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [{"temperature": [0.0]}, {"top_p": [1.5]}, {"length": [0]}, {"length": [10**6]}],
)
def test_served_generation_refuses_what_is_out_of_range(run, wrong):
    import tensorflow as tf

    served = tf.saved_model.load(run / "saved_model" / "1").signatures["generate"]
    request = {
        "prompt": ["T:A\n"],
        "temperature": [1.0],
        "top_p": [1.0],
        "seed": [1],
        "length": [5],
    }
    tensors = {k: tf.constant(v) for k, v in {**request, **wrong}.items()}
    [error] = served(**tensors)["error"].numpy()
    assert error.decode().startswith(f"{next(iter(wrong))} must be ")


def test_evaluating_again_gives_the_same_figures(run, tmp_path):
    out = tmp_path / "figures.json"
    arguments = ["evaluate", "--run", str(run), "--out", str(out)]
    start(*arguments)
    metrics = json.loads((run / "metrics.json").read_text())
    figures = json.loads(out.read_text())
    for part in ("test", "baseline"):
        again, before = (f[part].pop("bar_units") for f in (figures, metrics))
        assert again == pytest.approx(before, rel=1e-4)
    assert figures["baseline"] == metrics["baseline"]
    assert figures["test"]["written"] == metrics["test"]["written"]
    assert figures["test"]["nats_per_character"] == pytest.approx(
        metrics["test"]["nats_per_character"], rel=1e-6
    )


def test_exporting_again_serves(run, capsys):
    start("export", "--run", str(run))
    said = capsys.readouterr().out
    assert "serves without Keras" in said
    asked = re.findall(r"^  (\w+): \d+ requests", said, re.M)
    assert sorted(asked) == ["complete", "generate", "score", "serving_default"]


@pytest.mark.parametrize("verb", ["evaluate", "export"])
def test_changed_tunes_are_refused(run, tunes_file, tmp_path, verb, capsys):
    """Other tunes split otherwise: training tunes would be tested on."""
    moved = tmp_path / "run"
    shutil.copytree(run, moved)
    other = tmp_path / "other.abc"
    other.write_text("X:" + "X:".join(Path(tunes_file).read_text().split("X:")[1:60]))
    settings = json.loads((moved / "config.json").read_text())
    (moved / "config.json").write_text(json.dumps({**settings, "data": str(other)}))
    for more in ([], ["--tunes", tunes_file])[: 2 if verb == "evaluate" else 1]:
        line = fails(capsys, verb, "--run", str(moved), *more)
        assert "is not what the run was started with" in line


@pytest.mark.parametrize("verb", ["generate", "evaluate", "export"])
def test_a_run_of_another_version_is_refused(run, tmp_path, verb, capsys):
    moved = tmp_path / "run"
    shutil.copytree(run, moved)
    settings = json.loads((moved / "config.json").read_text())
    (moved / "config.json").write_text(json.dumps({**settings, "gone": 1}))
    assert "differ in gone" in fails(capsys, verb, "--run", str(moved))


@pytest.mark.parametrize("verb", ["generate", "evaluate", "export"])
def test_a_run_that_is_not_there_is_refused(tmp_path, verb, capsys):
    assert "no run in" in fails(capsys, verb, "--run", str(tmp_path))


def test_report_stands_by_itself(run):
    page = (run / "report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert 'src="data:image/png;base64,' in page
    assert "may not be used commercially" in page or "does not know the terms" in page


def test_report_shows_the_units_that_track_the_bar(run):
    """Their scores stand beside what needs no training, and a tune is coloured."""
    metrics = json.loads((run / "metrics.json").read_text())
    units, baselines = (metrics[part]["bar_units"] for part in ("test", "baseline"))
    assert len(units) == 3
    assert set(baselines) == {
        "current character alone",
        "position in the tune",
        "best unit before training",
    }
    assert all(0 <= score <= 1 for score in (*units.values(), *baselines.values()))
    page = (run / "report.html").read_text()
    section = page[page.index("Units that track the music") :]
    for name, score in (*units.items(), *baselines.items()):
        label = f"unit {name}" if name in units else name
        assert f">{label}</th><td>{score:.4g}</td>" in section
    assert f"cell of unit {next(iter(units))} in lstm_0" in section
    assert (run / "figures" / "bar_unit.png").stat().st_size > 5000


def test_tunes_without_bars_are_no_error(run):
    _, _, writer = recipe._finished(str(run))
    free = ["M:none\nK:D\nDEF|\n"] * 3
    assert bar_units(writer, writer.model, free) == ({}, {})


@pytest.mark.parametrize(
    ("scores", "finding"),
    [
        ((0.8, 0.6, 0.3), "Of the 3 best, 2 track it, with a score of 0.50 or more."),
        (
            (0.4, 0.2, 0.3),
            "none has a score of 0.50 or more. The highest of the best is 0.40.",
        ),
    ],
)
def test_the_finding_is_what_the_scores_say(scores, finding):
    units = dict(zip("123", scores, strict=True))
    assert finding in _finding(units, {"a": 0.3, "b": 0.1})
    # A unit that a baseline equals tracks nothing.
    assert _finding(units, {"a": 0.9}).startswith("No unit tracks it")


def test_generate_primes_what_is_given(run, capsys):
    arguments = ["generate", "--run", str(run), "--title", "A Name", "--meter", "6/8"]
    arguments += ["--key", "D", "--count", "2", "--seed", "1"]
    start(*arguments)
    printed = capsys.readouterr().out
    tunes = re.split(r"\n(?=X:)", printed)
    assert len(tunes) == 2
    for number, tune in enumerate(tunes, start=1):
        assert tune.startswith(f"X:{number}\nT:A Name\n")
        assert "\nM:6/8\n" in tune
        assert "\nK:D\n" in tune


def test_wild_tunes_are_handed_out_each_by_itself(run, tmp_path, capsys):
    out = tmp_path / "wild"
    start(
        *["generate", "--run", str(run), "--temperature", "1.3", "--count", "2"],
        *["--allow-copies", "--out", str(out)],
    )
    assert {"001.abc", "002.abc"} <= {path.name for path in out.iterdir()}
    assert f"2 tunes are in {out}" in capsys.readouterr().out


def test_tunes_to_measure_that_are_not_there_are_refused(run, tmp_path, capsys):
    missing = str(tmp_path / "none.abc")
    line = fails(capsys, "evaluate", "--run", str(run), "--tunes", missing)
    assert "--tunes: " in line


def test_generate_does_not_write_into_a_full_folder(run, tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    line = fails(capsys, "generate", "--run", str(run), "--out", str(tmp_path))
    assert "is not empty" in line
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--temperature", "0"], "`temperature` must be above 0"),
        (["--temperature", "-1"], "`temperature` must be above 0"),
        (["--meter", "5/0"], "`meter` '5/0' cannot be used"),
        (["--key", "H"], "`key` 'H' cannot be used"),
        (["--type", "tango"], "`type`"),
        (["--count", "0"], "`count` must be at least 1"),
        (["--top-p", "2"], "`top_p` must be in (0, 1]"),
        (["--title", " "], "`title` must be one line"),
        (["--seed", "-1"], "`seed` must be in"),
    ],
)
def test_generate_refuses_in_one_line(run, capsys, arguments, message):
    line = fails(capsys, "generate", "--run", str(run), *arguments)
    assert line.startswith("error: ")
    assert message in line


def bad_data(tmp_path, kind, tunes_file):
    path = tmp_path / "data"
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "binary":
        path.write_bytes(bytes(range(256)) * 40)
    elif kind == "folder":
        path.mkdir()
        (path / "notes.txt").write_text("no tune")
    elif kind == "three tunes":
        text = Path(tunes_file).read_text("utf-8")
        path.write_text("X:" + "X:".join(text.split("X:")[1:4]))
    return str(path)


@pytest.mark.parametrize(
    "kind", ["missing", "empty", "binary", "folder", "three tunes"]
)
def test_bad_data_is_one_line_and_leaves_no_run(tmp_path, kind, tunes_file, capsys):
    data = bad_data(tmp_path, kind, tunes_file)
    line = fails(capsys, "--data", data, "--out", str(tmp_path / "out"), "--quick")
    assert line.startswith("error: ")
    assert data in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--units", "0"], "`units` must be at least 1"),
        (["--temperature", "0"], "`temperature` must be above 0"),
        (["--dropout", "1"], "`dropout` must be in"),
        (["--epochs", "-1"], "`epochs` must be at least 1"),
        (["--seed", "99999999999"], "`seed` must be in"),
        (["--resume", "--overwrite"], "`resume` and `overwrite` exclude"),
    ],
)
def test_bad_settings_are_one_line(tmp_path, arguments, message, capsys):
    line = fails(capsys, "--out", str(tmp_path / "out"), *arguments)
    assert message in line
    assert not (tmp_path / "out").exists()


def test_a_second_run_over_the_first_is_refused(run, tunes_file, capsys):
    before = {p: p.stat().st_mtime_ns for p in run.rglob("*") if p.is_file()}
    line = fails(capsys, *flags(tunes_file, run))
    assert "--resume" in line
    assert "--overwrite" in line
    assert before == {p: p.stat().st_mtime_ns for p in run.rglob("*") if p.is_file()}


def test_resuming_with_other_settings_is_refused(run, capsys):
    line = fails(capsys, "--out", str(run), "--resume", "--units", "32")
    assert "units" in line


def weights(run):
    model = keras.models.load_model(run / "model.keras", compile=False)
    return model.get_weights()


def test_interrupted_and_resumed_ends_with_the_same_weights(run, tunes_file, tmp_path):
    """Kills at many moments are tried in tests/training/test_checkpoint.py."""
    out = tmp_path / "run"
    process = recipe_process(*flags(tunes_file, out))
    deadline = time.monotonic() + 240
    while process.poll() is None and time.monotonic() < deadline:
        if (out / "history.csv").exists():
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    line = last_line(process)
    assert process.returncode == 130
    assert line == "interrupted. What is done is kept; --resume continues it."
    process = recipe_process("--out", str(out), "--resume")
    deadline = time.monotonic() + 240
    while not (out / "model.keras").exists() and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()  # what comes after training is not looked at here
    last_line(process)
    for resumed, straight in zip(weights(out), weights(run), strict=True):
        np.testing.assert_array_equal(resumed, straight)
    assert (out / "history.csv").read_text() == (run / "history.csv").read_text()


def test_full_disk_is_one_line_and_leaves_nothing_half_written(tunes_file, tmp_path):
    out = tmp_path / "run"
    process = recipe_process(*flags(tunes_file, out), limit=100_000)
    line = last_line(process)
    assert process.returncode == 1
    assert line.startswith("error: ")
    assert [path.name for path in out.rglob("*.tmp*")] == []
    assert not (out / "checkpoints" / "last.npz").exists()
