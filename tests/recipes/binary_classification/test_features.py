"""Features of dates, of exact numbers and of many categories; the same when served."""

import datetime

import numpy as np
import pytest
import tensorflow as tf

from recipes.binary_classification import recipe
from recipes.binary_classification.features import (
    build_features,
    feature_columns,
    tensors,
)
from recipes.binary_classification.figures import baseline_probabilities
from recipes.binary_classification.inputs import WIDE, Inputs, served_names
from recipes.binary_classification.recipe import load_data
from recipes.binary_classification.serving import requests, signatures
from recipes.binary_classification.table import (
    Column,
    Rows,
    row_from_json,
    rows_from_csv,
)

NONE = np.empty((40, 0), object)


def features_of(rows):
    return np.asarray(build_features(rows)(tensors(rows)))


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1, 1e30])
@pytest.mark.parametrize("offset", [0, 1.7e12])
def test_numbers_are_standardised_in_float64(scale, offset):
    values = np.random.default_rng(0).normal(size=40)
    numbers = (offset * 1e-4 + values) * scale
    found = features_of(Rows(numbers[:, None], NONE))
    expected = (numbers - numbers.mean()) / numbers.std()
    assert np.abs(expected).max() < 3  # where nothing is limited
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-5, atol=1e-6)


def test_a_value_far_from_all_is_still_finite():
    rows = Rows(np.linspace(0, 1e-30, 40)[:, None], NONE)
    far = Rows(np.array([[3e38], [-np.inf], [np.nan]]), NONE[:3])
    assert np.isfinite(build_features(rows)(tensors(far))).all()


def test_months_weekdays_and_hours_are_categories():
    start = datetime.datetime(2024, 1, 29, tzinfo=datetime.timezone.utc)  # a Monday
    moments = [start + datetime.timedelta(hours=12 * i) for i in range(40)]
    seconds = np.array([[moment.timestamp()] for moment in moments])
    model = build_features(Rows(seconds, NONE, (0,)))
    found = np.asarray(model(tensors(Rows(seconds, NONE, (0,)))))
    parts = {
        ("month", 1): [moment.month == 1 for moment in moments],
        ("month", 2): [moment.month == 2 for moment in moments],
        **{
            ("weekday", day): [moment.weekday() == day for moment in moments]
            for day in range(7)
        },
        ("hour", 0): [moment.hour == 0 for moment in moments],
        ("hour", 12): [moment.hour == 12 for moment in moments],
    }
    assert found.shape == (40, 1 + len(parts))
    for column, values in zip(found.T[1:], parts.values(), strict=True):
        np.testing.assert_allclose(
            column, 2 * (np.array(values) - np.mean(values)), atol=1e-6
        )
    columns = [Column("c", "category"), Column("d", "date", form="YYYY-MM-DD")]
    assert set(feature_columns(model, columns)) == {1}
    unknown = model(tensors(Rows(np.array([[np.nan]]), NONE[:1], (0,))))
    np.testing.assert_allclose(
        unknown[0, 1:], [-2 * np.mean(v) for v in parts.values()], rtol=1e-5
    )


def test_rare_categories_are_one_and_unknown_ones_with_them():
    strings = np.array(["a"] * 20 + ["b"] * 10 + [f"r{i}" for i in range(10)], object)
    rows = Rows(np.empty((40, 0), "float32"), strings[:, None])
    model = build_features(rows)
    asked = np.array([["a"], ["r3"], ["never seen"], ["b\n"]], object)
    found = model(tensors(Rows(np.empty((4, 0), "float32"), asked)))
    rare = [-2 * 20 / 40, -2 * 10 / 40, 2 * (1 - 10 / 40)]
    expected = np.array([[2 * 20 / 40, -2 * 10 / 40, -2 * 10 / 40], rare, rare, rare])
    np.testing.assert_allclose(found, expected[:, [2, 0, 1]], atol=1e-6)


def test_columns_dont_share_their_categories():
    rng = np.random.default_rng(0)
    strings = rng.choice(["a", "b"], (40, 30)).astype(object)
    strings[:, 7] = "c"  # says nothing
    model = build_features(Rows(np.empty((40, 0), "float32"), strings))
    found = np.asarray(model(tensors(Rows(np.empty((40, 0), "float32"), strings))))
    columns = [Column(f"c{i}", "category") for i in range(30)]
    owners = feature_columns(model, columns)
    assert sorted(set(owners)) == [i for i in range(30) if i != 7]
    for i in set(owners):
        own = found[:, owners == i]
        is_a = (strings[:, i] == "a") - np.mean(strings[:, i] == "a")
        first = own[:, 0] * np.sign(own[:, 0] @ is_a)
        np.testing.assert_allclose(first, 2 * is_a, atol=1e-6)


def test_baselines_of_many_categories_need_little_memory():
    """One-hot and dense, these would be 60,000 × 31,000 × 8 bytes: 15 GB."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 60_000)
    names = np.char.add("c", rng.integers(0, 31_000, 60_000).astype(str))
    strings = np.stack([names, np.where(labels, "p", "q")], axis=1).astype(object)
    rows = Rows(np.empty((60_000, 0), "float32"), strings)
    some = rows.take(slice(0, 100))
    found = baseline_probabilities(rows, labels, some, 1)
    assert ((found["logistic_regression"] > 0.5) == labels[:100]).all()
    assert ((found["gradient_boosting"] > 0.5) == labels[:100]).all()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A table that people might have written, the data read from it, a classifier."""
    folder = tmp_path_factory.mktemp("written")
    rng = np.random.default_rng(0)
    lines = ["day;stamp;price;share;town;y"]
    start = datetime.datetime(2024, 1, 1)
    for i in range(120):
        moment = start + datetime.timedelta(hours=int(rng.integers(9000)))
        price = rng.normal(4000, 1500)
        money = f"{price:,.2f}".translate(str.maketrans(",.", ".,"))
        lines.append(
            f"{moment:%d.%m.%Y %H:%M};{1_700_000_000_000 + int(price * 9)};"
            f"{'teuer' if i == 4 else f'€ {money}'};{rng.random():.2f} %;"
            f"{rng.choice(['Köln', 'Rom', 'N.A.'])};{'yn'[int(price > 4000)]}"
        )
    path = folder / "table.csv"
    path.write_text("\n".join(lines), "utf-8")
    config = recipe.Config(data=str(path), label="y", quick=True, epochs=1)
    data = load_data(config)
    fitted = recipe.fit(config, data, data.train, folder, 0)
    return path, data, fitted.classifier


def test_a_file_is_read_as_the_training_was(written):
    path, data, classifier = written
    rows, lines = rows_from_csv(str(path), classifier.columns)
    np.testing.assert_array_equal(rows.numbers, data.rows.numbers)
    np.testing.assert_array_equal(rows.strings, data.rows.strings)
    assert lines == data.lines.tolist()
    assert np.isnan(rows.numbers[4, 2])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"price": 4123.5}, [np.nan, np.nan, 4123.5, np.nan]),
        ({"price": "4.123,50"}, [np.nan, np.nan, 4123.5, np.nan]),
        ({"price": "teuer"}, [np.nan] * 4),
        ({"stamp": 1700000000001}, [np.nan, 1700000000001, np.nan, np.nan]),
        ({"stamp": "1700000000001"}, [np.nan, 1700000000001, np.nan, np.nan]),
        ({"share": "12 %"}, [np.nan, np.nan, np.nan, 12]),
        ({"share": 12}, [np.nan, np.nan, np.nan, 12]),
        ({"day": "02.01.1970 00:01"}, [86460, np.nan, np.nan, np.nan]),
        ({"day": "-", "share": None, "town": "none"}, [np.nan] * 4),
    ],
)
def test_a_row_is_read_as_its_column_is_written(given, expected, written):
    import json

    rows, absent = row_from_json(json.dumps(given), written[2].columns)
    np.testing.assert_array_equal(rows.numbers, [expected])
    assert rows.strings.tolist() == [[""]]
    assert set(absent) == {"day", "stamp", "price", "share", "town"} - set(given)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"price": "4123.50"}', "a number with a decimal comma .* received '4123.50'"),
        ('{"price": "$3"}', "in column 'price'; received '.3'"),
        ('{"price": true}', "received 'True'"),
        ('{"price": 1e999}', "received inf"),
        ('{"price": 1' + "0" * 400 + "}", "in column 'price'; received 10000"),
        ('{"share": "12"}', "a number with '%'"),
        ('{"day": "2024-01-01"}', "a time written DD.MM.YYYY in column 'day'"),
        ('{"day": 20240101}', "a time written DD.MM.YYYY in column 'day'"),
        ('{"share": 1, "share": 2}', r"received \['share'\] twice"),
        ("[" * 100_000, "must be a JSON object"),
    ],
)
def test_a_row_that_cant_be_read_so_is_refused(row, message, written):
    with pytest.raises(ValueError, match=message):
        row_from_json(row, written[2].columns)


def test_served_rows_are_read_as_the_training_was(written):
    path, data, classifier = written
    fields = [line.split(";") for line in path.read_text("utf-8").split("\n")[1:8]]
    rows = data.rows.take(slice(0, 7))
    names = dict(zip(served_names(classifier.columns), classifier.columns, strict=True))
    texts = {"day": 0, "town": 4}
    numbers = {"stamp": 1, "price": 2, "share": 3}
    inputs = {
        name: tf.constant(
            [f" {field[texts[c.name]]} " for field in fields]
            if c.name in texts
            else rows.numbers[:, numbers[c.name]].astype(c.dtype)
        )
        for name, c in names.items()
    }
    both = signatures(classifier)
    answer = both["serving_default"].function(**inputs)
    expected = classifier.probabilities(rows)
    assert np.ptp(expected) > 1e-4
    np.testing.assert_allclose(answer["probability"], expected, rtol=1e-5)
    assert both["serving_default"].inputs["stamp"].dtype == tf.float64
    assert both["serving_default"].inputs["day"].dtype == tf.string
    contributions = both["explain"].function(**inputs)["contributions"]
    np.testing.assert_allclose(contributions, classifier.contributions(rows), atol=1e-5)
    # What warms a server up is read back as it was.
    [request] = requests(classifier, rows)["serving_default"]
    assert request["day"] == [field[0] for field in fields]
    assert request["stamp"] == [float(field[1]) for field in fields]


def test_a_served_row_that_cant_be_read_is_told_and_fails_no_other(written):
    *_, classifier = written
    inputs = {
        "day": tf.constant(["01.01.2024", "2024-01-01", " - ", "\xff" * 9999]),
        "stamp": tf.constant([1.7e12, 3, np.nan, np.inf], tf.float64),
        "price": tf.constant([4000, np.nan, np.nan, 3], tf.float32),
        "share": tf.constant([3, np.nan, 3e29, 3], tf.float32),
        "town": tf.constant(["Rom", "?", "\n", ""]),
    }
    function = signatures(classifier)["explain"].function
    answer = function(**inputs)
    for name in ("probability", "logit", "contributions"):
        assert np.isfinite(answer[name]).all()
    errors = [text.decode() for text in answer["error"].numpy()]
    assert errors[0] == errors[2] == ""
    must = "day must be a time written DD.MM.YYYY, or empty; received 2024-01-01"
    assert errors[1] == must
    assert "stamp must be in" in errors[3]
    alone = function(**{name: value[:1] for name, value in inputs.items()})
    np.testing.assert_allclose(alone["logit"], answer["logit"][:1], rtol=1e-6)


def test_many_columns_are_served_as_matrices():
    """In whatever order numbers, dates and categories stand in the table."""
    rng = np.random.default_rng(0)
    kinds = [*rng.permutation(["number"] * 60 + ["date"] * 3 + ["category"] * 50)]
    columns = [
        Column(f"c{i}", kind, form="HH:MM" if kind == "date" else "")
        for i, kind in enumerate(kinds)
    ]
    columns[kinds.index("date")] = Column(
        f"c{kinds.index('date')}", "date", form="YYYY-MM-DD", strays=("soon",)
    )
    assert len(columns) > WIDE
    numeric = [c for c in columns if c.kind != "category"]
    numbers = rng.integers(0, 1440, (3, len(numeric))) * 60.0
    dates = tuple(i for i, c in enumerate(numeric) if c.kind == "date")
    strings = rng.choice(["", "p", "q"], (3, 50)).astype(object)
    inputs = Inputs(columns)
    specs = inputs.specs()
    assert {n: tuple(s.shape) for n, s in specs.items()} == {
        "numbers": (None, 60),
        "texts": (None, 53),
    }
    request = inputs.request(Rows(numbers, strings, dates))
    given = {name: tf.constant(request[name], specs[name].dtype) for name in specs}
    asked, read = inputs.read(given, strict=False)
    assert np.asarray(asked.good).all()
    np.testing.assert_array_equal(read["numbers"], numbers)
    assert read["strings"].numpy().astype(str).tolist() == strings.tolist()
    # A word that the training knew as missing, and others that are none.
    place = [c.kind for c in columns if c.kind != "number"].index("date")
    texts = np.array(request["texts"], object)
    texts[:, place] = ["soon", "later", "x" * 1001]
    asked, read = inputs.read(given | {"texts": tf.constant(texts)}, strict=False)
    assert np.isnan(read["numbers"].numpy()[0, dates[0]])
    found = asked.answer()["error"].numpy()
    assert found[0] == b""
    assert b"must be a time written YYYY-MM-DD, or empty; received later" in found[1]
    assert b"texts must have at most 1000 characters each; received 1001" in found[2]
