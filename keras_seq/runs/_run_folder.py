"""What a folder that was named as a run is instead."""

import dataclasses
import importlib
import json
import os
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_SHOWN = 5  # runs in a folder of runs


def no_run(path: Path) -> str:
    """Why there is no run in a folder without config.json, and what to do."""
    lacks, instead = "it has no config.json", "name the folder of a finished run"
    if not os.path.lexists(path):
        instead += ": there is no such folder"
    elif not path.is_dir():
        lacks = "it is a file"
    elif not any(path.iterdir()):
        lacks = "it is empty"
    elif (above := _run_above(path)) is not None:
        instead = f"name the run that it is in, {os.fspath(above)!r}"
    elif runs := sorted(each.parent for each in path.glob("*/config.json")):
        named = ", ".join(repr(os.fspath(run)) for run in runs[:_SHOWN])
        more = f" and {len(runs) - _SHOWN} more" if len(runs) > _SHOWN else ""
        instead = f"name one of the runs in it: {named}{more}"
    return f"no run in {os.fspath(path)!r}: {lacks}. Train first, or {instead}."


def _run_above(path: Path) -> Path | None:
    found = (path.parent, path.parent.parent)
    return next((each for each in found if (each / "config.json").is_file()), None)


def differs(
    path: Path, settings: Mapping[str, Any], config_class: type, names: set[str]
) -> str:
    """What a run is whose settings aren't those of a recipe's dataclass.

    Args:
        path: Folder of the run.
        settings: What its config.json holds.
        config_class: The dataclass.
        names: The names of its fields.
    """
    if other := of_another_recipe(path, settings, config_class):
        return other
    return (
        f"the run in {os.fspath(path)!r} is of another version: its config.json "
        f"and this program differ in {', '.join(sorted(settings.keys() ^ names))}."
    )


def of_another_recipe(
    path: Path, settings: Mapping[str, Any], config_class: type
) -> str | None:
    """Says so, if a run is of another recipe than that of a dataclass of settings.

    A recipe is a package with its dataclass `Config` in a module `settings`.
    """
    *packages, recipe, module = ["", *config_class.__module__.split(".")]
    if module != "settings" or not any(packages):
        return None
    found = _recipe_of(path, settings, ".".join(packages).lstrip("."))
    if found in (None, recipe):
        return None
    return f"{os.fspath(path)!r} is a run of {found}, not of {recipe}."


def _recipe_of(path: Path, settings: Mapping[str, Any], package: str) -> str | None:
    """The recipe that a run is of, as it says when it has ended; or by its settings."""
    try:
        metrics = json.loads((path / "metrics.json").read_text("utf-8"))
        return str(metrics["recipe"])
    except (OSError, ValueError, LookupError, TypeError):
        for recipe, fields in _fields_of_recipes(package):
            if settings.keys() == fields:
                return recipe
    return None


def _fields_of_recipes(package: str) -> Iterator[tuple[str, set[str]]]:
    """The names of the settings of all recipes in a package."""
    for found in pkgutil.iter_modules(importlib.import_module(package).__path__):
        try:
            module = importlib.import_module(f"{package}.{found.name}.settings")
            yield (
                found.name,
                {field.name for field in dataclasses.fields(module.Config)},
            )
        except (ImportError, AttributeError, TypeError):  # it has none
            continue
