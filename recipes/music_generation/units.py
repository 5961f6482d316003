"""Units of the music recipe's model that track where in its bar the music is."""

from typing import Any

import keras

from keras_seq import music
from keras_seq.diagnostics import find_units, unit_text
from keras_seq.runs import Report, RunDirectory

TUNES = 64  # keeps the search short
LAYER = "lstm_0"
BEST = 3
TRACKS = 0.5  # share of the position's variance from which on a unit tracks it


def bar_units(
    writer: music.TuneWriter, untrained: keras.Model, documents: list[str]
) -> tuple[dict[str, float], dict[str, float]]:
    """The units whose cell follows the position in the bar best, and baselines.

    They are ranked on one half of the tunes and scored on the other.

    Args:
        writer: `TuneWriter` of the trained model.
        untrained: The same network with the weights that training started with.
        documents: Tunes that training never saw.

    Returns:
        Dict from the unit, the best first, to its squared correlation; and dict
        from the baseline to its. Both are empty if there aren't two tunes with
        bars.
    """
    documents = barred(documents)
    if len(documents) < 2:
        return {}, {}
    scores, before = (
        find_units(
            model,
            documents,
            {"bar position": music.bar_position},
            vocabulary=writer.vocabulary,
            layer=LAYER,
        )["bar position"]
        for model in (writer.model, untrained)
    )
    return {str(i): float(scores.held_out[i]) for i in scores.best(BEST)}, {
        "current character alone": scores.baselines["current piece alone"],
        "position in the tune": scores.baselines["position in the text"],
        "best unit before training": float(before.held_out[before.best(1)[0]]),
    }


def barred(documents: list[str]) -> list[str]:
    """The first tunes with bars of a measured length: those that are searched."""
    return [d for d in documents if (music.bar_position(d) > 0).any()][:TUNES]


def report_bar_units(
    report: Report,
    run: RunDirectory,
    metrics: dict[str, Any],
    writer: music.TuneWriter,
    documents: list[str],
) -> None:
    """Adds the section on these units to the report, and writes the figure.

    Args:
        report: Gets the section.
        run: Its directory.
        metrics: What metrics.json will hold.
        writer: `TuneWriter` of the trained model.
        documents: The tunes that `bar_units` was given.
    """
    report.heading("Units that track the music")
    units, baselines = (metrics[part]["bar_units"] for part in ("test", "baseline"))
    if not units:
        report.text("Fewer than two of the test tunes have bars of a measured length.")
        return
    documents = barred(documents)
    report.text(
        "Where in its bar a character stands, as the time since the last bar line, is "
        "written nowhere: to know it, the lengths of the notes must be added up. For "
        "every unit of the first layer it was asked how far its memory (the cell, once "
        "the character has been read) is a straight line of that position. The units "
        f"were ranked on {len(documents[::2])} of the test tunes; the scores are those "
        f"on {len(documents[1::2])} others: squared correlations, from 0 to 1. "
        + _finding(units, baselines)
    )
    report.table(
        [
            ["", "squared correlation"],
            *([f"unit {unit}", score] for unit, score in units.items()),
            *baselines.items(),
        ]
    )
    best = next(iter(units))
    shown = unit_text(
        writer.model, documents[1], int(best), vocabulary=writer.vocabulary, layer=LAYER
    )
    run.save_figure(shown.figure(), "bar_unit")
    report.fragment(
        shown.html(),
        f"A test tune, coloured by the memory of unit {best}, once it has read each "
        "character.",
    )


def _finding(units: dict[str, float], baselines: dict[str, float]) -> str:
    least = max(TRACKS, *baselines.values())
    tracking = sum(score >= least for score in units.values())
    if not tracking:
        return (
            f"No unit tracks it: none has a score of {least:.2f} or more. The highest "
            f"of the best is {max(units.values()):.2f}."
        )
    return (
        f"Of the {len(units)} best, {tracking} track it, with a score of {least:.2f} "
        "or more."
    )
