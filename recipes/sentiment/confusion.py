"""Which labels are taken for which: the confusion matrix, and its picture."""

from typing import Any

import numpy as np

from keras_seq.extras import require

SHOWN = 30  # labels in the picture
NUMBERED = 12  # labels up to which the picture has the counts
LONGEST = 24  # characters of a label in the picture


def confusion_matrix(
    labels: np.ndarray, predicted: np.ndarray, count: int
) -> np.ndarray:
    """How many texts of each label got each answer.

    Args:
        labels: Array of integers, shape (texts,).
        predicted: Likewise.
        count: Number of labels.

    Returns:
        Array of integers (count, count): a row a label, a column an answer.
    """
    pairs = labels.astype(int) * count + predicted
    return np.bincount(pairs, minlength=count**2).reshape(count, count)


def confusion_figures(matrix: np.ndarray, names: list[str]) -> dict[str, Any]:
    """What metrics.json says of a confusion matrix.

    Returns:
        "confusion", of each label a dict from an answer that it got to how often; and
        "by_label", of each label the "texts", "recall" (the share of them that got
        it), "precision" (of the texts that got it the share that have it) and their
        harmonic mean, "f1"; 0 where there are none.
    """
    own, given, right = matrix.sum(axis=1), matrix.sum(axis=0), matrix.diagonal()
    return {
        "confusion": {
            name: {names[i]: int(row[i]) for i in np.flatnonzero(row)}
            for name, row in zip(names, matrix, strict=True)
        },
        "by_label": {
            name: {
                "texts": int(own[i]),
                "recall": float(right[i] / max(1, own[i])),
                "precision": float(right[i] / max(1, given[i])),
                "f1": float(2 * right[i] / max(1, own[i] + given[i])),
            }
            for i, name in enumerate(names)
        },
    }


def plot_confusion(matrix: np.ndarray, names: list[str]) -> Any:
    """The confusion matrix; each row, of a label's texts, coloured by its shares.

    Args:
        matrix: What `confusion_matrix` gives.
        names: Of the labels; of many only those with most texts are drawn.

    Returns:
        A matplotlib figure.
    """
    plt = require("matplotlib.pyplot", "plots")
    order = np.argsort(-matrix.sum(axis=1), kind="stable")[:SHOWN]
    order.sort()
    shown = matrix[np.ix_(order, order)]
    shares = shown / np.maximum(1, matrix.sum(axis=1)[order])[:, None]
    side = 2.5 + (0.6 if len(order) <= NUMBERED else 0.25) * len(order)
    figure, axes = plt.subplots(figsize=(side + 1, side), layout="constrained")
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks = [
        name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."
        for name in (names[i] for i in order)
    ]
    axes.set_xticks(range(len(order)), ticks, rotation=90, parse_math=False)
    axes.set_yticks(range(len(order)), ticks, parse_math=False)
    axes.set(xlabel="answer", ylabel="label")
    if len(order) <= NUMBERED:
        for (row, column), count in np.ndenumerate(shown):
            color = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, int(count), ha="center", va="center", color=color)
    figure.colorbar(image, label="share of the label's texts")
    return figure
