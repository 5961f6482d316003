"""Bars have the lengths of the numbers."""

import pytest

from keras_seq.runs import plot_bars


def test_bars():
    groups = [("a", [("x", 1.5), ("$5 or $^$", -0.5)]), ("for $^$", [("y" * 60, 2.0)])]
    figure = plot_bars(groups, "nats")
    widths = [[bar.get_width() for bar in axes.patches] for axes in figure.axes]
    assert widths == [[1.5, -0.5], [2.0]]
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["a", "for $^$"]
    figure.canvas.draw()  # where a formula that is none would fail
    assert figure.axes[-1].get_xlabel() == "nats"
    first, second = figure.axes[0].patches
    assert first.get_facecolor() != second.get_facecolor()


@pytest.mark.parametrize("groups", [[], [("a", [])]])
def test_no_bars(groups):
    with pytest.raises(ValueError, match="`groups` must have bars"):
        plot_bars(groups, "nats")
