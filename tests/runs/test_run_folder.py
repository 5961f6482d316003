"""What is named as a run and is none, or another's: each has its own message."""

import dataclasses
import importlib
import json

import pytest

from keras_seq.runs import RunDirectory


def settings(recipe):
    return importlib.import_module(f"recipes.{recipe}.settings").Config


def begun(path, recipe, **more):
    config = dataclasses.asdict(settings(recipe)())
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps({**config, **more}))
    return path


def refused(path, recipe="translation"):
    with pytest.raises((FileNotFoundError, ValueError)) as caught:
        RunDirectory(path).read_config(settings(recipe))
    return str(caught.value)


def test_what_is_no_run(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").touch()
    run = begun(tmp_path / "runs" / "a", "translation")
    (run / "saved_model" / "1").mkdir(parents=True)
    (run / "saved_model" / "1" / "saved_model.pb").touch()
    for number in range(6):
        begun(tmp_path / "runs" / f"b{number}", "sentiment")
    said = {
        name: refused(tmp_path / name)
        for name in ("gone", "file", "empty", "other", "runs", "runs/a/saved_model/1")
    }
    assert len(set(said.values())) == len(said)
    for name, message in said.items():
        assert message.startswith(f"no run in '{tmp_path / name}': it ")
        assert "Train first, or name " in message
        assert message.count("\n") == 0
    assert said["gone"].endswith(": there is no such folder.")
    assert "it is a file." in said["file"]
    assert "it is empty." in said["empty"]
    assert "it has no config.json." in said["other"]
    assert said["runs"].endswith("/runs/b3' and 2 more.")
    assert said["runs/a/saved_model/1"].endswith(f"the run that it is in, '{run}'.")


@pytest.mark.parametrize("finished", [False, True])
def test_a_run_of_another_recipe(tmp_path, finished):
    run = begun(tmp_path / "run", "sentiment")
    if finished:
        (run / "metrics.json").write_text('{"recipe": "sentiment"}')
        # Then it needn't have the settings of this version.
        (run / "config.json").write_text('{"units": 3}')
    assert refused(run) == f"'{run}' is a run of sentiment, not of translation."
    assert RunDirectory(begun(tmp_path / "own", "sentiment")).read_config(
        settings("sentiment")
    )


def test_a_run_of_another_version(tmp_path):
    run = begun(tmp_path / "run", "translation", gone=1)
    expected = (
        f"the run in '{run}' is of another version: its config.json and this "
        "program differ in gone."
    )
    assert refused(run) == expected
    for text in ('{"recipe": "translation"}', "[]", '{"recipe', "null"):
        (run / "metrics.json").write_text(text)
        assert refused(run) == expected
