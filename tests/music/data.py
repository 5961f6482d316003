"""Real tunes for the tests, read where they lie."""

import re
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def irish_tunes():
    """The 804 tunes of irish.abc; skips the test where the file is absent."""
    path = SHARED / "irish-abc" / "irish.abc"
    if not path.is_file():
        pytest.skip(f"needs real data that isn't here: {path}")
    text = path.read_text("utf-8")
    return [tune.strip() + "\n" for tune in re.split(r"\n\s*\n(?=X:)", text)]
