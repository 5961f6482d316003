import numpy as np
import pytest

from keras_seq.diagnostics import plot_image_attention

pyplot = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _closed():
    yield
    pyplot.close("all")


def drawn(figure, panel):
    """Red, green and blue of a panel's pixels."""
    figure.canvas.draw()
    box = figure.axes[panel].get_window_extent()
    left, top = int(box.x0), int(figure.canvas.get_width_height()[1] - box.y1)
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    return pixels[top : top + int(box.height), left : left + int(box.width)]


def test_the_image_then_a_panel_for_each_word():
    image = np.random.default_rng(0).random((20, 30, 3))
    weights = np.random.default_rng(1).dirichlet(np.ones(6), size=8).reshape(8, 2, 3)
    words = ["a", "$x$", "dog", "b c", "\n", "e", "f", "■"]
    figure = plot_image_attention(image, weights, words, title="a $dog$")
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == ["", "a", "$x$", "dog", "b·c", "↵", "e", "f", "■"]
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), image)
    figure.canvas.draw()  # the dollar signs are no formula


def test_it_is_light_where_the_weight_is():
    image = np.full((60, 60), 1.0)
    weights = np.random.default_rng(2).dirichlet(np.ones(6), size=1).reshape(1, 2, 3)
    figure = plot_image_attention(image, weights, ["dog"])
    light = drawn(figure, 1).mean(axis=-1)
    rows, columns = (
        np.array_split(np.arange(n), k)
        for n, k in zip(light.shape, (2, 3), strict=True)
    )
    cells = np.array(
        [[light[np.ix_(r[3:-3], c[3:-3])].mean() for c in columns] for r in rows]
    )
    np.testing.assert_array_equal(
        cells.argsort(axis=None), weights[0].argsort(axis=None)
    )
    assert cells.max() > 250
    assert cells[np.unravel_index(weights[0].argmin(), (2, 3))] < 200


def test_lines_and_dots_and_long_captions_are_drawn(tmp_path):
    weights = np.full((40, 7, 7), 1 / 49)
    for shape in ((1, 1, 3), (20, 20_000, 3)):
        figure = plot_image_attention(
            np.zeros(shape), weights, ["word"] * 40, smooth=True
        )
        figure.savefig(tmp_path / "picture.png", dpi=20)


@pytest.mark.parametrize("words", [1, 9])
def test_a_long_title_stays_in_the_picture(words):
    title = "a large dog beside a small one " * 8
    figure = plot_image_attention(
        np.ones((4, 4)), np.ones((words, 2, 2)), ["dog"] * words, title=title
    )
    figure.canvas.draw()
    [shown] = [text for text in figure.texts if text.get_text()]
    assert shown.get_text().split() == title.split()
    box, width = shown.get_window_extent(), figure.bbox.width
    assert 0 <= box.x0 < box.x1 <= width
    assert box.y0 >= figure.axes[0].title.get_window_extent().y0


def test_of_a_photograph_not_all_pixels_are_drawn():
    image = np.random.default_rng(0).random((2401, 1000))
    figure = plot_image_attention(image, np.ones((1, 2, 2)), ["word"])
    for axis in figure.axes:
        shown = axis.images[0].get_array()[..., 0]
        np.testing.assert_array_equal(shown, image[::4, ::2])
    veil = figure.axes[1].images[1]
    assert list(veil.get_extent()) == [-0.5, 499.5, 600.5, -0.5]


@pytest.mark.parametrize(
    ("image", "weights", "message"),
    [
        ((4, 4, 4), (1, 2, 2), "`image` must have shape"),
        ((4,), (1, 2, 2), "`image` must have shape"),
        ((4, 4), (2, 2, 2), r"`weights` must have shape \(T, h, w\) with T = 1"),
        ((4, 4), (1, 4), "`weights` must have shape"),
        ((4, 4), (1, 0, 4), "`weights` must have shape"),
    ],
)
def test_bad_shapes(image, weights, message):
    with pytest.raises(ValueError, match=message):
        plot_image_attention(np.zeros(image), np.zeros(weights), ["a"])
