"""Folds: every example in one, classes even, groups whole."""

import numpy as np
import pytest

from keras_seq.training import assign_folds


@pytest.mark.parametrize("classes", [2, 3])
def test_folds_are_even_and_groups_whole(classes):
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 150, size=300)
    labels = (groups % classes).astype(int)
    folds = assign_folds(labels, groups, 5, seed=3)
    assert set(folds) == set(range(5))
    for group in set(groups):
        assert len(set(folds[groups == group])) == 1
    _, first = np.unique(groups, return_index=True)
    for label in range(classes):
        counts = np.bincount(folds[first][labels[first] == label], minlength=5)
        assert counts.max() - counts.min() <= 1
    np.testing.assert_array_equal(folds, assign_folds(labels, groups, 5, seed=3))
    assert (folds != assign_folds(labels, groups, 5, seed=4)).any()
