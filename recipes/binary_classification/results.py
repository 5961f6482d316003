"""What the classification recipe shows: answers, the report."""

from pathlib import Path
from typing import Any

import numpy as np

from keras_seq.files import TableText
from keras_seq.runs import Report, RunDirectory, answer_lines
from recipes.binary_classification.data import Data
from recipes.binary_classification.dates import text_of
from recipes.binary_classification.folds import pooled
from recipes.binary_classification.model import Classifier
from recipes.binary_classification.pictures import LABELS, draw
from recipes.binary_classification.table import Rows
from recipes.binary_classification.training import Fitted

POOLED = "rows of all folds, each predicted by training on others"
AT_ONCE = 1024  # rows
SHOWN = 8  # contributions of a row in the report


def value_of(classifier: Classifier, rows: Rows, row: int, column: int) -> str:
    """A field of a row as text; "missing" where it is."""
    chosen = classifier.columns[column]
    category = chosen.kind == "category"
    before = classifier.columns[:column]
    i = sum((c.kind == "category") == category for c in before)
    if category:
        return str(rows.strings[row, i]) or "missing"
    value = rows.numbers[row, i]
    if np.isnan(value):
        return "missing"
    if chosen.kind == "date":
        return text_of(value, chosen.form)
    return f"{value:.15g}" if chosen.exact else f"{value:.6g}"


def strongest(contributions: np.ndarray, count: int) -> list[int]:
    """Indices of the columns with the largest contributions, the largest first."""
    order = np.argsort(-np.abs(contributions), kind="stable")[:count]
    return [int(i) for i in order if contributions[i]]


def answers_text(
    classifier: Classifier, rows: Rows, lines: list[int], show: int
) -> str:
    """Probability, label and largest contributions of each row, for the terminal."""
    probabilities = classifier.probabilities(rows)
    contributions = classifier.contributions(rows)
    logits = classifier.logits(rows)
    text = [
        f"probability of {classifier.positive!r}; {classifier.positive!r} from "
        f"{classifier.threshold:.4f} on; contributions to the logit, which is "
        f"{classifier.mean_logit:+.2f} for the mean row"
    ]
    for row, (line, p) in enumerate(zip(lines, probabilities, strict=True)):
        text.append(
            f"{line:>6}  {p:.4f}  {classifier.label(p)}  (logit {logits[row]:+.2f})"
        )
        for i in strongest(contributions[row], show):
            value = value_of(classifier, rows, row, i)
            name = classifier.columns[i].name
            text.append(f"        {contributions[row, i]:+8.3f}  {name} = {value}")
    return "\n".join(text)


def answers_table(classifier: Classifier, rows: Rows, lines: list[int]) -> str:
    """Probability, label and all contributions of each row, as CSV."""
    table = TableText()
    names = [f"contribution of {column.name}" for column in classifier.columns]
    table.writerow(["line", "probability", "label", "logit", "mean_logit", *names])
    for line, p, logit, row in zip(
        lines,
        classifier.probabilities(rows),
        classifier.logits(rows),
        classifier.contributions(rows),
        strict=True,
    ):
        values = (p, logit, classifier.mean_logit, *row)
        first, *others = (f"{value:.6g}" for value in values)
        table.writerow([line, first, classifier.label(p), *others])
    return table.getvalue()


def answer_json(
    classifier: Classifier, rows: Rows, lines: list[int], out: str | None
) -> None:
    """Probability, label and all contributions of each row, as JSON Lines.

    Args:
        classifier: The classifier.
        rows: The rows.
        lines: The line of each in its file.
        out: File for the answers, or None: then they are printed.
    """
    names = [column.name for column in classifier.columns]
    mean = classifier.mean_logit

    def answer(places: list[int]) -> list[dict[str, Any]]:
        some = rows.take(places)
        return [
            {
                "label": classifier.label(p),
                "probability": p,
                "logit": logit,
                "mean_logit": mean,
                "contributions": dict(zip(names, row, strict=True)),
            }
            for p, logit, row in zip(
                classifier.probabilities(some).tolist(),
                classifier.logits(some).tolist(),
                classifier.contributions(some).tolist(),
                strict=True,
            )
        ]

    answer_lines(
        range(len(rows)),
        answer,
        numbers=lines,
        out=out,
        label="classifying",
        at_once=AT_ONCE,
    )


def predictions_table(
    data: Data, classifier: Classifier, probabilities: np.ndarray
) -> str:
    """The test rows as CSV: line, label, probability, predicted."""
    table = TableText()
    table.writerow(["line", "label", "probability", "predicted"])
    for row, p in zip(data.test, probabilities, strict=True):
        label = data.positive if data.labels[row] else data.negative
        table.writerow([data.lines[row], label, f"{p:.6f}", classifier.label(p)])
    return table.getvalue()


def write_results(
    run: RunDirectory,
    metrics: dict[str, Any],
    data: Data,
    fitted: Fitted,
    folds: list[dict[str, Any]],
    probabilities: dict[str, np.ndarray],
) -> None:
    """Writes predictions.csv, pictures and report.html into the run directory.

    Args:
        run: `RunDirectory`.
        metrics: What metrics.json will hold.
        data: The recipe's `Data`.
        fitted: The recipe's `Fitted`.
        folds: What the cross-validation found, a dict a fold.
        probabilities: Of the test rows, by every model.
    """
    classifier = fitted.classifier
    run.write(
        "predictions.csv",
        predictions_table(data, classifier, probabilities["ensemble"]),
    )
    rows = data.rows.take(data.test)
    contributions = classifier.contributions(rows)
    labels = data.labels[data.test]
    chosen = interesting_rows(probabilities["ensemble"], labels, classifier.threshold)
    explained = [
        (title, _bars(classifier, rows, contributions, row)) for title, row in chosen
    ]
    importance = np.abs(contributions).mean(axis=0)
    judged = pooled(folds) if folds else {**probabilities, "labels": labels}
    pictures = draw(
        run,
        fitted,
        judged,
        POOLED if folds else "test rows",
        explained,
        [
            (classifier.columns[i].name, float(importance[i]))
            for i in strongest(importance, 15)
        ],
    )
    report = _report(metrics, data, classifier, pictures)
    run.write("report.html", report.html())


def interesting_rows(
    probabilities: np.ndarray, labels: np.ndarray, threshold: float
) -> list[tuple[str, int]]:
    """A sure positive, a sure negative, the nearest call and the worst mistake.

    Returns:
        List of (title, index); a row is in it once.
    """
    wrong = np.where(labels == 1, 1 - probabilities, probabilities)
    candidates = [
        ("surest positive", np.argmax(np.where(labels == 1, probabilities, -1))),
        ("surest negative", np.argmin(np.where(labels == 0, probabilities, 2))),
        ("nearest to the threshold", np.argmin(np.abs(probabilities - threshold))),
        ("worst prediction", np.argmax(wrong)),
    ]
    rows: dict[int, str] = {}
    for title, index in candidates:
        rows.setdefault(int(index), title)
    return [(title, index) for index, title in rows.items()]


def _bars(
    classifier: Classifier, rows: Rows, contributions: np.ndarray, row: int
) -> list[tuple[str, float]]:
    """The largest contributions of a row with their values; the rest in one."""
    largest = strongest(contributions[row], SHOWN)
    bars = [
        (
            f"{classifier.columns[i].name} = {value_of(classifier, rows, row, i)}",
            float(contributions[row, i]),
        )
        for i in largest
    ]
    rest = float(contributions[row].sum() - sum(value for _, value in bars))
    return [*bars, ("all others", rest)]


def _report(
    metrics: dict[str, Any],
    data: Data,
    classifier: Classifier,
    pictures: dict[str, Path],
) -> Report:
    config, test, validation = (metrics[k] for k in ("config", "test", "validation"))
    described = metrics["data"]
    report = Report(f"{data.positive} or {data.negative}: a table classified", metrics)
    report.text(
        f"An ensemble of small networks ({metrics['parameters']:,} parameters) learnt "
        f"from {described['train']:,} rows of {data.name!r} until epoch "
        f"{validation['epoch']}, {metrics['train_seconds']:.0f} s of training, to tell "
        f"{data.positive!r} (positive, {described['positive_share']:.1%}) from "
        f"{data.negative!r}. Each network was held out from a tenth of these rows, on "
        "which training was stopped, the probabilities calibrated and the threshold "
        f"chosen. It was judged on {described['test']:,} other rows. Class weights: "
        f"{config['class_weights']}."
    )
    if data.warnings or data.notes:
        report.heading("Notes on the data")
        warnings = [f"Warning: {warning}" for warning in data.warnings]
        report.text("\n\n".join([*warnings, *data.notes]))
    report.heading("Test rows")
    models = {"ensemble": test, **metrics["baseline"]}
    report.table(
        [
            ["", "accuracy", "AUC", "average precision", "nats", "Brier"],
            *(
                [LABELS[name]]
                + [row[k] for k in ("accuracy", "auc", "average_precision")]
                + [row["nats"], row["brier"]]
                for name, row in models.items()
            ),
        ]
    )
    report.text(
        "Accuracy at the probability 0.5. AUC: how often a positive row gets a higher "
        "probability than a negative one. Nats: mean -ln p of the right label. Brier: "
        "mean squared error of the probability. Of the last two, less is better."
    )
    report.picture(
        pictures["roc"],
        "ROC and precision over recall, with areas; what is dotted is chance.",
        alt="ROC curve and curve of precision over recall, test rows",
    )
    _cross_validation(report, test, metrics["baseline"])
    _calibration(report, test, validation, pictures)
    _threshold(report, test, validation, classifier, pictures)
    report.heading("What the predictions are made of")
    report.text(
        "Integrated gradients from the mean training row: the contributions of the "
        "columns and the mean row's logit, "
        f"{classifier.mean_logit:+.2f}, sum to the logit of the row, ln p / (1 - p). "
        "They tell what the model uses, not what causes the label."
    )
    report.picture(
        pictures["importance"],
        "Mean size of the contributions.",
        alt="Bars: a column each, the largest first",
    )
    report.picture(
        pictures["contributions"],
        "Contributions in some test rows.",
        alt="Bars to the left and right of zero, by column, for each row",
    )
    report.heading("Training")
    report.picture(
        pictures["curves"],
        "Loss over the epochs.",
        alt="Training and validation loss of each network",
    )
    report.serving(
        "binary_classification",
        "saved_model/ is ready for TensorFlow Serving: columns in by name, "
        "probability and label out; signature explain gives the contributions.",
    )
    report.heading("Terms of the data")
    report.text(described["terms"])
    return report


def _cross_validation(
    report: Report, test: dict[str, Any], baselines: dict[str, Any]
) -> None:
    if "cross_validation" not in test:
        return
    report.heading("Cross-validation")
    report.text(
        "All of it, preprocessing, training, calibration and baselines, done again on "
        "the training rows of each fold: mean ± standard deviation over the folds. "
        "Under it, how much more this model has than the baseline on the same folds, ± "
        "the standard error, corrected for the rows that training sets share (Nadeau "
        "and Bengio, 2003)."
    )
    names = ("accuracy", "auc", "average_precision", "nats", "brier")
    table = [["", "accuracy", "AUC", "average precision", "nats", "Brier"]]
    for name, row in {"ensemble": test, **baselines}.items():
        found = row["cross_validation"]
        cells = [f"{found[n]['mean']:.4f} ± {found[n]['deviation']:.4f}" for n in names]
        table.append([LABELS[name], *cells])
        if name != "ensemble":
            cells = [
                f"{found[n]['difference']:+.4f} ± {found[n]['error']:.4f}"
                for n in names
            ]
            table.append(["… this model's, less its", *cells])
    report.table(table)


def _calibration(
    report: Report,
    test: dict[str, Any],
    validation: dict[str, Any],
    pictures: dict[str, Path],
) -> None:
    report.heading("Can the probabilities be trusted?")
    before = test["uncalibrated"]
    rows = [["", "nats", "Brier", "expected calibration error"]]
    for label, row in (("before", before), ("calibrated", test)):
        found = [row["nats"], row["brier"], row["calibration_error"]]
        rows.append([f"test rows, {label}", *found])
        if "cross_validation" in row:
            folds = row["cross_validation"]
            found = [folds[name]["mean"] for name in ("nats", "brier")]
            rows.append([f"folds, {label}", *found, folds["calibration_error"]])
    report.table(rows)
    report.text(
        f"The logit was multiplied by {validation['slope']:.3f}, and "
        f"{validation['bias']:+.3f} added (Platt), fitted on the rows held out from "
        "each network. This changes no order, so the AUC stays."
    )
    report.picture(
        pictures["reliability"],
        "Reliability: of the rows that were given some probability, the share that is "
        "positive; right is on the diagonal.",
        alt="Points near a diagonal, before and after calibration",
    )


def _threshold(
    report: Report,
    test: dict[str, Any],
    validation: dict[str, Any],
    classifier: Classifier,
    pictures: dict[str, Path],
) -> None:
    report.heading("The threshold")
    found = test["at_threshold"]
    confusion = found["confusion"]
    report.text(
        f"From the probability {classifier.threshold:.4f} on, a row is called "
        f"{classifier.positive!r}: this maximises {validation['criterion']} on the "
        f"rows held out. On the test rows: sensitivity {found['sensitivity']:.3f}, "
        f"specificity {found['specificity']:.3f}, F1 {found['f1']:.3f}."
    )
    report.table(
        [
            ["", f"called {classifier.positive}", f"called {classifier.negative}"],
            [
                classifier.positive,
                confusion["true_positive"],
                confusion["false_negative"],
            ],
            [
                classifier.negative,
                confusion["false_positive"],
                confusion["true_negative"],
            ],
        ]
    )
    report.picture(
        pictures["threshold"],
        "The criterion over the thresholds.",
        alt="A curve with the threshold that was taken",
    )
