"""Logits of n-grams: logistic regression on features weighed as naive Bayes would.

    r_f = ln (p_f / |p|) / (q_f / |q|)      p_f: a + texts of the label that have f,
                                            q_f: a + texts of other labels that have it
    logit = Σ_f in the text r_f w_f + b     w, b: logistic regression

Wang and Manning (2012), Baselines and bigrams: simple, good sentiment and topic
classification.
"""

from typing import Any

import numpy as np

from keras_seq.extras import require

SMOOTHING = 1.0
STRENGTH = {"words": 1.0, "characters": 0.1}  # C of the logistic regression
RAREST = {"words": 1, "characters": 3}  # texts that have an n-gram, at least


def fit_table(
    level: str,
    matrix: Any,
    labels: np.ndarray,
    count: int,
    weights: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """What each n-gram adds to the logit of each label.

    Args:
        level: "words" or "characters".
        matrix: `scipy.sparse` matrix of shape (texts, buckets), 1 where a text has an
            n-gram.
        labels: Array of integers, shape (texts,).
        count: Number of labels.
        weights: What each text weighs in the regression, or None.

    Returns:
        The table, float32, shape (buckets, count), and the biases, shape (count,).
    """
    linear_model = require("sklearn.linear_model", "recipes")
    used = np.asarray(matrix.sum(axis=0)).ravel() >= RAREST[level]
    table = np.zeros((matrix.shape[1], count))
    bias = np.zeros(count)
    # Of two labels one logit tells all; the other is its negative.
    for label in range(1, 2) if count == 2 else range(count):
        own = labels == label
        ratio = np.where(used, log_count_ratio(matrix, own), 0)
        model = linear_model.LogisticRegression(
            C=STRENGTH[level], solver="liblinear", max_iter=300, random_state=0
        )
        model.fit(matrix.multiply(ratio).tocsr(), own, sample_weight=weights)
        table[:, label] = ratio * model.coef_[0]
        bias[label] = model.intercept_[0]
    if count == 2:
        table, bias = (x[..., 1:] * [-0.5, 0.5] for x in (table, bias))
    return table.astype("float32"), bias.astype("float32")


def log_count_ratio(matrix: Any, own: np.ndarray) -> np.ndarray:
    """How much likelier each n-gram is in the texts `own` than in the others: r."""
    inside, outside = (
        SMOOTHING + np.asarray(matrix[chosen].sum(axis=0), "float64").ravel()
        for chosen in (own, ~own)
    )
    return np.log(inside / inside.sum()) - np.log(outside / outside.sum())


def fit_combination(
    parts: np.ndarray, labels: np.ndarray, text_weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """How several models' logits are best added.

        logits = Σ_k w_k logits_k + b,    w_k ≥ 0, the mean of b being 0

    minimises the cross-entropy, with a little of a penalty towards w = 1 and b = 0.

    Args:
        parts: Array of logits on texts that they weren't fitted to, shape (texts,
            parts, labels).
        labels: Array of integers, shape (texts,).
        text_weights: What each text weighs in the cross-entropy, or None.

    Returns:
        w, shape (parts,), and b, shape (labels,).
    """
    optimize = require("scipy.optimize", "recipes")
    special = require("scipy.special", "recipes")
    parts = np.asarray(parts, "float64")
    count, number, size = parts.shape
    right = np.eye(size)[labels]
    each = np.ones(count) if text_weights is None else np.asarray(text_weights)
    penalty = 1.0 / count

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        weights, bias = values[:number], values[number:]
        centred = bias - bias.mean()
        logits = np.einsum("nkc,k->nc", parts, weights) + centred
        log_p = logits - special.logsumexp(logits, axis=1, keepdims=True)
        error = (np.exp(log_p) - right) * each[:, None] / count
        by_bias = error.sum(axis=0) + 2 * penalty * centred
        gradient = np.concatenate(
            [
                np.einsum("nc,nkc->k", error, parts) + 2 * penalty * (weights - 1),
                by_bias - by_bias.mean(),
            ]
        )
        value = -(log_p * right * each[:, None]).sum() / count
        value += penalty * (((weights - 1) ** 2).sum() + (centred**2).sum())
        return value, gradient

    start = np.concatenate([np.full(number, 1 / number), np.zeros(size)])
    bounds = [(0, None)] * number + [(None, None)] * size
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return found[:number], found[number:] - found[number:].mean()
