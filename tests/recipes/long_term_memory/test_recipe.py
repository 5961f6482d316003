"""The long-term memory study, run as a user runs it, and its parts by definition."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_seq.runs import RunDirectory
from recipes.long_term_memory import recipe
from recipes.long_term_memory.models import REMEDIES, recurrent_layer
from recipes.long_term_memory.recipe import load_data
from recipes.long_term_memory.results import summary
from recipes.long_term_memory.tasks import adding
from recipes.long_term_memory.training import Gradients
from tests.recipes.shell import Shell
from tests.serving.native import replayed_in_c

VERBS = {
    "add": recipe.add_numbers,
    "evaluate": recipe.evaluate_run,
    "export": recipe.export_run,
}
SMALL = ("--data", "adding", "--models", "tanh", "gru", "--quick", "--epochs", "2")

shell = Shell(recipe, VERBS)
start, fails = shell.start, shell.fails


def settings(**options):
    return recipe.Config(quick=True, **options).complete()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run, whose export has been checked: the recipe stops if it fails."""
    out = tmp_path_factory.mktemp("study") / "run"
    start(*SMALL, "--out", out)
    return out


@pytest.fixture(scope="module")
def metrics(run):
    return json.loads((run / "metrics.json").read_text())


def test_sequences_are_new_in_each_step_and_the_same_in_each_run():
    config = settings()
    data, again = (load_data(config, "adding", 8) for _ in range(2))
    assert data.digest == again.digest
    drawn = [data.training_batch(step)[0] for step in (0, 1)]
    drawn += [data.validation[0][:64], data.test[0][:64]]
    for i, one in enumerate(drawn):
        for other in drawn[:i]:
            assert not np.isin(one[..., 0], other[..., 0]).all()
    batches = data.training_batches().take(2).as_numpy_iterator()
    for step, (inputs, targets) in enumerate(batches):
        np.testing.assert_array_equal(inputs, again.training_batch(step)[0])
        np.testing.assert_array_equal(targets, again.training_batch(step)[1])
    assert load_data(settings(seed=2), "adding", 8).digest != data.digest


@pytest.mark.parametrize("name", list(REMEDIES))
def test_models_start_as_their_remedy_says(name):
    config = settings()
    data = load_data(config, "adding", 16)
    model = recipe.build_model(config, data, name)
    layer = model.get_layer("memory")
    kernel, recurrent, bias = layer.get_weights()
    input_bias, forget_bias = bias[..., :24], bias[..., 24:48]
    if name.startswith("irnn"):
        np.testing.assert_array_equal(recurrent, np.eye(24))
        assert 0.03 < kernel.std() < 0.07
    if name.startswith(("relu", "irnn")):
        assert layer.get_config()["activation"] == "relu"
        np.testing.assert_array_equal(bias, 0)
    if name.startswith("lstm-forget"):
        np.testing.assert_array_equal(forget_bias, float(name[-1]))
        np.testing.assert_array_equal(input_bias, 0)
    if name == "lstm-chrono":
        np.testing.assert_array_equal(input_bias, -forget_bias)
        spans = np.exp(forget_bias)
        assert 1 <= spans.min() < 5
        assert 10 < spans.max() <= 15
    clipped = name.endswith("-clipped") or name.startswith(("lstm", "gru"))
    assert model.optimizer.global_clipnorm == (1.0 if clipped else None)
    assert model(data.test[0][:2]).shape == (2, 1)


def test_spectral_radius_of_the_exploding_network():
    layer = recurrent_layer("exploding", 16, 8)
    layer.build((None, None, 2))
    singular = np.linalg.svd(layer.get_weights()[1], compute_uv=False)
    np.testing.assert_allclose(singular, 1.5, rtol=1e-5)


def test_gradients_by_distance_are_those_of_finite_differences():
    config = settings(units=5)
    data = load_data(config, "copy", 4)
    model = recipe.build_model(config, data, "tanh")
    gradients = Gradients(model, data)()
    weights = [weight.astype("float64") for weight in model.get_weights()]
    kernel, recurrent, bias, dense, dense_bias = weights
    inputs, targets = (array[:32] for array in data.test)

    def loss(moved, step):
        h = np.zeros((32, 5))
        for t in range(data.steps):
            h = np.tanh(inputs[:, t] @ kernel + h @ recurrent + bias)
            h = h + (moved if t == step else 0)
        logits = h @ dense + dense_bias
        right = logits[range(32), targets[:, -1]]
        return np.mean(np.log(np.exp(logits).sum(axis=-1)) - right)

    step, small = data.steps - 4, 1e-6
    found = np.zeros((32, 5))
    for place in np.ndindex(32, 5):
        moved = np.zeros((32, 5))
        moved[place] = small
        found[place] = (loss(moved, step) - loss(-moved, step)) / (2 * small)
    expected = np.linalg.norm(found, axis=-1).mean()
    assert gradients["norms"][3] == pytest.approx(expected, rel=1e-4)
    assert gradients["state"] == "hidden"


def test_divergence_is_recorded_and_the_best_weights_stay():
    config = settings(epochs=3)
    data = load_data(config, "adding", 60)
    model = recipe.build_model(
        config, data, "exploding", optimizer=keras.optimizers.SGD(0.01)
    )
    before = model.get_weights()
    outcome = recipe.train(config, data, model)
    assert outcome.diverged == 50
    assert outcome.best is None
    assert outcome.history == [{"step": 50, "loss": None, "val_loss": None}]
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_clipping_holds_together_what_diverges_without():
    curves = recipe.clipping(settings())
    assert curves["gradient"]["factor"] > 1.05
    assert curves["unclipped"]["diverged"] < 10
    assert curves["clipped"]["diverged"] is None
    loss = curves["clipped"]["loss"]
    assert np.mean(loss[-20:]) < loss[0] / 100


def test_a_model_with_gates_learns_what_it_must_remember():
    config = settings(epochs=12)
    data = load_data(config, "adding", 8)
    model = recipe.build_model(config, data, "gru")
    outcome = recipe.train(config, data, model)
    measured = recipe.evaluate(data, model)
    assert measured["loss"] < 0.01
    assert outcome.best <= 0.005
    assert outcome.history[-1]["step"] < 600  # it stopped when it had solved it
    inputs, targets = data.test
    errors = np.array(model(inputs)) - targets
    assert measured["loss"] == pytest.approx(np.mean(errors**2), rel=1e-5)
    assert measured["right"] == pytest.approx(np.mean(np.abs(errors) < 0.04))


def test_run_directory_is_complete(run):
    names = {path.name for path in run.iterdir()}
    assert names == {
        *("config.json", "metrics.json", "history.csv", "model.keras"),
        *("figures", "report.html", "saved_model", "trials"),
    }
    picture = run / "figures" / "long_term_memory.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_metrics_have_what_the_contract_asks(run, metrics):
    assert set(metrics) == {
        *("recipe", "config", "data", "parameters", "train_seconds"),
        *("validation", "test", "baseline"),
    }
    assert set(metrics["test"]["adding"]) == {"tanh", "gru"}
    for lengths in metrics["test"]["adding"].values():
        assert list(lengths) == ["8", "16"]
    assert metrics["baseline"]["adding"]["trivial"]["16"] == 1 / 6
    assert len(metrics["data"]["digest"]["adding"]["8"]) == 64
    # W (2, 24), U (24, 24), b (24), and the dense layer's 24 + 1.
    assert metrics["parameters"]["adding"]["tanh"] == 48 + 576 + 24 + 25
    with open(run / "history.csv") as file:
        rows = list(csv.DictReader(file))
    last = [row for row in rows if (row["length"], row["model"]) == ("16", "gru")]
    assert [row["step"] for row in last] == ["50", "100"]
    lowest = min(float(row["val_loss"]) for row in last)
    assert metrics["validation"]["adding"]["gru"]["16"] == lowest


def test_saved_model_of_the_run_adds_at_any_length(run):
    import tensorflow as tf

    replayed_in_c(run / "saved_model")
    inputs, _ = adding(np.random.default_rng(1), 3, 21)
    serve = tf.saved_model.load(run / "saved_model" / "1").signatures
    assert set(serve) == {"serving_default"}
    answer = serve["serving_default"](sequence=tf.constant(inputs))["sum"]
    model = keras.models.load_model(run / "model.keras", compile=False)
    np.testing.assert_allclose(answer, model.predict(inputs, verbose=0)[:, 0], 1e-5)


def test_add_says_the_sum_and_draws_the_gates(run, tmp_path, capsys):
    picture = tmp_path / "seen.png"
    flags = ("--run", run, "--out", picture, "--length", 12, "--model", "gru")
    start("add", "0.25", "0.5", *flags)
    assert "0.25 + 0.5 = 0.750 over 12 steps; GRU" in capsys.readouterr().out
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["1.5", "0"], "`first` must be in [0, 1]; received 1.5"),
        (["0", "0.5", "--model", "irnn"], "`model` must be among tanh, gru"),
        (["0", "0.5", "--length", "3"], "`length` must be at least 4"),
    ],
)
def test_bad_sums(arguments, message, run, capsys):
    assert message in fails(capsys, "add", *arguments, "--run", run)


def test_evaluate_gives_the_figures_of_the_run(run, metrics, tmp_path):
    start("evaluate", "--run", run, "--out", tmp_path / "figures.json")
    figures = json.loads((tmp_path / "figures.json").read_text())
    for name, lengths in metrics["test"]["adding"].items():
        for length, known in lengths.items():
            measured = figures["adding"][name][length]
            assert measured == {key: known[key] for key in ("loss", "right")}


def test_a_second_run_over_the_first_is_refused(run, capsys):
    before = (run / "metrics.json").read_bytes()
    assert "--resume" in fails(capsys, *SMALL, "--out", run)
    assert "epochs was 2" in fails(
        capsys, *SMALL, "--out", run, "--resume", "--epochs", "3"
    )
    assert (run / "metrics.json").read_bytes() == before


def test_killed_and_resumed_it_gives_the_same_table(run, metrics, tmp_path):
    out = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-m", "recipes.long_term_memory", *SMALL, "--out", str(out)],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    first = out / "trials" / "adding" / "8" / "tanh.json"
    deadline = time.time() + 240
    while not first.is_file() and process.poll() is None and time.time() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert first.is_file()
    assert not (out / "metrics.json").exists()
    written = first.stat().st_mtime_ns
    config = RunDirectory(out).read_config(recipe.Config)
    resumed = RunDirectory.start(out, config, resume=True)
    table = summary(recipe.study(config, resumed))
    assert first.stat().st_mtime_ns == written
    del table["train_seconds"]
    assert table == {name: metrics[name] for name in table}


def test_a_model_that_learns_nothing_is_not_tried_at_longer_distances(tmp_path):
    out = tmp_path / "run"
    start(
        *("--data", "copy", "--models", "tanh", "--quick", "--epochs", 1),
        *("--length", 12, 9, "--out", out),
    )
    metrics = json.loads((out / "metrics.json").read_text())
    loss = metrics["test"]["copy"]["tanh"]["9"]["loss"]
    assert loss > 0.9 * metrics["baseline"]["copy"]["trivial"]["9"]
    assert list(metrics["test"]["copy"]["tanh"]) == ["9"]
    assert "symbols" in (out / "saved_model/1/assets.extra/signatures.json").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "gru", "elman"], "`models` must be among tanh"),
        (["--length", "1"], "`length` must be at least 2 for the adding problem"),
        (["--length", "0", "--data", "copy"], "at least 1 for the copy memory"),
        (["--units", "0"], "`units` must be at least 1"),
        (["--clipnorm", "0"], "`clipnorm` must be above 0"),
    ],
)
def test_bad_settings(arguments, message, tmp_path, capsys):
    out = tmp_path / "run"
    assert message in fails(capsys, *arguments, "--out", out)
    assert not out.exists()


def test_a_run_that_is_not_there(tmp_path, capsys):
    message = fails(capsys, "add", "0", "0", "--run", tmp_path / "nothing")
    assert "nothing" in message
