"""What the sentiment recipe shows of a run: pictures, tables, the report."""

import collections
from pathlib import Path
from typing import Any

import numpy as np

from keras_seq.extras import require
from keras_seq.files import TableText
from keras_seq.runs import Progress, Report, RunDirectory, plot_bars
from recipes.sentiment.answers import attended, coloured
from recipes.sentiment.combination import Fitted
from recipes.sentiment.confusion import SHOWN, confusion_matrix, plot_confusion
from recipes.sentiment.data import Data
from recipes.sentiment.explaining import Explained, TextClassifier

LABELS = {
    "model": "this model",
    "plain": "the lecture's plain model",
    "nb_svm": "NB-SVM",
    "characters": "characters, logistic regression",
    "nb_logistic_regression": "NB-weighted logistic regression",
    "logistic_regression": "logistic regression, words",
    "majority": "majority",
}
EXPLAINED = 200  # test texts whose words are summed up
SEEN = 3  # texts in which a word comes, to be among the strongest
STRONGEST = 12
PLAIN = (
    "The lecture's plain model is an embedding, one LSTM and a softmax, trained on the "
    "same texts with the cross-entropy of the labels; --plain trains it by itself."
)


def predictions_table(data: Data, probabilities: np.ndarray) -> str:
    """The test texts as TSV: place, label, predicted, probability, text."""
    table = TableText("	")
    table.writerow(["place", "label", "predicted", "probability", "text"])
    for i, row in enumerate(probabilities):
        predicted = int(row.argmax())
        table.writerow(
            [
                data.test.places[i],
                data.labels[data.test.labels[i]],
                data.labels[predicted],
                f"{row[predicted]:.6f}",
                data.test.texts[i],
            ]
        )
    return table.getvalue()


def strongest_words(
    classifier: TextClassifier, explained: list[Explained]
) -> list[tuple[str, list[tuple[str, float]]]]:
    """The words that add most, to each label: list of (label, list of (word, mean)).

    A word's mean is over the texts that it comes in, of what it adds there.
    """
    found: dict[int, dict[str, list[float]]] = {}
    for one in explained:
        sums: dict[str, float] = collections.defaultdict(float)
        for word, value in zip(one.words, one.contributions, strict=True):
            sums[word] += float(value)
        for word, value in sums.items():
            found.setdefault(one.label, {}).setdefault(word, []).append(value)
    groups = []
    for label, words in sorted(found.items()):
        means = {w: float(np.mean(v)) for w, v in words.items() if len(v) >= SEEN}
        order = sorted(means, key=means.__getitem__)
        name = classifier.labels[label]
        if len(classifier.labels) == 2:
            other = classifier.labels[1 - label]
            groups.append((f"for {other}", [(w, means[w]) for w in order[:STRONGEST]]))
        best = order[::-1][:STRONGEST]
        groups.append((f"for {name}", [(w, means[w]) for w in best]))
    return [(title, bars) for title, bars in groups if bars]


def chosen_texts(data: Data, probabilities: np.ndarray) -> list[tuple[str, int]]:
    """Test texts to show: the surest, the nearest call, the worst mistake."""
    labels = data.test.labels
    predicted = probabilities.argmax(axis=1)
    sure = probabilities.max(axis=1)
    titles: dict[int, str] = {}
    for label, name in enumerate(data.labels):
        own = (labels == label) & (predicted == label)
        if own.any():
            titles.setdefault(int(np.argmax(np.where(own, sure, -1))), f"surest {name}")
    titles.setdefault(int(sure.argmin()), "nearest call")
    wrong = np.argsort(np.where(predicted != labels, -sure, 1), kind="stable")
    for i in wrong[:3]:
        if predicted[i] != labels[i]:
            titles.setdefault(int(i), "mistake that it was sure of")
    return [(title, i) for i, title in titles.items()]


def plot_members(fitted: Fitted) -> Any:
    """Loss and accuracy of each LSTM on the texts that it is held out from."""
    plt = require("matplotlib.pyplot", "plots")
    figure, panels = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    lines = [
        (f"LSTM {number}", f"C{number - 1}", member.history)
        for number, member in enumerate(fitted.members, start=1)
    ]
    if fitted.plain is not None:
        lines.append(("plain LSTM", "black", fitted.plain.members[0].history))
    for label, color, history in lines:
        epochs = [row["epoch"] for row in history]
        for axes, name in zip(panels, ("loss", "accuracy"), strict=True):
            values = [row[name] for row in history]
            axes.plot(epochs, values, ":", color=color)
            values = [row[f"val_{name}"] for row in history]
            axes.plot(epochs, values, marker=".", color=color, label=label)
    for axes, label in zip(panels, ("nats", "accuracy"), strict=True):
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.grid(alpha=0.3)
    panels[1].legend()
    figure.suptitle("held-out texts; dotted: training, dropout on", fontsize=11)
    return figure


def write_results(
    run: RunDirectory,
    metrics: dict[str, Any],
    data: Data,
    fitted: Fitted,
    classifier: TextClassifier,
    probabilities: np.ndarray,
    progress: Progress,
) -> None:
    """Writes predictions, pictures and report.html into the run directory.

    Args:
        run: `RunDirectory`.
        metrics: What metrics.json will hold; "contributions_gap" of the test, the
            most by which a text's contributions miss its score, is added.
        data: The recipe's `Data`.
        fitted: The recipe's `Fitted`.
        classifier: `TextClassifier`.
        probabilities: Of the test texts.
        progress: Called as `progress(done, total)`.
    """
    run.write("predictions.tsv", predictions_table(data, probabilities))
    shown = chosen_texts(data, probabilities)
    spread = np.linspace(0, len(data.test) - 1, min(EXPLAINED, len(data.test)))
    some = [data.test.texts[i] for i in spread.astype(int)]
    explained = classifier.explained(some, progress)
    metrics["test"]["contributions_gap"] = max(one.gap for one in explained)
    words = strongest_words(classifier, explained)
    examples = classifier.explained([data.test.texts[i] for _, i in shown])
    pictures = {"members": run.save_figure(plot_members(fitted), "members")}
    if words:
        pictures["words"] = run.save_figure(
            plot_bars(words, "mean contribution"), "words"
        )
    accuracies = [("", _accuracies(metrics, fitted))]
    pictures["accuracy"] = run.save_figure(
        plot_bars(accuracies, "accuracy on the test texts"), "accuracy"
    )
    matrix = confusion_matrix(
        data.test.labels, probabilities.argmax(axis=1), len(data.labels)
    )
    pictures["confusion"] = run.save_figure(
        plot_confusion(matrix, data.labels), "confusion"
    )
    for number, one in enumerate(examples, start=1):
        if (text := coloured(classifier, one)) is not None:
            run.save_figure(text.figure(), f"text_{number}")
    report = _report(metrics, data, fitted, classifier, pictures)
    _examples(report, metrics, data, classifier, shown, examples)
    report.serving(
        "sentiment",
        "saved_model/ is ready for TensorFlow Serving: a text in, label and "
        "probabilities out; signature explain gives the words' contributions.",
    )
    report.heading("Terms of the data")
    report.text(metrics["data"]["terms"])
    run.write("report.html", report.html())


def _compared(metrics: dict[str, Any]) -> dict[str, dict[str, float]]:
    """What the model is compared with: the plain model first, where it is another."""
    test = metrics["test"]
    plain = {"plain": test["plain"]} if "plain" in test else {}
    return plain | metrics["baseline"]


def _parts(metrics: dict[str, Any], fitted: Fitted) -> dict[str, float]:
    """The accuracy of each part; the plain model has none."""
    return {} if fitted.plain is None else metrics["test"]["parts"]


def _accuracies(metrics: dict[str, Any], fitted: Fitted) -> list[tuple[str, float]]:
    test, baselines = metrics["test"], _compared(metrics)
    parts = [(f"its {n} alone", v) for n, v in _parts(metrics, fitted).items()]
    names = [name for name in LABELS if name in baselines]
    return [
        (LABELS["model"], test["accuracy"]),
        *parts,
        *((LABELS[name], baselines[name]["accuracy"]) for name in names),
    ]


def _report(
    metrics: dict[str, Any],
    data: Data,
    fitted: Fitted,
    classifier: TextClassifier,
    pictures: dict[str, Path],
) -> Report:
    test = metrics["test"]
    report = Report(f"{' or '.join(data.labels)}: what a text says", metrics)
    report.text(_opening(metrics, fitted))
    if data.notes:
        report.heading("Notes on the data")
        report.text("\n\n".join(data.notes))
    report.heading("How often it is right")
    report.picture(
        pictures["accuracy"],
        "Of the test texts.",
        alt="Bars: the share that is right, beside baselines",
    )
    rows: list[list[Any]] = []
    rows.append(
        ["", "accuracy", "this model is right more often by", "± standard error"]
    )
    rows.append([LABELS["model"], test["accuracy"], None, None])
    for name, value in _parts(metrics, fitted).items():
        rows.append([f"its {name} alone", value, test["accuracy"] - value, None])
    for name, row in _compared(metrics).items():
        rows.append(
            [LABELS[name], row["accuracy"], row["difference"], row["standard_error"]]
        )
    report.table(rows)
    parts = "; ".join(
        f"{name} {weight:.2f}"
        for name, weight in zip(fitted.names, fitted.weights, strict=True)
    )
    if fitted.plain is not None:
        report.text(
            f"{PLAIN}\n\nThe logits of this model are a sum, with these weights: "
            f"{parts}."
        )
    report.text(
        f"Nats, mean -ln p of the right label: {test['nats']:.3f}. Expected "
        f"calibration error: {test['calibration_error']:.3f}."
    )
    report.heading("By label", 3)
    frequent = sorted(test["by_label"].items(), key=lambda item: -item[1]["texts"])
    report.table(
        [
            ["label", "texts", "recall", "precision", "F1"],
            *([name, *row.values()] for name, row in frequent[:SHOWN]),
        ]
    )
    more = f"Of {len(frequent)} labels the {SHOWN} with most texts. "
    report.picture(
        pictures["confusion"],
        (more if len(frequent) > SHOWN else "")
        + "A row has a label's texts: how many got which answer.",
        alt="Table of counts, labels down, answers across",
    )
    report.heading("By length", 3)
    report.table(
        [
            ["words", "texts", "accuracy"],
            *([r["words"], r["texts"], r["accuracy"]] for r in test["by_length"]),
        ]
    )
    report.heading("Training")
    report.picture(
        pictures["members"],
        "Each LSTM on the texts it is held out from.",
        alt="Loss and accuracy over the epochs, a curve for each LSTM",
    )
    if fitted.cut_off:
        report.text(
            f"{fitted.cut_off} training texts are longer than "
            f"{classifier.reader.longest} pieces: the LSTMs read their beginning and "
            "their end. N-grams are of the whole text."
        )
    if "words" in pictures:
        report.heading("Words that add most")
        report.picture(
            pictures["words"],
            f"In the test texts: means over the texts that a word comes in, at least "
            f"{SEEN}.",
            alt="Bars: the words that speak most for each label",
        )
    return report


def _opening(metrics: dict[str, Any], fitted: Fitted) -> str:
    """What was trained, and on what."""
    config, described = metrics["config"], metrics["data"]
    learnt = (
        f"learnt from {described['train']:,} texts of {described['name']!r} in "
        f"{metrics['train_seconds']:.0f} s"
    )
    judged = (
        f"It was judged on {described['test']:,} other texts; none of them, whatever "
        "its case, is among the training texts."
    )
    if fitted.plain is None:
        return (
            f"The lecture's plain model, an embedding, one LSTM of {config['units']} "
            f"units and a softmax, {learnt} ({metrics['parameters']:,} parameters). A "
            f"tenth of these texts chose its best epoch. {judged}"
        )
    return (
        f"{len(fitted.members)} bidirectional LSTMs of {config['units']} units in each "
        f"direction, with attention pooling, {learnt} ({metrics['parameters']:,} "
        "parameters with the n-grams). Each was held out from other texts, on which "
        "its best epoch was chosen, and the weights of LSTMs and n-grams in the sum. "
        f"{judged}"
    )


def _examples(
    report: Report,
    metrics: dict[str, Any],
    data: Data,
    classifier: TextClassifier,
    shown: list[tuple[str, int]],
    examples: list[Explained],
) -> None:
    report.heading("What the words add")
    report.text(
        "An n-gram's part in the sum is shared by its words; the LSTMs' part is shared "
        "by integrated gradients. With the base, the score of a text without words, "
        "they sum to the score, of two labels ln p / (1 - p) of the second, but for "
        "the error of the integrals' quadrature: at most "
        f"{metrics['test']['contributions_gap']:.2g} in up to {EXPLAINED} test texts."
    )
    for (title, i), one in zip(shown, examples, strict=True):
        label = data.labels[data.test.labels[i]]
        found = int(one.probabilities.argmax())
        report.heading(
            f"{title}: {label!r}, called {data.labels[found]!r} with p = "
            f"{one.probabilities[found]:.3f}",
            3,
        )
        if (text := coloured(classifier, one)) is not None:
            report.fragment(
                text.html(), f"score {one.score:+.2f}, base {one.base:+.2f}"
            )
            report.fragment(attended(one).html())
