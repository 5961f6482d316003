"""Learning curves."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from keras_seq.extras import let_go, require

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_history(
    history: Sequence[Mapping[str, float]],
    names: Mapping[str, str],
    *,
    ylabel: str,
    references: Mapping[str, float] | None = None,
) -> "Figure":
    """Plots logged values over epochs, beside constant references.

    Args:
        history: List of dicts, one an epoch, with "epoch" and the values.
        names: Dict from the logged name to its label, e.g. `{"val_loss":
            "validation"}`.
        ylabel: What the values are, with their unit.
        references: Dict from label to a constant, drawn as a broken line: the
            baselines.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: If `history` is empty, or a name is in no epoch of it.

    Example:

    >>> history = [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.5}]
    >>> figure = plot_history(history, {"loss": "training"}, ylabel="nats")
    >>> figure.axes[0].get_ylabel()
    'nats'
    """
    plt = require("matplotlib.pyplot", "plots")
    if not history or not names:
        raise ValueError(
            f"`history` and `names` must not be empty; received {len(history)} "
            f"epochs and {len(names)} names."
        )
    logged = sorted({name for row in history for name in row})
    if missing := [name for name in names if name not in logged]:
        raise ValueError(f"`names` must be among {logged}; received {missing}.")
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    epochs = [row["epoch"] for row in history]
    for name, label in names.items():
        values = [row.get(name, math.nan) for row in history]
        axes.plot(epochs, values, marker=".", label=label)
    lines = itertools.cycle(("--", ":", "-."))
    for (label, value), line in zip((references or {}).items(), lines, strict=False):
        axes.axhline(
            value,
            linestyle=line,
            linewidth=1,
            color="dimgray",
            label=f"{label} {value:.3g}",
        )
    axes.set_xlabel("epoch")
    axes.set_ylabel(ylabel)
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    axes.grid(alpha=0.3)
    axes.legend()
    return let_go(figure)
