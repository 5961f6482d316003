"""The classification recipe, run as a user runs it."""

import csv
import io
import json
import sys

import keras
import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, f1_score, log_loss, roc_auc_score

from keras_seq.runs import RunDirectory, command_line
from recipes.binary_classification import folds as folds_of
from recipes.binary_classification import recipe
from recipes.binary_classification.features import feature_columns, tensors
from recipes.binary_classification.folds import cross_validate, uncalibrated
from recipes.binary_classification.inputs import served_names
from recipes.binary_classification.recipe import load_data
from recipes.binary_classification.results import write_results
from recipes.binary_classification.table import Rows
from recipes.binary_classification.training import Part
from tests.recipes.binary_classification.flowers import (
    VERBS,
    fails,
    start,
    write_flowers,
)
from tests.serving.native import replayed_in_c


@pytest.fixture(scope="module")
def flowers_file(tmp_path_factory):
    return write_flowers(tmp_path_factory.mktemp("flowers") / "flowers.csv")


@pytest.fixture(scope="module")
def flowers_flags(flowers_file):
    flags = ["--data", flowers_file, "--label", "state"]
    return [*flags, "--false-negative-cost", 5, "--quick"]


@pytest.fixture(scope="module")
def flowers_run(flowers_flags, tmp_path_factory):
    """A finished run, whose export has been checked: the recipe stops if it fails."""
    out = tmp_path_factory.mktemp("flowers") / "run"
    start(*flowers_flags, "--out", out)
    return out


@pytest.fixture(scope="module")
def cancer_run(tmp_path_factory):
    out = tmp_path_factory.mktemp("cancer") / "run"
    start("--quick", "--out", out)
    return out


@pytest.fixture(scope="module", params=["cancer", "flowers"])
def run(request):
    return request.getfixturevalue(f"{request.param}_run")


@pytest.fixture(scope="module")
def classifier(run):
    return recipe._finished(str(run))[2]


@pytest.fixture(scope="module")
def data(run):
    return load_data(recipe._finished(str(run))[1])


def test_run_directory_is_complete(run):
    names = {path.name for path in run.iterdir()}
    assert names == {
        *("config.json", "metrics.json", "history.csv", "model.keras"),
        *("checkpoints", "figures", "report.html", "saved_model"),
        *("columns.json", "predictions.csv"),
    }
    assert {path.name for path in (run / "figures").iterdir()} == {
        *("roc.png", "reliability.png", "threshold.png", "importance.png"),
        *("contributions.png", "curves.png"),
    }


def test_metrics_are_those_of_the_predictions(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert set(metrics) == {
        *("recipe", "config", "data", "parameters", "train_seconds"),
        *("validation", "test", "baseline"),
    }
    assert set(metrics["baseline"]) == {
        *("majority", "logistic_regression", "gradient_boosting"),
    }
    described, test = metrics["data"], metrics["test"]
    assert len(described["digest"]) == 64
    with open(run / "predictions.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == described["test"]
    labels = np.array([row["label"] == described["positive"] for row in rows])
    p = np.array([float(row["probability"]) for row in rows])
    predicted = np.array([row["predicted"] == described["positive"] for row in rows])
    assert test["auc"] == pytest.approx(roc_auc_score(labels, p))
    assert test["nats"] == pytest.approx(log_loss(labels, p), abs=1e-5)
    assert test["brier"] == pytest.approx(brier_score_loss(labels, p), abs=1e-5)
    at = test["at_threshold"]
    assert at["f1"] == pytest.approx(f1_score(labels, predicted))
    assert at["accuracy"] == pytest.approx((labels == predicted).mean())
    assert at["threshold"] == metrics["validation"]["threshold"]
    majority = metrics["baseline"]["majority"]
    assert majority["accuracy"] == pytest.approx(1 - labels.mean())
    # It has learned: more than the trivial baseline knows.
    assert test["nats"] < majority["nats"]
    with open(run / "history.csv") as file:
        losses = [float(row["val_nats"]) for row in csv.DictReader(file)]
    assert metrics["validation"]["val_nats"] == min(losses)


def test_report_stands_by_itself(run):
    page = (run / "report.html").read_text("utf-8")
    assert 'src="data:image/png;base64,' in page
    assert "http://" not in page
    assert "Cross-validation" in page


def test_contributions_sum_to_the_difference_of_logits(data, classifier):
    rows = data.rows.take(data.test)
    contributions = classifier.contributions(rows)
    assert contributions.shape == (len(rows), len(data.columns))
    np.testing.assert_allclose(
        contributions.sum(axis=1),
        classifier.logits(rows) - classifier.mean_logit,
        atol=1e-4,
    )
    assert np.abs(contributions).max() > 0.1


def test_a_column_that_is_not_read_contributes_nothing(classifier, data):
    """Changing one column changes its own share of the features alone."""
    features = classifier.model.get_layer("features")
    owners = feature_columns(features, classifier.columns)
    numbers = data.rows.numbers.copy()
    numbers[:, 0] += 1
    before, after = (
        np.asarray(features(tensors(rows)))
        for rows in (data.rows, Rows(numbers, data.rows.strings))
    )
    changed = np.flatnonzero((before != after).any(axis=0))
    assert set(owners[changed]) == {0}


def test_calibration_changes_no_order(data, classifier):
    rows, labels = data.rows.take(data.test), data.labels[data.test]
    before = uncalibrated(classifier, rows)
    after = classifier.probabilities(rows)
    order = np.argsort(before)
    assert (np.diff(after[order]) >= 0).all()
    assert roc_auc_score(labels, after) == roc_auc_score(labels, before)


def test_served_answers_are_the_models_own(run, data, classifier):
    import tensorflow as tf

    served = tf.saved_model.load(run / "saved_model" / "1").signatures
    rows = data.rows.take(data.test[:7])
    names = served_names(data.columns)
    parts = {"number": iter(rows.numbers.T), "category": iter(rows.strings.T)}
    request = {
        name: tf.constant(next(parts[column.kind]))
        for name, column in zip(names, data.columns, strict=True)
    }
    answer = served["serving_default"](**request)
    expected = classifier.probabilities(rows)
    np.testing.assert_allclose(answer["probability"], expected, rtol=1e-5)
    labels = [label.decode() for label in answer["label"].numpy()]
    assert labels == [classifier.label(p) for p in expected]
    explained = served["explain"](**request)
    np.testing.assert_allclose(
        explained["contributions"], classifier.contributions(rows), atol=1e-5
    )
    assert explained["columns"].numpy()[3, 0].decode() == data.columns[0].name
    assert set(served) == {"serving_default", "explain"}
    replayed_in_c(run / "saved_model")


def test_classify_a_row_and_a_file(
    run, data, classifier, tmp_path, capsys, monkeypatch
):
    row = data.test[0]
    parts = {
        "number": iter(data.rows.numbers[row]),
        "category": iter(data.rows.strings[row]),
    }
    given = {}
    for column in data.columns:
        value = next(parts[column.kind])
        known = str(value) if column.kind == "category" else float(value)
        given[column.name] = None if value != value else known
    start("classify", "--row", json.dumps(given), "--run", run, "--show", 2)
    line = capsys.readouterr().out.splitlines()[1].split()
    [p] = classifier.probabilities(data.rows.take([row]))
    assert line[1:3] == [f"{p:.4f}", classifier.label(p)]

    some = json.dumps(dict(list(given.items())[1:]))
    asked = ["classify", "--row", some, "--json", "--quiet", "--run", str(run)]
    command_line(recipe.Config, recipe.main, VERBS, asked, stdout="answers")
    said = capsys.readouterr()
    assert json.loads(said.out)
    assert said.err == ""

    path, out = tmp_path / "rows.csv", tmp_path / "out.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*given, "more"])
        writer.writeheader()
        writer.writerow({**given, "more": "not read"})
    start("classify", path, "--run", run, "--out", out)
    with open(out, encoding="utf-8") as file:
        [answer] = csv.DictReader(file)
    assert float(answer["probability"]) == pytest.approx(p, rel=1e-4)
    assert answer["line"] == "2"
    total = sum(float(v) for k, v in answer.items() if k.startswith("contribution"))
    total += float(answer["mean_logit"])
    assert total == pytest.approx(float(answer["logit"]), abs=1e-3)

    content = path.read_text("utf-8") + "\n" + path.read_text("utf-8").split("\n")[1]
    for text in (content, json.dumps(given)):
        stream = io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8")
        monkeypatch.setattr(sys, "stdin", stream)
        capsys.readouterr()
        start("classify", "--file", "-", "--json", "--run", run)
        rows = list(map(json.loads, capsys.readouterr().out.splitlines()))
        assert [x["line"] for x in rows] == ([2, 4] if text is content else [1])
        assert rows[0]["label"] == classifier.label(p)
        assert rows[-1]["probability"] == pytest.approx(float(p), rel=1e-5)
        parts = rows[0]["contributions"]
        assert list(parts) == [column.name for column in classifier.columns]
        total = sum(parts.values()) + rows[0]["mean_logit"]
        assert total == pytest.approx(rows[0]["logit"], abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "either a CSV file or `row`"),
        (["--row", "[1]"], "`row` must be a JSON object"),
        (["--row", "{1}"], "`row` must be a JSON object"),
        (["--row", '{"nothing": 1}'], "received ['nothing']"),
        (["--row", '{"FIRST": "a lot"}'], "received 'a lot'"),
        (["--row", '{"FIRST": [1]}'], "received [1]"),
        (["nowhere.csv"], "nowhere.csv"),
    ],
)
def test_classify_refuses_in_one_line(run, classifier, arguments, message, capsys):
    first = classifier.columns[0].name
    arguments = [argument.replace("FIRST", first) for argument in arguments]
    assert message in fails(capsys, "classify", *arguments, "--run", run)


def test_evaluate_gives_the_figures_of_the_run(run, tmp_path):
    start("evaluate", "--run", run, "--out", tmp_path / "figures.json")
    figures = json.loads((tmp_path / "figures.json").read_text())
    metrics = json.loads((run / "metrics.json").read_text())
    assert figures["test"]["auc"] == metrics["test"]["auc"]
    assert figures["test"]["nats"] == pytest.approx(metrics["test"]["nats"])
    assert figures["baseline"] == metrics["baseline"]


def test_killed_between_folds_and_resumed_it_ends_with_the_same_figures(
    flowers_flags, flowers_run, tmp_path, monkeypatch
):
    out = tmp_path / "run"
    measure, calls = folds_of.baseline_probabilities, []

    def killed(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return measure(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(folds_of, "baseline_probabilities", killed)
        with pytest.raises(SystemExit) as stopped:
            start(*flowers_flags, "--out", out)
    assert stopped.value.code == 130
    assert not (out / "metrics.json").exists()
    start("--out", out, "--resume")
    resumed, whole = (
        json.loads((path / "metrics.json").read_text()) for path in (out, flowers_run)
    )
    for figures in (resumed, whole):
        figures.pop("train_seconds")
        for name in ("out", "resume"):
            figures["config"].pop(name)
    assert resumed == whole
    first, second = (
        keras.models.load_model(path / "model.keras", compile=False).get_weights()
        for path in (out, flowers_run)
    )
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_second_run_over_the_first_is_refused(run, capsys):
    before = (run / "metrics.json").read_bytes()
    assert "--resume" in fails(capsys, "--out", run, "--quick")
    assert (run / "metrics.json").read_bytes() == before


def test_settings_need_not_be_complete(flowers_file, tmp_path):
    config = recipe.Config(data=str(flowers_file), label="state", quick=True)
    complete = config.complete()
    assert complete.complete() == complete
    data = load_data(config)
    np.testing.assert_array_equal(data.train, load_data(complete).train)
    part = Part.of(config, data, data.train)
    model = recipe.build_model(config, data)
    checkpoint = recipe.train(config, part, model, tmp_path, verbose=0)
    assert len(checkpoint.history) == 8  # the epochs of `quick`, not 60


def test_large_tables_are_not_cross_validated(
    flowers_file, flowers_run, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(folds_of, "REPEATS", ((100, 5),))
    config = recipe.Config(data=str(flowers_file), label="state", epochs=1).complete()
    data = load_data(config)
    assert cross_validate(recipe.fit, config, data, tmp_path) == []
    assert "no cross-validation" in capsys.readouterr().out
    fitted = recipe.fit(config, data, data.train, tmp_path, 0)
    figures, probabilities = recipe.evaluate(config, data, fitted.classifier, [])
    assert "cross_validation" not in figures["test"]
    metrics = json.loads((flowers_run / "metrics.json").read_text()) | figures
    run = RunDirectory.start(tmp_path / "run", config)
    write_results(run, metrics, data, fitted, [], probabilities)
    assert "Cross-validation" not in (run / "report.html").read_text("utf-8")
    assert (run / "figures" / "roc.png").is_file()
