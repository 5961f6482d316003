"""A picture of how often gates are all but shut and all but open."""

import typing

from keras_seq.diagnostics.gate_activity import GateActivity
from keras_seq.extras import let_go, require

if typing.TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_saturation(
    activity: GateActivity,
    *,
    low: float = 0.1,
    high: float = 0.9,
    title: str | None = None,
) -> "Figure":
    """Draws each unit of each gate at its shares of steps shut and open.

    A unit on the diagonal's end at the right is almost always shut, one at the top
    almost always open, one near the origin works in between.

    Args:
        activity: A `GateActivity`.
        low: Below it a gate counts as shut.
        high: Above it a gate counts as open.
        title: Title of the picture; by default the layer's name.

    Returns:
        A matplotlib figure, a panel a gate.

    Raises:
        ValueError: If the layer has no gates, or no step counts.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> from keras_seq.diagnostics import gate_activity
    >>> reader = keras.layers.GRU(4, name="reader")
    >>> model = keras.Sequential([keras.Input((None, 3)), reader])
    >>> activity = gate_activity(model, np.ones((2, 5, 3), "float32"))["reader"]
    >>> [axis.get_title() for axis in plot_saturation(activity).axes]
    ['update gate', 'reset gate']

    References:
        Karpathy, Johnson and Fei-Fei (2016), Visualizing and understanding recurrent
        networks (figure 4).
    """
    plt = require("matplotlib.pyplot", "plots")
    saturation = activity.saturation(low, high)
    if not saturation or not activity.mask.any():
        raise ValueError(
            "`activity` must have gates, and steps that count; received "
            f"{list(activity.values)} with {int(activity.mask.sum())} steps that count."
        )
    figure, axes = plt.subplots(
        1,
        len(saturation),
        figsize=(3 * len(saturation) + 0.5, 3.4),
        squeeze=False,
        sharey=True,
        layout="constrained",
    )
    for axis, (gate, (shut, opened)) in zip(axes[0], saturation.items(), strict=True):
        axis.plot([0, 1], [1, 0], color="0.85", linewidth=0.8)
        axis.scatter(shut, opened, s=14, alpha=0.5, linewidths=0)
        axis.set_title(f"{gate} gate", fontsize=10)
        axis.set_xlabel(f"share of steps below {low:g}", fontsize=8)
        axis.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
    axes[0, 0].set_ylabel(f"share of steps above {high:g}", fontsize=8)
    figure.suptitle(title or activity.layer, parse_math=False)
    return let_go(figure)
