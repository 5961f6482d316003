"""A picture of how the gradient changes on its way back through time."""

import typing
from collections.abc import Mapping

import numpy as np

from keras_seq.diagnostics.gradient_flow import GradientFlow, comparable
from keras_seq.extras import let_go, require
from keras_seq.typing import ArrayLike

if typing.TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_gradient_flow(
    flows: Mapping[str, GradientFlow | ArrayLike],
    *,
    state: str = "hidden",
    title: str | None = None,
) -> "Figure":
    """Draws how the gradient's norm changes with the distance from the last step.

    Args:
        flows: Dict from a label to a `GradientFlow`, as `gradient_flow` gives, or to
            an array as `GradientFlow.by_distance` gives.
        state: "hidden", or of LSTMs "cell".
        title: Title of the picture.

    Returns:
        A matplotlib figure: a line for each label, the norms divided by that at
        distance 0, on a logarithmic scale.

    Raises:
        ValueError: If there is nothing to draw, or a norm at distance 0 isn't finite
            and above 0.

    Example:

    >>> figure = plot_gradient_flow({"halved": 0.5 ** np.arange(50)})
    >>> figure.axes[0].get_xlabel()
    'steps back'
    """
    plt = require("matplotlib.pyplot", "plots")
    if not flows:
        raise ValueError("`flows` must have an entry at least; received none.")
    figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
    for label, flow in flows.items():
        given = flow.by_distance(state) if isinstance(flow, GradientFlow) else flow
        norms = np.asarray(given, "float64")
        if norms.ndim != 1 or not comparable(norms):
            raise ValueError(
                f"`flows[{label!r}]` must have shape (D,) and start with a finite norm "
                f"above 0; received shape {norms.shape}, {norms[:1].tolist()}."
            )
        # What has vanished altogether has no place on a logarithmic scale.
        relative = np.where(norms > 0, norms / norms[0], np.nan)
        axis.plot(np.arange(len(norms)), relative, label=str(label))
    axis.axhline(1, color="0.7", linewidth=0.8)
    axis.set_yscale("log")
    axis.set_xlabel("steps back")
    axis.set_ylabel("norm of the gradient, 1 at the last step")
    axis.legend(fontsize=8)
    if title:
        axis.set_title(title, parse_math=False)
    return let_go(figure)
