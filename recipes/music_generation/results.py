"""What the music recipe shows: tunes as files, pictures, the report."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_seq import music
from keras_seq.diagnostics import plot_gates
from keras_seq.files import atomic_write
from keras_seq.layers import ExplicitLSTM
from keras_seq.runs import (
    Progress,
    Report,
    RunDirectory,
    plot_history,
    print_or_write,
)
from keras_seq.text import START
from recipes.music_generation.data import LONGEST_TUNE
from recipes.music_generation.remembering import report_memory
from recipes.music_generation.units import report_bar_units

SHOWN = 8  # tunes in the report
GATE_CHARACTERS = 150

_FIGURES = {
    "ends_by_itself": "ends by itself",
    "parses_in_music21": "music21 reads it",
    "valid": "no error in it",
    "every_bar_complete": "every bar is complete",
    "notes_outside_key": "notes outside the key",
    "longest_copy_characters": "longest copy from the training tunes, characters",
    "longest_copy_share": "longest copy, as a share of the tune",
    "melody_8gram_overlap": "8-note figures known from the training tunes",
}


def hand_out(written: list[music.WrittenTune], out: str | None) -> None:
    """Prints tunes, or writes them into a folder; those without an end are told."""
    for tune in written:
        if not tune.finished:
            limit, number = f"{LONGEST_TUNE} characters", tune.text[2:].split("\n")[0]
            print(f"tune {number} did not end within {limit}")
    tunes = [tune.text for tune in written]
    if out is None:
        print_or_write("\n".join(tunes).removesuffix("\n"), None)
    else:
        write_tunes(tunes, Path(out))
        print(f"{len(tunes)} tunes are in {out}")


def write_tunes(tunes: Sequence[str], folder: Path) -> list[Path]:
    """Writes tunes as .abc, and as .svg, .mid and .wav where that can be done.

    What can't is told for each tune; it costs no other.

    Args:
        tunes: ABC texts.
        folder: Made if missing.

    Returns:
        List of the paths without suffix.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pages = music.render_svgs(tunes)
    progress = Progress("printing and playing tunes")
    paths = []
    for number, (tune, page) in enumerate(zip(tunes, pages, strict=True), start=1):
        path = folder / f"{number:03d}"
        atomic_write(path.with_suffix(".abc"), tune)
        problems = [
            problem
            for problem in (
                page if isinstance(page, Exception) else None,
                _failure(music.write_midi, tune, path.with_suffix(".mid")),
                _failure(_write_wav, tune, path.with_suffix(".wav")),
            )
            if problem
        ]
        if isinstance(page, str):
            atomic_write(path.with_suffix(".svg"), page)
        for problem in dict.fromkeys(map(str, problems)):
            print(f"{path.name}.abc cannot be printed or played: {problem}")
        progress(number, len(tunes))
        paths.append(path)
    return paths


def _write_wav(tune: str, path: Path) -> None:
    music.write_wav(tune, path, sample_rate=16_000)


def _failure(
    write: Callable[[str, Path], object], tune: str, path: Path
) -> ValueError | None:
    """What keeps one tune from being written, which is no reason to stop."""
    try:
        write(tune, path)
    except ValueError as error:  # malformed, too slow, too long, nothing to play
        return error
    return None


def write_results(
    run: RunDirectory,
    metrics: dict[str, Any],
    history: list[dict[str, float]],
    tunes: list[str],
    writer: music.TuneWriter,
    documents: list[str],
) -> None:
    """Writes tunes, figures and report.html into the run directory.

    Args:
        run: Its directory.
        metrics: What metrics.json will hold.
        history: A dict an epoch.
        tunes: ABC texts that the model wrote.
        writer: The `TuneWriter` that wrote them.
        documents: The test tunes.
    """
    readable = [tune for tune in tunes if music.validate(tune).valid]
    paths = write_tunes(readable[:SHOWN], run / "tunes")
    references = {
        name: metrics["baseline"][name]["nats_per_character"]
        for name in ("unigram", "5-gram")
    }
    curves = run.save_figure(
        plot_history(
            history,
            {"nats": "training (dropout on)", "val_nats": "validation"},
            ylabel="nats per character",
            references=references,
        ),
        "curves",
    )
    document = (readable or tunes)[0].split("\n", 1)[1][:GATE_CHARACTERS]
    gates = plot_gates(first_gates(writer, document), ["▶", *document])
    drawn = run.save_figure(gates, "gates")
    report = _report(metrics, tunes, paths, curves, drawn)
    report_memory(report, run, writer, (readable or tunes)[0].split("\n", 1)[1])
    report_bar_units(report, run, metrics, writer, documents)
    report.serving("music_generation")
    report.heading("Terms of the data")
    report.text(metrics["data"]["terms"])
    run.write("report.html", report.html())


def first_gates(writer: music.TuneWriter, document: str) -> dict[str, np.ndarray]:
    """The gates of the first LSTM layer at the start mark and each character.

    Returns:
        Dict of arrays of shape (characters + 1, units).
    """
    embedding = writer.model.get_layer("embedding")
    lstm = writer.model.get_layer("lstm_0")
    shown = ExplicitLSTM.from_config({**lstm.get_config(), "return_gates": True})
    shown.build((1, None, embedding.output_dim))
    shown.set_weights(lstm.get_weights())
    ids = np.array([[START, *writer.vocabulary.encode(document)]])
    *_, gates = shown(embedding(ids))
    return {name: keras.ops.convert_to_numpy(gate)[0] for name, gate in gates.items()}


def _report(
    metrics: dict[str, Any],
    tunes: list[str],
    paths: list[Path],
    curves: Path,
    gates: Path,
) -> Report:
    data, test, baseline = (metrics[key] for key in ("data", "test", "baseline"))
    config = metrics["config"]
    report = Report("Tunes from an LSTM", metrics)
    report.text(
        f"An LSTM (layers: {config['layers']}, units: {config['units']}, "
        f"{metrics['parameters']:,} parameters) read {data['train']} tunes "
        f"({data['train_characters']:,} characters) of {data['name']!r} until epoch "
        f"{metrics['validation']['epoch']}. It was judged on {data['test']} other "
        f"tunes; {data['near_duplicates']} settings of a tune that is there already "
        f"were kept on one side with it, and {data['rejected']} pieces could not be "
        f"used. Training took {metrics['train_seconds']:.0f} s."
    )
    report.heading("Tunes that it wrote")
    report.text(drawn_how(metrics, len(tunes)))
    for path in paths:
        if path.with_suffix(".svg").exists():
            report.picture(
                path.with_suffix(".svg"),
                f"tunes/{path.name}.svg",
                alt="The tune as sheet music",
            )
        if path.with_suffix(".wav").exists():
            report.audio(path.with_suffix(".wav"))
        report.code(path.with_suffix(".abc").read_text("utf-8"))
    if not paths:
        report.text("None can be read. The first, as it was written:")
        report.code(tunes[0])
    report.heading("How well it reads")
    report.text(
        "Nats per character: -ln of the probability given to what came next, on the "
        "test tunes, end marks included; less is better. The body is what follows "
        "the header."
    )
    report.table(
        [
            ["", "whole tune", "body"],
            *(
                [name, row["nats_per_character"], row["nats_per_character_body"]]
                for name, row in (
                    ("this model", test),
                    ("5-gram", baseline["5-gram"]),
                    ("unigram", baseline["unigram"]),
                    ("uniform", baseline["uniform"]),
                )
            ),
        ]
    )
    report.text(_under_grammar(test["under_grammar"]))
    report.picture(
        curves,
        "Loss over the epochs, and the baselines.",
        alt="Training and validation loss above lines for the baselines",
    )
    report.heading("How well it writes")
    report.text(
        "Shares of the tunes that it wrote, beside the same figures for the test "
        "tunes, which people wrote; those with errors had been left out of the data, "
        "so the human tunes have none. Copying is measured against the training tunes."
    )
    report.table(
        [
            ["", "written", "human"],
            *(
                [label, test["written"].get(key), baseline["human"].get(key)]
                for key, label in _FIGURES.items()
            ),
        ]
    )
    _report_music(report, test["as_music"])
    report.heading("Its gates")
    report.picture(
        gates,
        "The gates of the first layer while it wrote the first of these tunes (▶ is "
        "the start mark, ↵ a new line): the 24 units whose memory varies most. Where "
        "the forget gate is dark, the memory is kept; where the input gate is dark, "
        "the candidate is stored; where the output gate is dark, the memory is shown.",
        alt="Maps of the gates and of the memory, units down, characters across",
        scroll=True,
    )
    return report


def drawn_how(metrics: dict[str, Any], count: int) -> str:
    """How the tunes were drawn of which some are shown."""
    ruled = metrics["test"]["under_grammar"]["share_of_tunes"] is not None
    within = ", within the grammar of tunes (see below)" if ruled else ""
    return (
        f"Drawn at temperature {metrics['config']['temperature']}{within}; of the "
        f"first {count} those without an error, {SHOWN} at most."
    )


def _under_grammar(figures: dict[str, float | None]) -> str:
    if figures["share_of_tunes"] is None:
        return "The vocabulary has no whole tunes: they are written without a grammar."
    text = (
        "Tunes are written within a grammar, which allows at every character what a "
        "valid tune that comes to its end may have there. Of the test tunes "
        f"{figures['share_of_tunes']:.0%} might be written so, as they are"
    )
    if figures["nats_per_character"] is None:
        return text + "."
    return (
        f"{text}; of these a character costs {figures['nats_per_character']:.3f} nats "
        f"within the grammar and {figures['nats_per_character_plain']:.3f} without."
    )


def _report_music(report: Report, compared: dict[str, dict[str, float | None]]) -> None:
    report.heading("Measured as music")
    report.text(
        "The figures are means over the tunes; a distance is that between the written "
        "tunes and the test tunes, which people wrote, and beside it stands the same "
        "between two halves of the test tunes: what is no larger can't be told apart "
        "by it. keras_seq.music.compare_as_music says how each is measured."
    )
    report.table(
        [
            ["", "written", "human", "distance", "human to human"],
            *(
                [
                    name.replace("_", " "),
                    *map(row.get, ("value", "human", "distance", "distance_of_halves")),
                ]
                for name, row in compared.items()
            ),
        ]
    )
