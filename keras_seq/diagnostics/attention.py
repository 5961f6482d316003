"""Pictures of where attention looks."""

import typing
from collections.abc import Iterable, Sequence

import numpy as np

from keras_seq.diagnostics._characters import glyphs, marked
from keras_seq.extras import let_go, require
from keras_seq.typing import ArrayLike

if typing.TYPE_CHECKING:
    from matplotlib.figure import Figure

_PLACE = 0.28  # inches, for a row or a column
_LONGEST = 40  # inches: more tokens become narrower, and not all have a label


def plot_attention(
    weights: ArrayLike,
    source: Iterable[str],
    target: Iterable[str],
    *,
    title: str | None = None,
) -> "Figure":
    """Draws the attention weights of one pair: a row a target token.

    Weights are drawn from white (0) to black (1). Characters that matplotlib's font
    doesn't have become boxes: `drawable` tells whether there are any.

    Args:
        weights: Array of shape (T, S).
        source: Sequence of S strings, what was attended to.
        target: Sequence of T strings, what was written meanwhile.
        title: Title of the picture.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: If the shapes don't fit, or there is nothing to draw.

    Example:

    >>> figure = plot_attention(np.eye(2), ["le", "chat"], ["the", "cat"])
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['the', 'cat']
    """
    plt = require("matplotlib.pyplot", "plots")
    weights = np.asarray(weights, "float64")
    source, target = list(map(marked, source)), list(map(marked, target))
    if weights.shape != (len(target), len(source)) or weights.size == 0:
        raise ValueError(
            "`weights` must have shape (T, S) = "
            f"({len(target)}, {len(source)}), the number of target and source "
            f"strings, with none 0; received shape {weights.shape}."
        )
    beside, above = (
        0.09 * min(40, max(map(len, labels))) + 0.4 for labels in (target, source)
    )
    width, height = (min(_LONGEST, _PLACE * len(labels)) for labels in (source, target))
    figure, axis = plt.subplots(
        figsize=(
            max(2.5, width + beside),
            max(1.5, height + above + (0.4 if title else 0)),
        ),
        layout="constrained",
    )
    axis.imshow(
        weights, cmap="Greys", vmin=0, vmax=1, aspect="auto", interpolation="nearest"
    )
    axis.xaxis.tick_top()
    across, down = _labelled(source), _labelled(target)
    axis.set_xticks(across, [source[i] for i in across], rotation=90, parse_math=False)
    axis.set_yticks(down, [target[i] for i in down], parse_math=False)
    if len(across) == len(source) and len(down) == len(target):
        axis.set_xticks(np.arange(len(source) + 1) - 0.5, minor=True)
        axis.set_yticks(np.arange(len(target) + 1) - 0.5, minor=True)
        axis.grid(which="minor", color="0.9", linewidth=0.5)
    axis.tick_params(which="both", length=0)
    if title:
        figure.suptitle(title, parse_math=False)
    return let_go(figure)


def _labelled(labels: Sequence[str]) -> range:
    """Places of the labels that there is room for."""
    step = int(np.ceil(_PLACE * len(labels) / _LONGEST))
    return range(0, len(labels), step)


def drawable(text: str) -> bool:
    """Whether matplotlib's font has every character of a text.

    Args:
        text: String.

    Returns:
        Boolean.

    Example:

    >>> drawable("élan"), drawable("日本")
    (True, False)
    """
    has = glyphs()
    return all(has(c) for c in text if not c.isspace())
