"""Which labels are taken for which: against scikit-learn."""

import numpy as np
from sklearn import metrics

from recipes.sentiment.confusion import (
    LONGEST,
    SHOWN,
    confusion_figures,
    confusion_matrix,
    plot_confusion,
)

RNG = np.random.default_rng(2)


def test_the_confusion_matrix_is_scikit_learns():
    labels = RNG.choice(5, 200, p=[0.6, 0.2, 0.1, 0.1, 0])
    predicted = np.where(RNG.random(200) < 0.6, labels, RNG.integers(0, 3, 200))
    names = ["a", "b", "c", "d", "never"]
    matrix = confusion_matrix(labels, predicted, 5)
    expected = metrics.confusion_matrix(labels, predicted, labels=range(5))
    np.testing.assert_array_equal(matrix, expected)
    found = confusion_figures(matrix, names)
    again = np.zeros((5, 5), int)
    for name, row in found["confusion"].items():
        for answer, count in row.items():
            again[names.index(name), names.index(answer)] = count
    np.testing.assert_array_equal(again, expected)
    columns = metrics.precision_recall_fscore_support(
        labels, predicted, labels=range(5), zero_division=0
    )
    keys = ("precision", "recall", "f1", "texts")
    for key, column in zip(keys, columns, strict=True):
        values = [found["by_label"][name][key] for name in names]
        np.testing.assert_allclose(values, column)


def test_the_picture_has_the_counts_and_of_many_labels_the_most_frequent():
    matrix = np.array([[8, 2], [1, 0]])
    axes = plot_confusion(matrix, ["$a", "b" * 99]).axes[0]
    assert [text.get_text() for text in axes.texts] == ["8", "2", "1", "0"]
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.8, 0.2], [1, 0]])
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert names[0] == "$a"
    assert len(names[1]) == LONGEST
    matrix = np.diag(np.arange(1, SHOWN + 11))
    axes = plot_confusion(matrix, [str(i) for i in range(SHOWN + 10)]).axes[0]
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert names == [str(i) for i in range(10, SHOWN + 10)]
    assert not axes.texts
