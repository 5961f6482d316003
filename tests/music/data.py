"""Real tunes for the tests, read where they lie."""

import re
from pathlib import Path

import pytest

from tests.music.corpora_data import music21_corpus

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def irish_tunes():
    """The 804 tunes of irish.abc; skips the test where the file is absent."""
    path = SHARED / "irish-abc" / "irish.abc"
    if not path.is_file():
        pytest.skip(f"needs real data that isn't here: {path}")
    text = path.read_text("utf-8")
    return [tune.strip() + "\n" for tune in re.split(r"\n\s*\n(?=X:)", text)]


def oneills_file():
    """An ABC file with 69 of O'Neill's tunes, as music21 installs it."""
    return music21_corpus() / "oneills1850" / "0550-0625.abc"
