"""Sheet music, engraved by Verovio in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence

from keras_seq._extras import require
from keras_seq.music.abc import AbcError, parse
from keras_seq.music.rendering._marks import read_marks
from keras_seq.music.rendering._mei import to_mei

_WORKER = "keras_seq.music.rendering._worker"


class EngravingError(RuntimeError):
    """Verovio crashed, ran out of time, or drew nothing."""


def render_svg(tune: str, *, time_limit: float = 20.0) -> str:
    """Draws a tune as sheet music.

    The page is as high as the music needs. It shows the title, composer,
    rhythm and tempo, variant endings, beams as the text groups the notes, and
    lines as the text breaks them where they fill the page.

    Args:
        tune: One tune in ABC notation.
        time_limit: Seconds that Verovio may take.

    Returns:
        An SVG document.

    Raises:
        AbcError: If the tune is malformed; it tells line and column.
        EngravingError: If Verovio fails on it.

    Example:

    >>> svg = render_svg("X:1\\nT:Scale\\nM:4/4\\nL:1/8\\nK:C\\nCDEF GABc|")
    >>> svg.startswith("<svg"), "Scale" in svg
    (True, True)
    """
    (page,) = render_svgs([tune], time_limit=time_limit)
    if isinstance(page, Exception):
        raise page
    return page


def render_svgs(
    tunes: Sequence[str], *, time_limit: float = 20.0
) -> list[str | AbcError | EngravingError]:
    """Draws many tunes as sheet music, in one process of Verovio.

    A tune that cannot be drawn costs no other: where Verovio crashes, a new
    process takes the rest.

    Args:
        tunes: Tunes in ABC notation.
        time_limit: Seconds that Verovio may take for each.

    Returns:
        For each tune an SVG document, or the error that `render_svg` raises.
    """
    if isinstance(tunes, str):
        raise TypeError("`tunes` must be a sequence of tunes; a single str came.")
    if not time_limit > 0:
        raise ValueError(f"`time_limit` must be positive seconds; {time_limit} came.")
    results: list[str | AbcError | EngravingError] = []
    scores: dict[int, str] = {}
    for index, tune in enumerate(tunes):
        try:
            scores[index] = to_mei(parse(tune), read_marks(tune))
            results.append("")
        except AbcError as error:
            results.append(error)
    waiting = list(scores)
    while waiting:
        pages, failure = _engrave([scores[index] for index in waiting], time_limit)
        answers: list[str | EngravingError] = [
            page or EngravingError("Verovio draws nothing for this tune") for page in pages
        ]
        if failure is not None:
            answers.append(failure)
        for index, answer in zip(waiting, answers, strict=False):
            results[index] = answer
        waiting = waiting[len(answers) :]
    return results


def _engrave(
    scores: Sequence[str], time_limit: float
) -> tuple[list[str | None], EngravingError | None]:
    """The pages until the first failure, and that failure."""
    require("verovio", "music")
    path = os.pathsep.join(entry for entry in sys.path if entry)
    process = subprocess.run(
        [sys.executable, "-m", _WORKER],
        input="".join(json.dumps(item) + "\n" for item in [time_limit, *scores]),
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    complete = process.stdout.rpartition("\n")[0]
    pages = [json.loads(line) for line in complete.split("\n")] if complete else []
    if len(pages) == len(scores):
        return pages, None
    if "Timeout" in process.stderr:
        failure = f"Verovio took longer than {time_limit} s for this tune"
    else:
        failure = f"Verovio crashed on this tune (exit status {process.returncode})"
    return pages, EngravingError(failure)
