"""Real tunes for the tests, read where they lie."""

import importlib.util
import re
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
MUSIC21_CORPORA = ("ryansMammoth", "oneills1850", "airdsAirs", "essenFolksong")


def irish_tunes():
    """The 804 tunes of irish.abc; skips the test where the file is absent."""
    path = SHARED / "irish-abc" / "irish.abc"
    if not path.is_file():
        pytest.skip(f"needs real data that isn't here: {path}")
    text = path.read_text("utf-8")
    return [tune.strip() + "\n" for tune in re.split(r"\n\s*\n(?=X:)", text)]


def music21_corpus():
    """The corpus folder of music21; skips the test where it is not installed."""
    spec = importlib.util.find_spec("music21")
    if spec is None:
        pytest.skip("needs music21, whose corpus holds the tunes")
    return Path(spec.origin).parent / "corpus"


def music21_tunes(corpus):
    """The tunes of an ABC corpus that comes with music21, each from its `X:`."""
    return [
        "X" + rest
        for file in sorted((music21_corpus() / corpus).glob("*.abc"))
        for rest in re.split(
            r"(?m)^X(?=:)", file.read_text(encoding="utf-8", errors="replace")
        )[1:]
    ]


def oneills_file():
    """An ABC file with 69 of O'Neill's tunes, as music21 installs it."""
    return music21_corpus() / "oneills1850" / "0550-0625.abc"
