"""Naive Bayes weights and combinations by their equations."""

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_class_weight

from keras_seq.diagnostics import calibration_error
from recipes.sentiment.figures import (
    baseline_predictions,
    difference,
    figures_of,
)
from recipes.sentiment.naive_bayes import fit_combination, fit_table, log_count_ratio
from recipes.sentiment.pieces import class_weights

RNG = np.random.default_rng(0)
TEXTS = RNG.random((60, 12)) < 0.3
LABELS = (TEXTS[:, 0] + 2 * TEXTS[:, 1] + RNG.integers(0, 2, 60)) % 3


def test_log_count_ratio():
    own = LABELS == 1
    found = log_count_ratio(scipy.sparse.csr_matrix(TEXTS.astype("float32")), own)
    p = [1 + sum(TEXTS[i, f] for i in range(60) if own[i]) for f in range(12)]
    q = [1 + sum(TEXTS[i, f] for i in range(60) if not own[i]) for f in range(12)]
    expected = [np.log(p[f] / sum(p)) - np.log(q[f] / sum(q)) for f in range(12)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("count", [2, 3])
def test_the_table_gives_the_regressions_logits(count):
    labels = LABELS % count
    matrix = scipy.sparse.csr_matrix(TEXTS.astype("float32"))
    table, bias = fit_table("words", matrix, labels, count)
    found = TEXTS @ table + bias
    for label in range(1, 2) if count == 2 else range(count):
        own = labels == label
        x = TEXTS * log_count_ratio(matrix, own)
        model = LogisticRegression(solver="liblinear", max_iter=300, random_state=0)
        expected = model.fit(x, own).decision_function(x)
        logit = found[:, 1] - found[:, 0] if count == 2 else found[:, label]
        np.testing.assert_allclose(logit, expected, atol=2e-3)


def test_rare_ngrams_of_characters_count_for_nothing():
    matrix = scipy.sparse.lil_matrix((60, 3), dtype="float32")
    matrix[:2, 0] = matrix[:30, 1] = 1
    table, _ = fit_table("characters", matrix.tocsr(), np.arange(60) % 2, 2)
    assert not table[0].any()
    assert not table[2].any()


def test_combination_is_the_best_one():
    parts = RNG.normal(size=(200, 2, 3))
    logits = 1.5 * parts[:, 0] + [0.5, 0, -0.5]
    chance = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([RNG.choice(3, p=row) for row in chance])

    def loss(weights, bias):
        z = np.einsum("nkc,k->nc", parts, weights) + bias
        log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        likelihood = -log_p[np.arange(200), labels].mean()
        return likelihood + (((weights - 1) ** 2).sum() + (bias**2).sum()) / 200

    weights, bias = fit_combination(parts, labels)
    assert abs(bias.mean()) < 1e-9
    assert (weights >= 0).all()
    found = scipy.optimize.minimize(
        lambda v: loss(v[:2], v[2:] - v[2:].mean()),
        np.ones(5),
        method="Nelder-Mead",
        bounds=[(0, None)] * 2 + [(None, None)] * 3,
        options={"maxiter": 8000, "maxfev": 8000, "xatol": 1e-7, "fatol": 1e-10},
    )
    assert loss(weights, bias) <= found.fun + 1e-6
    assert weights[0] > 1
    # A part that is wrong gets no weight, rather than a negative one.
    parts[:, 1] = -parts[:, 0] + RNG.normal(size=(200, 3))
    assert fit_combination(parts, labels)[0][1] >= 0


def test_figures():
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3]])
    labels = np.array([0, 0, 1, 1])
    found = figures_of(probabilities, labels)
    assert found["accuracy"] == 0.5
    assert found["auc"] == 0.75
    assert found["nats"] == pytest.approx(-np.log([0.9, 0.4, 0.8, 0.3]).mean())
    assert found["macro_f1"] == pytest.approx(0.5)
    error = calibration_error(
        np.array([0.95, 0.91, 0.5]), np.array([True, False, True])
    )
    assert error == pytest.approx((2 * abs(0.5 - 0.93) + 0.5) / 3)
    gain, error = difference(
        np.array([1, 1, 0]), np.array([1, 0, 0]), np.array([1, 1, 0])
    )
    assert gain == pytest.approx(1 / 3)
    assert error == pytest.approx(np.std([0, 1, 0], ddof=1) / np.sqrt(3))


def test_baselines_learn_and_know_nothing_of_the_test():
    class Train:
        texts = ("fine film", "dull film", "a fine end", "a dull end") * 6
        labels = np.array([1, 0, 1, 0] * 6)

    found = baseline_predictions(Train, ["so fine", "so dull"], 2)
    assert found.pop("majority").tolist() in ([0, 0], [1, 1])
    for predicted in found.values():
        assert predicted.tolist() == [1, 0]


def test_balanced_labels_in_the_table_are_scikit_learns():
    labels = (LABELS == 0).astype(int)
    matrix = scipy.sparse.csr_matrix(TEXTS.astype("float32"))
    weights = class_weights(labels, 2, "balanced")
    assert class_weights(labels, 2, "none") is None
    expected = compute_class_weight("balanced", classes=np.arange(2), y=labels)
    np.testing.assert_allclose(weights, expected, rtol=1e-6)
    table, bias = fit_table("words", matrix, labels, 2, weights[labels])
    found = TEXTS @ table + bias
    x = TEXTS * log_count_ratio(matrix, labels == 1)
    model = LogisticRegression(
        solver="liblinear", max_iter=300, random_state=0, class_weight="balanced"
    )
    expected = model.fit(x, labels == 1).decision_function(x)
    np.testing.assert_allclose(found[:, 1] - found[:, 0], expected, atol=2e-3)


def test_a_text_of_the_combination_that_weighs_twice_is_one_that_is_there_twice():
    parts = RNG.normal(size=(80, 2, 3))
    labels = RNG.integers(0, 3, 80)
    times = RNG.integers(1, 4, 80)
    expected = fit_combination(
        np.repeat(parts, times, axis=0), np.repeat(labels, times)
    )
    found = fit_combination(parts, labels, times)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
    assert np.abs(found[1] - fit_combination(parts, labels)[1]).max() > 1e-2
