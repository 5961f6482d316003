"""Numbers as bars."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from keras_seq.extras import let_go, require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_POSITIVE, _NEGATIVE = "tab:orange", "tab:blue"


def plot_bars(
    groups: Sequence[tuple[str, Sequence[tuple[str, float]]]], xlabel: str
) -> "Figure":
    """Horizontal bars, a panel for each group, all on one scale.

    Bars above 0 are orange, those below are blue.

    Args:
        groups: List of (title, list of (name, value)).
        xlabel: What the values are, with their unit.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: If there are no groups, or one without bars.

    Example:

    >>> figure = plot_bars([("a row", [("age", 0.7), ("height", -0.2)])], "nats")
    >>> len(figure.axes[0].patches)
    2
    """
    plt = require("matplotlib.pyplot", "plots")
    lengths = [len(bars) for _, bars in groups]
    if not lengths or not min(lengths):
        raise ValueError(
            f"`groups` must have bars, each of them; received {lengths} bars."
        )
    figure, panels = plt.subplots(
        len(groups),
        1,
        figsize=(8, 0.3 * sum(lengths) + 1.2 * len(groups)),
        height_ratios=lengths,
        sharex=True,
        squeeze=False,
        layout="tight",
    )
    for axes, (title, bars) in zip(panels[:, 0], groups, strict=True):
        names = [_short(name) for name, _ in bars]
        values = [value for _, value in bars]
        colors = [_POSITIVE if value > 0 else _NEGATIVE for value in values]
        # By place: two columns may have the same short name.
        axes.barh(range(len(bars)), values, color=colors)
        axes.set_yticks(range(len(bars)), names, parse_math=False)
        axes.invert_yaxis()
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_title(title, loc="left", fontsize=11, parse_math=False)
        axes.grid(axis="x", alpha=0.3)
    panels[-1, 0].set_xlabel(xlabel, parse_math=False)
    return let_go(figure)


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:37]}..."
