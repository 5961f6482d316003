"""One to one: a row of a table classified, with a probability that can be trusted.

No recurrence here: a row goes in, a probability comes out. An ensemble of small
networks, its preprocessing inside, reads raw numbers and categories; its
probabilities are calibrated on rows it hasn't trained on, it says what each column
adds, and it is cross-validated beside logistic regression and gradient boosting.
"""

import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras.layers import Add, Dropout, EinsumDense, RepeatVector

from keras_seq import runs, serving, training
from recipes.binary_classification import answers, figures, folds, results
from recipes.binary_classification import target_recipe as targets
from recipes.binary_classification.data import Data, read_table, shortened, two_classes
from recipes.binary_classification.features import build_features
from recipes.binary_classification.model import MEMBERS, Classifier
from recipes.binary_classification.serving import card, requests, signatures
from recipes.binary_classification.settings import OUT, CompleteConfig, Config
from recipes.binary_classification.target_model import Predictor, TargetPart, Trained
from recipes.binary_classification.targets import TargetData, kind_of
from recipes.binary_classification.training import Fitted, Part

PATIENCE = 20  # epochs without a better loss on the rows held out
HIDDEN_L2 = 3.0  # penalty on the hidden layer, as a multiple of the linear path's
LEARNING_RATE = 5e-3


def load_data(config: Config) -> Data:
    """Reads the table, tells what it is, and splits it."""
    config = config.complete()
    return two_classes(read_table(config), config)


@training.by_dtype_policy
def build_model(
    config: Config,
    data: Data | TargetData,
    chosen: Any = None,
    outputs: int = 1,
    loss: keras.losses.Loss | None = None,
    metric: keras.metrics.Metric | None = None,
) -> keras.Model:
    """Ten networks side by side, compiled: raw rows → logits (B, members, outputs).

        logit = wᵀ x + vᵀ tanh(W x + b) + c

    x is what `build_features` makes of a row. As a member starts, v = 0, it is logistic
    regression; l2 / 2 · (|w|² + 3 |v|² + 3 |W|²), spread over the rows, keeps it near.
    """
    keras.utils.set_random_seed(config.seed)
    rows = data.rows.take(data.train if chosen is None else chosen)
    raw = build_features(rows)
    # The loss is a mean over members, and over the rows that each is trained on.
    l2 = config.l2 / (2 * len(rows) * (1 - 1 / MEMBERS) * MEMBERS)
    features = keras.Input(raw.output_shape[1:], name="features")
    x = RepeatVector(MEMBERS)(features)
    linear = EinsumDense(
        "bmf,mfo->bmo",
        (MEMBERS, outputs),
        bias_axes="mo",
        kernel_initializer="zeros",
        kernel_regularizer=keras.regularizers.L2(l2),
        name="linear",
    )(x)
    initializer = keras.initializers.RandomNormal(stddev=features.shape[1] ** -0.5)
    hidden = EinsumDense(
        "bmf,mfh->bmh",
        (MEMBERS, config.units),
        bias_axes="mh",
        activation="tanh",
        kernel_initializer=initializer,
        kernel_regularizer=keras.regularizers.L2(HIDDEN_L2 * l2),
        name="hidden",
    )(x)
    bent = EinsumDense(
        "bmh,mho->bmo",
        (MEMBERS, outputs),
        kernel_initializer="zeros",
        kernel_regularizer=keras.regularizers.L2(HIDDEN_L2 * l2),
        name="bent",
    )(Dropout(0.5)(hidden))
    members = keras.Model(features, Add()([linear, bent]), name="members")
    model = keras.Model(raw.input, members(raw(raw.input)), name="training")
    loss = loss or keras.losses.BinaryCrossentropy(
        from_logits=True, reduction="mean_with_sample_weight"
    )
    metric = metric or keras.metrics.BinaryCrossentropy("nats", from_logits=True)
    adam = keras.optimizers.Adam(LEARNING_RATE)
    model.compile(adam, loss, weighted_metrics=[metric], jit_compile=False)
    return model


def train(
    config: Config,
    part: Part | TargetPart,
    model: keras.Model,
    folder: Path,
    verbose: str | int = "auto",
    monitor: str = "val_nats",
) -> training.EpochCheckpoint:
    """Trains; the model ends with the weights of its best epoch."""
    checkpoint = training.EpochCheckpoint(
        folder / "checkpoints", monitor=monitor, patience=PATIENCE, resume=config.resume
    )
    checkpoint.fit(
        model,
        part.batches(config.seed, checkpoint.first_epoch),
        epochs=config.complete().epochs,
        steps_per_epoch=part.steps_per_epoch,
        shuffle=False,
        validation_data=part.validation_batches(),
        verbose=verbose,
    )
    return checkpoint


def fit(
    config: Config,
    data: Data,
    chosen: np.ndarray,
    folder: Path,
    verbose: str | int = "auto",
) -> Fitted:
    """Trains on the chosen rows, calibrates, and chooses the threshold."""
    part = Part.of(config, data, chosen)
    model = build_model(config, data, chosen)
    checkpoint = train(config, part, model, folder, verbose)
    return Fitted.of(config, data, part, training.in_float32(model), checkpoint)


def fit_targets(config: Config, data: TargetData, folder: Path) -> Trained:
    """The same where the target isn't one of two classes."""
    part = TargetPart.of(config, data)
    model = build_model(
        config, data, outputs=part.outputs, loss=part.loss(), metric=part.metric()
    )
    checkpoint = train(config, part, model, folder, monitor="val_error")
    return Trained.of(data, part, training.in_float32(model), checkpoint)


def evaluate(
    config: Config,
    data: Data,
    classifier: Classifier,
    tested: list[dict[str, Any]],
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Figures on the test rows and over the folds tested, each beside baselines."""
    test, labels = data.rows.take(data.test), data.labels[data.test]
    known, true = data.rows.take(data.train), data.labels[data.train]
    probabilities = {
        folds.MODEL: classifier.probabilities(test),
        **figures.baseline_probabilities(known, true, test, config.seed),
        "uncalibrated": folds.uncalibrated(classifier, test),
    }
    found = {}
    for name, values in probabilities.items():
        threshold = classifier.threshold if name == folds.MODEL else 0.5
        found[name] = figures.figures_of(values, labels, threshold)
    folds.add_cross_validation(found, tested)
    own = found.pop(folds.MODEL)
    own["uncalibrated"] = found.pop("uncalibrated")
    return {"test": own, "baseline": found}, probabilities


def export(
    config: Config,
    data: Data,
    classifier: Classifier,
    run: runs.RunDirectory,
    test: dict[str, Any],
) -> None:
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


def main(config: Config) -> None:
    """Trains, evaluates, draws, exports, and says where everything is."""
    started = time.time()
    config = config.complete()
    how = {"resume": config.resume, "overwrite": config.overwrite}
    runs.RunDirectory.check(config.out, **how)
    table = read_table(config)
    kind, why = kind_of(table, config)
    if kind != "binary":
        table = shortened(table, config)
        targets.target_main(fit_targets, config, table, kind, why, started)
        return
    data = two_classes(table, config)
    kept = ("columns.json", "predictions.csv")
    run = runs.RunDirectory.start(config.out, config, results=kept, **how)
    data.keep_columns(run)
    fitted = fit(config, data, data.train, run.path)
    run.save_model(fitted.classifier.model)
    tested = folds.cross_validate(fit, config, data, run / "checkpoints" / "folds")
    measured, probabilities = evaluate(config, data, fitted.classifier, tested)
    metrics = {
        "recipe": "binary_classification",
        "config": run.config,
        "data": data.description(),
        "parameters": fitted.classifier.model.count_params(),
        "train_seconds": round(fitted.checkpoint.seconds_trained, 1),
        "validation": {**fitted.checkpoint.best_values, **fitted.figures()},
        **measured,
    }
    export(config, data, fitted.classifier, run, metrics["test"])
    results.write_results(run, metrics, data, fitted, tested, probabilities)
    run.write_json("metrics.json", metrics)
    print(f"Done in {time.time() - started:.0f} s. Open {run / 'report.html'}")


def _finished(
    run: str,
) -> tuple[runs.RunDirectory, CompleteConfig, Classifier | Predictor]:
    """A finished run's directory, its settings and its classifier."""
    found = runs.open_finished(run, CompleteConfig, "columns.json")
    binary = "kind" not in found.known
    classifier = Classifier.kept(found) if binary else targets.kept_predictor(found)
    return found.directory, found.config, classifier


def classify(
    table: str | None = None,
    /,
    file: str | None = None,
    row: str | None = None,
    json: bool = False,
    delimiter: str | None = None,
    encoding: str | None = None,
    show: int = 5,
    run: str = OUT,
    out: str | None = None,
) -> None:
    """Classifies rows with a finished run, and says what each column adds.

    Args:
        table: CSV, JSON Lines or Parquet file with the columns that the run was
            trained on, or - for standard input.
        file: The same.
        row: One row instead of a file, as JSON, such as '{"mean radius": 14.1}';
            columns left out count as missing.
        json: Answer in JSON Lines, with all contributions but for several labels.
        delimiter: Character between the fields of the file. By default it is found.
        encoding: Of the file. By default UTF-8.
        show: Columns to show for each row, the largest contributions first.
        run: Folder of the run.
        out: File for the results: JSON Lines, if these are asked for, else a CSV, of
            two classes with all contributions; by default they are printed.
    """
    given = (value is not None for value in (table, file, row))
    runs.check_one_given("a CSV file", "row", *given)
    if show < 0:
        raise ValueError(f"`show` must be at least 0; received {show!r}.")
    runs.check_out(out)
    classifier = _finished(run)[2]
    rows, lines = answers.rows_asked(
        classifier, table or file, row, delimiter, encoding
    )
    answers.answer(classifier, rows, lines, show=show, json=json, out=out)


def _measure(run: str) -> dict[str, Any]:
    """The folds of the run's cross-validation are kept."""
    directory, config, classifier = _finished(run)
    if isinstance(classifier, Predictor):
        return targets.measured_again(config, directory, classifier)
    data = load_data(config)
    data.keep_columns(directory)
    tested = folds.cross_validate(
        fit, config, data, directory / "checkpoints" / "folds"
    )
    return evaluate(config, data, classifier, tested)[0]


def _export(run: str) -> None:
    directory, config, classifier = _finished(run)
    if isinstance(classifier, Predictor):
        targets.exported_again(config, directory, classifier)
        return
    data = load_data(config)
    data.keep_columns(directory)
    export(config, data, classifier, directory, directory.metrics["test"])


evaluate_run = runs.evaluate_command(_measure, OUT)
export_run = runs.export_command(_export, OUT)
