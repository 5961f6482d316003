"""Cross-validation of the classification recipe: all of its training, fold by fold."""

import dataclasses
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from keras_seq.diagnostics import calibration_error
from keras_seq.files import atomic_write
from keras_seq.runs import Progress
from keras_seq.training import assign_folds
from recipes.binary_classification.data import FOLDS, Data
from recipes.binary_classification.figures import baseline_probabilities, figures_of
from recipes.binary_classification.model import Classifier
from recipes.binary_classification.settings import Config
from recipes.binary_classification.table import Rows
from recipes.binary_classification.training import Fitted

MODEL = "ensemble"
REPEATS = ((2000, 5), (20_000, 1))  # cross-validations of tables up to so many rows


def cross_validate(
    fit: Callable[..., Fitted], config: Config, data: Data, folder: Path
) -> list[dict[str, Any]]:
    """Repeats all of the training on folds; a fold that is done is kept in `folder`.

    Args:
        fit: The recipe's `fit`, called with (config, data, rows, folder, verbose).
        config: The recipe's `Config`.
        data: The recipe's `Data`.
        folder: `pathlib.Path`, made if missing.

    Returns:
        List of dicts, one a fold: "rows" (those tested on), "labels", "train_rows",
        and the probabilities by each model. Empty for tables too large for it.
    """
    rows = len(data.labels)
    repeats, count = next((n for most, n in REPEATS if rows <= most), 0), FOLDS
    if config.quick:
        repeats, count = 1, 3
    if not repeats:
        print(f"{rows} rows: no cross-validation, the test rows are enough")
        return []
    progress = Progress(f"cross-validating, {repeats} times {count} folds")
    folder.mkdir(parents=True, exist_ok=True)
    done = []
    for repeat in range(repeats):
        folds = assign_folds(data.labels, data.groups, count, config.seed + repeat)
        for fold in range(count):
            path = folder / f"{repeat + 1}-{fold + 1}.json"
            outcome = _kept(path)
            if outcome is None:
                outcome = _fold(fit, config, data, folds == fold)
                atomic_write(path, json.dumps(outcome), durable=True)
            done.append({name: np.array(value) for name, value in outcome.items()})
            progress(len(done), repeats * count)
    return done


def _kept(path: Path) -> dict[str, Any] | None:
    """What a fold that is done has kept; None if it has to be done again."""
    if not path.is_file():
        return None
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (TypeError, ValueError) as error:  # bytes that are no UTF-8 among them
        print(
            f"{str(path)!r} is damaged ({error}): the fold is done again.", flush=True
        )
        return None


def _fold(
    fit: Callable[..., Fitted], config: Config, data: Data, out: np.ndarray
) -> dict[str, Any]:
    chosen, tested = np.flatnonzero(~out), np.flatnonzero(out)
    with tempfile.TemporaryDirectory() as folder:
        whole = dataclasses.replace(config, resume=False)
        fitted = fit(whole, data, chosen, Path(folder), 0)
    test = data.rows.take(tested)
    found = {
        MODEL: fitted.classifier.probabilities(test),
        "uncalibrated": uncalibrated(fitted.classifier, test),
        **baseline_probabilities(
            data.rows.take(chosen), data.labels[chosen], test, config.seed
        ),
    }
    return {
        "rows": tested.tolist(),
        "labels": data.labels[tested].tolist(),
        "train_rows": len(chosen),
        **{name: values.tolist() for name, values in found.items()},
    }


def uncalibrated(classifier: Classifier, rows: Rows) -> np.ndarray:
    """The probabilities that the mean of the members' logits would give."""
    calibration = classifier.model.get_layer("head").get_layer("calibration")
    slope, bias = (weight.item() for weight in calibration.get_weights())
    return 1 / (1 + np.exp(-(classifier.logits(rows) - bias) / slope))


def pooled(folds: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """The rows of all folds together: "labels", and probabilities by each model."""
    names = folds[0].keys() - {"rows", "train_rows"}
    return {name: np.concatenate([fold[name] for fold in folds]) for name in names}


def summary_of(
    folds: list[dict[str, Any]], names: list[str]
) -> dict[str, dict[str, Any]]:
    """Figures over the folds of a cross-validation.

    Args:
        folds: List of dicts: "labels", "train_rows", and for each of `names` an array
            of probabilities.
        names: Names of the models; differences are those of the first.

    Returns:
        Dict from a name to a dict from a figure to "mean" and "deviation" over the
        folds; for the others than the first also "difference", how much more the
        first has, and "error", its standard error, corrected for the rows that the
        training sets share (Nadeau and Bengio, 2003): s √(1/J + test / training rows),
        s the deviation of the J differences.
    """
    figures = ("accuracy", "auc", "average_precision", "nats", "brier")
    values = {
        name: [figures_of(fold[name], fold["labels"]) for fold in folds]
        for name in names
    }
    ratio = np.mean([len(fold["labels"]) / fold["train_rows"] for fold in folds])
    summary: dict[str, dict[str, Any]] = {}
    for name in names:
        summary[name] = {}
        for figure in figures:
            own = np.array([row[figure] for row in values[name]])
            first = np.array([row[figure] for row in values[names[0]]])
            entry = {"mean": float(own.mean()), "deviation": float(own.std(ddof=1))}
            if name != names[0]:
                difference = first - own
                entry["difference"] = float(difference.mean())
                entry["error"] = float(
                    difference.std(ddof=1) * np.sqrt(1 / len(folds) + ratio)
                )
            summary[name][figure] = entry
    return summary


def add_cross_validation(
    found: dict[str, dict[str, Any]], folds: list[dict[str, Any]]
) -> None:
    """Adds to each model's figures what it reaches over the folds, if there are any."""
    if not folds:
        return
    for name, summary in summary_of(folds, list(found)).items():
        found[name]["cross_validation"] = summary
    together = pooled(folds)
    for name, row in found.items():
        row["cross_validation"]["calibration_error"] = calibration_error(
            together[name], together["labels"]
        )
