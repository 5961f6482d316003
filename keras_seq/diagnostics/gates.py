"""Pictures of the gates of a recurrent layer."""

import numpy as np

from keras_seq._extras import require

_ORDER = ("input", "forget", "candidate", "output", "cell")


def plot_gates(gates, labels, *, units=None, title=None):
    """Draws a layer's gates over one sequence: a panel a gate, a row a unit.

    Gates lie in [0, 1] and are drawn from white (closed) to dark (open); the
    candidate and the cell from blue (negative) over white to red (positive).

    Args:
        gates: Dict of arrays of shape (T, units), as a layer gives with
            `return_gates=True`, one row of the batch.
        labels: Sequence of T strings, e.g. the characters read.
        units: Indices of the units to draw, or None for the 24 whose cell
            varies most, the most varied first.
        title: Title of the picture.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: If an array isn't (T, units) with T the number of labels.

    Example:

    >>> rng = np.random.default_rng(0)
    >>> figure = plot_gates({"forget": rng.uniform(size=(5, 8))}, "C D E")
    >>> [axes.get_title(loc="left") for axes in figure.axes[:1]]
    ['forget gate']
    """
    plt = require("matplotlib.pyplot", "plots")
    gates = {name: np.asarray(values) for name, values in gates.items()}
    for name, values in gates.items():
        if values.ndim != 2 or len(values) != len(labels):
            raise ValueError(
                f"`gates[{name!r}]` must have shape (T, units) with T = "
                f"{len(labels)} labels; received shape {values.shape}."
            )
    names = [name for name in _ORDER if name in gates]
    names += [name for name in gates if name not in _ORDER]
    if units is None:
        spread = gates["cell" if "cell" in gates else names[0]].std(axis=0)
        units = np.argsort(-spread, kind="stable")[:24]
    units = np.asarray(units)
    width = min(24, max(6, 0.16 * len(labels) + 2))
    figure, axes = plt.subplots(
        len(names),
        1,
        figsize=(width, len(names) * (0.09 * len(units) + 0.6) + 0.6),
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    for axis, name in zip(axes[:, 0], names, strict=True):
        values = gates[name][:, units].T
        signed = values.min() < 0
        limit = max(float(np.abs(values).max()), 1e-6) if name == "cell" else 1.0
        image = axis.imshow(
            values,
            aspect="auto",
            interpolation="nearest",
            cmap="RdBu_r" if signed else "Greys",
            vmin=-limit if signed else 0.0,
            vmax=limit,
        )
        gate = name in ("input", "forget", "output", "update", "reset")
        axis.set_title(f"{name} gate" if gate else name, loc="left", fontsize=10)
        axis.set_yticks([])
        axis.set_ylabel("unit", fontsize=8)
        figure.colorbar(image, ax=axis, pad=0.01, fraction=0.03)
    shown = [label.replace("\n", "\u21b5").replace(" ", "\u00b7") for label in labels]
    axes[-1, 0].set_xticks(range(len(labels)), shown, fontsize=7, family="monospace")
    if title:
        figure.suptitle(title)
    return figure
