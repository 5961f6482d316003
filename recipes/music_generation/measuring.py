"""Any tunes in ABC notation, measured beside the test tunes of a run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_seq import music, runs
from keras_seq.runs import RunDirectory
from recipes.music_generation.copies import CopyCheck
from recipes.music_generation.data import Data
from recipes.music_generation.settings import OUT, CompleteConfig, Config


def tunes_to_measure(path: str) -> music.Corpus:
    """The tunes of an ABC file or a folder of them, or those of a named corpus.

    Raises:
        ValueError: If there are none.
    """
    try:
        return music.load_corpus(path, normalised=True)
    except (FileNotFoundError, ValueError) as error:
        raise ValueError(f"--tunes: {error}") from error


def measure_tunes(corpus: music.Corpus, data: Data) -> dict[str, Any]:
    """Measures tunes as the run's own are measured.

    Args:
        corpus: The tunes.
        data: The tunes to compare with: the test tunes as people's, the training
            tunes as what may have been copied.

    Returns:
        Dict of "tunes" (how many), "rejected" (what can't be used, and why),
        "written" and "human" (`keras_seq.music.describe_tunes`), "as_music"
        (`keras_seq.music.compare_as_music`) and "copying" (`CopyCheck.report`).
    """
    people = [music.from_document(document) for document in data.test]
    copies = music.SubstringIndex([music.split_document(d)[1] for d in data.train])
    melodies = music.NgramIndex([music.from_document(d) for d in data.train])
    written, human = (
        music.describe_tunes(texts, copies, melodies, progress=runs.Progress(label))
        for label, texts in (
            ("measuring tunes", corpus.texts),
            ("measuring test tunes", people),
        )
    )
    check = CopyCheck.from_known(data.known()["copying"])
    return {
        "tunes": len(corpus.tunes),
        "rejected": [
            f"{each.source}:{each.line} {each.title}: {each.reason}"
            for each in corpus.rejected
        ],
        "written": written,
        "human": human,
        "as_music": music.compare_as_music(corpus.texts, people),
        "copying": check.report(corpus.texts),
    }


def measure_file(
    tunes: str, run: str | None, out: str | None, load_data: Callable[[Config], Data]
) -> None:
    """Measures tunes in a file beside those of a run, or of the default data."""
    runs.check_out(out)
    corpus = tunes_to_measure(tunes)
    kept = RunDirectory(run or OUT) if run or Path(OUT).exists() else None
    config = kept.read_config(CompleteConfig) if kept else Config()
    data = load_data(config)
    if kept:
        kept.keep_known("vocabulary.json", data.known(), data.corpus.name)
    runs.print_or_write(json.dumps(measure_tunes(corpus, data), indent=2), out)
