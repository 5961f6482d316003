"""The pictures of the classification recipe."""

from pathlib import Path
from typing import Any

import numpy as np

from keras_seq.diagnostics import reliability
from keras_seq.extras import require
from keras_seq.runs import RunDirectory, plot_bars, plot_history
from recipes.binary_classification.training import Fitted, ThresholdCurve

LABELS = {
    "ensemble": "this model",
    "logistic_regression": "logistic regression",
    "gradient_boosting": "gradient boosting",
    "majority": "majority",
}
COMPARED = ("ensemble", "logistic_regression", "gradient_boosting")


def draw(
    run: RunDirectory,
    fitted: Fitted,
    judged: dict[str, np.ndarray],
    source: str,
    explained: list[tuple[str, list[tuple[str, float]]]],
    importance: list[tuple[str, float]],
) -> dict[str, Path]:
    """Draws all pictures into figures/.

    Args:
        run: `RunDirectory`.
        fitted: The recipe's `Fitted`.
        judged: Dict with the "labels" of some rows, 0 and 1, and their probabilities
            by each model.
        source: Which rows these are.
        explained: List of (title, list of (name, contribution)).
        importance: List of (name, mean size of its contributions).

    Returns:
        Dict from a name to a path.
    """
    labels = judged["labels"]
    models = {LABELS[name]: judged[name] for name in COMPARED}
    before, after = judged["uncalibrated"], judged[COMPARED[0]]
    figures = {
        "roc": plot_curves(models, labels, source),
        "reliability": plot_reliability(
            {"before": before, "calibrated": after}, labels, source
        ),
        "threshold": plot_threshold(fitted.curve),
        "importance": plot_bars([("", importance)], "mean |contribution| to the logit"),
        "contributions": plot_bars(explained, "contribution to the logit"),
        "curves": plot_history(
            fitted.checkpoint.history,
            {"nats": "training (dropout on)", "val_nats": "rows held out"},
            ylabel="nats",
        ),
    }
    return {name: run.save_figure(figure, name) for name, figure in figures.items()}


def plot_curves(
    probabilities: dict[str, np.ndarray], labels: np.ndarray, source: str
) -> Any:
    """ROC, and precision over recall, of several models; chance is dotted.

    Args:
        probabilities: Dict from a label to an array of shape (B,).
        labels: Array of 0 and 1, shape (B,).
        source: Which rows these are, for the title.

    Returns:
        A matplotlib figure.
    """
    plt = require("matplotlib.pyplot", "plots")
    metrics = require("sklearn.metrics", "recipes")
    figure, (roc, precision) = plt.subplots(1, 2, figsize=(10, 4.5), layout="tight")
    chance = {"color": "gray", "linestyle": ":"}
    roc.plot([0, 1], [0, 1], **chance)
    precision.plot([0, 1], [labels.mean()] * 2, **chance)
    for name, values in probabilities.items():
        area = metrics.roc_auc_score(labels, values)
        false, true, _ = metrics.roc_curve(labels, values)
        roc.plot(false, true, label=f"{name} {area:.4f}")
        area = metrics.average_precision_score(labels, values)
        p, recall, _ = metrics.precision_recall_curve(labels, values)
        precision.step(recall, p, where="post", label=f"{name} {area:.4f}")
    roc.set(xlabel="1 - specificity", ylabel="sensitivity", title="ROC, area")
    precision.set(
        xlabel="sensitivity (recall)",
        ylabel="precision",
        title="precision and recall, average precision",
        ylim=(0, 1.02),
    )
    figure.suptitle(source)
    for axes in (roc, precision):
        axes.grid(alpha=0.3)
        axes.legend(loc="lower center")
    return figure


def plot_reliability(
    probabilities: dict[str, np.ndarray], labels: np.ndarray, source: str
) -> Any:
    """The share of positive rows over the predicted probability, in ten bins.

    Args:
        probabilities: Dict from a label to an array of shape (B,).
        labels: Array of 0 and 1, shape (B,).
        source: Which rows these are, for the title.

    Returns:
        A matplotlib figure.
    """
    plt = require("matplotlib.pyplot", "plots")
    figure, (shares, counts) = plt.subplots(
        2, 1, figsize=(6, 6), height_ratios=(3, 1), sharex=True, layout="tight"
    )
    shares.plot([0, 1], [0, 1], color="gray", linestyle=":")
    for name, values in probabilities.items():
        bins = reliability(values, labels)
        share, predicted = (
            [row[key] for row in bins] for key in ("observed", "predicted")
        )
        shares.plot(predicted, share, marker="o", label=name)
        counts.hist(values, bins=np.linspace(0, 1, 11), histtype="step", label=name)
    shares.set(ylabel="share of positive rows", title=source)
    counts.set(xlabel="predicted probability", ylabel="rows", yscale="log")
    shares.grid(alpha=0.3)
    shares.legend()
    return figure


def plot_threshold(curve: ThresholdCurve) -> Any:
    """The criterion over the thresholds.

    Args:
        curve: `ThresholdCurve`.

    Returns:
        A matplotlib figure.
    """
    plt = require("matplotlib.pyplot", "plots")
    figure, axes = plt.subplots(figsize=(7, 3.5), layout="tight")
    axes.plot(curve.thresholds, curve.values)
    axes.axvline(curve.best, color="dimgray", linestyle="--")
    axes.set(
        xlabel="threshold", ylabel=curve.criterion, title=f"chosen: {curve.best:.4f}"
    )
    axes.grid(alpha=0.3)
    return figure
