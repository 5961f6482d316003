"""What the translation recipe measures and shows."""

import csv
import io
import re

import keras
import numpy as np

from keras_seq.diagnostics import drawable, plot_attention
from keras_seq.extras import require
from keras_seq.runs import Report, plot_history
from keras_seq.text import END

HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
# Thai, Lao, Tibetan, Burmese, Khmer, and the Japanese syllabaries.
UNSPACED = re.compile("[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff]")
SHOWN = 6  # alignments in the report
LENGTHS = (5, 10, 20, 40)  # words, or characters where no spaces are written


class TranslationScore(keras.callbacks.Callback):
    """Translates validation sentences greedily after every epoch.

    It logs "val_bleu", and "val_exact", the share that is right to the letter.

    Args:
        translator: The `Translator`.
        pairs: Pairs of sentences.
    """

    def __init__(self, translator, pairs):
        super().__init__()
        self.translator, self.pairs = translator, pairs

    def on_epoch_end(self, epoch, logs=None):
        sources, references = zip(*self.pairs, strict=True)
        found = self.translator.translate(sources, width=1, batch_size=128)
        figures = figures_of([best.text for (best,) in found], references)
        logs["val_bleu"], logs["val_exact"] = figures["bleu"], figures["exact"]


def spread(pairs, count):
    """At most `count` of the pairs, from all over the list: it may be sorted."""
    places = np.linspace(0, len(pairs) - 1, min(count, len(pairs)))
    return [pairs[int(place)] for place in places]


def figures_of(translations, references, tokenizer=None):
    """BLEU and chrF with their signatures, and the share that is exactly right.

    BLEU counts words, in Chinese and in scripts without spaces characters.

    Args:
        translations: Strings.
        references: Strings, as many.
        tokenizer: sacreBLEU's name of how words are told apart; None for what suits
            the references.

    Returns:
        Dict of "bleu", "chrf", "exact" and "signatures".
    """
    metrics = require("sacrebleu.metrics", "recipes")
    bleu = metrics.BLEU(tokenize=tokenizer or _tokenizer(references))
    chrf = metrics.CHRF()
    right = [a == b for a, b in zip(translations, references, strict=True)]
    return {
        "bleu": bleu.corpus_score(translations, [references]).score,
        "chrf": chrf.corpus_score(translations, [references]).score,
        "exact": float(np.mean(right)),
        "signatures": {
            "bleu": str(bleu.get_signature()),
            "chrf": str(chrf.get_signature()),
        },
    }


def _tokenizer(texts):
    """The name of sacreBLEU's tokenizer for what most of the text is written in."""
    text = "".join("".join(texts).split())
    han, unspaced = len(HAN.findall(text)), len(UNSPACED.findall(text))
    if 2 * (han + unspaced) <= len(text):
        return "13a"
    return "char" if 10 * unspaced > han else "zh"


def nearest_translations(train, sources):
    """A translation memory: what stands beside the most similar training sentence.

    Similar is what shares rare groups of 2 to 4 characters (TF-IDF, cosine).

    Args:
        train: Pairs of sentences.
        sources: Strings.

    Returns:
        List of strings.
    """
    text = require("sklearn.feature_extraction.text", "recipes")
    vectorizer = text.TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4))
    known = vectorizer.fit_transform([source for source, _ in train])
    nearest = []
    for start in range(0, len(sources), 256):
        asked = vectorizer.transform(sources[start : start + 256])
        nearest += np.asarray((asked @ known.T).argmax(axis=1)).ravel().tolist()
    return [train[i][1] for i in nearest]


def by_length(sources, translations, references):
    """BLEU, and the share exactly right, by the words of the source.

    In Chinese and in scripts without spaces by its characters. BLEU counts what it
    counts in all translations together.

    Returns:
        List of dicts "words" or "characters" (a range), "pairs", "bleu", "exact".
    """
    words = [source.split() for source in sources]
    spaced = _tokenizer(sources) == "13a"
    unit = "words" if spaced else "characters"
    sizes = np.array([len(w if spaced else "".join(w)) for w in words], int)
    tokenizer = _tokenizer(references)
    rows = []
    lower = 0
    for upper in (*LENGTHS, sizes.max(initial=0)):
        chosen = np.flatnonzero((sizes > lower) & (sizes <= upper))
        if len(chosen):
            figures = figures_of(
                [translations[i] for i in chosen],
                [references[i] for i in chosen],
                tokenizer,
            )
            rows.append(
                {
                    unit: f"{lower + 1}-{upper}",
                    "pairs": len(chosen),
                    "bleu": figures["bleu"],
                    "exact": figures["exact"],
                }
            )
        lower = max(lower, upper)
    return rows


def by_style(styles, translations, references):
    """The share exactly right, by the style of the source.

    Returns:
        List of dicts "style", "dates", "exact", the worst first.
    """
    right: dict = {}
    for style, *pair in zip(styles, translations, references, strict=True):
        right.setdefault(style, []).append(pair[0] == pair[1])
    rows = [
        {"style": style, "dates": len(hits), "exact": float(np.mean(hits))}
        for style, hits in right.items()
    ]
    return sorted(rows, key=lambda row: row["exact"])


def token_accuracy(translator, pairs, greedy):
    """How often the right token stands at its place.

    Args:
        translator: The `Translator`.
        pairs: Pairs of sentences.
        greedy: Greedy translations of them, as `Translator.translate` gives.

    Returns:
        The share where the model reads the reference, and where it reads what it
        wrote itself.
    """
    model, hits, free, tokens = translator.model, 0, 0, 0
    for start in range(0, len(pairs), 64):
        sources, references = zip(*pairs[start : start + 64], strict=True)
        read, right, counts = translator.teacher_forced(sources, references)
        likeliest = keras.ops.convert_to_numpy(model(read)).argmax(-1)
        hits += int(((likeliest == right) & counts).sum())
        tokens += int(counts.sum())
        for row, (best,) in enumerate(greedy[start : start + 64]):
            wanted = right[row][counts[row]]
            end = [END] if best.finished else []
            written = np.array([*translator.target.encode(best.text), *end], int)
            written = written[: len(wanted)]
            free += int((written == wanted[: len(written)]).sum())
    return hits / tokens, free / tokens


def sentence_scores(translations, references):
    """ChrF of each sentence."""
    chrf = require("sacrebleu.metrics", "recipes").CHRF()
    return np.array(
        [
            chrf.sentence_score(translation, [reference]).score
            for translation, reference in zip(translations, references, strict=True)
        ]
    )


def translations_table(pairs, found):
    """The test sentences as TSV: source, reference, translation, score."""
    table = io.StringIO()
    writer = csv.writer(table, delimiter="\t", lineterminator="\n")
    writer.writerow(["source", "reference", "translation", "score"])
    for (source, reference), (best, *_) in zip(pairs, found, strict=True):
        writer.writerow([source, reference, best.text, f"{best.score:.4f}"])
    return table.getvalue()


def write_results(run, metrics, history, data, found):
    """Writes translations, pictures and report.html into the run directory.

    Args:
        run: `RunDirectory`.
        metrics: What metrics.json will hold.
        history: A dict an epoch.
        data: The recipe's `Data`.
        found: Translations of the test pairs, as `Translator.translate` gives.
    """
    run.write("translations.tsv", translations_table(data.test, found))
    curves = run.save_figure(
        plot_history(
            history,
            {"loss": "training (dropout on)", "val_loss": "validation"},
            ylabel="nats per token, labels smoothed",
        ),
        "curves",
    )
    scores = run.save_figure(
        plot_history(
            history,
            {data.monitor: "validation, greedy"},
            ylabel="BLEU" if data.monitor == "val_bleu" else "share exactly right",
            references={
                "nearest training sentence": metrics["baseline"]["nearest"][
                    data.monitor.removeprefix("val_")
                ]
            },
        ),
        "scores",
    )
    drawn = []
    for number, i in enumerate(_chosen(data.test), start=1):
        best = found[i][0]
        if best.target:
            figure = plot_attention(best.alignment, best.source, best.target)
            path = run.save_figure(figure, f"alignment_{number}")
            drawn.append((path, *data.test[i], best.text))
    run.write(
        "report.html", _report(metrics, data, found, curves, scores, drawn).html()
    )


def _chosen(pairs):
    """Indices of sentences to draw: of middling length, spread over the test set."""
    lengths = np.array([len(source) for source, _ in pairs])
    lower, upper = np.quantile(lengths, [0.3, 0.9])
    chosen = [
        i
        for i, pair in enumerate(pairs)
        if lower <= lengths[i] <= upper and drawable("".join(pair))
    ]
    return spread(chosen, SHOWN)


def _report(metrics, data, found, curves, scores, drawn):
    config, test, baseline = (metrics[name] for name in ("config", "test", "baseline"))
    report = Report("Translations with visible attention")
    known = (
        f"{data.shared:,} of them have a sentence that is in the training pairs too"
        if data.shared
        else "no test sentence, on either side, was in the training pairs"
    )
    validation = metrics["validation"]
    weights = (
        "the mean of its best epochs' weights"
        if validation["averaged"]
        else f"the weights of epoch {validation['epoch']}"
    )
    report.text(
        f"A model ({config['architecture']}, {metrics['parameters']:,} parameters) "
        f"read {len(data.train):,} pairs of {metrics['data']['name']!r}, "
        f"{metrics['train_seconds']:.0f} s of training, and has {weights}. It was "
        f"judged on {len(data.test):,} test pairs; {known}."
    )
    report.heading("How well it translates")
    report.table(
        [
            ["", "BLEU", "chrF", "exactly right"],
            *(
                [label, row["bleu"], row["chrf"], row["exact"]]
                for label, row in (
                    (f"this model, beam of {test['width']}", test),
                    ("this model, greedy", test["greedy"]),
                    ("nearest training sentence's", baseline["nearest"]),
                    ("the source as it is", baseline["copy"]),
                )
            ),
        ]
    )
    report.text(
        f"sacreBLEU: {test['signatures']['bleu']}\n\nchrF: {test['signatures']['chrf']}"
    )
    report.picture(curves, "Loss over the epochs.")
    report.picture(scores, "Translation of the validation sentences over the epochs.")
    report.heading("By length")
    unit = next(iter(test["by_length"][0]))
    report.table(
        [
            [f"{unit} of the source", "pairs", "BLEU", "exactly right"],
            *(list(row.values()) for row in test["by_length"]),
        ]
    )
    if "by_style" in test:
        report.heading("By style")
        report.table(
            [
                ["style", "dates", "exactly right"],
                *(
                    [row["style"], row["dates"], row["exact"]]
                    for row in test["by_style"]
                ),
            ]
        )
    report.heading("Where it looks")
    report.text(
        "A row for each token that it wrote, a column for each of the source: the "
        "darker, the more it looked there when it chose the token. ■ is the end."
    )
    for path, source, reference, translation in drawn:
        report.picture(path, f"{source} → {translation} (reference: {reference})")
    report.heading("Teacher-forced and free-running")
    report.text(
        "In training it reads the reference's tokens, whatever it would have written: "
        f"so it gives the next one {np.exp(-test['nats_per_token']):.1%} on the "
        f"(geometric) average, {test['nats_per_token']:.3f} nats a token, and the "
        f"likeliest is right in {test['accuracy_teacher_forced']:.1%}. Running "
        "freely it reads its own tokens, and one that is wrong leads to others: at "
        f"the same place as in the reference stands the right token in "
        f"{test['accuracy_free_running']:.1%}."
    )
    quality = sentence_scores(
        [best.text for best, *_ in found], [reference for _, reference in data.test]
    )
    order = np.argsort(quality, kind="stable")
    for title, chosen in (("Worst", order[:8]), ("Best", order[::-1][:8])):
        report.heading(f"{title} of the test sentences")
        report.table(
            [
                ["source", "reference", "translation", "chrF"],
                *([*data.test[i], found[i][0].text, float(quality[i])] for i in chosen),
            ]
        )
    report.heading("Serving it")
    report.text(
        "saved_model/ is ready for TensorFlow Serving. To try it, in this folder:"
    )
    report.code(
        "python -m keras_seq.serving saved_model --name translation\n"
        "python saved_model/1/assets.extra/client_rest.py"
    )
    report.heading("Terms of the data")
    report.text(metrics["data"]["terms"])
    return report
