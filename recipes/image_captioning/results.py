"""What the captioning recipe shows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_seq.diagnostics import plot_image_attention
from keras_seq.files import TableText, replacing
from keras_seq.runs import Report, RunDirectory, picture_file, plot_history
from keras_seq.vision import Caption, decode_image
from recipes.image_captioning.composing import SIDE
from recipes.image_captioning.data import LONGEST, Data, Part
from recipes.image_captioning.language import judge
from recipes.image_captioning.scenes import Scenes

SHOWN = 8  # test images in the report
WORST = 12  # captions in the table of those that are wrong


def attention_file(image: Path, out: str | None = None) -> Path:
    """Where the attention over an image will be drawn.

    Args:
        image: The image file.
        out: The file that was asked for; by default one that isn't there yet, named
            after the image, in the current folder.

    Returns:
        Path.

    Raises:
        ValueError: If it is the image itself.
        OSError: If it is a folder, or its folder is missing.
    """
    path = picture_file(out, f"{image.stem}-attention")
    if path.exists() and path.samefile(image):
        raise ValueError(f"`out` must not be the image itself; received {out!r}.")
    return path


def draw_attention(pixels: np.ndarray, caption: Caption, path: Path) -> None:
    """Draws where each word of a caption looked, as a PNG file."""
    figure = plot_image_attention(
        pixels / 255, caption.attention, caption.words, title=caption.text
    )
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)


def captions_table(part: Part, found: Sequence[Caption]) -> str:
    """The test captions as TSV: image, caption, probability, references."""
    table = TableText("	")
    table.writerow(["image", "caption", "probability", "references"])
    for place, (caption, references) in enumerate(
        zip(found, part.captions, strict=True)
    ):
        table.writerow(
            [
                part.name(place),
                caption.text,
                f"{caption.probability:.6g}",
                " | ".join(references),
            ]
        )
    return table.getvalue()


def write_results(
    run: RunDirectory,
    metrics: dict[str, Any],
    history: list[dict[str, float]],
    data: Data,
    found: Sequence[Caption],
) -> None:
    """Writes captions, pictures and report.html into the run directory.

    Args:
        run: `RunDirectory`.
        metrics: What metrics.json will hold.
        history: A dict an epoch.
        data: The recipe's `Data`.
        found: For each test image its `Caption`.
    """
    run.write("captions.tsv", captions_table(data.test, found))
    curves = run.save_figure(
        plot_history(
            history,
            {"loss": "training (dropout on)", "val_loss": "validation"},
            ylabel="nats per token, smoothed",
        ),
        "curves",
    )
    name = data.monitor.removeprefix("val_")
    scores = run.save_figure(
        plot_history(
            history,
            {data.monitor: "validation, greedy"},
            ylabel={"right": "share true and complete", "cider": "CIDEr-D"}[name],
            # The curve is of the validation images, the line is not.
            references={
                "nearest training image, test": metrics["baseline"]["nearest"][name]
            },
        ),
        "scores",
    )
    drawn = []
    places = np.linspace(0, len(found) - 1, min(SHOWN, len(found))).astype(int)
    for number, place in enumerate(np.unique(places), start=1):
        caption = found[place]
        if caption.words:
            image = decode_image(data.test.image_bytes(place)).numpy() / 255
            figure = plot_image_attention(image, caption.attention, caption.words)
            path = run.save_figure(figure, f"attention_{number}")
            drawn.append((path, caption, data.test.captions[place]))
    report = _report(metrics, data, found, curves, scores, drawn)
    run.write("report.html", report.html())


def _report(
    metrics: dict[str, Any],
    data: Data,
    found: Sequence[Caption],
    curves: Path,
    scores: Path,
    drawn: Sequence[tuple[Path, Caption, list[str]]],
) -> Report:
    config, test, baseline = (metrics[name] for name in ("config", "test", "baseline"))
    report = Report("Images captioned with visible attention", metrics)
    report.text(
        f"A model ({config['architecture']}, {metrics['parameters']:,} parameters, "
        f"encoder {config['encoder']}) learnt from {len(data.train):,} images of "
        f"{metrics['data']['name']!r} with {metrics['data']['captions']:,} captions "
        f"until epoch {metrics['validation']['epoch']}, {metrics['train_seconds']:.0f} "
        f"s of training. It was judged on {len(data.test):,} others."
    )
    if left_out := {what: n for what, n in data.left_out.items() if n}:
        counts = ", ".join(f"{n:,} {what}" for what, n in left_out.items())
        report.text(f"Images left out: {counts}.")
    if data.cut:
        report.text(
            f"Of the captions {data.cut:,} are longer than {LONGEST} tokens, their end "
            "included; they were cut."
        )
    if data.test.scenes:
        report.text(
            "The handwriting of the test scenes is in no training scene, and each test "
            "scene holds a combination that training never showed: two digits of these "
            "values and sizes together, or one at that place."
        )
    report.heading("How well it captions")
    columns = {
        **({"right": "true and complete"} if data.test.scenes else {}),
        **{f"bleu_{order}": f"BLEU-{order}" for order in range(1, 5)},
        "chrf": "chrF",
        "cider": "CIDEr-D",
    }
    report.table(
        [
            ["", *columns.values()],
            *(
                [label, *(row[name] for name in columns)]
                for label, row in (
                    ("this model, greedy", test["greedy"]),
                    ("this model, beam search", test["beam"]),
                    ("consensus of the nearest images'", baseline["consensus"]),
                    ("nearest training image's", baseline["nearest"]),
                    ("the most frequent caption", baseline["most_frequent"]),
                )
            ),
        ]
    )
    report.text(_widths(metrics))
    report.text(
        f"sacreBLEU: {test['signatures']['bleu']}\n\nchrF: {test['signatures']['chrf']}"
        "\n\nCIDEr-D is between 0 and 10; it depends on the test set."
    )
    report.picture(curves, "Loss over the epochs.", alt="Training and validation loss")
    report.picture(
        scores,
        "Captions of the validation images over the epochs.",
        alt="Curves of the scores",
    )
    if data.test.scenes:
        _truth(report, test)
    report.heading("Where it looks")
    report.text(
        "First the image, then a panel for each word: the lighter a cell, the more "
        "it looked there when it chose the word. ■ is the end."
    )
    for path, caption, references in drawn:
        report.picture(
            path,
            f"“{caption.text}” (probability {caption.probability:.2%}; "
            f"reference: “{references[0]}”)",
            alt="The image, and once for each word, with the place it looked at bright",
        )
    if data.test.scenes:
        _mistakes(report, data.test.scenes, found)
    report.serving("image_captioning")
    report.heading("Terms of the data")
    report.text(metrics["data"]["terms"])
    return report


def _widths(metrics: dict[str, Any]) -> str:
    """Why it captions with a beam, or greedily."""
    names = {1: "greedy search"}
    said = "; ".join(
        f"{names.get(row['width'], 'another beam')} was better by {row['better']:+.3f} "
        f"± {row['standard_error']:.3f}"
        for row in metrics["validation"]["widths"]
    )
    width = metrics["test"]["width"]
    chosen = "greedily" if width == 1 else f"by a beam of {width}"
    return (
        f"From here on, and when served, it captions {chosen}. On the validation "
        f"images {said}: the beam is left only for what is better by more than the "
        "standard error.\n\nThe consensus is the caption, of those of the 20 nearest "
        "training images, that agrees best with the others by CIDEr-D (Devlin et al., "
        "2015)."
    )


def _truth(report: Report, test: dict[str, Any]) -> None:
    """What a checker found that knows what is in the scenes."""
    report.heading("True and complete")
    report.text(
        f"{test['readable']:.1%} of the captions follow the grammar; "
        f"{test['true']:.1%} are true; {test['complete']:.1%} name as many digits as "
        "there are; "
        f"{test['right']:.1%} are true and complete."
    )
    report.table(
        [
            ["digits in the scene", "scenes", "true and complete"],
            *(
                [row["digits"], row["scenes"], row["right"]]
                for row in test["by_digits"]
            ),
        ]
    )
    looked = test["attention"]
    report.text(
        f"When it names a digit ({looked['words']:,} words), the cell with the "
        f"greatest weight overlaps that digit in {looked['peak']:.1%}; "
        f"{looked['mass']:.1%} of the weight is on such cells. A cell by chance would "
        f"in {looked['chance']:.1%}."
    )


def _mistakes(report: Report, scenes: Scenes, found: Sequence[Caption]) -> None:
    """Captions that aren't true and complete."""
    wrong = [
        place
        for place, digits in enumerate(scenes.digits)
        if not judge(found[place].text, digits, SIDE).right
    ]
    report.heading("Some that are wrong")
    report.table(
        [
            ["caption", "probability", "what is there"],
            *(
                [found[i].text, found[i].probability, scenes.captions[i][0]]
                for i in wrong[:WORST]
            ),
        ]
    )
