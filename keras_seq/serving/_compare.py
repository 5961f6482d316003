"""Comparing the answers of two ways to run a model."""

from collections.abc import Mapping
from typing import Any

import numpy as np

Arrays = Mapping[str, np.ndarray]


def compare(
    what: str, expected: Arrays, received: Arrays, tolerance: float
) -> tuple[list[str], float]:
    """Strings and integers must be equal, floats within the tolerance.

    The tolerance is absolute and relative: |a - b| <= t + t |a|.

    Returns:
        The problems, and the largest absolute difference between floats.
    """
    if set(expected) != set(received):
        return [f"{what}: has {sorted(received)}, expected {sorted(expected)}"], 0.0
    problems = []
    largest = 0.0
    for name, wanted in expected.items():
        got = received[name]
        where = f"{what}, output {name!r}"
        if wanted.shape != got.shape or wanted.dtype != got.dtype:
            problems.append(
                f"{where}: {got.dtype} {got.shape}, expected {wanted.dtype} "
                f"{wanted.shape}"
            )
        elif wanted.dtype.kind == "f":
            finite = np.isfinite(wanted) & np.isfinite(got)
            difference = float(np.abs(wanted[finite] - got[finite]).max(initial=0.0))
            largest = max(largest, difference)
            if not np.allclose(
                got, wanted, rtol=tolerance, atol=tolerance, equal_nan=True
            ):
                problems.append(f"{where}: differs by up to {difference:.3g}")
        elif not np.array_equal(wanted, got):
            at = tuple(int(i[0]) for i in np.nonzero(wanted != got))
            problems.append(
                f"{where}: {_short(got[at])} at {at}, expected {_short(wanted[at])}"
            )
    return problems, largest


def row_of(batch: Arrays, row: int, alone: Arrays) -> dict[str, np.ndarray]:
    """One row of a batch's outputs, cut to the shape that it has alone.

    A batch is as long as its longest row; what the others are padded with is
    no part of their answer.
    """
    rows = {}
    for name, value in batch.items():
        sizes = alone[name].shape[1:] if name in alone else ()
        part = (slice(row, row + 1), *map(slice, sizes))
        rows[name] = value[part]
    return rows


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
