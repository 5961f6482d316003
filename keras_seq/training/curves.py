"""Learning curves."""

from keras_seq._extras import require


def plot_history(history, names, *, ylabel, references=None):
    """Plots logged values over epochs, beside constant references.

    Args:
        history: List of dicts, one an epoch, with "epoch" and the values.
        names: Dict from the logged name to its label, e.g. `{"val_loss":
            "validation"}`.
        ylabel: What the values are, with their unit.
        references: Dict from label to a constant, drawn as a dashed line: the
            baselines.

    Returns:
        A matplotlib figure.
    """
    plt = require("matplotlib.pyplot", "plots")
    figure, axes = plt.subplots(figsize=(7, 4))
    epochs = [row["epoch"] for row in history]
    for name, label in names.items():
        axes.plot(epochs, [row[name] for row in history], marker=".", label=label)
    for label, value in (references or {}).items():
        axes.axhline(value, linestyle="--", linewidth=1, color="gray")
        axes.annotate(
            f"{label} {value:.3g}",
            (1, value),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            fontsize=8,
            color="gray",
        )
    axes.set_xlabel("epoch")
    axes.set_ylabel(ylabel)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
