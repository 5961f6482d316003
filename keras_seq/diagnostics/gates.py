"""Pictures of the gates of a recurrent layer."""

import typing
from collections.abc import Mapping, Sequence

import numpy as np

from keras_seq.diagnostics._characters import marked
from keras_seq.extras import let_go, require
from keras_seq.typing import Array, ArrayLike

if typing.TYPE_CHECKING:
    from matplotlib.figure import Figure

_ORDER = ("update", "reset", "input", "forget", "candidate", "output", "cell")
_BETWEEN_0_AND_1 = ("update", "reset", "input", "forget", "output")
_COLUMN, _NARROWEST = 0.16, 0.07  # inches, for a label of one character
_WIDEST = 200  # inches: what is longer becomes narrower, and not all have a label


def plot_gates(
    gates: Mapping[str, ArrayLike],
    labels: Sequence[str],
    *,
    units: Array | Sequence[int] | None = None,
    title: str | None = None,
) -> "Figure":
    """Draws a layer's gates over one sequence: a panel a gate, a row a unit.

    Gates lie in [0, 1] and are drawn from white (closed) to black (open); the
    candidate and the cell from blue (negative) over white to red (positive).
    A value that is not a number leaves its place empty.

    Args:
        gates: Dict of arrays of shape (T, units), as a layer gives with
            `return_gates=True`, one row of the batch.
        labels: Sequence of T strings, e.g. the characters read. Of more than 2,800
            not all are shown.
        units: Indices of the units to draw, or None for the 24 whose cell
            varies most, the most varied first. (The first gate's, if there is
            no cell.)
        title: Title of the picture.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: If there are no gates, if an array isn't (T, units) with T
            the number of labels, or if a unit isn't there.

    Example:

    >>> rng = np.random.default_rng(0)
    >>> figure = plot_gates({"forget": rng.uniform(size=(5, 8))}, "C D E")
    >>> [axes.get_title(loc="left") for axes in figure.axes[:1]]
    ['forget gate']
    """
    plt = require("matplotlib.pyplot", "plots")
    arrays = {name: np.asarray(values) for name, values in gates.items()}
    _check_gates(arrays, labels)
    names = [name for name in _ORDER if name in arrays]
    names += [name for name in arrays if name not in _ORDER]
    drawn = _units(arrays["cell" if "cell" in arrays else names[0]], units)
    width = min(24, max(6, _COLUMN * len(labels) + 2))
    width = min(_WIDEST, max(width, _NARROWEST * len(labels) + 2))
    every = int(np.ceil(_NARROWEST * len(labels) / (_WIDEST - 2)))
    shown = list(map(marked, labels))[::every]
    longest = max(len(label) for label in shown)
    upright = longest > 1 and longest * _NARROWEST > width / len(shown)
    height = 0.1 * len(drawn) + 0.7 + (_NARROWEST * longest if upright else 0)
    figure, axes = plt.subplots(
        len(names),
        1,
        figsize=(width, len(names) * height + 0.6),
        squeeze=False,
        layout="constrained",
    )
    for axis, name in zip(axes[:, 0], names, strict=True):
        values = arrays[name][:, drawn].T
        signed, limit = _scale(name, values)
        image = axis.imshow(
            values,
            aspect="auto",
            interpolation="nearest",
            cmap="RdBu_r" if signed else "Greys",
            vmin=-limit if signed else 0.0,
            vmax=limit,
        )
        gate = f"{name} gate" if name in _BETWEEN_0_AND_1 else name
        axis.set_title(gate, loc="left", fontsize=10)
        axis.set_ylabel("unit", fontsize=8)
        axis.set_yticks(range(len(drawn)), drawn, fontsize=5)
        axis.set_xticks(
            range(0, len(labels), every),
            shown,
            fontsize=7,
            family="monospace",
            rotation=90 if upright else 0,
            verticalalignment="top" if upright else "baseline",
            parse_math=False,
        )
        axis.tick_params(length=0, pad=2)
        axis.tick_params("x", pad=3 if upright else 10)
        bar = figure.colorbar(image, ax=axis, pad=0.01, fraction=0.03, aspect=12)
        bar.ax.tick_params(labelsize=8)
    if title:
        figure.suptitle(title, parse_math=False)
    return let_go(figure)


def _check_gates(gates: Mapping[str, np.ndarray], labels: Sequence[str]) -> None:
    if not gates or not len(labels):
        raise ValueError(
            f"`gates` and `labels` must not be empty; received {len(gates)} gates "
            f"and {len(labels)} labels."
        )
    units = next(iter(gates.values())).shape[-1:]
    for name, values in gates.items():
        if values.ndim != 2 or values.shape != (len(labels), *units) or 0 in units:
            raise ValueError(
                f"`gates[{name!r}]` must have shape (T, units) with T = "
                f"{len(labels)} labels, all of one shape; received shape "
                f"{values.shape}."
            )


def _units(values: np.ndarray, units: Array | Sequence[int] | None) -> np.ndarray:
    """The indices of the units to draw."""
    if units is None:
        spread = np.nan_to_num(values.std(axis=0))
        return np.argsort(-spread, kind="stable")[:24]
    wanted = np.asarray(units)
    count = values.shape[1]
    whole = wanted.ndim == 1 and wanted.size and wanted.dtype.kind in "iu"
    if not whole or not ((wanted >= 0) & (wanted < count)).all():
        raise ValueError(
            f"`units` must be indices in [0, {count}), one at least; received "
            f"{wanted.tolist()!r}."
        )
    return wanted


def _scale(name: str, values: np.ndarray) -> tuple[bool, float]:
    """Whether values have a sign, and the largest that the colours show."""
    if name in _BETWEEN_0_AND_1:
        return False, 1.0
    largest = np.abs(values[np.isfinite(values)]).max(initial=0.0)
    if name == "cell":
        return True, max(largest, 1e-6)
    signed = name == "candidate" or bool((values < 0).any())
    return signed, max(largest, 1.0)
