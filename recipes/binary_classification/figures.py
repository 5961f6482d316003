"""What the classification recipe measures, and what it is measured against."""

from typing import Any

import numpy as np

from keras_seq.diagnostics import calibration_error
from keras_seq.extras import require
from recipes.binary_classification.dates import repeating_of
from recipes.binary_classification.table import Rows


def figures_of(
    probabilities: np.ndarray, labels: np.ndarray, threshold: float = 0.5
) -> dict[str, Any]:
    """Figures of predicted probabilities.

    Args:
        probabilities: Array of shape (B,).
        labels: Array of 0 and 1, shape (B,), both in it.
        threshold: From which probability on the positive label is predicted, for the
            sensitivity, the specificity, the precision, F1 and the confusion.

    Returns:
        Dict of "accuracy" (at 0.5), "auc", "average_precision", "nats" (mean of -ln p
        of the right label), "brier", "calibration_error" and "at_threshold".
    """
    metrics = require("sklearn.metrics", "recipes")
    p = np.clip(probabilities.astype("float64"), 1e-7, 1 - 1e-7)
    predicted = probabilities >= threshold
    hits, alarms = (int((predicted & (labels == label)).sum()) for label in (1, 0))
    missed, rejected = (int((~predicted & (labels == x)).sum()) for x in (1, 0))
    return {
        "accuracy": float(((probabilities >= 0.5) == labels).mean()),
        "auc": float(metrics.roc_auc_score(labels, probabilities)),
        "average_precision": float(
            metrics.average_precision_score(labels, probabilities)
        ),
        "nats": float(-np.log(np.where(labels == 1, p, 1 - p)).mean()),
        "brier": float(((probabilities - labels) ** 2).mean()),
        "calibration_error": calibration_error(probabilities, labels),
        "at_threshold": {
            "threshold": float(threshold),
            "accuracy": (hits + rejected) / len(labels),
            "sensitivity": hits / (hits + missed),
            "specificity": rejected / (rejected + alarms),
            "precision": hits / (hits + alarms) if hits + alarms else None,
            "f1": 2 * hits / (2 * hits + alarms + missed),
            "confusion": {
                "true_positive": hits,
                "false_positive": alarms,
                "false_negative": missed,
                "true_negative": rejected,
            },
        },
    }


def baseline_probabilities(
    train: Rows, labels: np.ndarray, test: Rows, seed: int
) -> dict[str, np.ndarray]:
    """Probabilities of rows by models of scikit-learn, fitted to training rows.

    Args:
        train: `Rows`.
        labels: Array of 0 and 1, one a training row.
        test: `Rows`.
        seed: Seed of the boosting.

    Returns:
        Dict of arrays, one value a test row: "majority" (the share of the positive
        label), "logistic_regression" (medians for missing numbers, indicators,
        standardised; one-hot categories; C = 1), "gradient_boosting" (histograms, 100
        trees, as scikit-learn sets it).
    """
    linear_model = require("sklearn.linear_model", "recipes")
    ensemble = require("sklearn.ensemble", "recipes")
    linear = linear_model.LogisticRegression(max_iter=5000)
    trees = ensemble.HistGradientBoostingClassifier(
        random_state=seed,
        categorical_features=[
            *[False] * _numbers(train).shape[1],
            *[True] * train.strings.shape[1],
        ],
    )
    found = {"majority": np.full(len(test), labels.mean())}
    # On small tables threads wait for each other longer than they work.
    with require("threadpoolctl", "recipes").threadpool_limits(1):
        for name, model, encode in (
            ("logistic_regression", linear, encode_linear),
            ("gradient_boosting", trees, encode_trees),
        ):
            known, asked = encode(train, test)
            found[name] = model.fit(known, labels).predict_proba(asked)[:, 1]
    return found


def _numbers(rows: Rows) -> np.ndarray:
    """The numbers, and what repeats in dates beside them."""
    parts = [
        part
        for column in rows.dates
        for part in repeating_of(rows.numbers[:, column]).values()
    ]
    return np.column_stack([rows.numbers, *parts])


def encode_linear(train: Rows, test: Rows) -> tuple[Any, ...]:
    """Both as a linear model takes them, by what the training rows say."""
    preprocessing = require("sklearn.preprocessing", "recipes")
    impute = require("sklearn.impute", "recipes")
    sparse = require("scipy.sparse", "recipes")
    parts = []
    if train.numbers.shape[1]:
        fill = impute.SimpleImputer(
            strategy="median", add_indicator=True, keep_empty_features=True
        )
        scale = preprocessing.StandardScaler()
        parts.append(
            (
                scale.fit_transform(fill.fit_transform(train.numbers)),
                scale.transform(fill.transform(test.numbers)),
            )
        )
    for column in train.dates:
        repeats = [repeating_of(rows.numbers[:, column]) for rows in (train, test)]
        parts.append(_one_hot(*(np.column_stack([*some.values()]) for some in repeats)))
    if train.strings.shape[1]:
        parts.append(
            _one_hot(train.strings.astype(object), test.strings.astype(object))
        )
    if len(parts) == 1:
        return parts[0]
    return tuple(sparse.hstack(side, "csr") for side in zip(*parts, strict=True))


def _one_hot(train: np.ndarray, test: np.ndarray) -> tuple[Any, Any]:
    """Sparse: tens of thousands of categories would fill the memory."""
    preprocessing = require("sklearn.preprocessing", "recipes")
    encoder = preprocessing.OneHotEncoder(handle_unknown="ignore")
    return encoder.fit_transform(train), encoder.transform(test)


def encode_trees(train: Rows, test: Rows) -> tuple[np.ndarray, ...]:
    """Both as trees take them, by what the training rows say."""
    if not train.strings.shape[1]:
        return _numbers(train), _numbers(test)
    preprocessing = require("sklearn.preprocessing", "recipes")
    encoder = preprocessing.OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        max_categories=254,  # the trees take no more
    )
    codes = (
        encoder.fit_transform(train.strings.astype(object)),
        encoder.transform(test.strings.astype(object)),
    )
    return tuple(
        np.hstack([_numbers(rows), code])
        for rows, code in zip((train, test), codes, strict=True)
    )
