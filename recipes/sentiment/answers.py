"""Answers of the sentiment recipe: a label, its probability, and coloured words."""

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from keras_seq.diagnostics import UnitText
from keras_seq.files import TableText, atomic_write
from keras_seq.runs import (
    Progress,
    Report,
    check_one_given,
    print_or_write,
    quoted_text,
    shows_colours,
)
from keras_seq.runs import answer_lines as lines_of_answers
from keras_seq.text import is_mostly_unspaced, normalise, read_lines
from recipes.sentiment.explaining import Explained, TextClassifier

SHOWN_WORDS = 300
AT_ONCE = 256  # texts, of which those of like length are read together
MOST_ON_A_PAGE = 10_000  # texts
TABLE = ("label", "probability", "scored", "score", "base", "words", "contributions")


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


def _table_row(values: Iterable[str]) -> str:
    table = TableText("\t")
    table.writerow(values)
    return table.getvalue().removesuffix("\n")


def _table_record(classifier: TextClassifier, one: Explained) -> dict[str, str]:
    """An answer as a TSV has it."""
    likeliest = int(one.probabilities.argmax())
    return {
        "label": classifier.labels[likeliest],
        "probability": f"{one.probabilities[likeliest]:.6f}",
        "scored": classifier.labels[one.label],
        "score": f"{one.score:.6f}",
        "base": f"{one.base:.6f}",
        "words": " ".join(one.words),
        "contributions": " ".join(f"{value:.5f}" for value in one.contributions),
    }


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


def show(classifier: TextClassifier, explained: list[Explained]) -> None:
    """Prints answers."""
    for one in explained:
        lines = answer_lines(classifier, one, shows_colours())
        print_or_write("\n".join(lines), None)


def lines_asked(
    texts: tuple[str, ...], file: str | None, encoding: str | None
) -> Iterable[str]:
    """What is to be classified: the texts, or the lines of the file.

    Raises:
        ValueError: If there are both, or neither; or if the texts look like the words
            of one that isn't quoted.
        OSError: If the file can't be read.
    """
    check_one_given("texts", "file", bool(texts), file is not None)
    if file is not None:
        return read_lines(file, encoding)
    if not any(len(text.split()) > 1 or is_mostly_unspaced(text) for text in texts):
        quoted_text(texts)
    return texts


def classify_lines(
    classifier: TextClassifier,
    lines: Iterable[str],
    *,
    json: bool,
    name: str | None,
    out: str | None,
) -> None:
    """Classifies lines, and prints or writes an answer each.

    JSON has the probabilities of all labels; a TSV, where `out` names a file, what
    each word adds; a page, where that ends in .html, shows it.

    Args:
        classifier: The classifier.
        lines: Strings.
        json: Whether JSON Lines are wanted.
        name: Name of the file, for messages; None if it is none.
        out: File for the answers, or None.
    """
    if out is not None and not json and Path(out).suffix == ".html":
        texts = list(itertools.islice(lines, MOST_ON_A_PAGE + 1))
        if len(texts) > MOST_ON_A_PAGE:
            raise ValueError(
                f"a page (`out` {out!r}) must have {MOST_ON_A_PAGE:,} texts at most; "
                "received more. A TSV or `json` has any number."
            )
        progress = Progress("classifying")
        explained = classifier.explained(map(normalise, texts), progress)
        atomic_write(out, answers_page(classifier, explained))
        print(f"{len(texts)} texts are in {out}")
        return

    def answer(texts: list[str]) -> list[dict[str, Any]]:
        found, *_ = classifier.predict(map(normalise, texts))
        return [_record(classifier, row.tolist()) for row in found]

    def explained_rows(texts: list[list[str]]) -> list[dict[str, str]]:
        found = classifier.explained(normalise(text) for (text,) in texts)
        return [_table_record(classifier, one) for one in found]

    about: dict[str, Any] = {"name": name or "text", "label": "classifying", "out": out}
    if json:
        lines_of_answers(lines, answer, at_once=AT_ONCE, **about)
    elif out is None:
        lines_of_answers(
            lines,
            answer,
            shown=lambda row: f"{row['label']}\t{row['probability']:.4f}",
            at_once=AT_ONCE,
            **about,
        )
    else:
        lines_of_answers(
            ([line] for line in lines),  # a TSV has a row for a blank line too
            explained_rows,
            shown=lambda row: _table_row(row.values()),
            header=_table_row(TABLE),
            **about,
        )


def _record(classifier: TextClassifier, probabilities: list[float]) -> dict[str, Any]:
    named = dict(zip(classifier.labels, probabilities, strict=True))
    label = max(named, key=named.__getitem__)
    return {"label": label, "probability": named[label], "probabilities": named}
