"""Verovio in a process of its own, since it ends the one that it crashes in."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from keras_seq.extras import require
from keras_seq.music.rendering._errors import EngravingError

# Run as a file: as a module it would import all of this package first.
_WORKER = Path(__file__).with_name("_worker.py")
_ROOT = re.compile(r'<svg width="([0-9]+)px" height="([0-9]+)px"[^>]* id="(\w+)"[^>]*>')
_RUN = f"import runpy; runpy.run_path({str(_WORKER)!r}, run_name='__main__')"


def engrave(scores: Sequence[str], *, time_limit: float) -> list[str | EngravingError]:
    """Engraves scores, in one process as long as none crashes it.

    Args:
        scores: MEI documents.
        time_limit: Seconds that each may take.

    Returns:
        For each score its SVG document, or what went wrong with it.
    """
    require("verovio", "music")
    results: list[str | EngravingError] = []
    while len(results) < len(scores):
        results += _engrave_until_failure(scores[len(results) :], time_limit)
    return results


def _engrave_until_failure(
    scores: Sequence[str], time_limit: float
) -> list[str | EngravingError]:
    """What one process makes of the scores: all, or up to its first failure."""
    process = subprocess.run(
        [sys.executable, "-c", _RUN],
        input="".join(json.dumps(item) + "\n" for item in [time_limit, *scores]),
        capture_output=True,
        encoding="utf-8",
        # The same packages as here, whatever made them importable.
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )
    # A line that a crash cut short is no answer.
    answers = process.stdout.split("\n")[:-1]
    results: list[str | EngravingError] = [
        _stacked(json.loads(answer))
        or EngravingError("Verovio drew nothing for this tune")
        for answer in answers
    ]
    if len(results) < len(scores):
        if "Timeout" in process.stderr:
            reason = f"Verovio took longer than {time_limit} s for this tune"
        else:
            last = process.stderr.strip().rpartition("\n")[2]
            reason = (
                f"Verovio crashed on this tune, exit status {process.returncode}"
                f"{': ' if last else ''}{last}"
            )
        results.append(EngravingError(reason))
    return results


def _stacked(pages: Sequence[str]) -> str:
    """One document of all pages, one below the other; Verovio's are of limited height.

    All pages name what they have in common alike, so each gets names of its own.
    """
    if len(pages) < 2:
        return "".join(pages)
    width = height = 0
    parts = []
    for number, page in enumerate(pages, start=1):
        root = _ROOT.search(page)
        assert root is not None  # Verovio writes no other
        page = page[root.start() :].replace(root[3], f"{root[3]}p{number}")
        parts.append(page.replace("<svg", f'<svg y="{height}"', 1))
        width, height = max(width, int(root[1])), height + int(root[2])
    body = "".join(parts)
    return (
        f'<svg width="{width}px" height="{height}px" version="1.1" '
        f'xmlns="http://www.w3.org/2000/svg">{body}</svg>'
    )
