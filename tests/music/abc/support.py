"""What the ABC tests share: short ways to write and to hear tunes."""

import shutil
import subprocess

import pytest

from keras_seq.music.abc import validate


def tune(body, *, key="C", meter="4/4", unit="1/4", more=""):
    """A tune with a full header; its music starts on line 6 (+ lines of `more`)."""
    return f"X:1\nT:Test\nM:{meter}\nL:{unit}\n{more}K:{key}\n{body}"


def read(body, **header):
    """The tune as read, which must be well-formed."""
    validation = validate(tune(body, **header))
    assert validation.valid, str(validation)
    return validation.tune


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
