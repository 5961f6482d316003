"""`plot_gates`: what is drawn, in which colours, with which labels."""

import itertools

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest

from keras_seq.diagnostics import plot_gates
from keras_seq.layers import ExplicitLSTM

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def some_gates(steps=6, units=5, names=("input", "forget", "candidate", "cell")):
    return {name: RNG.uniform(-1, 1, (steps, units)) for name in names}


def panels(figure):
    """The panels by title: each the axes and their picture."""
    titled = [axes for axes in figure.axes if axes.get_title(loc="left")]
    return {axes.get_title(loc="left"): (axes, axes.images[0]) for axes in titled}


def labels_of(axes):
    return [label.get_text() for label in axes.get_xticklabels()]


def test_a_panel_a_gate_in_their_order():
    names = ("cell", "mine", "candidate", "forget", "output", "input")
    figure = plot_gates(some_gates(names=names), "abcdef", title="A title")
    titles = ["input gate", "forget gate", "candidate", "output gate", "cell", "mine"]
    assert list(panels(figure)) == titles
    assert figure.get_suptitle() == "A title"
    # And a colour bar beside each.
    assert len(figure.axes) == 12
    figure = plot_gates(some_gates(names=("candidate", "reset", "update")), "abcdef")
    assert list(panels(figure)) == ["update gate", "reset gate", "candidate"]


def test_rows_are_units_and_columns_are_steps():
    gates = some_gates()
    drawn = panels(plot_gates(gates, "abcdef", units=[4, 0, 2]))
    for name, title in (("input", "input gate"), ("cell", "cell")):
        axes, image = drawn[title]
        np.testing.assert_array_equal(image.get_array(), gates[name][:, [4, 0, 2]].T)
        assert [y.get_text() for y in axes.get_yticklabels()] == ["4", "0", "2"]
        assert labels_of(axes) == list("abcdef")


def test_the_units_whose_cell_varies_most():
    gates = some_gates(steps=4, units=30, names=("input", "cell"))
    scale = RNG.permutation(30)
    gates["cell"] = np.array([[1], [-1], [1], [-1]]) * scale
    _, image = panels(plot_gates(gates, "abcd"))["input gate"]
    most_varied = np.argsort(-scale)[:24]
    np.testing.assert_array_equal(image.get_array(), gates["input"][:, most_varied].T)
    # Without a cell, those of the first gate.
    del gates["cell"]
    gates["candidate"] = gates.pop("input")
    gates["update"] = 0.5 + 0.01 * np.array([[1], [-1], [1], [-1]]) * scale
    _, image = panels(plot_gates(gates, "abcd"))["candidate"]
    np.testing.assert_array_equal(
        image.get_array(), gates["candidate"][:, most_varied].T
    )


def test_colours():
    names = ("input", "update", "candidate", "cell", "positive", "signed")
    gates = {name: np.full((3, 2), 0.5) for name in names}
    gates["cell"] = np.array([[0.5, 3.0], [2.0, -7.0], [0.0, 0.0]])
    gates["signed"] = np.array([[0.5, -0.25], [0.5, 4.0], [0.0, np.nan]])
    drawn = panels(plot_gates(gates, "abc"))
    expected = {
        "input gate": ("Greys", (0, 1)),
        "update gate": ("Greys", (0, 1)),
        "candidate": ("RdBu_r", (-1, 1)),
        "cell": ("RdBu_r", (-7, 7)),
        "positive": ("Greys", (0, 1)),
        "signed": ("RdBu_r", (-4, 4)),
    }
    for title, (colours, limits) in expected.items():
        _, image = drawn[title]
        assert (image.get_cmap().name, image.get_clim()) == (colours, limits)


def test_numbers_that_are_none_leave_a_gap(tmp_path):
    gates = {"input": np.full((3, 2), np.nan), "cell": np.full((3, 2), np.nan)}
    gates["cell"][0] = 1.0, -2.0
    figure = plot_gates(gates, "abc")
    assert panels(figure)["cell"][1].get_clim() == (-2, 2)
    figure.savefig(tmp_path / "gaps.png")


def test_a_memory_of_zeros(tmp_path):
    figure = plot_gates({"cell": np.zeros((3, 2))}, "abc")
    figure.savefig(tmp_path / "zeros.png")


def test_labels_are_shown_as_they_are(tmp_path):
    labels = ["\n", " ", "$x$", "$", "_", "\\", "{", "a b\nc"]
    figure = plot_gates(some_gates(steps=8), labels, title="$a_b")
    figure.savefig(tmp_path / "labels.png")
    axes, _ = panels(figure)["input gate"]
    assert labels_of(axes) == ["↵", "·", "$x$", "$", "_", "\\", "{", "a·b↵c"]
    assert not any(label.get_parse_math() for label in axes.get_xticklabels())


@pytest.mark.parametrize(
    "labels",
    [
        "x" * 5,
        "m" * 150,
        "w" * 400,
        ["often", "words"] * 6,
        ["Rindfleischetikettierung", "in", "a", "short", "line"],
    ],
    ids=["few", "150", "400", "words", "long words"],
)
def test_labels_do_not_overlap(labels):
    gates = some_gates(steps=len(labels), names=("update", "reset"))
    figure = plot_gates(gates, labels)
    figure.draw_without_rendering()
    drawn = panels(figure)
    for axes, _ in drawn.values():
        boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
        for left, right in itertools.pairwise(boxes):
            assert left.x1 <= right.x0 + 1
    # Nor do they run into the panel below.
    (first, _), (second, _) = drawn.values()
    title = second.title.get_window_extent()
    assert min(y.get_window_extent().y0 for y in first.get_xticklabels()) > title.y0
    assert first.get_window_extent().height > 20


def test_long_sequences_stay_drawable():
    """PNG files have 65,535 columns at most: at 300 dots an inch 218 inches."""
    labels = [str(t) for t in range(9000)]
    figure = plot_gates(some_gates(9000, names=("forget",)), labels)
    assert figure.get_size_inches()[0] <= 218
    [(axes, image)] = panels(figure).values()
    assert np.asarray(image.get_array()).shape[1] == 9000
    shown = {
        int(t): text.get_text()
        for t, text in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
    }
    assert 2000 < len(shown) < 9000
    assert all(text == str(t) for t, text in shown.items())


def test_the_gates_of_a_layer():
    layer = ExplicitLSTM(7, return_gates=True)
    _, gates = layer(keras.random.normal((2, 4, 3), seed=0))
    drawn = panels(plot_gates({k: v[1] for k, v in gates.items()}, "abcd"))
    assert len(drawn) == 5
    _, image = drawn["forget gate"]
    rows = set(map(tuple, np.asarray(image.get_array()).tolist()))
    assert rows == set(map(tuple, gates["forget"][1].numpy().T.tolist()))


@pytest.mark.parametrize(
    ("gates", "labels", "message"),
    [
        ({}, "abc", "must not be empty; received 0 gates and 3 labels"),
        ({"cell": np.ones((0, 2))}, "", "received 1 gates and 0 labels"),
        ({"cell": np.ones((3, 2))}, "ab", r"T = 2 labels.*received shape \(3, 2\)"),
        ({"cell": np.ones(3)}, "abc", r"gates\['cell'\]` must .*shape \(3,\)"),
        ({"cell": np.float64(3)}, "abc", r"received shape \(\)"),
        ({"cell": np.ones((1, 3, 2))}, "abc", r"received shape \(1, 3, 2\)"),
        ({"cell": np.ones((3, 0))}, "abc", r"received shape \(3, 0\)"),
        (
            {"cell": np.ones((3, 2)), "input": np.ones((3, 4))},
            "abc",
            r"gates\['input'\]` must .*received shape \(3, 4\)",
        ),
    ],
)
def test_gates_that_are_refused(gates, labels, message):
    with pytest.raises(ValueError, match=message):
        plot_gates(gates, labels)


@pytest.mark.parametrize("units", [[5], [-1], [0, 9], [], [0.5], 3, [[1]], [True]])
def test_units_that_are_refused(units):
    with pytest.raises(ValueError, match=r"`units` must be indices in \[0, 5\)"):
        plot_gates(some_gates(), "abcdef", units=units)
