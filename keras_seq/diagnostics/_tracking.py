"""How well values track a property: one measure for numbers, one for yes and no."""

from collections.abc import Callable

import numpy as np

_BLOCK = 64  # units at once: bounds the memory


def squared_correlation(
    values: np.ndarray, numbers: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pearson's r² and the sign of r, of each column with the numbers.

    Args:
        values: (N, units).
        numbers: (N,), not all equal.

    Returns:
        Two float64 arrays of shape (units,). A column of one value has r² = 0.
    """
    return _in_blocks(_squared_correlation, values, np.asarray(numbers, "float64"))


def ranking_area(
    values: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Area under the ROC curve of each column, and which way it leans.

    The probability that a value at a true label is above one at a false label,
    ties counted half.

    Args:
        values: (N, units).
        labels: (N,) booleans, not all equal.

    Returns:
        Two float64 arrays of shape (units,): the area, and its side of ½, 1 or -1.
    """
    return _in_blocks(_ranking_area, values, np.asarray(labels, bool))


def _in_blocks(
    measure: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
    values: np.ndarray,
    known: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    starts = range(0, values.shape[1], _BLOCK)
    blocks = [measure(values[:, start : start + _BLOCK], known) for start in starts]
    scores, directions = (np.concatenate(part) for part in zip(*blocks, strict=True))
    return scores, directions


def _squared_correlation(
    values: np.ndarray, numbers: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    values = np.asarray(values, "float64")
    varies = values.max(axis=0) > values.min(axis=0)
    values = values - values.mean(axis=0)
    numbers = numbers - numbers.mean()
    together = numbers @ values
    apart = (numbers @ numbers) * (values**2).sum(axis=0)
    scores = np.where(varies, together**2 / np.where(varies, apart, 1.0), 0.0)
    return scores, np.where(together < 0, -1, 1)


def _ranking_area(
    values: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    # Sorting is quicker along memory.
    values = np.ascontiguousarray(np.asarray(values, "float64").T)
    order = np.argsort(values, axis=1)
    values = np.take_along_axis(values, order, axis=1)
    places = np.arange(values.shape[1])
    starts = np.ones(values.shape, bool)
    starts[:, 1:] = values[:, 1:] != values[:, :-1]
    first = np.maximum.accumulate(np.where(starts, places, 0), axis=1)
    ends = np.roll(starts, -1, axis=1)
    last = np.where(ends, places, places[-1])[:, ::-1]
    last = np.minimum.accumulate(last, axis=1)[:, ::-1]
    # Mann and Whitney: from the ranks of the true ones, those of a tie averaged.
    ranks = ((first + last) / 2 * labels[order]).sum(axis=1)
    true = int(labels.sum())
    pairs = true * (len(labels) - true)
    area = (ranks - true * (true - 1) / 2) / pairs
    return area, np.where(area < 0.5, -1, 1)
