"""Audio: a tune or a MIDI file as sampled sound."""

import io
import os
import wave
from pathlib import Path

import numpy as np

from keras_seq.extras import require
from keras_seq.files import atomic_write
from keras_seq.music.abc import parse
from keras_seq.music.rendering._midi import midi_bytes
from keras_seq.music.rendering._plucking import Sound, synthesize

_LONGEST = 1800.0
_PERCUSSION_CHANNEL = 9


def write_midi(tune: str, path: str | os.PathLike[str]) -> Path:
    r"""Writes a tune as a standard MIDI file.

    Repeats and variant endings are played out, ties joined, grace notes short
    and on the beat. The tempo is that of the Q: field, else one usual for the
    rhythm that the R: field names, else for the meter. Each voice has its
    track.

    Args:
        tune: One tune in ABC notation.
        path: File to write. It appears whole or not at all.

    Returns:
        `path`.

    Raises:
        AbcError: If the tune is malformed; it tells line and column.
        ValueError: If its tempo is one that MIDI cannot hold.
        OSError: If the file cannot be written.

    Example:

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = write_midi("X:1\nK:G\nGABc d2f2|", folder.name + "/tune.mid")
    >>> path.read_bytes()[:4]
    b'MThd'
    >>> folder.cleanup()
    """
    return atomic_write(path, midi_bytes(parse(tune)))


def write_wav(
    tune: str | Path, path: str | os.PathLike[str], *, sample_rate: int = 44_100
) -> Path:
    r"""Writes a tune, or a MIDI file, as sound: mono, 16 bits.

    It is played on plucked strings, computed from the physics of a string, so
    no sound font and no program beside Python is needed. The peak is at 90 %
    of full scale.

    Args:
        tune: One tune in ABC notation as a `str`, or a MIDI file as a
            `pathlib.Path`, of which percussion is left out.
        path: File to write. It appears whole or not at all.
        sample_rate: Samples a second.

    Returns:
        `path`.

    Raises:
        AbcError: If the tune is malformed; it tells line and column.
        ValueError: If there is nothing to play, more than half an hour of it,
            or the MIDI file cannot be read.
        OSError: If a file cannot be read or written.

    Example:

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = write_wav("X:1\nK:G\nGABc d2f2|", folder.name + "/tune.wav")
    >>> path.read_bytes()[8:12]
    b'WAVE'
    >>> folder.cleanup()
    """
    if not 8000 <= sample_rate <= 192_000:
        raise ValueError(
            f"`sample_rate` must lie between 8,000 and 192,000; {sample_rate} came."
        )
    if isinstance(tune, Path):
        content, name = tune.read_bytes(), f"`tune` {str(tune)!r}"
    else:
        content, name = midi_bytes(parse(tune)), "`tune`"
    sounds, seconds = _sounds(content, name)
    if not sounds:
        raise ValueError(f"{name} must hold a note to play; none came.")
    if seconds > _LONGEST:
        raise ValueError(
            f"{name} must last half an hour at most; {seconds / 60:.0f} minutes came."
        )
    samples = synthesize(sounds, seconds=seconds, sample_rate=sample_rate)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
    return atomic_write(path, buffer.getvalue())


def _sounds(content: bytes, name: str) -> tuple[list[Sound], float]:
    """The notes of a MIDI file, in seconds, and when the file ends."""
    mido = require("mido", "music")
    try:
        messages = list(mido.MidiFile(file=io.BytesIO(content)))
    except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
        raise ValueError(f"{name} is no MIDI file that can be read: {error}") from error
    sounds: list[Sound] = []
    started: dict[tuple[int, int], list[tuple[float, int]]] = {}
    now = 0.0
    for message in messages:
        now += message.time
        if message.type not in ("note_on", "note_off"):
            continue
        if message.channel == _PERCUSSION_CHANNEL:
            continue
        place = (message.channel, message.note)
        if message.type == "note_on" and message.velocity:
            started.setdefault(place, []).append((now, message.velocity))
        elif started.get(place):
            start, velocity = started[place].pop(0)
            sounds.append(Sound(start, now, message.note, velocity))
    return sounds, now
