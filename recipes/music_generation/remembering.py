"""Which earlier bars of a tune the model remembered, and how much that told it."""

import dataclasses
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import keras
import numpy as np

from keras_seq import music
from keras_seq.diagnostics import attention_map
from keras_seq.extras import let_go, require
from keras_seq.runs import Report, RunDirectory
from keras_seq.text import START

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LAYER = "memory"
DRAWN = 0.5  # nats from which on an arc is drawn
_BAR = re.compile(r"[^|\n]*(?:[|\n][|:\]\[\n]*|$)")


@dataclasses.dataclass(frozen=True)
class Remembered:
    """What each bar of a tune owes to each other.

    Args:
        bars: Their text, N of them; the first is the header.
        saved: Array (N, N): by how many nats the characters of a bar are likelier as
            what followed in another was remembered; what comes later owes to what
            came before.
    """

    bars: list[str]
    saved: np.ndarray


def remembered(writer: music.TuneWriter, document: str) -> Remembered:
    """Looks where a model looked that has `SuffixAttention`, and what that told it.

    Args:
        writer: The `TuneWriter`.
        document: The tune.
    """
    ids = np.array([[START, *writer.vocabulary.encode(document)]], "int32")
    model = writer.model
    plain = keras.Model(model.input, model.get_layer("logits").output)
    read, written = ids[:, :-1], ids[0, 1:]
    before, after = (
        keras.ops.log_softmax(each(read)[0]).numpy()[range(len(written)), written]
        for each in (plain, model)
    )
    looked = attention_map(model, read)[LAYER][0]
    bars, ends = zip(*_bars(document), strict=True)
    # The character at place t of `document` is written where t + 1 was read.
    of_written = np.searchsorted(ends, np.arange(len(written)), side="right")
    of_read = np.concatenate([[0], of_written[:-1]])
    saved = np.zeros((len(bars), len(bars)))
    for t in np.flatnonzero(looked.any(axis=1)):
        saved[of_written[t], of_read[looked[t].argmax()]] += after[t] - before[t]
    return Remembered(list(bars), saved)


def _bars(document: str) -> Iterator[tuple[str, int]]:
    """The header and the bars, each with the place behind it."""
    start = re.search(r"^K:.*\n?", document, re.MULTILINE)
    body = start.end() if start else 0
    yield document[:body], body
    for bar in _BAR.finditer(document, body):
        if bar.group():
            yield bar.group(), bar.end()


def plot_remembered(found: Remembered) -> "Figure":
    """Draws the bars under each other, and arcs to those that were remembered.

    Args:
        found: What `remembered` gives.

    Returns:
        A matplotlib figure.
    """
    plt = require("matplotlib.pyplot", "plots")
    path = require("matplotlib.path", "plots").Path
    patches = require("matplotlib.patches", "plots")
    count = len(found.bars)
    figure, axes = plt.subplots(figsize=(5, 0.26 * count + 0.5))
    far = 1.0
    for i, j in zip(*np.nonzero(found.saved >= DRAWN), strict=True):
        reach = 0.6 * (i - j) ** 0.7 if i > j else 0.3
        far = max(far, reach)
        curve = [(0, i), (-reach, i), (-reach, j), (0, j)]
        codes = [path.MOVETO, path.CURVE4, path.CURVE4, path.CURVE4]
        axes.add_patch(
            patches.PathPatch(
                path(curve, codes),
                fill=False,
                color="#1f5fa8",
                alpha=0.7,
                linewidth=0.4 + 0.25 * min(found.saved[i, j], 20),
            )
        )
    for i, bar in enumerate(found.bars):
        text = "header" if i == 0 else " ".join(bar.split()).replace("$", r"\$")
        axes.text(0.15, i, text, family="monospace", fontsize=9, va="center")
    axes.set(xlim=(-0.8 * far, far), ylim=(count - 0.5, -0.5))
    axes.axis("off")
    figure.tight_layout()
    return let_go(figure)


def report_memory(
    report: Report, run: RunDirectory, writer: music.TuneWriter, document: str
) -> None:
    """Adds the section on what was remembered, and writes the figure.

    Args:
        report: Gets the section.
        run: Its directory.
        writer: The `TuneWriter`; without a memory nothing is added.
        document: A tune.
    """
    if LAYER not in [layer.name for layer in writer.model.layers]:
        return
    found = remembered(writer, document)
    strengths = keras.ops.convert_to_numpy(writer.model.get_layer(LAYER).strengths)
    drawn = run.save_figure(plot_remembered(found), "remembered")
    total = found.saved.sum()
    told = [n for n in (1, 4, 8, len(strengths)) if n <= len(strengths)]
    report.heading("What it remembers")
    report.text(
        "Beside its state it has the characters themselves: what followed when the "
        "same was last read is made likelier, the more the longer the repeat. Learned "
        "were the logits that are added behind a repeat of "
        + ", ".join(f"{n} ({strengths[n - 1]:+.1f})" for n in dict.fromkeys(told))
        + f" characters. In the first of these tunes that made {len(document)} "
        f"characters likelier by {total:.1f} nats in all."
    )
    report.picture(
        drawn,
        "The bars of that tune, each joined to those which it was remembered from: the "
        f"thicker, the more nats that saved ({DRAWN} at least).",
        alt=f"{len(found.bars) - 1} bars under each other, with arcs between them",
    )
