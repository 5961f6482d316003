"""Answers of the sentiment recipe: a label, its probability, and coloured words."""

import csv
import io
import sys
from pathlib import Path

import numpy as np

from keras_seq.diagnostics import UnitText
from keras_seq.files import atomic_write
from keras_seq.runs import Report
from recipes.sentiment.explaining import Explained, TextClassifier

SHOWN_WORDS = 300


def scored_label(classifier: TextClassifier, explained: Explained) -> str:
    """What the contributions of an `Explained` add to, in words."""
    label = classifier.labels[explained.label]
    if len(classifier.labels) == 2:
        return f"log-odds of {label!r}"
    return f"centred log-probability of {label!r}"


def coloured(classifier: TextClassifier, explained: Explained) -> UnitText | None:
    """A `UnitText` of a text's contributions, or None if it has no words."""
    if not explained.words:
        return None
    shown = slice(0, SHOWN_WORDS)
    title = f"contributions to the {scored_label(classifier, explained)}"
    if len(explained.words) > SHOWN_WORDS:
        title += f"; the first {SHOWN_WORDS} of {len(explained.words)} words"
    words = tuple(explained.words[shown])
    return UnitText(words, explained.contributions[shown], title, spaced=True)


def attended(explained: Explained) -> UnitText:
    """A `UnitText` of how much of the LSTMs' summary comes from each word."""
    shown = slice(0, SHOWN_WORDS)
    return UnitText(
        tuple(explained.words[shown]),
        explained.attention[shown],
        "attention: each word's share in the LSTMs' summary",
        spaced=True,
    )


def answer_lines(
    classifier: TextClassifier, explained: Explained, colours: bool
) -> list[str]:
    """Label, probability and the words, coloured for a terminal."""
    likeliest = int(explained.probabilities.argmax())
    lines = [
        f"{classifier.labels[likeliest]}  p = {explained.probabilities[likeliest]:.4f}",
        f"{scored_label(classifier, explained)}: {explained.score:+.3f} = "
        f"{explained.base:+.3f} without words, "
        f"{explained.contributions.sum():+.3f} by the words",
    ]
    if explained.unread:
        lines.append(f"the LSTMs did not read {explained.unread} pieces in the middle")
    limit = np.abs(explained.contributions).max(initial=0) or 1.0
    if colours:
        words = [
            _on_terminal(word, value / limit)
            for word, value in zip(
                explained.words, explained.contributions, strict=True
            )
        ]
        lines.append(" ".join(words[:SHOWN_WORDS]))
        if len(words) > SHOWN_WORDS:
            lines.append(f"... {len(words) - SHOWN_WORDS} more words")
    order = np.argsort(-np.abs(explained.contributions), kind="stable")
    for i in order[:10]:
        lines.append(f"  {explained.contributions[i]:+7.3f}  {explained.words[i]}")
    return lines


def _on_terminal(word: str, share: float) -> str:
    """A word on a background from blue over none to red."""
    strength = round(abs(share) * 5)
    if not strength:
        return word
    light = 255 - 30 * strength
    red, green, blue = (255, light, light) if share > 0 else (light, light, 255)
    return f"\x1b[30;48;2;{red};{green};{blue}m{word}\x1b[0m"


def answers_table(classifier: TextClassifier, explained: list[Explained]) -> str:
    """Answers as TSV: label, probability, score, base, words and contributions."""
    table = io.StringIO()
    writer = csv.writer(table, delimiter="\t", lineterminator="\n")
    writer.writerow(
        ["label", "probability", "scored", "score", "base", "words", "contributions"]
    )
    for one in explained:
        likeliest = int(one.probabilities.argmax())
        writer.writerow(
            [
                classifier.labels[likeliest],
                f"{one.probabilities[likeliest]:.6f}",
                classifier.labels[one.label],
                f"{one.score:.6f}",
                f"{one.base:.6f}",
                " ".join(one.words),
                " ".join(f"{value:.5f}" for value in one.contributions),
            ]
        )
    return table.getvalue()


def answers_page(classifier: TextClassifier, explained: list[Explained]) -> str:
    """Answers as an HTML page."""
    report = Report("What each word adds")
    for one in explained:
        likeliest = int(one.probabilities.argmax())
        report.heading(
            f"{classifier.labels[likeliest]}, p = {one.probabilities[likeliest]:.4f}", 3
        )
        if (shown := coloured(classifier, one)) is not None:
            report.fragment(shown.html())
    return report.html()


def show(
    classifier: TextClassifier, explained: list[Explained], out: str | None
) -> None:
    """Prints answers, or writes them: a page where `out` ends in .html, else a TSV."""
    if out is None:
        for one in explained:
            print("\n".join(answer_lines(classifier, one, sys.stdout.isatty())))
        return
    make = answers_page if Path(out).suffix == ".html" else answers_table
    atomic_write(out, make(classifier, explained))
    print(f"{len(explained)} texts are in {out}")
