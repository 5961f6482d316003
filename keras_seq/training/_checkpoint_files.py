"""The files of a checkpoint: arrays in order, and the history as a table."""

import csv
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_seq.files import atomic_write


def save_arrays(path: Path, arrays: Iterable[np.ndarray], **named: np.ndarray) -> None:
    """Writes arrays in order, and named ones beside them, whole or not at all."""
    buffer = io.BytesIO()
    # A file of NumPy's has no bfloat16; float32 holds it exactly.
    arrays = [a.astype("float32") if a.dtype.kind == "V" else a for a in arrays]
    numbered = {str(i): array for i, array in enumerate(arrays)}
    np.savez(buffer, **(numbered | named))  # type: ignore[arg-type] # no allow_pickle
    atomic_write(path, buffer.getvalue())


def load_arrays(path: Path) -> list[np.ndarray]:
    """The arrays that have no name, in order."""
    with np.load(path) as file:
        count = sum(name.isdecimal() for name in file.files)
        return [file[str(i)] for i in range(count)]


def load_named(path: Path, name: str, default: Any = None) -> Any:
    """A named value, as Python's own; `default` if the file has none."""
    with np.load(path) as file:
        return file[name].item() if name in file.files else default


def mean_arrays(paths: Sequence[Path]) -> list[np.ndarray]:
    """Mean of the arrays of several files, place for place.

    What isn't a number with a fraction, such as a counter, has no mean: it is
    that of the first file.
    """
    first = load_arrays(paths[0])
    sums = [array.astype("float64") for array in first]
    for path in paths[1:]:
        for total, array in zip(sums, load_arrays(path), strict=True):
            total += array
    return [
        total / len(paths) if array.dtype.kind == "f" else array
        for total, array in zip(sums, first, strict=True)
    ]


def check_shapes(
    path: Path, variables: Sequence[Any], arrays: Sequence[np.ndarray]
) -> None:
    """Refuses arrays that are not those of the variables, place for place."""
    found = [array.shape for array in arrays]
    expected = [tuple(variable.shape) for variable in variables]
    if found == expected:
        return
    differing = [
        f"{variable.path!r} has shape {tuple(variable.shape)} and had {shape}"
        for variable, shape in zip(variables, found, strict=False)
        if tuple(variable.shape) != shape
    ]
    if len(found) != len(expected):
        differing = [
            f"it holds {len(found)} variables, the model and its optimizer "
            f"have {len(expected)}"
        ]
    raise ValueError(
        f"{os.fspath(path)!r} is the checkpoint of another model: "
        f"{', '.join(differing)}."
    )


def history_table(history: Sequence[dict[str, float]]) -> str:
    """The epochs as CSV; a value that an epoch lacks leaves its place empty."""
    table = io.StringIO()
    names = dict.fromkeys(name for row in history for name in row)
    writer = csv.DictWriter(table, list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return table.getvalue()


def read_history(text: str) -> list[dict[str, float]]:
    """The epochs of a table."""
    return [
        {name: int(v) if name == "epoch" else float(v) for name, v in row.items() if v}
        for row in csv.DictReader(io.StringIO(text))
    ]
