"""A picture of a recurrence, unrolled in time."""

import typing
from collections.abc import Iterable, Sequence

import numpy as np

from keras_seq.diagnostics._characters import marked
from keras_seq.diagnostics.attention import drawable
from keras_seq.extras import let_go, require
from keras_seq.typing import ArrayLike

if typing.TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_UNITS = 32  # whose values are drawn; more would be lines too thin to see


def plot_unrolled(
    inputs: Iterable[str],
    states: ArrayLike,
    outputs: Sequence[str] | None = None,
    *,
    initial_state: ArrayLike | None = None,
    title: str | None = None,
) -> "Figure":
    """Draws a recurrence step by step: what came in, the state, what came out.

    The state is a column of cells, a cell a unit, from blue (negative) over white to
    red (positive); one that is no number leaves its cell empty. W, U and V stand at
    the arrows: the same at every step. A space is shown as "·".

    Args:
        inputs: Sequence of T strings, what was read at each step.
        states: Array (T, units), the state h_t after each step.
        outputs: Sequence of T strings, what was predicted at each step, or None.
        initial_state: Array (units,), h_0, or None for zeros.
        title: Title of the picture.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: If the numbers of steps differ, or there is nothing to draw.

    Example:

    >>> figure = plot_unrolled(["I", "love"], np.zeros((2, 4)), ["love", "you"])
    >>> len(figure.axes)
    1
    """
    plt = require("matplotlib.pyplot", "plots")
    inputs, states = list(map(str, inputs)), np.asarray(states, "float64")
    steps = len(inputs)
    if states.ndim != 2 or len(states) != steps or states.size == 0:
        raise ValueError(
            f"`states` must have shape (T, units) with T = {steps}, the number of "
            f"inputs, and neither 0; received shape {states.shape}."
        )
    if outputs is not None and len(outputs) != steps:
        raise ValueError(
            f"`outputs` must be {steps}, as many as the inputs; received "
            f"{len(outputs)}."
        )
    first = np.zeros(states.shape[1]) if initial_state is None else initial_state
    first = np.asarray(first, "float64")
    if first.shape != states.shape[1:]:
        raise ValueError(
            f"`initial_state` must have shape {states.shape[1:]}; received shape "
            f"{first.shape}."
        )
    columns = np.concatenate([first[None], states])[:, :_MOST_UNITS]
    figure, axis = plt.subplots(
        figsize=(1.5 * (steps + 1) + 0.5, 3.8), layout="constrained"
    )
    limit = max(np.abs(columns[np.isfinite(columns)]).max(initial=0), 1e-6)
    for t, column in enumerate(columns):
        axis.imshow(
            column[::-1, None],
            extent=(t - 0.13, t + 0.13, 0, 1),
            cmap="RdBu_r",
            vmin=-limit,
            vmax=limit,
            aspect="auto",
            interpolation="nearest",
            zorder=2,
        )
        axis.add_patch(
            plt.Rectangle((t - 0.13, 0), 0.26, 1, fill=False, linewidth=0.8, zorder=3)
        )
        axis.text(t + 0.15, 1.02, f"$h_{{{t}}}$", fontsize=10, va="bottom")
    for t, token in enumerate(inputs, start=1):
        _arrow(axis, (t - 0.85, 0.5), (t - 0.15, 0.5), "U", (t - 0.5, 0.53))
        _arrow(axis, (t, -0.34), (t, -0.02), "W", (t + 0.05, -0.22))
        _word(axis, t, -0.38, token, "top")
        if outputs is not None:
            _arrow(axis, (t, 1.02), (t, 1.34), "V", (t - 0.12, 1.15))
            _word(axis, t, 1.38, str(outputs[t - 1]), "bottom")
    axis.set(xlim=(-0.4, steps + 0.4), ylim=(-0.65, 1.2 if outputs is None else 1.65))
    axis.axis("off")
    if title:
        axis.set_title(title, parse_math=False)
    return let_go(figure)


def _arrow(
    axis: "Axes",
    start: tuple[float, float],
    end: tuple[float, float],
    label: str,
    place: tuple[float, float],
) -> None:
    style = {"arrowstyle": "->", "color": "0.35", "linewidth": 1}
    axis.annotate("", end, start, arrowprops=style)
    axis.text(*place, label, fontsize=9, color="0.35", ha="center", style="italic")


def _word(
    axis: "Axes", x: float, y: float, text: str, side: typing.Literal["top", "bottom"]
) -> None:
    shown = marked(text if drawable(text) else text.encode("unicode_escape").decode())
    axis.text(x, y, shown, ha="center", va=side, fontsize=10, parse_math=False)
