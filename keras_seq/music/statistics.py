"""Figures about tunes, the same for written ones and for human ones."""

import statistics
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from keras_seq.extras import require
from keras_seq.music.abc import notes_outside_key, validate
from keras_seq.music.copying import NgramIndex, SubstringIndex
from keras_seq.music.documents import split_document


def parses_in_music21(tune: str) -> bool:
    r"""Whether music21 reads `tune` as a score with at least one note.

    Example:

    >>> parses_in_music21("X:1\nT:Scale\nM:4/4\nL:1/4\nK:C\nCDEF|\n")
    True
    """
    converter = require("music21.converter", "music")
    try:
        # `converter.parse` would take the name of a file for the file.
        score = converter.parseData(tune, format="abc")
        # Chord symbols stand among the notes, but aren't played.
        return any("ChordSymbol" not in note.classes for note in score.flatten().notes)
    except Exception:  # music21 raises whatever comes up inside
        return False


def reading_figures(
    nats: Sequence[np.ndarray], documents: Iterable[str]
) -> dict[str, float]:
    r"""Nats per character of documents, and of what follows their headers.

    Args:
        nats: For each document an array of -ln p of its characters and its end
            mark.
        documents: The documents.

    Returns:
        Dict of "nats_per_character" and "nats_per_character_body".

    Example:

    >>> document = "K:D\nDE"
    >>> figures = reading_figures([np.array([3.0, 3, 3, 3, 1, 1, 1])], [document])
    >>> figures["nats_per_character_body"]
    1.0
    """
    starts = [len(split_document(document)[0]) for document in documents]
    bodies = [values[start:] for values, start in zip(nats, starts, strict=True)]
    return {
        "nats_per_character": float(np.concatenate(nats).mean()),
        "nats_per_character_body": float(np.concatenate(bodies).mean()),
    }


def describe_tunes(
    tunes: Sequence[str],
    substrings: SubstringIndex,
    ngrams: NgramIndex,
    *,
    progress: Callable[[int, int], object] | None = None,
) -> dict[str, float | None]:
    r"""Measures how well-formed tunes are and how much of them is copied.

    Args:
        tunes: ABC texts.
        substrings: `SubstringIndex` of the training tunes' bodies.
        ngrams: `NgramIndex` of the training tunes.
        progress: Called as `progress(done, total)`.

    Returns:
        Dict of shares (0 to 1) and lengths:

        - "parses_in_music21": share of tunes that music21 reads;
        - "valid": share without an error in `validate`;
        - "every_bar_complete": share that is valid, and every bar of which has
          a meter and is complete;
        - "notes_outside_key": share of a tune's notes that aren't in the key
          signed, 0 for a tune without notes: mean over the valid tunes;
        - "longest_copy_characters": of each tune's body, the longest stretch
          that stands in the training set as it is: median;
        - "longest_copy_share": the same as a share of the body: median;
        - "melody_8gram_overlap": share of the melody's 8-grams of intervals
          that occur in the training set, in any key: mean over the valid
          tunes.

        A figure for which there is no tune to measure is None.

    Example:

    >>> from keras_seq.music import NgramIndex, SubstringIndex
    >>> tune = "X:1\nT:A\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|"
    >>> figures = describe_tunes([tune], SubstringIndex(["GABc|"]), NgramIndex([]))
    >>> figures["every_bar_complete"], figures["longest_copy_characters"]
    (1.0, 5)
    """
    parsed: list[bool] = []
    valid: list[bool] = []
    complete: list[bool] = []
    outside: list[float] = []
    copied: list[int] = []
    shares: list[float] = []
    overlaps: list[float] = []
    for done, tune in enumerate(tunes, start=1):
        parsed.append(parses_in_music21(tune))
        result = validate(tune)
        valid.append(result.valid)
        # In free meter any bar is complete, which would be an easy way out.
        bars = result.tune.bars if result.tune else ()
        metric = all(bar.meter for bar in bars)
        complete.append(metric and result.valid and result.complete)
        if result.valid and result.tune:
            outside.append(notes_outside_key(result.tune))
            overlaps.append(ngrams.overlap(result.tune))
        body = split_document(tune)[1]
        if body:
            length = substrings.longest_match(body).length
            copied.append(length)
            shares.append(length / len(body))
        if progress is not None:
            progress(done, len(tunes))
    return {
        "parses_in_music21": _mean(parsed),
        "valid": _mean(valid),
        "every_bar_complete": _mean(complete),
        "notes_outside_key": _mean(outside),
        "longest_copy_characters": _median(copied),
        "longest_copy_share": _median(shares),
        "melody_8gram_overlap": _mean(overlaps),
    }


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None
