"""`RunDirectory`: what it refuses, keeps and removes."""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest

from keras_seq.runs import RunDirectory

ROOT = Path(__file__).parents[2]


@dataclasses.dataclass(frozen=True)
class Config:
    out: str = "runs/x"
    data: str = "größe"
    seed: int = 1
    rate: float = 1e-3
    sizes: tuple = (1, 2)
    folder: Path = Path("a/b")
    epochs: int | None = None
    resume: bool = False
    overwrite: bool = False


def names(folder):
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()
    )


def filled(folder):
    """A run with everything in it, and something of the user's."""
    run = RunDirectory.start(folder, Config(), results=("tunes", "samples.txt"))
    for name in (
        *("metrics.json", "history.csv", "model.keras", "report.html", "samples.txt"),
        *("checkpoints/last.npz", "figures/a.png", "saved_model/1/saved_model.pb"),
        *("tunes/001.abc", "notes.txt", "mine/data.csv"),
    ):
        run.write(name, name)
    return run


def test_a_new_run(tmp_path):
    for path in (tmp_path / "a" / "b", tmp_path):
        assert not RunDirectory.check(path)
        run = RunDirectory.start(path, Config())
        assert run.path == path
        assert run / "figures" == path / "figures"
        expected = dataclasses.asdict(Config()) | {"sizes": [1, 2], "folder": "a/b"}
        assert run.config == expected
        assert "größe" in (path / "config.json").read_text("utf-8")
        assert RunDirectory(str(path)).config == expected
        assert RunDirectory.check(path, overwrite=True)
        if path != tmp_path:
            (path / "config.json").unlink()
            path.rmdir()
            path.parent.rmdir()


def test_a_run_is_not_overwritten_by_accident(tmp_path):
    filled(tmp_path)
    before = names(tmp_path)
    for call in (
        lambda: RunDirectory.start(tmp_path, Config(seed=2)),
        lambda: RunDirectory.check(tmp_path),
    ):
        with pytest.raises(FileExistsError, match=r"holds a run already: --resume .*"):
            call()
    assert names(tmp_path) == before
    assert RunDirectory(tmp_path).config["seed"] == 1


@pytest.mark.parametrize("options", [{}, {"resume": True}, {"overwrite": True}])
def test_a_folder_that_holds_no_run_is_left_alone(tmp_path, options):
    (tmp_path / "thesis.txt").write_text("a year's work")
    for call in (
        lambda: RunDirectory.start(tmp_path, Config(), **options),
        lambda: RunDirectory.check(tmp_path, **options),
    ):
        with pytest.raises(FileExistsError, match=r"not empty and holds no run.*--out"):
            call()
    assert names(tmp_path) == ["thesis.txt"]


@pytest.mark.parametrize("options", [{}, {"resume": True}, {"overwrite": True}])
def test_a_path_that_is_no_folder(tmp_path, options):
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    before = names(tmp_path)
    for name in ("file", "link", "dangling"):
        with pytest.raises(
            FileExistsError, match=rf"must be a folder; .*{name}' is none"
        ):
            RunDirectory.start(tmp_path / name, Config(), **options)
    assert names(tmp_path) == before


def test_a_link_to_a_folder(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    filled(tmp_path / "link")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").touch()
    # A result that links out of the run: the link goes, what it links to stays.
    (tmp_path / "real" / "figures" / "a.png").unlink()
    (tmp_path / "real" / "figures").rmdir()
    (tmp_path / "real" / "figures").symlink_to(tmp_path / "elsewhere")
    RunDirectory.start(tmp_path / "link", Config(), overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert not (tmp_path / "real" / "figures").exists()
    assert names(tmp_path / "elsewhere") == ["kept"]


def test_overwrite_removes_what_it_knows(tmp_path):
    filled(tmp_path)
    run = RunDirectory.start(
        tmp_path, Config(seed=7), overwrite=True, results=("tunes", "samples.txt")
    )
    assert names(tmp_path) == ["config.json", "mine/data.csv", "notes.txt"]
    assert run.config["seed"] == 7


def test_a_config_that_cannot_be_kept_costs_nothing(tmp_path):
    filled(tmp_path)
    before = names(tmp_path)
    with pytest.raises(TypeError, match="set can't be written as JSON"):
        RunDirectory.start(tmp_path, Config(data={1}), overwrite=True)
    assert names(tmp_path) == before
    assert RunDirectory(tmp_path).config["data"] == "größe"


def test_resuming(tmp_path):
    filled(tmp_path)
    before = names(tmp_path)
    config = Config(out="elsewhere", resume=True, overwrite=True)
    run = RunDirectory.start(tmp_path, config, resume=True)
    assert names(tmp_path) == before
    assert run.config["out"] == "runs/x"
    # Where there is nothing yet, a run starts.
    run = RunDirectory.start(tmp_path / "new", Config(), resume=True)
    assert run.config["seed"] == 1


def test_resuming_with_other_settings(tmp_path):
    filled(tmp_path)
    other = Config(seed=2, data="x", epochs=3, sizes=(1, 2, 3), out="elsewhere")
    with pytest.raises(ValueError, match="cannot be resumed with other") as caught:
        RunDirectory.start(tmp_path, other, resume=True)
    told = str(caught.value).split("settings: ")[1]
    assert told == (
        "data was 'größe' and is 'x'; epochs was None and is 3; seed was 1 and is 2; "
        "sizes was [1, 2] and is [1, 2, 3]."
    )


def test_resuming_a_run_of_another_version(tmp_path):
    run = filled(tmp_path)
    settings = run.config
    del settings["rate"]
    run.write_json("config.json", {**settings, "gone": 5})
    with pytest.raises(ValueError, match="gone was 5 and is None; rate was None and"):
        RunDirectory.start(tmp_path, Config(), resume=True)


def test_resume_and_overwrite_exclude_each_other(tmp_path):
    for path in (tmp_path, tmp_path / "new"):
        with pytest.raises(ValueError, match="exclude each other"):
            RunDirectory.start(path, Config(), resume=True, overwrite=True)
    assert names(tmp_path) == []


def test_what_a_killed_process_left_is_removed(tmp_path):
    leftovers = (".0123456789abcdef.tmp.json", "checkpoints/.0123456789abcdef.tmp.npz")
    # Killed before config.json was there: as good as empty.
    (tmp_path / leftovers[0]).touch()
    for options in ({}, {"resume": True}, {"overwrite": True}):
        assert not RunDirectory.check(tmp_path, **options)
    RunDirectory.start(tmp_path, Config())
    assert names(tmp_path) == ["config.json"]
    (tmp_path / "checkpoints").mkdir()
    for name in leftovers:
        (tmp_path / name).touch()
    RunDirectory.start(tmp_path, Config(), resume=True)
    assert names(tmp_path) == ["config.json"]


def test_no_run(tmp_path):
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(FileNotFoundError, match=r"no run in .*Train first"):
            RunDirectory(path)


@pytest.mark.parametrize("text", ["", "{", "[1]", "3", '{"a": 1} x', "\x00"])
def test_a_config_that_is_none(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r"config.json' is not the configuration"):
        RunDirectory(tmp_path).config  # noqa: B018
    with pytest.raises(ValueError, match=r"config.json' is not the configuration"):
        RunDirectory.start(tmp_path, Config(), resume=True)


def test_results_of_a_finished_run(tmp_path):
    run = RunDirectory.start(tmp_path, Config())
    for read in (lambda: run.metrics, lambda: run.read_json("metrics.json")):
        with pytest.raises(FileNotFoundError, match=r"no metrics.json.*--resume"):
            read()
    metrics = {
        "loss": np.float32(0.5),
        "count": np.int64(3),
        "rows": np.array([[1.5, 2.0]]),
        "good": np.bool_(True),
        "path": Path("x/y"),
        "none": None,
    }
    path = run.write_json("metrics.json", metrics)
    assert path == tmp_path / "metrics.json"
    assert (
        run.metrics
        == run.read_json("metrics.json")
        == {
            **{"loss": 0.5, "count": 3, "rows": [[1.5, 2.0]], "good": True},
            **{"path": "x/y", "none": None},
        }
    )
    assert path.read_text().startswith('{\n  "loss": 0.5,\n')


def test_files_models_and_figures(tmp_path):
    run = RunDirectory.start(tmp_path, Config())
    assert run.write("tunes/a/001.abc", "X:1\n") == tmp_path / "tunes/a/001.abc"
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    for name in ("model.keras", "best/model.keras"):
        path = run.save_model(model, name)
        assert path == tmp_path / name
        x = np.ones((1, 2), "float32")
        np.testing.assert_array_equal(keras.models.load_model(path)(x), model(x))
    figure, axes = plt.subplots()
    axes.plot([1, 2])
    path = run.save_figure(figure, "deep/curve")
    assert path == tmp_path / "figures" / "deep" / "curve.png"
    assert path.read_bytes().startswith(b"\x89PNG")
    assert not plt.fignum_exists(figure.number)
    assert names(tmp_path) == [
        "best/model.keras",
        "config.json",
        "figures/deep/curve.png",
        "model.keras",
        "tunes/a/001.abc",
    ]


FULL_DISK = """
import dataclasses, resource, sys
import keras
from keras_seq.runs import RunDirectory
config = dataclasses.make_dataclass("Config", [("seed", int, 1)])()
run = RunDirectory.start(sys.argv[1], config)
model = keras.Sequential([keras.Input((300,)), keras.layers.Dense(300)])
run.save_model(model)
size = (run / "model.keras").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))
for write in (
    lambda: run.save_model(model),
    lambda: run.save_model(model, "other.keras"),
    lambda: run.write("tunes.txt", "x" * size),
):
    try:
        write()
    except OSError as error:
        print("refused")
keras.models.load_model(run / "model.keras")
"""


def test_a_full_disk(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "run")],
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == "refused\n" * 3
    assert names(tmp_path / "run") == ["config.json", "model.keras"]


NOBODY = """
import dataclasses, os, sys
from keras_seq.runs.run_directory import RunDirectory
if os.getuid() == 0:
    os.setuid(65534)
config = dataclasses.make_dataclass("Config", [("seed", int, 1)])()
for name in sys.argv[1:]:
    try:
        RunDirectory.start(name, config)
    except PermissionError:
        print("refused")
"""


def test_a_folder_where_nothing_may_be_written():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        closed, hidden = folder / "closed", folder / "hidden"
        closed.mkdir(mode=0o555)
        hidden.mkdir(mode=0o000)
        paths = [closed, closed / "run", hidden, hidden / "run"]
        done = subprocess.run(
            [sys.executable, "-c", NOBODY, *map(str, paths)],
            cwd=ROOT,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert done.stdout == "refused\n" * 4
        hidden.chmod(0o700)
        assert names(folder) == []


def test_settings_are_compared_as_json(tmp_path):
    RunDirectory.start(tmp_path, Config(folder=Path("x"), sizes=(1.0, 2)))
    same = Config(folder="x", sizes=[1, 2.0])
    assert RunDirectory.start(tmp_path, same, resume=True).config["folder"] == "x"
    text = (tmp_path / "config.json").read_text()
    assert json.loads(text)["sizes"] == [1.0, 2]


def test_what_is_known_of_the_data_is_kept_until_they_change(tmp_path):
    run = RunDirectory.start(tmp_path / "run", Config())
    known = {"digest": "a" * 64, "characters": "xyz"}
    for _ in range(2):
        run.keep_known("known.json", known, "mine")
    before = (tmp_path / "run" / "known.json").read_bytes()
    message = "--data 'mine' is not what .* was aaaaaaaaaaaa and is bbbbbbbbbbbb"
    with pytest.raises(ValueError, match=message):
        run.keep_known("known.json", {"digest": "b" * 64}, "mine")
    assert (tmp_path / "run" / "known.json").read_bytes() == before
    assert run.read_json("known.json") == known
    for other in ({"characters": "xyy"}, {"sizes": [1, 2]}):
        message = rf"the digest that it had, .* known.json in \['{next(iter(other))}'\]"
        with pytest.raises(ValueError, match=message):
            run.keep_known("known.json", {**known, **other}, "mine")
    assert (tmp_path / "run" / "known.json").read_bytes() == before


def test_json_that_is_damaged_is_named(tmp_path):
    run = RunDirectory.start(tmp_path / "run", Config())
    for damaged in (b"", bytes(20), b'{"loss": 1', b'{"loss": "\xff"}'):
        run.write("metrics.json", damaged)
        with pytest.raises(ValueError, match=r"metrics.json' is damaged: .*--resume"):
            run.metrics  # noqa: B018
