"""Columns that give the label away by themselves: what is only known afterwards."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_seq.extras import require
from recipes.binary_classification.table import Column, Rows

SURE = 0.99  # area under the ROC curve
BINS = 32  # of a column of numbers
FOLDS = 5
SHOWN = 10


class Giveaway(NamedTuple):
    """A column that tells the classes apart by itself.

    Attributes:
        name: Of the column.
        area: Under the ROC curve.
        what: "it", or "what is missing in it".
    """

    name: str
    area: float
    what: str


def giveaways(
    columns: Sequence[Column], rows: Rows, labels: np.ndarray
) -> list[Giveaway]:
    """The columns that tell two classes apart by themselves.

    Args:
        columns: List of `Column`.
        rows: `Rows`.
        labels: Array of 0 and 1, shape (B,), both in it.

    Returns:
        List of `Giveaway`.
    """
    numbers, strings = iter(rows.numbers.T), iter(rows.strings.T)
    found = []
    for column in columns:
        if column.kind == "category":
            values = next(strings)
            area = _area_by_rates(np.unique(values, return_inverse=True)[1], labels)
            missing = values == ""
        else:
            numeric = next(numbers)
            area = max(_area(numeric, labels), _area_by_rates(_bins(numeric), labels))
            missing = np.isnan(numeric)
        if area > SURE:
            what = "what is missing in it" if _agrees(missing, labels) else "it"
            found.append(Giveaway(column.name, area, what))
    return found


def giveaways_of_classes(
    columns: Sequence[Column], rows: Rows, classes: np.ndarray
) -> list[Giveaway]:
    """The columns that tell each class from all others, with the smallest area."""
    found = [
        {one.name: one for one in giveaways(columns, rows, (classes == k).astype(int))}
        for k in np.unique(classes)
    ]
    return [
        min((of_class[name] for of_class in found), key=lambda one: one.area)
        for name in found[0]
        if all(name in of_class for of_class in found)
    ]


def warnings_of(found: Sequence[Giveaway]) -> list[str]:
    """A sentence for each column, the surest first, of so many at most."""
    warnings = [
        f"column {name!r} alone gives the label away: by {what} the classes are told "
        f"apart with an AUC of {area:.4f}. Is it known before the label is?"
        for name, area, what in sorted(found, key=lambda one: -one.area)[:SHOWN]
    ]
    if len(found) > SHOWN:
        warnings.append(f"{len(found) - SHOWN} more columns give the label away.")
    return warnings


def _agrees(missing: np.ndarray, labels: np.ndarray) -> bool:
    return _area(missing.astype(float), labels) > SURE


def _area(values: np.ndarray, labels: np.ndarray) -> float:
    """The area under the ROC curve, of the better order; missing is the least."""
    rankdata = require("scipy.stats", "recipes").rankdata
    least = np.where(np.isnan(values), -np.inf, values)
    ranks = rankdata(least)
    positives = labels.sum()
    negatives = len(labels) - positives
    wins = ranks[labels == 1].sum() - positives * (positives + 1) / 2
    area = float(wins / (positives * negatives))
    return max(area, 1 - area)


def _bins(values: np.ndarray) -> np.ndarray:
    """A bin for each number, as many in each; missing ones are a bin of their own."""
    known = values[~np.isnan(values)]
    if not len(known):
        return np.zeros(len(values), int)
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1]))
    bins = np.searchsorted(edges, values, side="right")
    return np.where(np.isnan(values), len(edges) + 1, bins)


def _area_by_rates(codes: np.ndarray, labels: np.ndarray) -> float:
    """The area of the share of positives of each code, counted in other rows."""
    folds = np.random.default_rng(0).permutation(len(labels)) % FOLDS
    rates = np.empty(len(labels))
    for fold in range(FOLDS):
        others, own = folds != fold, folds == fold
        counts = np.bincount(codes[others], minlength=codes.max() + 1)
        positives = np.bincount(codes[others], labels[others], codes.max() + 1)
        mean = labels[others].mean()
        rates[own] = ((positives + mean) / (counts + 1))[codes[own]]
    return _area(rates, labels)
