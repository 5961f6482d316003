"""Finished runs, and the commands that every recipe has for them."""

import contextlib
import json
import os
from collections.abc import Callable
from typing import Any, NamedTuple

from keras_seq.runs.command_line import check_out, print_or_write
from keras_seq.runs.run_directory import RunDirectory


class FinishedRun(NamedTuple):
    """What a finished run has kept.

    Attributes:
        directory: Its `RunDirectory`.
        config: Its settings.
        known: What it knows of its data, of the JSON file that was asked for.
        model: Its trained model, not compiled.
    """

    directory: RunDirectory
    config: Any
    known: Any
    model: Any


def open_finished(
    path: str | os.PathLike[str], config_class: type, known: str
) -> FinishedRun:
    """Opens a finished run.

    Args:
        path: Folder of the run.
        config_class: The recipe's dataclass of settings.
        known: Name of the JSON file that `RunDirectory.keep_known` wrote.

    Returns:
        `FinishedRun`.

    Raises:
        FileNotFoundError: If there is no run in `path`, or it hasn't finished.
        ValueError: If its settings are not those of `config_class`.

    Example:

    >>> import dataclasses, tempfile
    >>> import keras
    >>> Config = dataclasses.make_dataclass("Config", [("units", int)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = RunDirectory.start(folder + "/run", Config(units=8))
    ...     _ = run.write_json("labels.json", ["bad", "good"])
    ...     model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(8)])
    ...     _ = run.save_model(model)
    ...     found = open_finished(folder + "/run", Config, "labels.json")
    >>> found.config.units, found.known, found.model.output_shape
    (8, ['bad', 'good'], (None, 8))
    """
    directory = RunDirectory(path)
    return FinishedRun(
        directory,
        directory.read_config(config_class),
        directory.read_json(known),
        directory.load_model(),
    )


def evaluate_command(
    measure: Callable[[str], dict[str, Any]], default_run: str
) -> Callable[..., None]:
    """The verb `evaluate` of a recipe's command line.

    Args:
        measure: Function from a finished run's folder to its figures.
        default_run: Folder of the run where none is named.

    Returns:
        Function of `run` and `out`, which writes the figures as JSON.

    Example:

    >>> evaluate = evaluate_command(lambda run: {"bleu": 41.0}, "runs/mine")
    >>> evaluate()
    {
      "bleu": 41.0
    }
    """

    def evaluate_run(run: str = default_run, out: str | None = None) -> None:
        """Measures a finished run again.

        Args:
            run: Folder of the run.
            out: JSON file for the figures; by default they are printed.
        """
        check_out(out)
        print_or_write(json.dumps(measure(run), indent=2), out)

    return evaluate_run


def export_command(
    write: Callable[[str], None], default_run: str
) -> Callable[..., None]:
    """The verb `export` of a recipe's command line.

    Args:
        write: Function that exports the finished run in a folder.
        default_run: Folder of the run where none is named.

    Returns:
        Function of `run`.

    Example:

    >>> export = export_command(lambda run: print("exporting", run), "runs/mine")
    >>> export(run="runs/other")
    exporting runs/other
    """

    def export_run(run: str = default_run) -> None:
        """Exports a finished run again and checks that the export serves.

        Args:
            run: Folder of the run.
        """
        lock = None
        with contextlib.suppress(FileNotFoundError):  # `write` says it better
            lock = RunDirectory(run).locked()
        write(run)
        del lock  # until here no other process writes there

    return export_run
