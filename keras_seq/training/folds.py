"""Parts of a data set to hold out in turn."""

import numpy as np

from keras_seq.extras import require


def assign_folds(
    labels: np.ndarray, groups: np.ndarray, count: int, seed: int
) -> np.ndarray:
    """The fold of each example: classes spread evenly, what is alike together.

    Args:
        labels: Array of integers, shape (N,).
        groups: Array of integers, shape (N,), the same for examples that must stay
            together; their label is that of the first.
        count: Number of folds.
        seed: Seed of the shuffling.

    Returns:
        Array of integers in [0, count), shape (N,).

    Raises:
        ValueError: If there are fewer than `count` groups of every label.
        ImportError: If scikit-learn is missing.

    Example:

    >>> labels, groups = np.array([0, 0, 1, 1, 0, 1]), np.array([0, 1, 2, 3, 0, 4])
    >>> folds = assign_folds(labels, groups, 2, seed=1)
    >>> folds.shape, bool(folds[0] == folds[4])
    ((6,), True)
    """
    selection = require("sklearn.model_selection", "recipes")
    _, first, member = np.unique(groups, return_index=True, return_inverse=True)
    splitter = selection.StratifiedKFold(count, shuffle=True, random_state=seed)
    fold_of_group = np.empty(len(first), int)
    for fold, (_, chosen) in enumerate(splitter.split(first, labels[first])):
        fold_of_group[chosen] = fold
    return fold_of_group[member]
