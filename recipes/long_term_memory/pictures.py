"""The one figure of the long-term memory study, and the gates of a model."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_seq.diagnostics import gate_activity, plot_gates
from keras_seq.extras import require
from keras_seq.files import replacing
from recipes.long_term_memory.models import EXPLODING, REMEDIES
from recipes.long_term_memory.records import Trial, Trials, longest_trials
from recipes.long_term_memory.tasks import TASKS, Task

FAINTEST = 1e-9  # of a gradient that is drawn
COLOURS = {
    "tanh": "tab:red",
    "relu": "tab:orange",
    "irnn": "tab:brown",
    "lstm-forget-0": "tab:cyan",
    "lstm-forget-1": "tab:blue",
    "lstm-chrono": "tab:purple",
    "gru": "tab:green",
    "exploding": "black",
}


def style(name: str) -> dict[str, Any]:
    """Colour by layer; a broken line for a clipped twin."""
    layer = REMEDIES[name].layer
    return {
        "color": COLOURS[layer],
        "linestyle": "--" if name.endswith("-clipped") else "-",
        "label": REMEDIES[name].label,
    }


def draw(found: Trials, curves: dict[str, Any]) -> Any:
    """Draws all that the lecture argues.

    Args:
        found: Dict from the task to its trials.
        curves: What `clipping_curves` gave.

    Returns:
        A matplotlib figure: (a) gradients of new models, (b) of trained ones, (c)
        the loss of each model at each distance, (d) clipping.
    """
    plt = require("matplotlib.pyplot", "plots")
    figure, axes = plt.subplots(2, 3, figsize=(15, 8.5), layout="constrained")
    (new, trained, names), (*losses, clipping) = axes
    trials = longest_trials(found)
    _draw_gradients(new, trials, "before")
    _draw_norms(
        new,
        curves["gradient"]["norms"],
        color=COLOURS["exploding"],
        linestyle=":",
        label=EXPLODING.label,
    )
    new.set_title("(a) new models: gradients vanish and explode", loc="left")
    _draw_gradients(trained, trials, "after")
    trained.set_title("(b) after training", loc="left")
    for axis, task in zip(losses, found, strict=False):
        _draw_losses(axis, TASKS[task], found[task])
        axis.set_title(f"(c) {TASKS[task].title}: who remembers how far", loc="left")
    for axis in losses[len(found) :]:
        axis.axis("off")
    _draw_clipping(clipping, curves)
    clipping.set_title("(d) clipping holds training together", loc="left")
    handles = {
        label: handle
        for axis in (new, *losses)
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    names.axis("off")
    names.legend(handles.values(), handles.keys(), loc="center", frameon=False)
    return figure


def _draw_gradients(axis: Any, trials: dict[str, Trial], when: str) -> None:
    for name, trial in trials.items():
        _draw_norms(axis, trial["gradient"][when]["norms"], **style(name))
    axis.set_yscale("log")
    axis.set_xlabel("steps back")
    axis.set_ylabel("norm of the gradient, 1 at the last step")
    axis.set_ylim(FAINTEST, 1e6)
    axis.grid(alpha=0.3)


def _draw_norms(axis: Any, norms: list[float | None], **options: Any) -> None:
    values = np.array(norms, "float64")  # None becomes NaN
    if values[0] > 0:
        relative = np.where(values > 0, values / values[0], np.nan)
        axis.plot(relative, **options)


def _draw_losses(axis: Any, task: Task, trials: list[Trial]) -> None:
    for name in dict.fromkeys(trial["model"] for trial in trials):
        own = [trial for trial in trials if trial["model"] == name]
        lengths = [trial["length"] for trial in own]
        losses = [trial["test"]["loss"] for trial in own]
        axis.plot(lengths, losses, marker="o", markersize=4, **style(name))
        gone = [(t["length"], t["test"]["loss"]) for t in own if t["diverged"]]
        if gone:
            axis.plot(
                *zip(*gone, strict=True), "x", color=style(name)["color"], markersize=11
            )
    tried = np.unique([trial["length"] for trial in trials])
    for function, line, label in (
        (task.trivial, "-", "nothing remembered"),
        (task.threshold, ":", "counts as solved"),
    ):
        values = [function(int(length)) for length in tried]
        axis.plot(tried, values, line, color="0.4", linewidth=3, alpha=0.5)
        axis.annotate(label, (tried[0], values[0]), fontsize=8, va="bottom")
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xticks(tried, [str(length) for length in tried])
    axis.minorticks_off()
    axis.set_xlabel("distance in steps (× diverged)")
    axis.set_ylabel(f"test loss: {task.loss}")
    axis.grid(alpha=0.3)


def _draw_clipping(axis: Any, curves: dict[str, Any]) -> None:
    for name, line in (("unclipped", "-"), ("clipped", "--")):
        loss, diverged = curves[name]["loss"], curves[name]["diverged"]
        axis.plot(
            range(1, len(loss) + 1),
            loss,
            line,
            marker="o" if len(loss) < 10 else None,
            color=COLOURS["exploding"] if diverged else "tab:green",
            label=name,
        )
        if diverged:
            axis.annotate(
                f" {name}: no number any more at step {diverged}",
                (max(1, len(loss)), loss[-1] if loss else 1.0),
                fontsize=9,
            )
    axis.axhline(TASKS["adding"].trivial(curves["length"]), color="0.4", alpha=0.5)
    axis.set_yscale("log")
    axis.set_xlabel("training step, plain gradient descent")
    axis.set_ylabel("training loss: mean squared error")
    axis.grid(alpha=0.3)
    axis.legend()


def save_gates(model: keras.Model, sequence: np.ndarray, path: Path) -> None:
    """Draws a model's gates over a sequence of the adding problem, (1, T, 2)."""
    activity = gate_activity(model, sequence)["memory"]
    marks = ["+" if mark else " " for mark in sequence[0, :, 1]]
    figure = plot_gates(
        {name: values[0] for name, values in activity.values.items()}, marks
    )
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)
