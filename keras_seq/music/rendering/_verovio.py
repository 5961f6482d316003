"""Verovio in a process of its own, since it ends the one that it crashes in."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence

from keras_seq.extras import require
from keras_seq.music.rendering._errors import EngravingError

_WORKER = "keras_seq.music.rendering._worker"


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
        [sys.executable, "-m", _WORKER],
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
        json.loads(answer) or EngravingError("Verovio drew nothing for this tune")
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
