"""What is measured of classes, several labels and a number, beside what baselines."""

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_seq.diagnostics import calibration_error
from keras_seq.extras import require
from recipes.binary_classification.figures import encode_linear, encode_trees
from recipes.binary_classification.table import Rows

LEAST = 1e-7  # that a probability counts for


def class_figures(
    probabilities: np.ndarray, targets: np.ndarray, names: list[str]
) -> dict[str, Any]:
    """Figures of the probabilities of classes.

    Args:
        probabilities: Array (B, K).
        targets: Integers (B,).
        names: Of the classes.

    Returns:
        Dict of "accuracy", "balanced_accuracy" (mean recall of the classes that are
        there), "macro_f1" (likewise), "auc" (mean over pairs of classes, Hand and Till,
        2001; None where a class isn't there), "nats", "brier" (summed over classes),
        "calibration_error" (of the class that is called), "confusion" and "by_class".
    """
    metrics = require("sklearn.metrics", "recipes")
    rows = np.arange(len(targets))
    called = probabilities.argmax(axis=1)
    right = called == targets
    count = len(names)
    p = np.clip(probabilities[rows, targets].astype("float64"), LEAST, 1)
    whole = probabilities.astype("float64")
    whole = whole / whole.sum(axis=1, keepdims=True)
    auc = None
    if len(np.unique(targets)) == count > 1:
        auc = float(
            metrics.roc_auc_score(targets, whole, multi_class="ovo")
            if count > 2
            else metrics.roc_auc_score(targets, whole[:, 1])
        )
    confusion = np.zeros((count, count), int)
    np.add.at(confusion, (targets, called), 1)
    own, given, hits = confusion.sum(1), confusion.sum(0), confusion.diagonal()
    there = own > 0
    recall, f1 = hits / np.maximum(own, 1), 2 * hits / np.maximum(own + given, 1)
    return {
        "accuracy": float(right.mean()),
        "balanced_accuracy": float(recall[there].mean()),
        "macro_f1": float(f1[there].mean()),
        "auc": auc,
        "nats": float(-np.log(p).mean()),
        "brier": float(((whole - np.eye(count)[targets]) ** 2).sum(axis=1).mean()),
        "calibration_error": calibration_error(
            whole[rows, called], right.astype("int64")
        ),
        "confusion": {
            name: {names[i]: int(row[i]) for i in np.flatnonzero(row)}
            for name, row in zip(names, confusion, strict=True)
        },
        "by_class": {
            name: {
                "rows": int(own[i]),
                "recall": float(recall[i]),
                "precision": float(hits[i] / max(given[i], 1)),
                "f1": float(f1[i]),
            }
            for i, name in enumerate(names)
        },
    }


def label_figures(
    probabilities: np.ndarray, targets: np.ndarray, names: list[str]
) -> dict[str, Any]:
    """Figures of the probabilities of several labels, each called from 0.5 on.

    Args:
        probabilities: Array (B, K).
        targets: 0 and 1 (B, K).
        names: Of the labels.

    Returns:
        Dict of "exact" (rows all of whose labels are right), "hamming" (share of wrong
        answers), "micro_f1", "macro_f1", "macro_auc" (of labels that some rows have and
        some haven't), "nats" (a label), "brier" (likewise) and "by_label".
    """
    metrics = require("sklearn.metrics", "recipes")
    called = probabilities >= 0.5
    hits = (called & (targets == 1)).sum(axis=0)
    given, own = called.sum(axis=0), targets.sum(axis=0)
    f1 = 2 * hits / np.maximum(given + own, 1)
    areas = [
        float(metrics.roc_auc_score(targets[:, i], probabilities[:, i]))
        if 0 < own[i] < len(targets)
        else None
        for i in range(len(names))
    ]
    p = np.clip(probabilities.astype("float64"), LEAST, 1 - LEAST)
    known = [area for area in areas if area is not None]
    return {
        "exact": float((called == targets).all(axis=1).mean()),
        "hamming": float((called != targets).mean()),
        "micro_f1": float(2 * hits.sum() / max(1, given.sum() + own.sum())),
        "macro_f1": float(f1.mean()),
        "macro_auc": float(np.mean(known)) if known else None,
        "nats": float(-np.log(np.where(targets == 1, p, 1 - p)).mean()),
        "brier": float(((p - targets) ** 2).mean()),
        "by_label": {
            name: {
                "rows": int(own[i]),
                "recall": float(hits[i] / max(own[i], 1)),
                "precision": float(hits[i] / max(given[i], 1)),
                "f1": float(f1[i]),
                "auc": areas[i],
            }
            for i, name in enumerate(names)
        },
    }


def number_figures(predicted: np.ndarray, targets: np.ndarray) -> dict[str, Any]:
    """Figures of predicted numbers, all in the unit of the number but "r2".

    Returns:
        Dict of "rmse", "mae" (mean absolute error), "median_error" (median absolute
        error), "bias" (mean of predicted less true) and "r2" (1 - squared errors by
        those of the mean of these rows; None if they are all the same).
    """
    error = predicted.astype("float64") - targets
    around = ((targets - targets.mean()) ** 2).sum()
    return {
        "rmse": float(np.sqrt((error**2).mean())),
        "mae": float(np.abs(error).mean()),
        "median_error": float(np.median(np.abs(error))),
        "bias": float(error.mean()),
        "r2": float(1 - (error**2).sum() / around) if around > 0 else None,
    }


def figures_of_kind(
    kind: str, predicted: np.ndarray, targets: np.ndarray, names: list[str]
) -> dict[str, Any]:
    """The figures that suit the kind of target."""
    if kind == "number":
        return number_figures(predicted, targets)
    figures = class_figures if kind == "classes" else label_figures
    return figures(predicted, targets, names)


def baselines(
    kind: str, train: Rows, targets: np.ndarray, test: Rows, count: int, seed: int
) -> dict[str, np.ndarray]:
    """What models of scikit-learn, fitted to training rows, predict of test rows.

    Args:
        kind: "classes", "labels" or "number".
        train: `Rows`.
        targets: Theirs.
        test: `Rows`.
        count: Number of classes or labels.
        seed: Seed of the boosting.

    Returns:
        Dict of what each predicts, (B, K) or (B,): "majority" (the shares of the
        training rows) or "mean"; "logistic_regression" or "linear_regression" (ridge,
        alpha 1); "gradient_boosting" (histograms, 100 trees).
    """
    linear = require("sklearn.linear_model", "recipes")
    ensemble = require("sklearn.ensemble", "recipes")
    categorical = [False] * encode_trees(train, test)[0].shape[1]
    if train.strings.shape[1]:
        categorical[-train.strings.shape[1] :] = [True] * train.strings.shape[1]
    trees = {"random_state": seed, "categorical_features": categorical}
    if kind == "number":
        trivial = {"mean": np.full(len(test), targets.mean())}
        models: dict[str, tuple[Callable[[], Any], Any]] = {
            "linear_regression": (lambda: linear.Ridge(alpha=1.0), encode_linear),
            "gradient_boosting": (
                lambda: ensemble.HistGradientBoostingRegressor(**trees),
                encode_trees,
            ),
        }
    else:
        shares = (
            targets.mean(axis=0)
            if kind == "labels"
            else np.bincount(targets, minlength=count) / len(targets)
        )
        trivial = {"majority": np.tile(shares, (len(test), 1))}
        models = {
            "logistic_regression": (
                lambda: linear.LogisticRegression(max_iter=5000),
                encode_linear,
            ),
            "gradient_boosting": (
                lambda: ensemble.HistGradientBoostingClassifier(**trees),
                encode_trees,
            ),
        }
    found = dict(trivial)
    # On small tables threads wait for each other longer than they work.
    with require("threadpoolctl", "recipes").threadpool_limits(1):
        for name, (make, encode) in models.items():
            known, asked = encode(train, test)
            if kind == "number":
                found[name] = make().fit(known, targets).predict(asked)
            elif kind == "classes":
                found[name] = _by_class(make().fit(known, targets), asked, count)
            else:
                columns = [
                    _by_class(make().fit(known, targets[:, i]), asked, 2)[:, 1]
                    for i in range(count)
                ]
                found[name] = np.stack(columns, axis=1)
    return found


def _by_class(model: Any, rows: Any, count: int) -> np.ndarray:
    """Probabilities of all classes; 0 of those that the model doesn't know."""
    found = np.zeros((rows.shape[0], count))
    found[:, model.classes_.astype(int)] = model.predict_proba(rows)
    return found
