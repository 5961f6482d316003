"""What the translation recipe shows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_seq.diagnostics import drawable, plot_attention
from keras_seq.files import TableText
from keras_seq.runs import Report, RunDirectory, plot_history
from keras_seq.text import Translation
from recipes.translation.data import Data, Pair
from recipes.translation.figures import sentence_scores, spread

SHOWN = 6  # alignments in the report


def translations_table(
    pairs: Sequence[Pair], found: Sequence[Sequence[Translation]]
) -> str:
    """The test sentences as TSV: source, reference, translation, score."""
    table = TableText("	")
    table.writerow(["source", "reference", "translation", "score"])
    for (source, reference), (best, *_) in zip(pairs, found, strict=True):
        table.writerow([source, reference, best.text, f"{best.score:.4f}"])
    return table.getvalue()


def write_results(
    run: RunDirectory,
    metrics: dict[str, Any],
    history: list[dict[str, float]],
    data: Data,
    found: Sequence[Sequence[Translation]],
) -> None:
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


def _chosen(pairs: Sequence[Pair]) -> list[int]:
    """Indices of sentences to draw: of middling length, spread over the test set."""
    lengths = np.array([len(source) for source, _ in pairs])
    lower, upper = np.quantile(lengths, [0.3, 0.9])
    chosen = [
        i
        for i, pair in enumerate(pairs)
        if lower <= lengths[i] <= upper and drawable("".join(pair))
    ]
    return spread(chosen, SHOWN)


def _report(
    metrics: dict[str, Any],
    data: Data,
    found: Sequence[Sequence[Translation]],
    curves: Path,
    scores: Path,
    drawn: Sequence[tuple[Path, str, str, str]],
) -> Report:
    config, test, baseline = (metrics[name] for name in ("config", "test", "baseline"))
    report = Report("Translations with visible attention", metrics)
    known = (
        f"{data.shared:,} of them had a sentence in common with training pairs, which "
        "were left out"
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
    report.picture(curves, "Loss over the epochs.", alt="Training and validation loss")
    report.picture(
        scores,
        "Translation of the validation sentences over the epochs.",
        alt="Curves of the scores",
    )
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
        report.picture(
            path,
            f"{source} → {translation} (reference: {reference})",
            alt="A map of attention: source tokens across, written tokens down",
        )
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
    report.serving("translation")
    report.heading("Terms of the data")
    report.text(metrics["data"]["terms"])
    return report
