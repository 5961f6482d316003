"""What the next-word recipe shows: perplexities, words, pictures, the report."""

from collections import defaultdict
from typing import Any

import numpy as np

from keras_seq.diagnostics import UnitText
from keras_seq.extras import require
from keras_seq.runs import Report, RunDirectory, plot_history
from keras_seq.text import UNKNOWN, TextPredictor
from recipes.next_word.data import Data, first_words
from recipes.next_word.embeddings import (
    frequent_words,
    nearest_words,
    projection_figure,
    similarity_figure,
)

COLOURED = 150  # words of a test document
PROMPTS = 4  # beginnings of test documents that are continued
PROMPT_WORDS = 8
WRITTEN = 60  # words
FREQUENCIES = (1000, 100, 10, 1)  # in the training texts
LABELS = {
    "perplexity": "perplexity",
    "perplexity_without_line_ends": "without ends of lines",
    "perplexity_spelled": "with unknown words spelled",
}


def write_results(
    run: RunDirectory,
    metrics: dict[str, Any],
    history: list[dict[str, float]],
    data: Data,
    predictor: TextPredictor,
    nats: dict[str, Any],
    untrained: np.ndarray,
    learned: np.ndarray,
) -> None:
    """Writes samples, figures and report.html into the run directory.

    Args:
        run: Its directory.
        metrics: What metrics.json will hold.
        history: A dict an epoch.
        data: The recipe's `Data`.
        predictor: Of the trained model.
        nats: Dict with -ln p of every token of the test documents: "model", and of
            every word for the baselines.
        untrained: Embeddings that training started with, (V, dim).
        learned: Those that it ended with.
    """
    report = Report("The next word", metrics)
    _report_figures(report, run, metrics, history)
    _report_words(report, run, metrics, data, predictor, nats)
    _report_writing(report, run, metrics, data, predictor)
    _report_embeddings(report, run, metrics, data, predictor, untrained, learned)
    report.serving(
        "next_word",
        "saved_model/ is ready for TensorFlow Serving: serving_default gives the next "
        "words of a text, generate and complete go on with it, score tells how likely "
        "it is.",
    )
    report.heading("Terms of the data")
    report.text(metrics["data"]["terms"])
    run.write("report.html", report.html())


def _report_figures(
    report: Report,
    run: RunDirectory,
    metrics: dict[str, Any],
    history: list[dict[str, float]],
) -> None:
    test, baseline, about = metrics["test"], metrics["baseline"], metrics["data"]
    config = metrics["config"]
    in_words = config["level"] == "word"
    report.text(
        f"An LSTM language model of {'words' if in_words else 'subwords'} "
        f"({metrics['parameters']:,} parameters) read {about['train_words']:,} words "
        f"of {about['name']!r} {len(history)} times, in "
        f"{metrics['train_seconds']:.0f} s. It was judged on {about['test_words']:,} "
        f"words of {about['test']} other documents. What counts as a word: words, "
        "numbers, punctuation marks, ends of lines (↵), empty lines (¶), and the end "
        "of a document."
    )
    report.text(_about_data(about, config))
    report.heading("How well it foresees")
    report.text(
        "Perplexity is e to the mean of -ln p of a word: as uncertain as a choice "
        "among so many equally likely words. The n-gram models read the words of the "
        "same documents"
        + (
            ", over the same vocabulary. Words that come fewer than "
            f"{config['min_count']} times in the training texts are unknown to all of "
            "them, and count as one word: "
            f"{about['test_unknown']:.1%} of the test words. In the last column, the "
            "unknown words are spelled besides, by a model of characters: this is "
            "what compares with a model of subwords, which knows no unknown words."
            if in_words
            else ". A model of subwords spells all words; to those of words, the "
            "spelling of the words that they don't know is added, by a model of "
            "characters: so all give a probability to the same text, and it is counted "
            "by word."
        )
    )
    rows = {"this model": test, "Kneser-Ney trigram": None, "unigram": None}
    rows = {name: row or baseline[name] for name, row in rows.items()}
    columns = [name for name in LABELS if name in test]
    report.table(
        [
            ["", *(LABELS[name] for name in columns)],
            *([name, *(row[c] for c in columns)] for name, row in rows.items()),
        ]
    )
    report.text(
        f"Its perplexity is {test['of_kneser_ney']:.2f} of the Kneser-Ney trigram's."
    )
    figure = columns[0]
    bars = {name: row[figure] for name, row in rows.items()}
    report.picture(
        run.save_figure(_bars(bars), "baselines"),
        "Perplexity of the test documents: less is better.",
        alt="Bars: the model beside its baselines",
    )
    curves = plot_history(
        history,
        {"val_perplexity": "validation"},
        ylabel="perplexity a word",
        references={
            "Kneser-Ney trigram": baseline["Kneser-Ney trigram"]["val_perplexity"]
        },
    )
    report.picture(
        run.save_figure(curves, "curves"),
        alt="Curves of training and validation beside the baseline's line",
        caption="Perplexity of the validation documents over the epochs. The model has "
        + (
            "the mean of its best epochs' weights."
            if metrics["validation"]["averaged"]
            else f"the weights of epoch {metrics['validation']['epoch']}."
        ),
    )


def _about_data(about: dict[str, Any], config: dict[str, Any]) -> str:
    found = [
        f"{about['train']} documents for training, {about['validation']} for "
        f"validation, {about['test']} for the test."
    ]
    if about["cut_texts"]:
        found.append(
            f"They are pieces of {about['cut_texts']} text(s), cut at blank lines: so "
            "what the test pieces are about, the training pieces may have begun."
        )
    if about["not_utf8"]:
        found.append(
            f"{len(about['not_utf8'])} files are not UTF-8 and were read as "
            f"{' or '.join(about['encodings'])}: {', '.join(about['not_utf8'][:8])}."
        )
    if about["empty"]:
        found.append(f"{len(about['empty'])} empty files were left out.")
    if about["duplicates"]:
        found.append(f"{about['duplicates']} documents repeat another: left out.")
    if about["repeated_paragraphs"]:
        units = "lines" if about["lines"] else "paragraphs"
        found.append(
            f"{about['repeated_paragraphs']} {units} of the held-out documents "
            f"({about['repeated_words']:,} words) are in the training texts, and were "
            "left out of the test."
        )
    if config["quick"]:
        found.append("This is a quick run: a few of the texts, and a small model.")
    return " ".join(found)


def _bars(values: dict[str, float]) -> Any:
    plt = require("matplotlib.pyplot", "plots")
    figure, axis = plt.subplots(figsize=(7, 2.2), layout="constrained")
    names = list(values)[::-1]
    bars = axis.barh(
        names, [values[n] for n in names], color=["0.75", "0.6", "tab:blue"]
    )
    axis.bar_label(bars, [f"{values[name]:.1f}" for name in names], padding=3)
    axis.set_xlabel("perplexity a word")
    axis.margins(x=0.12)
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def _report_words(
    report: Report,
    run: RunDirectory,
    metrics: dict[str, Any],
    data: Data,
    predictor: TextPredictor,
    all_nats: dict[str, Any],
) -> None:
    report.heading("Which words it foresees")
    nats = all_nats["model"]
    longest = max(range(len(nats)), key=lambda i: min(len(nats[i]), COLOURED))
    pieces = predictor.vocabulary.pieces(predictor.encode(data.test[longest])[1:])
    pieces = ["\n" if p == "↵" else "\n\n" if p == "¶" else p for p in pieces[:-1]]
    shown = UnitText(
        tuple(pieces[:COLOURED]),
        nats[longest][: len(pieces)][:COLOURED],
        title="nats: how little the model foresaw it",
        spaced=True,
    )
    centre = float(np.concatenate(nats).mean())
    run.save_figure(shown.figure(centre=centre, limit=centre), "foreseen")
    report.fragment(
        shown.html(centre=centre, limit=centre),
        "The beginning of a test document: blue words were foreseen, red ones came as "
        f"a surprise; white is the mean, {centre:.2f} nats. � is an unknown word.",
    )
    if metrics["config"]["level"] == "word":
        report.text(
            "By how often the training texts have a word: nats a word, of this model "
            "and of the Kneser-Ney trigram."
        )
        report.table(_by_frequency(data, nats, all_nats["Kneser-Ney trigram"]))
    report.text("Words of the test documents with the fewest and the most nats:")
    report.table(_easiest_and_hardest(data, predictor, nats))


def _by_frequency(data: Data, nats: Any, counted: Any) -> list[list[Any]]:
    """A table: how often a word is in the training texts, and its nats."""
    counts = np.zeros(len(data.words), int)
    for ids in map(np.array, data.train_ids):
        np.add.at(counts, ids, 1)
    ids = np.concatenate([document[1:] for document in data.ids(data.test)])
    own, counted = np.concatenate(nats), np.concatenate(counted)
    unknown = ids == UNKNOWN
    rows = []
    upper = np.inf
    for lower in FREQUENCIES:
        chosen = (counts[ids] >= lower) & (counts[ids] < upper) & ~unknown
        label = (
            f"{lower:,} or more" if upper == np.inf else f"{lower:,} to {upper - 1:,}"
        )
        rows.append((label, chosen))
        upper = lower
    rows.append(("unknown", unknown))
    return [
        ["in the training texts", "of the test words", "this model", "Kneser-Ney"],
        *(
            [label, f"{chosen.mean():.1%}", own[chosen].mean(), counted[chosen].mean()]
            for label, chosen in rows
            if chosen.any()
        ),
    ]


def _easiest_and_hardest(
    data: Data, predictor: TextPredictor, nats: list[np.ndarray]
) -> list[list[Any]]:
    by_piece = defaultdict(list)
    for text, values in zip(data.test, nats, strict=True):
        pieces = predictor.vocabulary.pieces(predictor.encode(text)[1:-1])
        for piece, value in zip(pieces, values, strict=False):
            by_piece[piece].append(float(value))
    often = {p: np.mean(v) for p, v in by_piece.items() if len(v) >= 5 and p.isalpha()}
    ranked = sorted(often, key=often.__getitem__)
    return [
        ["foreseen", "nats", "surprising", "nats"],
        *(
            [easy, often[easy], hard, often[hard]]
            for easy, hard in zip(ranked[:10], ranked[::-1][:10], strict=True)
        ),
    ]


def _report_writing(
    report: Report,
    run: RunDirectory,
    metrics: dict[str, Any],
    data: Data,
    predictor: TextPredictor,
) -> None:
    report.heading("What it writes")
    prompts = [first_words(text, PROMPT_WORDS) for text in data.test[:PROMPTS]]
    found = predictor.predict(prompts, count=5)
    report.text("The likeliest next words behind the beginnings of test documents:")
    report.table(
        [
            ["text", *("" for _ in range(5))],
            *(
                [
                    prompt,
                    *(
                        f"{word} {chance:.3f}"
                        for word, chance in zip(
                            row.words, row.probabilities, strict=True
                        )
                    ),
                    *("" for _ in range(5 - len(row.words))),
                ]
                for prompt, row in zip(prompts, found, strict=True)
            ),
        ]
    )
    samples = []
    for temperature in (0.7, 1.0):
        written = predictor.continue_texts(
            prompts,
            words=WRITTEN,
            temperature=temperature,
            seed=metrics["config"]["seed"],
        )
        for prompt, more in zip(prompts, written, strict=True):
            samples.append(f"[temperature {temperature}] {prompt} | {more}")
    report.text(f"Continued, {WRITTEN} words behind the |:")
    report.code("\n\n".join(samples) + "\n")
    run.write("samples.txt", "\n\n".join(samples) + "\n")


def _report_embeddings(
    report: Report,
    run: RunDirectory,
    metrics: dict[str, Any],
    data: Data,
    predictor: TextPredictor,
    untrained: np.ndarray,
    learned: np.ndarray,
) -> None:
    words = frequent_words(predictor, data.train_ids)
    if len(words) < 2:
        return
    report.heading("Embeddings against one-hot vectors")
    report.text(
        "As one-hot vectors, every word is as far from every other as from any: "
        f"{len(predictor.vocabulary):,} numbers a word that say which it is, and "
        f"nothing else. An embedding has {learned.shape[1]}, which training has "
        "moved so that words that stand in like places are near each other."
    )
    report.picture(
        run.save_figure(similarity_figure(words, untrained, learned), "similarities"),
        f"Cosines between the {min(30, len(words))} most frequent words (their mean "
        "taken off): one-hot, before training, and after.",
        alt="Three square maps of cosines, word by word",
    )
    figure = projection_figure(words, learned, metrics["config"]["seed"])
    if figure is not None:
        report.picture(
            run.save_figure(figure, "projection"),
            "Distances in the plane only hint at those in the embedding's space.",
            alt="Words as points of a plane",
        )
    report.text("Nearest neighbours, with their cosines:")
    rows = nearest_words(words, learned)
    report.table(
        [
            ["word", "neighbours"],
            *(
                [word, ", ".join(f"{n} {c:.2f}" for n, c in near)]
                for word, near in rows
            ),
        ]
    )
