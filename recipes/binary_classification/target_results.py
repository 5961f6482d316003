"""The report and the pictures of classes, several labels or a number."""

from pathlib import Path
from typing import Any

import numpy as np

from keras_seq.extras import require
from keras_seq.runs import Report, RunDirectory, plot_bars, plot_history
from recipes.binary_classification.target_answers import table_text
from recipes.binary_classification.target_model import COVERED, Trained
from recipes.binary_classification.targets import TargetData

SHOWN = 30  # classes in a picture
NUMBERED = 12  # classes up to which the picture has the counts
BARS = 15
NAMES = {
    "ensemble": "this model",
    "majority": "majority",
    "mean": "mean",
    "logistic_regression": "logistic regression",
    "linear_regression": "linear regression",
    "gradient_boosting": "gradient boosting",
}
FIGURES = {
    "classes": {
        "accuracy": "accuracy",
        "balanced_accuracy": "balanced accuracy",
        "macro_f1": "macro F1",
        "auc": "AUC",
        "nats": "nats",
        "brier": "Brier",
    },
    "labels": {
        "exact": "all right",
        "hamming": "wrong answers",
        "micro_f1": "micro F1",
        "macro_f1": "macro F1",
        "macro_auc": "macro AUC",
        "nats": "nats",
    },
    "number": {
        "rmse": "root mean square error",
        "mae": "mean absolute error",
        "median_error": "median absolute error",
        "bias": "bias",
        "r2": "R²",
    },
}
NOTES = {
    "classes": "Accuracy of the likeliest class. Balanced accuracy: the mean of the "
    "classes' recall. AUC: mean over pairs of classes. Nats: mean -ln p of the right "
    "class. Brier: summed over the classes. Of the last two, less is better.",
    "labels": "A label is called from the probability 0.5 on. All right: rows all of "
    "whose labels are. Nats: mean -ln p of what is right, a label. Of wrong answers "
    "and nats, less is better.",
    "number": "In the unit of the number but R², which is the share of the squared "
    "deviations from the mean that is explained; of the others, less is better. The "
    "bias is the mean of predicted less true.",
}


def write_target_results(
    run: RunDirectory,
    metrics: dict[str, Any],
    data: TargetData,
    trained: Trained,
    predicted: np.ndarray,
) -> None:
    """Writes predictions.csv, pictures and report.html into the run directory.

    Args:
        run: `RunDirectory`.
        metrics: What metrics.json will hold.
        data: `TargetData`.
        trained: `Trained`.
        predicted: Of the test rows.
    """
    predictor = trained.predictor
    true = data.targets[data.test]
    answers = true.tolist()
    if data.kind == "classes":
        answers = [data.names[i] for i in true]
    elif data.kind == "labels":
        answers = [[data.names[i] for i in np.flatnonzero(row)] for row in true]
    lines = data.table.lines[data.test].tolist()
    run.write("predictions.csv", table_text(predictor, predicted, lines, answers))
    figures: dict[str, Any] = {
        "curves": plot_history(
            trained.checkpoint.history,
            {"error": "training (dropout on)", "val_error": "rows held out"},
            ylabel="squared error" if data.kind == "number" else "nats",
        )
    }
    if data.kind == "number":
        figures["predicted"] = plot_predicted(predicted, true, data.unit)
    elif data.kind == "classes":
        figures["confusion"] = plot_matrix(predicted.argmax(axis=1), true, data.names)
    else:
        names, areas = zip(
            *(
                (name, row["auc"] or 0.0)
                for name, row in metrics["test"]["by_label"].items()
            ),
            strict=True,
        )
        order = np.argsort(-np.array(areas), kind="stable")[:BARS]
        bars = [(names[i], areas[i]) for i in order]
        figures["labels"] = plot_bars([("", bars)], "area under the ROC curve")
    if data.kind != "labels":
        rows = data.rows.take(data.test)
        importance = np.abs(predictor.contributions(rows)).mean(axis=0)
        order = np.argsort(-importance, kind="stable")[:BARS]
        bars = [(data.columns[i].name, float(importance[i])) for i in order]
        figures["importance"] = plot_bars([("", bars)], "mean |contribution|")
    pictures = {n: run.save_figure(figure, n) for n, figure in figures.items()}
    run.write("report.html", _report(metrics, data, trained, pictures).html())


def plot_predicted(predicted: np.ndarray, true: np.ndarray, unit: str) -> Any:
    """Predicted numbers over the true ones; right is on the diagonal."""
    plt = require("matplotlib.pyplot", "plots")
    figure, axes = plt.subplots(figsize=(6, 6), layout="tight")
    ends = [min(predicted.min(), true.min()), max(predicted.max(), true.max())]
    axes.plot(ends, ends, color="gray", linestyle=":")
    axes.scatter(true, predicted, s=12, alpha=0.6)
    name = f" ({unit})" if unit else ""
    axes.set_xlabel(f"true{name}", parse_math=False)
    axes.set_ylabel(f"predicted{name}", parse_math=False)
    axes.set_title("test rows")
    axes.grid(alpha=0.3)
    return figure


def plot_matrix(called: np.ndarray, true: np.ndarray, names: list[str]) -> Any:
    """Which classes are taken for which; a row's colours are shares of its class."""
    plt = require("matplotlib.pyplot", "plots")
    matrix = np.zeros((len(names), len(names)), int)
    np.add.at(matrix, (true, called), 1)
    order = np.sort(np.argsort(-matrix.sum(axis=1), kind="stable")[:SHOWN])
    shown = matrix[np.ix_(order, order)]
    shares = shown / np.maximum(1, matrix.sum(axis=1)[order])[:, None]
    side = 2.5 + (0.6 if len(order) <= NUMBERED else 0.25) * len(order)
    figure, axes = plt.subplots(figsize=(side + 1, side), layout="constrained")
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks = [n if len(n) <= 24 else f"{n[:21]}..." for n in (names[i] for i in order)]
    axes.set_xticks(range(len(order)), ticks, rotation=90, parse_math=False)
    axes.set_yticks(range(len(order)), ticks, parse_math=False)
    axes.set(xlabel="called", ylabel="class")
    if len(order) <= NUMBERED:
        for (row, column), count in np.ndenumerate(shown):
            color = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, int(count), ha="center", va="center", color=color)
    figure.colorbar(image, label="share of the class's rows")
    return figure


def _report(
    metrics: dict[str, Any],
    data: TargetData,
    trained: Trained,
    pictures: dict[str, Path],
) -> Report:
    described, test = metrics["data"], metrics["test"]
    name = metrics["config"]["label"]
    title = {
        "classes": f"{name}: a table in {len(data.names)} classes",
        "labels": f"{name}: a table with {len(data.names)} labels",
        "number": f"{name}: a number predicted",
    }[data.kind]
    report = Report(title, metrics)
    report.text(
        f"An ensemble of small networks ({metrics['parameters']:,} parameters) learnt "
        f"from {described['train']:,} rows of {described['name']!r} until epoch "
        f"{metrics['validation']['epoch']}, {metrics['train_seconds']:.0f} s of "
        "training. Each network was held out from a tenth of these rows, on which "
        "training was stopped"
        + (
            " and the interval measured"
            if data.kind == "number"
            else " and the probabilities calibrated"
        )
        + f". It was judged on {described['test']:,} other rows; the target is "
        f"{data.summary()}."
    )
    report.heading("Notes on the data")
    report.text("\n\n".join(data.notes))
    report.heading("Test rows")
    columns = FIGURES[data.kind]
    models = {"ensemble": test, **metrics["baseline"]}
    report.table(
        [
            ["", *columns.values()],
            *(
                [NAMES[n], *("" if row[k] is None else row[k] for k in columns)]
                for n, row in models.items()
            ),
        ]
    )
    report.text(NOTES[data.kind])
    if data.kind == "number":
        low, high = trained.predictor.interval
        report.text(
            f"The interval from {low:+.4g} to {high:+.4g} around a prediction held "
            f"{COVERED:.0%} of the rows held out, and {test['covered']:.1%} of the "
            "test rows."
        )
        report.picture(
            pictures["predicted"],
            "Predicted over true, test rows.",
            alt="Points around a diagonal",
        )
    elif data.kind == "classes":
        report.picture(
            pictures["confusion"],
            "Which classes are taken for which.",
            alt="Table of counts, true classes down, predicted across",
        )
        _by_name(report, test["by_class"], ("rows", "recall", "precision", "f1"))
    else:
        report.picture(
            pictures["labels"],
            "Area under the ROC curve, a label.",
            alt="Bars, a label each",
        )
        _by_name(report, test["by_label"], ("rows", "recall", "precision", "f1", "auc"))
    if "importance" in pictures:
        report.heading("What the predictions are made of")
        report.text(
            "Integrated gradients from the mean training row. They tell what the model "
            "uses, not what causes the target."
        )
        report.picture(
            pictures["importance"],
            "Mean size of the contributions.",
            alt="Bars: a column each, the largest first",
        )
    report.heading("Training")
    report.picture(
        pictures["curves"],
        "Loss over the epochs.",
        alt="Training and validation loss of each network",
    )
    report.serving(
        "binary_classification",
        "saved_model/ is ready for TensorFlow Serving: columns in by name; out come "
        + (
            "the value with its unit and the bounds of its interval."
            if data.kind == "number"
            else "probabilities, the names that they belong to, and what is called."
        ),
    )
    report.heading("Terms of the data")
    report.text(described["terms"])
    return report


def _by_name(report: Report, found: dict[str, Any], keys: tuple[str, ...]) -> None:
    rows = [
        [name, *("" if row[key] is None else row[key] for key in keys)]
        for name, row in found.items()
    ]
    report.table([["", *keys], *rows])
