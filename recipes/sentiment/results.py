"""What the sentiment recipe shows: answers, pictures, the report."""

import collections
import csv
import io

import numpy as np

from keras_seq.diagnostics import UnitText
from keras_seq.extras import require
from keras_seq.runs import Report, plot_bars

LABELS = {
    "model": "this model",
    "nb_svm": "NB-SVM",
    "nb_logistic_regression": "NB-weighted logistic regression",
    "logistic_regression": "logistic regression, words",
    "majority": "majority",
}
EXPLAINED = 200  # test texts whose words are summed up
SEEN = 3  # texts in which a word comes, to be among the strongest
STRONGEST = 12
LENGTHS = (10, 20, 40, 100, 300)  # words
SHOWN_WORDS = 300


def scored_label(classifier, explained):
    """What the contributions of an `Explained` add to, in words."""
    label = classifier.labels[explained.label]
    if len(classifier.labels) == 2:
        return f"log-odds of {label!r}"
    return f"centred log-probability of {label!r}"


def coloured(classifier, explained):
    """A `UnitText` of a text's contributions, or None if it has no words."""
    if not explained.words:
        return None
    shown = slice(0, SHOWN_WORDS)
    title = f"contributions to the {scored_label(classifier, explained)}"
    if len(explained.words) > SHOWN_WORDS:
        title += f"; the first {SHOWN_WORDS} of {len(explained.words)} words"
    return UnitText(
        explained.words[shown], explained.contributions[shown], title, spaced=True
    )


def attended(explained):
    """A `UnitText` of how much of the LSTMs' summary comes from each word."""
    shown = slice(0, SHOWN_WORDS)
    return UnitText(
        explained.words[shown],
        explained.attention[shown],
        "attention: each word's share in the LSTMs' summary",
        spaced=True,
    )


def answer_lines(classifier, explained, colours):
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


def _on_terminal(word, share):
    """A word on a background from blue over none to red."""
    strength = round(abs(share) * 5)
    if not strength:
        return word
    light = 255 - 30 * strength
    red, green, blue = (255, light, light) if share > 0 else (light, light, 255)
    return f"\x1b[30;48;2;{red};{green};{blue}m{word}\x1b[0m"


def answers_table(classifier, explained):
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


def answers_page(classifier, explained):
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


def predictions_table(data, probabilities):
    """The test texts as TSV: place, label, predicted, probability, text."""
    table = io.StringIO()
    writer = csv.writer(table, delimiter="\t", lineterminator="\n")
    writer.writerow(["place", "label", "predicted", "probability", "text"])
    for i, row in enumerate(probabilities):
        predicted = int(row.argmax())
        writer.writerow(
            [
                data.test.places[i],
                data.labels[data.test.labels[i]],
                data.labels[predicted],
                f"{row[predicted]:.6f}",
                data.test.texts[i],
            ]
        )
    return table.getvalue()


def by_length(texts, right):
    """Accuracy by the length of the text.

    Returns:
        List of dicts "words", "texts", "accuracy".
    """
    words = np.array([len(text.split()) for text in texts])
    rows: list = []
    lower = 0
    for upper in (*LENGTHS, max(words.max(initial=0), LENGTHS[-1] + 1)):
        chosen = (words > lower) & (words <= upper)
        if chosen.any():
            share = float(right[chosen].mean())
            row = {"words": f"{lower + 1}-{upper}", "texts": int(chosen.sum())}
            rows.append(row | {"accuracy": share})
        lower = upper
    return rows


def strongest_words(classifier, explained):
    """The words that add most, to each label: list of (label, list of (word, mean)).

    A word's mean is over the texts that it comes in, of what it adds there.
    """
    found: dict = {}
    for one in explained:
        sums: dict = collections.defaultdict(float)
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


def chosen_texts(data, probabilities):
    """Test texts to show: the surest, the nearest call, the worst mistake."""
    labels = data.test.labels
    predicted = probabilities.argmax(axis=1)
    sure = probabilities.max(axis=1)
    titles: dict = {}
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


def plot_members(histories):
    """Loss and accuracy of each LSTM on the texts that it is held out from."""
    plt = require("matplotlib.pyplot", "plots")
    figure, panels = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for number, history in enumerate(histories, start=1):
        epochs = [row["epoch"] for row in history]
        for axes, name in zip(panels, ("loss", "accuracy"), strict=True):
            color = f"C{number - 1}"
            values = [row[name] for row in history]
            axes.plot(epochs, values, ":", color=color)
            values = [row[f"val_{name}"] for row in history]
            axes.plot(epochs, values, marker=".", color=color, label=f"LSTM {number}")
    for axes, label in zip(panels, ("nats", "accuracy"), strict=True):
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.grid(alpha=0.3)
    panels[1].legend()
    figure.suptitle("held-out texts; dotted: training, dropout on", fontsize=11)
    return figure


def write_results(run, metrics, data, fitted, classifier, probabilities, progress):
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
    pictures = {"members": run.save_figure(plot_members(fitted.histories), "members")}
    if words:
        pictures["words"] = run.save_figure(
            plot_bars(words, "mean contribution"), "words"
        )
    accuracies = [("", _accuracies(metrics))]
    pictures["accuracy"] = run.save_figure(
        plot_bars(accuracies, "accuracy on the test texts"), "accuracy"
    )
    for number, one in enumerate(examples, start=1):
        if (text := coloured(classifier, one)) is not None:
            run.save_figure(text.figure(), f"text_{number}")
    report = _report(metrics, data, fitted, classifier, pictures)
    _examples(report, metrics, data, classifier, shown, examples)
    _ending(report, metrics)
    run.write("report.html", report.html())


def _accuracies(metrics):
    test, baselines = metrics["test"], metrics["baseline"]
    parts = [(f"its {n} alone", v) for n, v in test["parts"].items()]
    names = [name for name in LABELS if name in baselines]
    return [
        (LABELS["model"], test["accuracy"]),
        *parts,
        *((LABELS[name], baselines[name]["accuracy"]) for name in names),
    ]


def _report(metrics, data, fitted, classifier, pictures):
    config, test, described = (metrics[k] for k in ("config", "test", "data"))
    report = Report(f"{' or '.join(data.labels)}: what a text says")
    report.text(
        f"{len(classifier.members)} bidirectional LSTMs of {config['units']} units in "
        f"each direction, with attention pooling, learnt from {described['train']:,} "
        f"texts of {described['name']!r} in {metrics['train_seconds']:.0f} s "
        f"({metrics['parameters']:,} parameters with the n-grams). Each was held out "
        "from other texts, on which its best epoch was chosen, and the weights of "
        "LSTMs and n-grams in the sum. It was judged on "
        f"{described['test']:,} other texts; none of them, whatever its case, is among "
        "the training texts."
    )
    if data.notes:
        report.heading("Notes on the data")
        report.text("\n\n".join(data.notes))
    report.heading("How often it is right")
    report.picture(pictures["accuracy"], "Of the test texts.")
    rows: list = []
    rows.append(
        ["", "accuracy", "this model is right more often by", "± standard error"]
    )
    rows.append([LABELS["model"], test["accuracy"], None, None])
    for name, value in test["parts"].items():
        rows.append([f"its {name} alone", value, test["accuracy"] - value, None])
    for name, row in metrics["baseline"].items():
        rows.append(
            [LABELS[name], row["accuracy"], row["difference"], row["standard_error"]]
        )
    report.table(rows)
    parts = "; ".join(
        f"{name} {weight:.2f}"
        for name, weight in zip(fitted.names, fitted.weights, strict=True)
    )
    report.text(
        f"The logits are a sum, with these weights: {parts}.\n\nNats, mean -ln p of "
        f"the right label: {test['nats']:.3f}. Expected calibration error: "
        f"{test['calibration_error']:.3f}."
    )
    report.heading("By length", 3)
    report.table(
        [
            ["words", "texts", "accuracy"],
            *([r["words"], r["texts"], r["accuracy"]] for r in test["by_length"]),
        ]
    )
    report.heading("Training")
    report.picture(pictures["members"], "Each LSTM on the texts it is held out from.")
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
        )
    return report


def _examples(report, metrics, data, classifier, shown, examples):
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


def _ending(report, metrics):
    report.heading("Serving it")
    report.text(
        "saved_model/ is ready for TensorFlow Serving: a text in, label and "
        "probabilities out; signature explain gives the words' contributions. To try "
        "it, in this folder:"
    )
    report.code(
        "python -m keras_seq.serving saved_model --name sentiment\n"
        "python saved_model/1/assets.extra/client_rest.py"
    )
    report.heading("Terms of the data")
    report.text(metrics["data"]["terms"])
