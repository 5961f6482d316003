"""`plot_history`: the right numbers, under the right names."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from keras_seq.runs import plot_history

HISTORY = [
    {"epoch": 3, "loss": 2.0, "val_loss": 2.5},
    {"epoch": 4, "loss": 1.5},
    {"epoch": 5, "loss": float("nan"), "val_loss": 1.75},
]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_what_is_drawn(tmp_path):
    figure = plot_history(
        HISTORY,
        {"val_loss": "validation", "loss": "training"},
        ylabel="nats",
        references={"unigram": 3.14159, "5-gram": 1.6, "best": 1.0, "4th": 0.5},
    )
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "nats")
    lines = {line.get_label(): line for line in axes.lines}
    shown = [text.get_text() for text in axes.get_legend().get_texts()]
    names = ["unigram 3.14", "5-gram 1.6", "best 1", "4th 0.5"]
    assert shown == list(lines) == ["validation", "training", *names]
    for label, values in (
        ("validation", [2.5, np.nan, 1.75]),
        ("training", [2.0, 1.5, np.nan]),
    ):
        np.testing.assert_array_equal(lines[label].get_xdata(), [3, 4, 5])
        np.testing.assert_array_equal(lines[label].get_ydata(), values)
    for label, value in zip(names, (3.14159, 1.6, 1.0, 0.5), strict=True):
        assert list(lines[label].get_ydata()) == [value, value]
        assert lines[label].get_linestyle() != "-"
    low, high = axes.get_ylim()
    assert low < 0.5
    assert high > 3.14159
    figure.savefig(tmp_path / "curves.png")


@pytest.mark.parametrize("epochs", [1, 2, 3, 40])
def test_epochs_are_whole(epochs):
    history = [{"epoch": i + 1, "loss": 1 / (i + 1)} for i in range(epochs)]
    figure = plot_history(history, {"loss": "training"}, ylabel="nats")
    figure.draw_without_rendering()
    (axes,) = figure.axes
    ticks = [tick for tick in axes.get_xticks() if 1 <= tick <= epochs]
    assert ticks
    assert all(tick == round(tick) for tick in ticks)


@pytest.mark.parametrize(
    ("history", "names", "message"),
    [
        ([], {"loss": "a"}, "must not be empty; received 0 epochs and 1 names"),
        (HISTORY, {}, "must not be empty; received 3 epochs and 0 names"),
        (HISTORY, {"loss": "a", "nats": "b"}, r"'val_loss'\]; received \['nats'\]"),
    ],
)
def test_what_is_refused(history, names, message):
    with pytest.raises(ValueError, match=message):
        plot_history(history, names, ylabel="nats")
