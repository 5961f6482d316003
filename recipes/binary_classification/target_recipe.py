"""The recipe where the target isn't one of two classes: the same, step by step."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_seq import runs, serving
from keras_seq.runs import FinishedRun
from recipes.binary_classification.data import read_table, shortened
from recipes.binary_classification.settings import CompleteConfig
from recipes.binary_classification.sources import Table
from recipes.binary_classification.table import Column
from recipes.binary_classification.target_figures import baselines, figures_of_kind
from recipes.binary_classification.target_model import Predictor, Trained
from recipes.binary_classification.target_results import write_target_results
from recipes.binary_classification.target_serving import (
    target_card,
    target_requests,
    target_signatures,
)
from recipes.binary_classification.targets import Kind, TargetData, kind_of


def target_main(
    fit: Callable[..., Trained],
    config: CompleteConfig,
    table: Table,
    kind: Kind,
    why: str,
    started: float,
) -> None:
    """Trains, evaluates, draws, exports, and says where everything is.

    Args:
        fit: The recipe's `fit_targets`, called with (config, data, folder).
        config: The recipe's settings.
        table: The table.
        kind: What its target is.
        why: What that was told from.
        started: When the command began, by `time.time`.
    """
    _check_settings(config, kind)
    data = TargetData.of(table, kind, why, config)
    data.tell()
    run = runs.RunDirectory.start(
        config.out,
        config,
        resume=config.resume,
        overwrite=config.overwrite,
        results=("columns.json", "predictions.csv"),
    )
    data.keep_columns(run)
    trained = fit(config, data, run.path)
    predictor = trained.predictor
    run.save_model(predictor.model)
    measured, predicted = measure_targets(config, data, predictor)
    validation = {
        **trained.checkpoint.best_values,
        "slope": trained.slope,
        "bias": trained.bias,
        "interval": list(predictor.interval),
        **figures_of_kind(kind, trained.predicted, trained.targets, data.names),
    }
    metrics = {
        "recipe": "binary_classification",
        "config": run.config,
        "data": data.description(),
        "parameters": predictor.model.count_params(),
        "train_seconds": round(trained.checkpoint.seconds_trained, 1),
        "validation": validation,
        **measured,
    }
    export_targets(data, predictor, run, metrics["test"])
    write_target_results(run, metrics, data, trained, predicted)
    run.write_json("metrics.json", metrics)
    print(f"Done in {time.time() - started:.0f} s. Open {run / 'report.html'}")


def _check_settings(config: CompleteConfig, kind: Kind) -> None:
    """Refuses what is asked for and has no meaning for such a target."""
    unused = {
        "positive": config.positive is not None,
        "threshold": config.threshold != "youden",
        "false_negative_cost": config.false_negative_cost is not None,
        "class_weights": config.class_weights != "none" and kind != "classes",
    }
    if names := [name for name, given in unused.items() if given]:
        those = "classes" if names[0] == "class_weights" else "two classes"
        raise ValueError(
            f"`{names[0]}` is for a target of {those}; {config.label!r} is of the kind "
            f"{kind}."
        )


def measure_targets(
    config: CompleteConfig, data: TargetData, predictor: Predictor
) -> tuple[dict[str, Any], np.ndarray]:
    """Figures on the test rows beside baselines, and what is predicted of them."""
    test, true = data.rows.take(data.test), data.targets[data.test]
    predicted = predictor.predict(test)
    found = figures_of_kind(data.kind, predicted, true, data.names)
    if data.kind == "number":
        low, high = predictor.interval
        error = true - predicted
        found["covered"] = float(((error >= low) & (error <= high)).mean())
    compared = baselines(
        data.kind,
        data.rows.take(data.train),
        data.targets[data.train],
        test,
        len(data.names),
        config.seed,
    )
    baseline = {
        name: figures_of_kind(data.kind, values, true, data.names)
        for name, values in compared.items()
    }
    return {"test": found, "baseline": baseline}, predicted


def export_targets(
    data: TargetData,
    predictor: Predictor,
    run: runs.RunDirectory,
    test: dict[str, Any],
) -> None:
    """Writes saved_model/1, and proves that it serves without keras_seq."""
    serving.export(
        predictor.model,
        run / "saved_model",
        target_signatures(predictor),
        warmup=target_requests(predictor, data.rows.take(data.test[:3])),
        model_card=target_card(predictor, data.description(), test),
        overwrite=True,
    )
    print(serving.check(run / "saved_model"))


def kept_predictor(found: FinishedRun) -> Predictor:
    """The predictor of a finished run."""
    known = found.known
    low, high = found.directory.metrics["validation"]["interval"]
    return Predictor(
        found.model,
        [Column(**column) for column in known["columns"]],
        known["kind"],
        known["names"],
        known["unit"],
        (low, high),
    )


def measured_again(
    config: CompleteConfig, run: runs.RunDirectory, predictor: Predictor
) -> dict[str, Any]:
    """A finished run's figures."""
    return measure_targets(config, _data_again(config, run), predictor)[0]


def exported_again(
    config: CompleteConfig, run: runs.RunDirectory, predictor: Predictor
) -> None:
    """Writes a finished run's export again."""
    data = _data_again(config, run)
    export_targets(data, predictor, run, run.metrics["test"])


def _data_again(config: CompleteConfig, run: runs.RunDirectory) -> TargetData:
    table = read_table(config)
    kind, why = kind_of(table, config)
    if kind == "binary":
        raise ValueError(
            f"--data {config.data!r} is not what the run was started with: the target "
            f"{config.label!r} has two classes."
        )
    data = TargetData.of(shortened(table, config), kind, why, config)
    data.tell()
    data.keep_columns(run)
    return data
