"""Pictures of where attention looks in an image."""

import math
import textwrap
import typing
from collections.abc import Iterable

import numpy as np

from keras_seq.diagnostics._characters import marked
from keras_seq.extras import let_go, require
from keras_seq.typing import ArrayLike

if typing.TYPE_CHECKING:
    from matplotlib.figure import Figure

_ACROSS = 6  # panels in a row
_PANEL = 1.9  # inches
_LETTERS = 9  # of the title, in an inch
_FINEST = 800  # pixels of a side that are drawn, about


def plot_image_attention(
    image: ArrayLike,
    weights: ArrayLike,
    words: Iterable[str],
    *,
    title: str | None = None,
    smooth: bool = False,
) -> "Figure":
    """Draws an image, and for each word the image under its attention weights.

    Where the weight is greatest the image keeps its light; where it is 0 it is dark.
    The cells of the grid are stretched over the whole image. Of a large image every
    second pixel is drawn, or every third, ...

    Args:
        image: Array (H, W, 3) or (H, W), integers from 0 to 255 or floats from 0 to 1.
        weights: Array (T, h, w): for each word the weights of a grid of cells.
        words: Sequence of T strings.
        title: Title of the picture.
        smooth: Whether the weights are interpolated between the cells, instead of
            shown cell by cell.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: If the shapes don't fit, or there is nothing to draw.

    Example:

    >>> weights = np.eye(4).reshape(4, 2, 2)
    >>> words = ["a", "dog", "runs", "off"]
    >>> figure = plot_image_attention(np.ones((8, 8, 3)), weights, words)
    >>> [axis.get_title() for axis in figure.axes]
    ['', 'a', 'dog', 'runs', 'off']
    """
    plt = require("matplotlib.pyplot", "plots")
    image, weights = np.asarray(image), np.asarray(weights, "float64")
    words = list(map(marked, words))
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise ValueError(
            "`image` must have shape (H, W) or (H, W, 3); received shape "
            f"{image.shape}."
        )
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    if weights.ndim != 3 or len(weights) != len(words) or 0 in weights.shape:
        raise ValueError(
            f"`weights` must have shape (T, h, w) with T = {len(words)}, the number of "
            f"words, and none 0; received shape {weights.shape}."
        )
    # A panel has the shape of the image, unless that is a line.
    shape = float(np.clip(image.shape[0] / image.shape[1], 1 / 3, 3))
    # Each panel copies the image: of a photograph, less than all pixels.
    rows, columns = (math.ceil(side / _FINEST) for side in image.shape[:2])
    image = image[::rows, ::columns]
    across = min(_ACROSS, len(words) + 1)
    down = math.ceil((len(words) + 1) / across)
    lines = textwrap.wrap(title or "", int(_LETTERS * _PANEL * across))
    figure, grid = plt.subplots(
        down,
        across,
        figsize=(_PANEL * across, (_PANEL * shape + 0.35) * down + len(lines) * 0.3),
        layout="constrained",
        squeeze=False,
    )
    height, width = image.shape[:2]
    frame = (-0.5, width - 0.5, height - 0.5, -0.5)
    for axis in grid.flat:
        axis.set_axis_off()
    for axis, word, cells in zip(
        grid.flat, ["", *words], [None, *weights], strict=False
    ):
        axis.imshow(image, aspect="auto")
        axis.set_title(word, fontsize=11, parse_math=False)
        if cells is None:
            continue
        light = cells / max(cells.max(), 1e-12)
        veil = np.zeros((*cells.shape, 4))
        veil[..., 3] = 0.82 * (1 - light)
        axis.imshow(
            veil,
            extent=frame,
            aspect="auto",
            interpolation="bilinear" if smooth else "nearest",
        )
    for axis in grid.flat[len(words) + 1 :]:
        axis.remove()
    if lines:
        figure.suptitle("\n".join(lines), parse_math=False)
    return let_go(figure)
