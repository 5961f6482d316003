"""What the classification recipe fits, chooses and measures."""

import dataclasses

import keras
import numpy as np
import pytest
from scipy import optimize, special, stats
from sklearn.metrics import f1_score

from keras_seq.diagnostics import calibration_error
from keras_seq.training import EpochCheckpoint
from recipes.binary_classification import recipe
from recipes.binary_classification.features import (
    build_features,
    feature_columns,
    tensors,
)
from recipes.binary_classification.figures import figures_of
from recipes.binary_classification.folds import cross_validate, summary_of
from recipes.binary_classification.model import integrated_gradients
from recipes.binary_classification.recipe import load_data
from recipes.binary_classification.table import Column, Rows
from recipes.binary_classification.training import Part, choose_threshold, fit_platt
from tests.recipes.binary_classification.flowers import write_flowers


@pytest.fixture(scope="module")
def flowers_file(tmp_path_factory):
    return write_flowers(tmp_path_factory.mktemp("flowers") / "flowers.csv")


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
    build = recipe.build_features

    def watched(rows):
        seen.append(rows)
        return build(rows)

    monkeypatch.setattr(recipe, "build_features", watched)
    config = recipe.Config(
        data=str(flowers_file), label="state", quick=True, epochs=1
    ).complete()
    data = load_data(config)
    folds = cross_validate(recipe.fit, config, data, tmp_path)
    assert len(seen) == len(folds) == 3
    tested = np.concatenate([fold["rows"] for fold in folds])
    assert sorted(tested.tolist()) == list(range(len(data.rows)))
    for rows, fold in zip(seen, folds, strict=True):
        others = np.setdiff1d(np.arange(len(data.rows)), fold["rows"])
        np.testing.assert_array_equal(rows.numbers, data.rows.numbers[others])
        np.testing.assert_array_equal(rows.strings, data.rows.strings[others])
    # What is kept isn't done again.
    again = cross_validate(recipe.fit, config, data, tmp_path)
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
