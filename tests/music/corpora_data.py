"""Where music21 has put its ABC files."""

import importlib.util
from pathlib import Path

import pytest


def music21_corpus():
    """The corpus folder of music21; skips the test where it is not installed."""
    spec = importlib.util.find_spec("music21")
    if spec is None:
        pytest.skip("needs music21, whose corpus holds the tunes")
    return Path(spec.origin).parent / "corpus"
