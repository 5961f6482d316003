"""What the ABC tests share: short ways to write tunes, and real tunes."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from keras_seq.music.abc import validate

IRISH = Path(__file__).parents[2].parent / "shared" / "data" / "irish-abc" / "irish.abc"
MUSIC21_CORPORA = ("ryansMammoth", "oneills1850", "airdsAirs", "essenFolksong")


def tune(body, *, key="C", meter="4/4", unit="1/4", more=""):
    """A tune with a full header; its music starts on line 6 (+ lines of `more`)."""
    return f"X:1\nT:Test\nM:{meter}\nL:{unit}\n{more}K:{key}\n{body}"


def read(body, **header):
    """The tune as read, which must be well-formed."""
    validation = validate(tune(body, **header))
    assert validation.valid, str(validation)
    return validation.tune


def split(text):
    """Tunes of a tune book: each starts with X: at the start of a line."""
    return ["X" + rest for rest in re.split(r"(?m)^X(?=:)", text)[1:]]


def irish_tunes():
    """The tunes of irish.abc."""
    if not IRISH.exists():
        pytest.skip(f"no tune book at {IRISH}")
    return split(IRISH.read_text(encoding="utf-8"))


def music21_tunes(corpus):
    """The tunes of an ABC corpus that comes with music21."""
    music21 = pytest.importorskip("music21")
    folder = Path(music21.__file__).parent / "corpus" / corpus
    return [
        text
        for file in sorted(folder.glob("*.abc"))
        for text in split(file.read_text(encoding="utf-8", errors="replace"))
    ]


def abc2midi_pitches(text, folder):
    """The MIDI numbers that abc2midi plays, in the order of their beginnings."""
    mido = pytest.importorskip("mido")
    program = shutil.which("abc2midi")
    if program is None:
        pytest.skip("abc2midi (Debian's abcmidi) is not installed")
    (folder / "tune.abc").write_text(text)
    subprocess.run(
        [program, "tune.abc", "1", "-o", "tune.mid", "-silent"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return [
        message.note
        for message in mido.MidiFile(folder / "tune.mid")
        if message.type == "note_on" and message.velocity
    ]
