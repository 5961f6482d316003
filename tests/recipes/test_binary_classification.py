"""The classification recipe, run as a user runs it."""

import csv
import dataclasses
import json
import re

import keras
import numpy as np
import pytest
from scipy import optimize, special, stats
from sklearn.metrics import brier_score_loss, f1_score, log_loss, roc_auc_score

from keras_seq import serving
from keras_seq.training import EpochCheckpoint, command_line
from recipes import binary_classification as recipe
from recipes._classification_data import load_data
from recipes._classification_figures import calibration_error, figures_of, summary_of
from recipes._classification_model import (
    build_features,
    feature_columns,
    integrated_gradients,
    tensors,
)
from recipes._classification_serving import served_names
from recipes._classification_table import Column, Rows, read_csv
from recipes._classification_training import Part, choose_threshold, fit_platt

VERBS = {
    "classify": recipe.classify,
    "evaluate": recipe.evaluate_run,
    "export": recipe.export_run,
}


def start(*arguments):
    command_line(recipe.Config, recipe.main, VERBS, list(map(str, arguments)))


def fails(capsys, *arguments):
    """Runs the command line, which must fail; its one line."""
    with pytest.raises(SystemExit) as stopped:
        start(*arguments)
    assert stopped.value.code not in (0, None)
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def flowers(count=150):
    """Records of a table in which colour, height and what is missing tell."""
    rng = np.random.default_rng(0)
    records = []
    for number in range(count):
        ill = rng.random() < 0.3
        colour = rng.choice(["red", "green, dark", ""], p=[0.6, 0.3, 0.1])
        if ill and rng.random() < 0.7:
            colour = "brown"
        height = rng.normal(20 if ill else 30, 4)
        records.append(
            {
                "": number,
                "height (cm)": f"{height:.2f}",
                "petals": rng.integers(3, 6),
                "water": "NA" if rng.random() < 0.2 else f"{rng.normal():.3f}",
                "colour": colour,
                "Größe": "groß",
                "empty": "",
                "name": f'the "{number}th"',
                "state": "ill" if ill else "well",
            }
        )
    return records


@pytest.fixture(scope="module")
def flowers_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("flowers") / "flowers.csv"
    records = flowers()
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(records)
    return path


@pytest.fixture(scope="module", params=["breast-cancer", "flowers"])
def run(request, flowers_file, tmp_path_factory):
    """A finished run, whose export has been checked: the recipe stops if it fails."""
    out = tmp_path_factory.mktemp("classification") / "run"
    data = []
    if request.param == "flowers":
        data = ["--data", flowers_file, "--label", "state", "--false-negative-cost", 5]
    start(*data, "--out", out, "--quick")
    return out


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
    before = recipe.uncalibrated(classifier, rows)
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
    report = serving.check(run / "saved_model")
    assert set(report.signatures) == {"serving_default", "explain"}


def test_classify_a_row_and_a_file(run, data, classifier, tmp_path, capsys):
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


def test_columns_are_read_as_what_they_are(flowers_file, capsys):
    config = recipe.Config(data=str(flowers_file), label="state").complete()
    data = load_data(config)
    assert data.columns == [
        Column("height (cm)", "number"),
        Column("petals", "number"),
        Column("water", "number"),
        Column("colour", "category"),
    ]
    records = flowers()
    assert (data.positive, data.negative) == ("ill", "well")
    assert data.labels.tolist() == [r["state"] == "ill" for r in records]
    assert data.rows.strings[:, 0].tolist() == [r["colour"] for r in records]
    expected = [np.nan if r["water"] == "NA" else float(r["water"]) for r in records]
    np.testing.assert_array_equal(data.rows.numbers[:, 2], np.float32(expected))
    assert data.lines.tolist() == list(range(2, len(records) + 2))
    notes = " ".join(data.notes)
    for name in ("'column 1' is left out: it numbers", "'name' is left out: no value"):
        assert name in notes
    assert "'Größe' is left out: it is 'groß' in every row" in notes
    assert "'empty' is left out: all its values are missing" in notes
    assert "colour" in capsys.readouterr().out
    both = dataclasses.replace(config, positive="well")
    assert load_data(both).labels.sum() == len(records) - data.labels.sum()


def test_equal_rows_stay_on_one_side(tmp_path):
    rng = np.random.default_rng(1)
    lines = ["x,y", *(f"{v:.3f},{'ab'[int(v > 0)]}" for v in rng.normal(size=60))]
    path = tmp_path / "twice.csv"
    path.write_text("\n".join([*lines, *lines[1:]]))
    data = load_data(recipe.Config(data=str(path), label="y").complete())
    sides = [set(data.groups[part].tolist()) for part in (data.train, data.test)]
    assert not sides[0] & sides[1]
    [note] = data.notes
    assert "60 rows repeat another; 0 of the repeated have both labels" in note
    part = Part.of(recipe.Config(), data, data.train)
    groups = data.groups[data.train]
    for group in set(groups.tolist()):
        assert len(set(part.held_out[groups == group].tolist())) == 1


def test_rows_of_few_categories_are_observations_of_their_own(tmp_path):
    path = tmp_path / "few.csv"
    rng = np.random.default_rng(5)
    lines = [f"{a}{b},{c},{y}" for a, b, c, y in rng.integers(0, 2, (100, 4))]
    path.write_text("\n".join(["x,z,y", *lines]).replace("1,0,", "b,0,"))
    data = load_data(recipe.Config(data=str(path), label="y").complete())
    assert len(data.test) == 20
    assert "may be on both sides" in data.notes[-1]
    assert data.description()["duplicate_rows"] == 100 - data.rows.different


def test_features_are_fitted_to_the_training_rows_alone(flowers_file):
    """Whatever the other rows hold, the model of the training rows is the same."""
    data = load_data(recipe.Config(data=str(flowers_file), label="state").complete())
    numbers, strings = data.rows.numbers.copy(), data.rows.strings.copy()
    numbers[data.test] = 1e6
    strings[data.test] = "unseen"
    other = dataclasses.replace(data, rows=Rows(numbers, strings))
    config = recipe.Config(quick=True)
    asked = tensors(data.rows.take(data.train))
    first, second = (
        np.asarray(recipe.build_model(config, d).get_layer("features")(asked))
        for d in (data, other)
    )
    np.testing.assert_array_equal(first, second)


def test_folds_fit_their_own_training_rows(flowers_file, monkeypatch, tmp_path):
    seen = []
    build = recipe.build_classifier

    def watched(config, rows):
        seen.append(rows)
        return build(config, rows)

    monkeypatch.setattr(recipe, "build_classifier", watched)
    config = recipe.Config(
        data=str(flowers_file), label="state", quick=True, epochs=1
    ).complete()
    data = load_data(config)
    folds = recipe.cross_validate(config, data, tmp_path)
    assert len(seen) == len(folds) == 3
    tested = np.concatenate([fold["rows"] for fold in folds])
    assert sorted(tested.tolist()) == list(range(len(data.rows)))
    for rows, fold in zip(seen, folds, strict=True):
        others = np.setdiff1d(np.arange(len(data.rows)), fold["rows"])
        np.testing.assert_array_equal(rows.numbers, data.rows.numbers[others])
        np.testing.assert_array_equal(rows.strings, data.rows.strings[others])
    # What is kept isn't done again.
    again = recipe.cross_validate(config, data, tmp_path)
    assert len(seen) == 3
    np.testing.assert_array_equal(again[2]["ensemble"], folds[2]["ensemble"])


def test_features_by_hand():
    numbers = np.array([[1, 7, 5], [2, 7, np.nan], [9, 7, 5], [4, 7, 6]], "float32")
    strings = np.array([["a"], ["b"], ["a"], ["a"]] * 3)
    rows = Rows(np.tile(numbers, (3, 1)), strings)
    features = build_features(rows)
    columns = [Column(name, "number") for name in "xyz"] + [Column("c", "category")]
    assert feature_columns(features, columns).tolist() == [0, 2, 2, 3, 3]
    asked = Rows(
        np.array([[1, 3, np.nan], [1e4, 7, 6]], "float32"), np.array([["b"], ["?!"]])
    )
    x = (1 - 4) / np.std([1, 2, 9, 4])
    filled = np.array([5, 5, 5, 6])  # the median of 5, 5, 6
    z = (5 - filled.mean()) / filled.std()
    far = (1e4 - 4) / np.std([1, 2, 9, 4])
    expected = [
        [x, z, 2 * (1 - 0.25), 2 * (0 - 0.75), 2 * (1 - 0.25)],
        [
            3 + np.log1p(far - 3),
            (6 - filled.mean()) / filled.std(),
            2 * (0 - 0.25),
            2 * (0 - 0.75),
            2 * (0 - 0.25),
        ],
    ]
    np.testing.assert_allclose(features(tensors(asked)), expected, rtol=1e-5)


def test_integrated_gradients_of_a_polynomial():
    """Of a·x + (b·x)² they are a_f x_f + (b·x) b_f x_f: worked out by hand."""
    rng = np.random.default_rng(2)
    a, b, x = rng.normal(size=(3, 5)).astype("float32")
    inputs = keras.Input((5,))
    outputs = keras.ops.matmul(inputs, a[:, None]) + keras.ops.square(
        keras.ops.matmul(inputs, b[:, None])
    )
    head = keras.Model(inputs, outputs)
    found = integrated_gradients(head, keras.ops.convert_to_tensor(x[None]))
    np.testing.assert_allclose(found[0], a * x + (b @ x) * b * x, rtol=1e-4, atol=1e-5)


def test_platt_is_the_likeliest_under_its_prior():
    rng = np.random.default_rng(3)
    logits = rng.normal(size=200)
    labels = (rng.random(200) < 1 / (1 + np.exp(-(2.5 * logits - 1)))).astype(int)

    def minus_log_posterior(parameters):
        slope, bias = parameters
        p = special.expit(slope * logits + bias)
        prior = stats.norm(scale=10**-0.5)
        return -(
            stats.bernoulli(p).logpmf(labels).sum()
            + prior.logpdf(np.log(slope))
            + prior.logpdf(bias - -0.5)
        )

    peer = optimize.minimize(
        minus_log_posterior, [1, 0], method="Nelder-Mead", options={"xatol": 1e-8}
    )
    assert fit_platt(logits, labels, -0.5) == pytest.approx(tuple(peer.x), rel=1e-3)
    sure = fit_platt(np.where(labels, 9.0, -9.0), labels)
    assert np.isfinite(sure).all()


@pytest.mark.parametrize(
    "options", [{"criterion": "youden"}, {"criterion": "f1"}, {"cost": 7.0}]
)
def test_threshold_is_the_best_of_all(options):
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 2, 60)
    probabilities = np.round(np.clip(0.3 * labels + rng.random(60) * 0.7, 0, 1), 2)

    def value(threshold):
        called = probabilities >= threshold
        if "cost" in options:
            alarms = ((labels == 0) & called).sum()
            return -(alarms + 7 * ((labels == 1) & ~called).sum()) / 60
        if options["criterion"] == "f1":
            return f1_score(labels, called)
        true, false = called[labels == 1].mean(), called[labels == 0].mean()
        return true - false

    curve = choose_threshold(probabilities, labels, **options)
    everywhere = [value(t) for t in np.linspace(0, 1.01, 2021)]
    assert value(curve.best) == pytest.approx(max(everywhere))
    np.testing.assert_allclose(curve.values, [value(t) for t in curve.thresholds])


def test_calibration_error_by_hand():
    probabilities = np.array([0.05, 0.05, 0.55, 0.95, 1.0])
    labels = np.array([0, 1, 1, 1, 1])
    expected = (2 * abs(0.5 - 0.05) + abs(1 - 0.55) + 2 * abs(1 - 0.975)) / 5
    assert calibration_error(probabilities, labels) == pytest.approx(expected)


def test_class_weights_make_the_classes_even(flowers_file):
    config = recipe.Config(
        data=str(flowers_file), label="state", class_weights="balanced"
    ).complete()
    data = load_data(config)
    part = Part.of(config, data, data.train)
    weights = part.member_weights(held_out=False) + part.member_weights(held_out=True)
    sums = [weights[part.labels == label].sum() for label in (0, 1)]
    assert sums[0] == pytest.approx(sums[1])
    assert (part.member_weights(held_out=True) > 0).sum() == len(part.labels)


def test_summary_over_folds_by_hand():
    labels = np.array([0, 0, 1, 1])
    own = [np.array([0.1, 0.2, 0.8, 0.9]), np.array([0.1, 0.6, 0.8, 0.9])]
    other = [np.array([0.1, 0.6, 0.4, 0.9]), np.array([0.1, 0.6, 0.8, 0.9])]
    folds = [
        {"labels": labels, "train_rows": 8, "a": a, "b": b}
        for a, b in zip(own, other, strict=True)
    ]
    summary = summary_of(folds, ["a", "b"])
    assert summary["a"]["accuracy"]["mean"] == pytest.approx((1 + 0.75) / 2)
    found = summary["b"]["accuracy"]
    assert found["difference"] == pytest.approx((0.5 + 0) / 2)
    deviation = np.sqrt(2 * 0.25**2)
    assert found["error"] == pytest.approx(deviation * np.sqrt(1 / 2 + 4 / 8))
    assert figures_of(own[0], labels)["auc"] == 1


def test_interrupted_and_resumed_it_ends_with_the_same_weights(
    flowers_file, tmp_path, monkeypatch
):
    end = EpochCheckpoint.on_epoch_end

    def interrupted(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt
        end(self, epoch, logs)

    def trained(name, **options):
        config = recipe.Config(
            data=str(flowers_file), label="state", quick=True, epochs=4, **options
        ).complete()
        data = load_data(config)
        return recipe.fit(config, data, data.train, tmp_path / name, 0).classifier.model

    whole = trained("whole")
    with monkeypatch.context() as patched:
        patched.setattr(EpochCheckpoint, "on_epoch_end", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trained("part")
    part = trained("part", resume=True)
    for a, b in zip(whole.weights, part.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def rows_of_labels(labels):
    return "".join(f"{i % 7}.{i},{label}\n" for i, label in enumerate(labels))


GOOD = rows_of_labels("ab" * 20)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "bad.csv is empty"),
        (b"x,y\n", "bad.csv has no rows"),
        (b"x,z\n1,2\n", r"a column 'y', the label; its columns are \['x', 'z'\]"),
        (b"x,y,x\n1,a,2\n", "bad.csv:1: .*'x' is the name of columns 1 and 3"),
        (b"x,y\n1,a\n2\n", "bad.csv:3: expected 2 fields.*received 1"),
        (b'x,y\n"1\n2",a\n3,b,4\n', "bad.csv:4: expected 2 fields.*received 3"),
        (b'x,y\n1,"a\n', "bad.csv:2: unexpected end of data"),
        (b"x,y\n1,\xff\n", "bad.csv:2: expected UTF-8"),
        (b"x,y\n1,a\n2,NA\n", "bad.csv:3: expected a label"),
        (b"x,y\n1,a\n1,b\n", "no column to predict from.* it is '1' in every row"),
        (b"x,y\ninf,a\n2,b\n3,a\n", "bad.csv:2: expected a number .* received 'inf'"),
        (b"x;y\n1,5;a\n2,5;b\n", "line 2: expected decimal points in column 'x'"),
        (f"x,y\n{rows_of_labels('a' * 40)}".encode(), "must have two values; it has 1"),
        (
            f"x,y\n{GOOD}5.5,A\n".encode(),
            r"it has 3, the rarest 'A' \(1, first in line",
        ),
        (f"x,y\n{rows_of_labels('ab' * 5)}".encode(), "at least 15 different rows"),
    ],
)
def test_bad_data(content, message, tmp_path, capsys):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    out = tmp_path / "run"
    line = fails(capsys, "--data", path, "--label", "y", "--out", out)
    assert re.search(message, line), line
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere.csv", "--label", "y"], "nowhere.csv"),
        (["--data", "FILE"], "`label` must name the column"),
        (["--label", "y"], "`label` is for a CSV file"),
        (["--positive", "sick"], "`positive` must be one of the labels"),
        (["--units", "0"], "`units` must be at least 1"),
        (["--l2", "0"], "`l2` must be above 0"),
        (["--false-negative-cost", "0"], "`false_negative_cost` must be above 0"),
        (
            ["--data", "FILE", "--label", "state", "--delimiter", "ab"],
            "`delimiter` must be one character",
        ),
    ],
)
def test_bad_settings(arguments, message, flowers_file, tmp_path, capsys):
    arguments = [str(flowers_file) if a == "FILE" else a for a in arguments]
    assert message in fails(capsys, *arguments, "--out", tmp_path / "run")


def test_a_second_run_over_the_first_is_refused(run, capsys):
    before = (run / "metrics.json").read_bytes()
    assert "--resume" in fails(capsys, "--out", run, "--quick")
    assert (run / "metrics.json").read_bytes() == before


def test_delimiters_are_found(tmp_path):
    path = tmp_path / "table.csv"
    for delimiter in ",;\t|":
        path.write_text(delimiter.join(["a", "b c"]) + '\n"x,;|\t"' + f"{delimiter}1\n")
        header, [(line, values)] = read_csv(path)
        assert (header, line, values) == (["a", "b c"], 2, ["x,;|", "1"])


def test_served_names_are_ascii_and_differ():
    names = ["mean radius", "mean_radius", "größe", "1st", "class", "温度"]
    found = served_names([Column(name, "number") for name in names])
    assert found[0] == "mean_radius"
    assert len(set(found)) == len(names)
    for name in found:
        assert re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name)
    assert "class" not in found
