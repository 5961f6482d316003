"""One to one: a row of a table classified, with a probability that can be trusted.

No recurrence here: a row goes in, a probability comes out. An ensemble of small
networks, its preprocessing inside, reads raw numbers and categories; its
probabilities are calibrated on rows it hasn't trained on, it says what each column
adds, and it is cross-validated beside logistic regression and gradient boosting.
"""

import dataclasses
import json
import time

import keras
import numpy as np

from keras_seq import serving
from keras_seq.files import atomic_write
from keras_seq.runs import (
    RunDirectory,
    check_out,
    print_or_write,
)
from keras_seq.training import EpochCheckpoint
from recipes.binary_classification.data import OUT, Config, load_data
from recipes.binary_classification.figures import (
    baseline_probabilities,
    calibration_error,
    figures_of,
)
from recipes.binary_classification.folds import (
    MODEL,
    cross_validate,
    pooled,
    summary_of,
    uncalibrated,
)
from recipes.binary_classification.model import Classifier, build_classifier, calibrated
from recipes.binary_classification.results import (
    answers_table,
    answers_text,
    write_results,
)
from recipes.binary_classification.serving import card, requests, signatures
from recipes.binary_classification.table import Column, row_from_json, rows_from_csv
from recipes.binary_classification.training import (
    Part,
    ThresholdCurve,
    choose_threshold,
    fit_platt,
)

PATIENCE = 20  # epochs without a better loss on the rows held out


def build_model(config, data, chosen=None):
    """The ensemble, compiled, its preprocessing fitted to the training rows."""
    keras.utils.set_random_seed(config.seed)
    chosen = data.train if chosen is None else chosen
    return build_classifier(config, data.rows.take(chosen))


def train(config, part, model, folder, verbose="auto"):
    """Trains; the model ends with the weights of its best epoch."""
    checkpoint = EpochCheckpoint(
        folder / "checkpoints",
        monitor="val_nats",
        patience=PATIENCE,
        resume=config.resume,
    )
    checkpoint.fit(
        model,
        part.batches(config.seed, checkpoint.first_epoch),
        epochs=config.epochs,
        steps_per_epoch=part.steps_per_epoch,
        shuffle=False,
        validation_data=part.validation_batches(),
        verbose=verbose,
    )
    return checkpoint


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A trained classifier, and how the rows held out from members were predicted."""

    classifier: Classifier
    checkpoint: EpochCheckpoint
    slope: float
    bias: float
    labels: np.ndarray
    probabilities: np.ndarray
    curve: ThresholdCurve


def fit(config, data, chosen, folder, verbose="auto"):
    """Trains on the chosen rows, calibrates, and chooses the threshold."""
    part = Part.of(config, data, chosen)
    model = build_model(config, data, chosen)
    checkpoint = train(config, part, model, folder, verbose)
    logits = part.held_out_logits(model)
    slope, bias = fit_platt(logits, part.labels, part.expected_bias)
    probabilities = 1 / (1 + np.exp(-(slope * logits + bias)))
    curve = choose_threshold(
        probabilities,
        part.labels,
        criterion=config.threshold,
        cost=config.false_negative_cost,
    )
    classifier = Classifier(
        calibrated(model, slope, bias),
        data.columns,
        data.negative,
        data.positive,
        curve.best,
    )
    return Fitted(
        classifier, checkpoint, slope, bias, part.labels, probabilities, curve
    )


def evaluate(config, data, classifier, folds):
    """Figures on the test rows and over the folds, each beside baselines."""
    test, labels = data.rows.take(data.test), data.labels[data.test]
    probabilities = {
        MODEL: classifier.probabilities(test),
        **baseline_probabilities(
            data.rows.take(data.train), data.labels[data.train], test, config.seed
        ),
        "uncalibrated": uncalibrated(classifier, test),
    }
    figures = {
        name: figures_of(values, labels, classifier.threshold if name == MODEL else 0.5)
        for name, values in probabilities.items()
    }
    if folds:
        for name, summary in summary_of(folds, list(probabilities)).items():
            figures[name]["cross_validation"] = summary
        together = pooled(folds)
        for name in probabilities:
            figures[name]["cross_validation"]["calibration_error"] = calibration_error(
                together[name], together["labels"]
            )
    own = figures.pop(MODEL)
    own["uncalibrated"] = figures.pop("uncalibrated")
    return {"test": own, "baseline": figures}, probabilities


def export(config, data, classifier, run, test):
    """Writes saved_model/1, and proves that it serves without keras_seq."""
    serving.export(
        classifier.model,
        run / "saved_model",
        signatures(classifier),
        warmup=requests(classifier, data.rows.take(data.test[:3])),
        model_card=card(classifier, data.description(), test),
        overwrite=True,
    )
    print(serving.check(run / "saved_model"))


def main(config):
    """Trains, evaluates, draws, exports, and says where everything is."""
    started = time.time()
    config = config.complete()
    RunDirectory.check(config.out, resume=config.resume, overwrite=config.overwrite)
    data = load_data(config)
    run = RunDirectory.start(
        config.out,
        config,
        resume=config.resume,
        overwrite=config.overwrite,
        results=("columns.json", "predictions.csv"),
    )
    data.keep_columns(run)
    training_started = time.time()
    fitted = fit(config, data, data.train, run.path)
    train_seconds = time.time() - training_started
    run.save_model(fitted.classifier.model)
    folds = cross_validate(fit, config, data, run / "checkpoints" / "folds")
    figures, probabilities = evaluate(config, data, fitted.classifier, folds)
    checkpoint = fitted.checkpoint
    metrics = {
        "recipe": "binary_classification",
        "config": run.config,
        "data": data.description(),
        "parameters": fitted.classifier.model.count_params(),
        "train_seconds": round(train_seconds, 1),
        "validation": {
            **checkpoint.history[checkpoint.best_epoch],
            "slope": fitted.slope,
            "bias": fitted.bias,
            "threshold": fitted.curve.best,
            "criterion": fitted.curve.criterion,
            **figures_of(fitted.probabilities, fitted.labels, fitted.curve.best),
        },
        **figures,
    }
    export(config, data, fitted.classifier, run, metrics["test"])
    write_results(run, metrics, data, fitted, folds, probabilities)
    run.write_json("metrics.json", metrics)
    print(f"Done in {time.time() - started:.0f} s. Open {run / 'report.html'}")


def _finished(run):
    """A finished run's directory, its settings and its classifier."""
    directory = RunDirectory(run)
    config = directory.read_config(Config)
    known = directory.read_json("columns.json")
    threshold = directory.metrics["validation"]["threshold"]
    model = keras.models.load_model(directory / "model.keras", compile=False)
    columns = [Column(**column) for column in known["columns"]]
    return (
        directory,
        config,
        Classifier(model, columns, known["negative"], known["positive"], threshold),
    )


def classify(
    file: str | None = None,
    /,
    row: str | None = None,
    delimiter: str | None = None,
    show: int = 5,
    run: str = OUT,
    out: str | None = None,
):
    """Classifies rows with a finished run, and says what each column adds.

    Args:
        file: CSV file with the columns that the run was trained on.
        row: One row instead of a file, as JSON, such as '{"mean radius": 14.1}';
            columns left out count as missing.
        delimiter: Character between the fields of the file. By default it is found.
        show: Columns to show for each row, the largest contributions first.
        run: Folder of the run.
        out: CSV file for the results, with all contributions; by default they are
            printed.
    """
    if (file is None) == (row is None):
        raise ValueError("either a CSV file or `row` must be given, and not both.")
    if show < 0:
        raise ValueError(f"`show` must be at least 0; received {show!r}.")
    _, _, classifier = _finished(run)
    if row is None:
        rows, lines = rows_from_csv(file, classifier.columns, delimiter)
    else:
        rows, absent = row_from_json(row, classifier.columns)
        lines = [1]
        if absent:
            print(f"columns not given count as missing: {', '.join(absent)}")
    if out is None:
        print(answers_text(classifier, rows, lines, show))
    else:
        atomic_write(out, answers_table(classifier, rows, lines))
        print(f"{len(rows)} rows are in {out}")


def evaluate_run(run: str = OUT, out: str | None = None):
    """Measures a finished run again; the folds of its cross-validation are kept.

    Args:
        run: Folder of the run.
        out: JSON file for the figures; by default they are printed.
    """
    check_out(out)
    directory, config, classifier = _finished(run)
    data = load_data(config)
    data.keep_columns(directory)
    folds = cross_validate(fit, config, data, directory / "checkpoints" / "folds")
    figures, _ = evaluate(config, data, classifier, folds)
    print_or_write(json.dumps(figures, indent=2), out)


def export_run(run: str = OUT):
    """Exports a finished run again and checks that the export serves.

    Args:
        run: Folder of the run.
    """
    directory, config, classifier = _finished(run)
    data = load_data(config)
    data.keep_columns(directory)
    export(config, data, classifier, directory, directory.metrics["test"])
