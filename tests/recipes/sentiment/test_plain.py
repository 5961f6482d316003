"""The lecture's plain model, by itself and beside the combination."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.text import Vocabulary
from keras_seq.training import EpochCheckpoint
from recipes.sentiment import recipe, serving
from recipes.sentiment.recipe import load_data, train_all
from tests.recipes.sentiment.reviews import reviews
from tests.recipes.shell import Shell
from tests.reference.lstm import lstm
from tests.serving.native import replayed_in_c

VERBS = {
    "classify": recipe.classify,
    "evaluate": recipe.evaluate_run,
    "export": recipe.export_run,
}
LONG = " ".join(["dull"] * 700)
# As they are spaced, so that no more is to be done to them than to look up the pieces.
TEXTS = ("the plot is witty but the end is dull", "a fine cast", "? !", "", LONG)

start = Shell(recipe, VERBS).start


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "reviews.tsv"
    path.write_text("".join(reviews(240, 0)))
    return path


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    """A finished run of the plain model alone; its export has been checked."""
    out = tmp_path_factory.mktemp("plain") / "run"
    options = ("--units", 8, "--epochs", 6, "--dropout", 0)
    start("--plain", "--data", table, "--out", out, "--quick", *options)
    return out


def test_it_goes_through_the_same_sequence(run):
    assert {path.name for path in run.iterdir()} == {
        *("config.json", "metrics.json", "history.csv", "model.keras"),
        *("checkpoints", "figures", "report.html", "saved_model"),
        *("reader.json", "data.json", "predictions.tsv"),
    }
    assert {path.name for path in (run / "checkpoints").iterdir()} == {"plain"}
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["test"]["parts"] == {"LSTM": metrics["test"]["accuracy"]}
    assert metrics["test"]["contributions_gap"] < 1e-3
    assert "one LSTM of 8 units" in (run / "report.html").read_text("utf-8")


def test_its_answers_are_those_of_the_equations(run):
    """Softmax of W h_T + b, h_T by an LSTM in NumPy, from the saved weights."""
    known = json.loads((run / "reader.json").read_text())
    vocabulary = Vocabulary.from_config(known["vocabulary"])
    member = keras.models.load_model(run / "model.keras").get_layer("member_1")
    body = member.get_layer("body")
    [table] = member.get_layer("embedding").get_weights()
    kernel, recurrent, bias = body.get_layer("reader").get_weights()
    W, b = body.get_layer("label").get_weights()
    zeros = np.zeros((1, len(recurrent)))
    classifier = recipe._finished(str(run))[2]
    found = classifier.predict(TEXTS)[0]
    for text, probabilities in zip(TEXTS, found, strict=True):
        ids = vocabulary.encode(text)
        if len(ids) > 400:
            ids = [*ids[:100], *ids[-300:]]
        x = table[np.array(ids, int)][None].astype("float64")
        h = zeros
        if ids:
            h, _ = lstm(x, zeros, zeros, kernel, recurrent, bias)["state"]
        powers = np.exp(h[0] @ W + b)
        np.testing.assert_allclose(probabilities, powers / powers.sum(), atol=1e-5)


def test_it_explains_itself(run):
    classifier = recipe._finished(str(run))[2]
    for one in classifier.explained(TEXTS):
        assert one.base + one.contributions.sum() == pytest.approx(one.score, abs=2e-3)
    [one] = classifier.explained(["a fine cast"])
    assert one.attention.tolist() == [0, 0, 1]


def test_an_explanation_takes_few_rows(run):
    """A long text takes a second: no request may take ten."""
    classifier = recipe._finished(str(run))[2]
    explain = serving.signatures(classifier)["explain"]
    assert explain.limits["rows"] == 6
    with pytest.raises(tf.errors.InvalidArgumentError, match="at most 6 rows"):
        explain.function(text=tf.constant(["a fine cast"] * 7))
    together = explain.function(text=tf.constant([*TEXTS, LONG]))
    np.testing.assert_allclose(together["score"][4], together["score"][5])
    assert together["contributions"].shape == (6, 700)


def test_the_verbs_take_its_run(run, tmp_path, capsys):
    metrics = json.loads((run / "metrics.json").read_text())
    start("evaluate", "--run", run, "--out", tmp_path / "figures.json")
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["test"]["accuracy"] == metrics["test"]["accuracy"]
    assert figures["baseline"] == metrics["baseline"]
    capsys.readouterr()
    start("classify", "a warm and lovely film", "--run", run)
    assert capsys.readouterr().out.split()[0] in ("good", "bad")
    start("export", "--run", run)
    assert "serves without Keras" in capsys.readouterr().out
    replayed_in_c(run / "saved_model")


def test_interrupted_and_resumed_it_ends_with_the_same_weights(
    table, tmp_path, monkeypatch
):
    ended = EpochCheckpoint.on_epoch_end

    def interrupted(self, epoch, logs=None):
        ended(self, epoch, logs)
        raise KeyboardInterrupt

    def trained(name, **options):
        config = recipe.Config(
            data=str(table), quick=True, plain=True, units=4, **options
        ).complete()
        return train_all(config, load_data(config), tmp_path / name, verbose=0)

    whole = trained("whole")
    with monkeypatch.context() as patched:
        patched.setattr(EpochCheckpoint, "on_epoch_end", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trained("part")
    part = trained("part", resume=True)
    assert [len(one.members[0].history) for one in (whole, part)] == [6, 6]
    for a, b in zip(whole.model.weights, part.model.weights, strict=True):
        np.testing.assert_array_equal(a, b)
