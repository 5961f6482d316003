"""Finished runs: what is opened of them, and what is refused."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from keras_seq.runs import (
    RunDirectory,
    evaluate_command,
    export_command,
    open_finished,
)


@dataclasses.dataclass(frozen=True)
class Config:
    out: str
    units: int = 3


@dataclasses.dataclass(frozen=True)
class LaterConfig(Config):
    layers: int = 1


@pytest.fixture
def run(tmp_path):
    config = Config(str(tmp_path / "run"))
    run = RunDirectory.start(config.out, config)
    run.keep_known("known.json", {"digest": "a" * 64, "labels": ["bad", "good"]}, "x")
    return run


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    model.compile("sgd", "mse")
    return model


def test_a_finished_run(run, model):
    run.save_model(model)
    found = open_finished(run.path, Config, "known.json")
    assert found.directory.path == run.path
    assert found.config == Config(str(run.path))
    assert found.known == {"digest": "a" * 64, "labels": ["bad", "good"]}
    x = np.ones((1, 2), "float32")
    np.testing.assert_array_equal(found.model.predict(x, verbose=0), model(x))
    assert not found.model.compiled


def test_an_unfinished_run(run):
    with pytest.raises(FileNotFoundError, match=r"not finished.*--resume"):
        open_finished(run.path, Config, "known.json")


def test_a_run_that_has_not_come_to_read_its_data(tmp_path):
    run = RunDirectory.start(tmp_path / "run", Config("x"))
    with pytest.raises(FileNotFoundError, match=r"known\.json"):
        open_finished(run.path, Config, "known.json")


def test_a_run_of_another_version(run, model):
    run.save_model(model)
    with pytest.raises(ValueError, match=r"of another version: .* differ in layers"):
        open_finished(run.path, LaterConfig, "known.json")


@pytest.mark.parametrize("made", [False, True])
def test_no_run(tmp_path, made):
    folder = tmp_path / "none"
    if made:
        folder.mkdir()
    with pytest.raises(FileNotFoundError, match=r"no run in .*Train first"):
        open_finished(folder, Config, "known.json")
    assert folder.exists() == made


def test_evaluate_refuses_a_file_that_can_not_be_before_it_measures(tmp_path):
    measured = []

    def measure(run):
        measured.append(run)
        return {"bleu": 41.5}

    evaluate = evaluate_command(measure, "runs/mine")
    with pytest.raises(FileNotFoundError, match="`out` must be in a folder"):
        evaluate(out=str(tmp_path / "nowhere" / "figures.json"))
    assert measured == []
    out = tmp_path / "figures.json"
    evaluate("runs/other", str(out))
    assert measured == ["runs/other"]
    assert json.loads(out.read_text()) == {"bleu": 41.5}


def test_export_takes_the_run_that_is_named():
    exported = []
    export = export_command(exported.append, "runs/mine")
    export()
    export(run="runs/other")
    assert exported == ["runs/mine", "runs/other"]
