"""Targets that aren't one of two classes: read rightly, measured, trained, served."""

import json

import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics as oracle

from recipes.binary_classification.recipe import fit_targets
from recipes.binary_classification.settings import Config
from recipes.binary_classification.sources import table_file
from recipes.binary_classification.table import Rows
from recipes.binary_classification.target_figures import (
    baselines,
    class_figures,
    label_figures,
    number_figures,
)
from recipes.binary_classification.target_model import (
    Scale,
    TargetPart,
    calibration,
)
from recipes.binary_classification.target_serving import target_signatures
from recipes.binary_classification.targets import TargetData, kind_of
from tests.recipes.binary_classification.flowers import fails, start

CHANCE = np.random.default_rng(0)


def table(tmp_path, targets, label="y", **settings):
    """A table whose columns tell nothing, with these targets; and its settings."""
    rows = "".join(f"{i % 13}.5\t{i % 7}\t{t}\n" for i, t in enumerate(targets))
    path = tmp_path / "t.tsv"
    path.write_text(f"a\tb\t{label}\n{rows}")
    config = Config(data=str(path), label=label, **settings)
    return table_file(config), config.complete()


def again(*values):
    return [values[i % len(values)] for i in range(120)]


@pytest.mark.parametrize(
    ("targets", "kind"),
    [
        (again("a", "b"), "binary"),
        (again("1", "0"), "binary"),
        (again("a", "b", "c"), "classes"),
        (again("1", "2", "3", "4", "5"), "classes"),
        (again("2", "3", "4", "5.5"), "number"),
        (again("7", "7.0", "8.5"), "number"),
        (again("1", "1.0", "0"), "binary"),
        (again("cat", "Cat", "dog"), "binary"),  # which says how they are spelt
        (again("T", "F", "N"), "classes"),
        ([str(i) for i in range(120)], "number"),
        ([f"{i},5" for i in range(120)], "number"),
        ([f"$1,{i:03}.00" for i in range(120)], "number"),
        (again("red; round", "red", "round", "blue"), "labels"),
        (again("red|round", "red", "round", "blue"), "labels"),
        (again("red", "", "red; blue", "round"), "labels"),
        (again("Smith, J", "Miller, K", "May, L"), "classes"),
    ],
)
def test_the_kind_is_seen(tmp_path, targets, kind):
    assert kind_of(*table(tmp_path, targets))[0] == kind


def test_the_kind_can_be_given(tmp_path):
    found, config = table(tmp_path, again("1", "2", "3"), target_kind="number")
    kind, why = kind_of(found, config)
    data = TargetData.of(found, kind, why, config)
    np.testing.assert_array_equal(data.targets[:4], [1, 2, 3, 1])
    assert "read as a number: as asked for" in data.notes[0]


@pytest.mark.parametrize(
    ("targets", "label", "values", "unit"),
    [
        (["1.037,50", "2,25", "3,5", "4,75"], "y", [1037.5, 2.25, 3.5, 4.75], ""),
        (["5 %", "6.5 %", "7 %", "8 %"], "y", [5, 6.5, 7, 8], "%"),
        (["1.5", "2.5", "3.5", "4.5"], "height [cm]", [1.5, 2.5, 3.5, 4.5], "cm"),
        (["20240105", "20240106", "7", "8.5"], "y", [20240105, 20240106, 7, 8.5], ""),
    ],
)
def test_numbers_have_their_values_and_unit(tmp_path, targets, label, values, unit):
    found, config = table(tmp_path, again(*targets), label, target_kind="number")
    data = TargetData.of(found, "number", "", config)
    np.testing.assert_allclose(data.targets[:4], values)
    assert data.unit == unit


def test_a_number_is_written_as_the_rest_of_the_file(tmp_path):
    path = tmp_path / "t.csv"
    of_target = again("800", "950", "1.200", "2.500")
    path.write_text(
        "a;y\n" + "".join(f"{i % 9},5;{t}\n" for i, t in enumerate(of_target))
    )
    config = Config(data=str(path), label="y", target_kind="number").complete()
    data = TargetData.of(table_file(config), "number", "", config)
    np.testing.assert_array_equal(data.targets[:4], [800, 950, 1200, 2500])
    assert "'1.200' (line 4) and its like are read as 1200" in " ".join(data.notes)
    # And the rest as the target, where that alone tells.
    path.write_text("a;y\n" + "".join(f"{i % 9 + 1}.000;{i},5\n" for i in range(60)))
    [a] = table_file(config).rows.numbers[1]
    assert a == 2000
    # Labels with commas between are no numbers.
    path.write_text("a;y\n" + "1.250;1,3\n1.750;1,2,3\n2.000;2,3\n" * 20)
    assert table_file(config).rows.numbers[0, 0] == 1.25


def test_labels_are_told_apart_and_may_be_none(tmp_path):
    found, config = table(tmp_path, again("red; round", "round", "", "red;blue"))
    data = TargetData.of(found, "labels", "", config)
    assert data.names == ["blue", "red", "round"]
    expected = [[0, 1, 1], [0, 0, 1], [0, 0, 0], [1, 1, 0]]
    np.testing.assert_array_equal(data.targets[:4], expected)


def test_a_column_that_tells_each_class_is_told_first(tmp_path):
    kinds = np.arange(300) % 3
    order = kinds * 10.0 + np.arange(300) % 7
    order[0] = 17  # of class 0, among class 1: 0.5 % of the pairs are in wrong order
    rows = "".join(
        f"{x}\t{k == 0}\t{i % 7}\t{'abc'[k]}\n"
        for i, (x, k) in enumerate(zip(order, kinds, strict=True))
    )
    path = tmp_path / "t.tsv"
    path.write_text(f"order\tone\tnone\ty\n{rows}")
    config = Config(data=str(path), label="y").complete()
    data = TargetData.of(table_file(config), "classes", "", config)
    assert "Warning: column 'order' alone gives the label away" in data.notes[1]
    area = float(data.notes[1].partition("AUC of ")[2][:6])
    assert 0.99 < area <= oracle.roc_auc_score(kinds == 0, -order) < 1
    assert not any("'one'" in note or "'none'" in note for note in data.notes)


def test_batches_have_the_targets_of_their_rows_for_each_member():
    values = CHANCE.normal(size=(40, 2)).astype("float32")
    rows = Rows(values, np.empty((40, 0), object))
    held_out = np.arange(40) % 10
    part = TargetPart("number", rows, values, Scale(), held_out, np.ones(40), 2)
    order = []
    for x, y, weight in part.batches(0, 0).take(part.steps_per_epoch):
        places = [int(np.flatnonzero(values[:, 0] == v)[0]) for v in x["numbers"][:, 0]]
        np.testing.assert_array_equal(y, np.stack([values[places]] * 10, axis=1))
        np.testing.assert_array_equal(weight, 1 - np.eye(10)[held_out[places]])
        order += places
    assert sorted(order) == list(range(40))
    [(_, y, weight)] = part.validation_batches()
    np.testing.assert_array_equal(y, np.stack([values] * 10, axis=1))
    np.testing.assert_array_equal(weight, np.eye(10)[held_out])


def test_words_for_yes_and_no_that_are_told_apart_are_told(tmp_path):
    found, config = table(tmp_path, again("T", "F", "N"))
    data = TargetData.of(found, *kind_of(found, config), config)
    assert data.names == ["F", "N", "T"]
    assert "its 3 categories are words for yes and no" in " ".join(data.notes)


def test_words_for_none_are_no_labels(tmp_path):
    values = again("red; round", "none", "round", "NaN", "red")
    found, config = table(tmp_path, values, target_kind="labels")
    data = TargetData.of(found, "labels", "", config)
    assert data.names == ["red", "round"]
    assert data.targets[:5].tolist() == [[1, 1], [0, 0], [0, 1], [0, 0], [1, 0]]
    assert "48 fields count as without any label: 'none', 'NaN'." in data.notes[1]


def test_equal_rows_stay_on_one_side(tmp_path):
    targets = [f"{i % 50}.5" for i in range(120)]
    found, config = table(tmp_path, targets)
    data = TargetData.of(found, "number", "", config)
    sides = [set(data.groups[part].tolist()) for part in (data.train, data.test)]
    assert not sides[0] & sides[1]
    assert len(data.train) + len(data.test) == 120
    # A fifth of every range is judged: each quintile has its share.
    share = np.array([np.mean(data.targets[p] > 24) for p in (data.train, data.test)])
    assert abs(share[0] - share[1]) < 0.15


@pytest.mark.parametrize(
    ("targets", "message", "settings"),
    [
        (
            [*again("a", "b", "c"), "d"],
            "at least 15 .* classes; .* 'd' \\(1\\)",
            {},
        ),
        (again("a", "b", "C", "c"), "'C' is also spelt 'c'|'c' is also spelt 'C'", {}),
        (
            again("1.5", "2.5", "x"),
            "t.tsv:4: expected a number",
            {"target_kind": "number"},
        ),
        (
            again("1.5", "2.5", "NA"),
            "t.tsv:4: expected a label",
            {"target_kind": "number"},
        ),
        (again("7", "7"), "must vary; it is 7", {"target_kind": "number"}),
        (
            again("a", "b", "c"),
            "`threshold` is for a target of two",
            {"threshold": "f1"},
        ),
    ],
)
def test_what_cannot_be_learnt_is_refused(tmp_path, capsys, targets, message, settings):
    table_of = f"{tmp_path}/t.tsv"
    rows = "".join(f"{i % 13}.5\t{i}.5\t{t}\n" for i, t in enumerate(targets))
    (tmp_path / "t.tsv").write_text(f"a\tb\ty\n{rows}")
    flags = [f for k, v in settings.items() for f in (f"--{k.replace('_', '-')}", v)]
    found = fails(
        capsys, "--data", table_of, "--label", "y", "--out", tmp_path / "run", *flags
    )
    with pytest.raises(AssertionError, match=message):
        assert not found, found
    assert not (tmp_path / "run").exists()


def test_a_column_that_gives_the_target_away_is_told(tmp_path):
    path = tmp_path / "t.csv"
    numbers = [3 * i + i % 2 for i in range(120)]  # that don't number the rows
    rows = [f"{n}.5,{CHANCE.normal():.3f},{n * n / 7:.4f}\n" for n in numbers]
    path.write_text("known after,x,y\n" + "".join(rows))
    config = Config(data=str(path), label="y").complete()
    data = TargetData.of(table_file(config), "number", "", config)
    [warning] = [note for note in data.notes if note.startswith("Warning")]
    assert "'known after' orders the rows as the target does" in warning


def test_figures_of_classes():
    names = ["a", "b", "c"]
    targets = CHANCE.integers(0, 3, 200)
    p = CHANCE.dirichlet([1, 1, 1], 200) + 0.5 * np.eye(3)[targets]
    p /= p.sum(axis=1, keepdims=True)
    found, called = class_figures(p, targets, names), p.argmax(axis=1)
    expected = {
        "accuracy": oracle.accuracy_score(targets, called),
        "balanced_accuracy": oracle.balanced_accuracy_score(targets, called),
        "macro_f1": oracle.f1_score(targets, called, average="macro"),
        "nats": oracle.log_loss(targets, p),
        "auc": oracle.roc_auc_score(targets, p, multi_class="ovo"),
        "brier": ((p - np.eye(3)[targets]) ** 2).sum(axis=1).mean(),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value), name
    matrix = oracle.confusion_matrix(targets, called)
    for row, name in zip(matrix, names, strict=True):
        kept = {other: int(n) for other, n in zip(names, row, strict=True) if n}
        assert found["confusion"][name] == kept
    precision = oracle.precision_score(targets, called, average=None)
    assert found["by_class"]["b"]["precision"] == pytest.approx(precision[1])


def test_figures_of_labels():
    targets = CHANCE.integers(0, 2, (200, 3))
    p = np.clip(0.3 * targets + 0.7 * CHANCE.random((200, 3)), 0.01, 0.99)
    found, called = label_figures(p, targets, ["a", "b", "c"]), p >= 0.5
    for average in ("micro", "macro"):
        expected = oracle.f1_score(targets, called, average=average)
        assert found[f"{average}_f1"] == pytest.approx(expected)
    assert found["exact"] == pytest.approx(oracle.accuracy_score(targets, called))
    assert found["hamming"] == pytest.approx(oracle.hamming_loss(targets, called))
    assert found["macro_auc"] == pytest.approx(oracle.roc_auc_score(targets, p))
    nats = np.mean([oracle.log_loss(targets[:, i], p[:, i]) for i in range(3)])
    assert found["nats"] == pytest.approx(nats)


def test_figures_of_numbers():
    true = CHANCE.normal(5, 3, 100)
    found = number_figures(predicted := true + CHANCE.normal(1, 1, 100), true)
    assert found["r2"] == pytest.approx(oracle.r2_score(true, predicted))
    assert found["mae"] == pytest.approx(oracle.mean_absolute_error(true, predicted))
    mse = oracle.mean_squared_error(true, predicted)
    assert found["rmse"] == pytest.approx(np.sqrt(mse))
    assert found["bias"] == pytest.approx((predicted - true).mean())
    assert number_figures(np.ones(3), np.ones(3))["r2"] is None


def test_one_temperature_is_found():
    """Logits that are twice too sure need about half their size."""
    logits = 3 * CHANCE.normal(size=(4000, 3))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    targets = (p.cumsum(axis=1) > CHANCE.random((4000, 1))).argmax(axis=1)
    slope, bias = calibration("classes", 2 * logits, targets)
    assert slope == pytest.approx([0.5] * 3, rel=0.1)
    assert bias == [0.0] * 3


def three(tmp_path, kind, count=240):
    """A table in which a number and a colour tell the target of such a kind."""
    rng = np.random.default_rng(1)
    rows, names = [], ("low", "mid", "high")
    for k in rng.integers(0, 3, count):
        x, colour = rng.normal(3 * k, 1), ("red", "blue", "grey")[k]
        colour = colour if rng.random() < 0.7 else "grey"
        y = {
            "classes": names[k],
            "labels": "; ".join(n for n in names[: k + 1] if rng.random() < 0.9),
            "number": f"{1000 + 250 * x + 100 * (colour == 'red'):.2f}",
        }[kind]
        rows.append(f"{x:.3f},{colour},{rng.normal():.3f},{y}\n")
    path = tmp_path / "three.csv"
    path.write_text("x,colour,noise,y (EUR)\n" + "".join(rows))
    config = Config(data=str(path), label="y (EUR)", epochs=12, units=4)
    return config.complete()


@pytest.mark.parametrize("kind", ["classes", "labels"])
def test_it_learns_and_is_served(tmp_path, kind):
    config = three(tmp_path, kind)
    data = TargetData.of(table_file(config), kind, "", config)
    trained = fit_targets(config, data, tmp_path)
    predictor, rows = trained.predictor, data.rows.take(data.test)
    found, true = predictor.predict(rows), data.targets[data.test]
    compared = baselines(
        kind, data.rows.take(data.train), data.targets[data.train], rows, 3, 1
    )
    figures = class_figures if kind == "classes" else label_figures
    nats = {
        name: figures(p, true, data.names)["nats"]
        for name, p in {"own": found, **compared}.items()
    }
    assert nats["own"] < 0.8 * nats["majority"]
    if kind == "classes":
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
        # Contributions and the mean row's logit are the logit of what is called.
        head = predictor.model.get_layer("head")
        logits = np.log(found)
        logits -= logits.mean(axis=1, keepdims=True)
        start = np.array(head(np.zeros((1, head.input_shape[1]))))[0]
        called = found.argmax(axis=1)
        rest = logits.max(axis=1) - (start - start.mean())[called]
        np.testing.assert_allclose(
            predictor.contributions(rows).sum(axis=1), rest, atol=0.02
        )
    columns = {
        "x": [0.0, 6.0, 1e31],
        "colour": ["red", "grey", "x"],
        "noise": [0.0] * 3,
    }
    served = target_signatures(predictor)["serving_default"]
    dtypes = {name: spec.dtype for name, spec in served.inputs.items()}
    answer = served.function(
        **{n: tf.constant(v, dtypes[n]) for n, v in columns.items()}
    )
    assert [bool(text) for text in answer["error"].numpy()] == [False, False, True]
    assert answer["names"].numpy()[0].tolist() == [n.encode() for n in data.names]
    if kind == "classes":
        assert answer["label"].numpy()[:2].tolist() == [b"low", b"high"]
    else:
        high = data.names.index("high")
        assert answer["called"].numpy()[:2, high].tolist() == [False, True]


def test_a_number_from_the_command_line(tmp_path, capsys):
    config, run = three(tmp_path, "number"), tmp_path / "run"
    start("--data", config.data, "--label", config.label, "--quick", "--out", run)
    assert "explain" in capsys.readouterr().out  # it serves
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["data"]["unit"] == "EUR"
    assert metrics["test"]["rmse"] < 0.5 * metrics["baseline"]["mean"]["rmse"]
    assert 0.6 < metrics["test"]["covered"] <= 1
    rows = tmp_path / "rows.csv"
    rows.write_text("x,colour,noise\n1.0,blue,0\n4.0,blue,0\n")
    start("classify", rows, "--json", "--run", run)
    answers = [json.loads(x) for x in capsys.readouterr().out.splitlines()]
    values = [answer["value"] for answer in answers]
    assert values == pytest.approx([1250, 2000], abs=250)
    assert all(a["low"] < a["value"] < a["high"] for a in answers)
    assert {a["unit"] for a in answers} == {"EUR"}
    start("classify", rows, "--run", run)
    assert " EUR  (" in capsys.readouterr().out
    start("evaluate", "--run", run, "--out", tmp_path / "again.json")
    again_ = json.loads((tmp_path / "again.json").read_text())
    assert again_["test"]["rmse"] == pytest.approx(metrics["test"]["rmse"])
    report = (run / "report.html").read_text()
    assert "linear regression" in report
    assert "Predicted over true" in report
