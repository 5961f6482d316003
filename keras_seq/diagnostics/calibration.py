"""Whether predicted probabilities are what they say."""

from typing import Any

import numpy as np

BINS = 10


def reliability(probabilities: Any, outcomes: Any) -> list[dict[str, float]]:
    """Predictions by their probability, in ten bins of equal width.

    Args:
        probabilities: Shape (N,), in [0, 1].
        outcomes: Whether what was predicted came true, shape (N,): booleans, or 0 and
            1.

    Returns:
        List of dicts of the bins that have predictions: "rows" (how many), "predicted"
        (mean probability), "observed" (share that came true).

    Raises:
        ValueError: If the arguments are not two arrays of one length, at least 1.

    Example:

    >>> for row in reliability([0.25, 0.75, 0.75], [False, True, False]):
    ...     print(row)
    {'rows': 1, 'predicted': 0.25, 'observed': 0.0}
    {'rows': 2, 'predicted': 0.75, 'observed': 0.5}
    """
    probabilities, outcomes = np.asarray(probabilities), np.asarray(outcomes)
    if probabilities.ndim != 1 or probabilities.shape != outcomes.shape:
        raise ValueError(
            "`probabilities` and `outcomes` must be of one shape (N,); received "
            f"{probabilities.shape} and {outcomes.shape}."
        )
    if not len(probabilities):
        raise ValueError("`probabilities` must have values; received none.")
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    return [
        {
            "rows": int((bins == b).sum()),
            "predicted": float(probabilities[bins == b].mean()),
            "observed": float(outcomes[bins == b].mean()),
        }
        for b in range(BINS)
        if (bins == b).any()
    ]


def calibration_error(probabilities: Any, outcomes: Any) -> float:
    """The expected calibration error: mean |observed - predicted| over `reliability`.

    Args:
        probabilities: Shape (N,), in [0, 1].
        outcomes: Whether what was predicted came true, shape (N,): booleans, or 0 and
            1.

    Returns:
        The error, 0 where the probabilities are right on the average of each bin.

    Raises:
        ValueError: If the arguments are not two arrays of one length, at least 1.

    Example:

    >>> calibration_error([0.25, 0.75, 0.75], [False, True, False])
    0.25

    References:

    - [Guo et al., 2017](https://arxiv.org/abs/1706.04599), section 2
    """
    rows = reliability(probabilities, outcomes)
    missed = (row["rows"] * abs(row["observed"] - row["predicted"]) for row in rows)
    return sum(missed) / len(np.asarray(outcomes))
