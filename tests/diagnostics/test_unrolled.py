"""`plot_unrolled`: every word, every state in its colours."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from keras_seq.diagnostics import plot_unrolled


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_what_is_drawn(tmp_path):
    states = np.random.default_rng(0).normal(size=(3, 5))
    figure = plot_unrolled(["a", "$b_1$", "c"], states, ["x", "y", "z"], title="T$_1")
    [axis] = figure.axes
    assert len(axis.images) == 4
    np.testing.assert_array_equal(axis.images[0].get_array(), np.zeros((5, 1)))
    for t, image in enumerate(axis.images[1:]):
        # The first unit is at the bottom.
        np.testing.assert_allclose(image.get_array()[:, 0], states[t, ::-1])
        assert image.norm.vmax == -image.norm.vmin == np.abs(states).max()
    words = [text.get_text() for text in axis.texts]
    for word in ("a", "$b_1$", "c", "x", "y", "z", "$h_{0}$", "$h_{3}$"):
        assert words.count(word) == 1
    assert [words.count(weight) for weight in "WUV"] == [3, 3, 3]
    figure.savefig(tmp_path / "unrolled.png")


def test_an_initial_state_and_no_outputs():
    figure = plot_unrolled(["日"], [[1.0, -1.0]], initial_state=[0.5, 0.25])
    [axis] = figure.axes
    np.testing.assert_array_equal(axis.images[0].get_array()[:, 0], [0.25, 0.5])
    assert "V" not in [text.get_text() for text in axis.texts]


def test_states_that_are_no_numbers_and_words_without_a_shape():
    states = np.array([[np.nan, 2.0], [np.inf, -1.0]])
    figure = plot_unrolled([" ", "a\n"], states, np.array(["x", "y"]))
    [axis] = figure.axes
    assert axis.images[1].norm.vmax == 2
    words = [text.get_text() for text in axis.texts]
    assert {"·", "a↵", "x", "y"} <= set(words)
    assert axis.get_ylim()[1] > 1.5  # room for the outputs


def test_bad_arguments():
    states = np.zeros((2, 3))
    with pytest.raises(ValueError, match=r"`states` must have shape \(T, units\)"):
        plot_unrolled(["a"], states)
    with pytest.raises(ValueError, match="`outputs` must be 2, as many as the inputs"):
        plot_unrolled(["a", "b"], states, ["c"])
    with pytest.raises(ValueError, match=r"`initial_state` must have shape \(3,\)"):
        plot_unrolled(["a", "b"], states, initial_state=[0.0])
    with pytest.raises(ValueError, match="and neither 0"):
        plot_unrolled([], np.zeros((0, 3)))
