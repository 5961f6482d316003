import numpy as np
import pytest

from keras_seq.diagnostics import plot_attention

pyplot = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _closed():
    yield
    pyplot.close("all")


def test_a_row_for_each_target_and_a_column_for_each_source():
    weights = np.random.default_rng(0).dirichlet(np.ones(4), size=3)
    figure = plot_attention(weights, ["le", "$x$", "a b", "."], ["the", "cat", "\n"])
    (axis,) = figure.axes
    image = axis.images[0]
    np.testing.assert_array_equal(image.get_array(), weights)
    assert image.get_clim() == (0, 1)
    labels = [label.get_text() for label in axis.get_xticklabels()]
    assert labels == ["le", "$x$", "a·b", "."]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["the", "cat", "↵"]
    figure.canvas.draw()  # the dollar signs are no formula


def test_long_sequences_fit_a_page(tmp_path):
    weights = np.random.default_rng(0).dirichlet(np.ones(3000), size=20)
    figure = plot_attention(weights, ["s"] * 3000, ["t" * 300] * 20)
    figure.savefig(tmp_path / "long.png", dpi=100)
    assert max(figure.get_size_inches()) < 50
    labels = figure.axes[0].get_xticklabels()
    assert 100 < len(labels) < 200
    assert len(figure.axes[0].get_yticklabels()) == 20


def test_title():
    figure = plot_attention(np.ones((1, 1)), ["a"], ["b"], title="$1 is 1")
    figure.canvas.draw()
    assert figure.get_suptitle() == "$1 is 1"


@pytest.mark.parametrize("shape", [(2, 3), (3, 4), (3, 2, 1), (0, 2), (3, 0)])
def test_refused_shapes(shape):
    target = ["a"] * 3 if shape[0] else []
    source = ["b"] * 2 if shape[-1] else []
    with pytest.raises(ValueError, match=r"`weights` must have shape \(T, S\)"):
        plot_attention(np.ones(shape), source, target)
