"""A line an epoch where Keras draws no bars."""

import re

import keras
import numpy as np
import pytest

from keras_seq.training import EpochCheckpoint


@pytest.fixture
def model():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


@pytest.fixture
def _plain():
    keras.config.disable_interactive_logging()
    yield
    keras.config.enable_interactive_logging()


def fit(model, folder, **options):
    x = np.ones((4, 1), "float32")
    checkpoint = EpochCheckpoint(folder, monitor="loss")
    checkpoint.fit(model, x, x, epochs=2, **options)
    return checkpoint


@pytest.mark.usefixtures("_plain")
def test_a_line_an_epoch(model, tmp_path, capfd):
    history = fit(model, tmp_path).history
    out, error = capfd.readouterr()
    assert error == ""
    lines = out.splitlines()
    assert len(lines) == 2
    for number, (line, row) in enumerate(zip(lines, history, strict=True), 1):
        assert "\x1b" not in line
        found = re.fullmatch(rf"epoch {number}/2: loss (\S+), mae (\S+), \d+ s", line)
        assert float(found[1]) == pytest.approx(row["loss"], rel=1e-3)
        assert float(found[2]) == pytest.approx(row["mae"], rel=1e-3)


@pytest.mark.usefixtures("_plain")
def test_none_is_printed_where_none_is_wanted(model, tmp_path, capfd):
    fit(model, tmp_path, verbose=0)
    assert capfd.readouterr() == ("", "")


def test_keras_draws_its_bars_elsewhere(model, tmp_path, capfd):
    fit(model, tmp_path)
    out, _ = capfd.readouterr()
    assert "Epoch 2/2" in out
    assert "epoch 2/2" not in out
