"""From a tune to the MIDI events that play it."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from typing import Any

from keras_seq.extras import require
from keras_seq.music.abc import Bar, Note, Tune
from keras_seq.music.rendering._keys import MAJOR_KEYS
from keras_seq.music.rendering._tempo import quarters_per_minute

TICKS_PER_QUARTER = 480
_TICKS_PER_WHOLE = 4 * TICKS_PER_QUARTER
_LONGEST_GRACE = Fraction(1, 32)
_HARP = 46
_PERCUSSION_CHANNEL = 9
_LOUD, _SOFT = 92, 78


@dataclass(slots=True)
class Played:
    """A note as it is played: times in whole notes from the beginning."""

    start: Fraction
    end: Fraction
    pitch: int
    velocity: int


def midi_bytes(tune: Tune) -> bytes:
    """A standard MIDI file (format 1) that plays a tune.

    Args:
        tune: A tune.

    Returns:
        The content of the file.

    Raises:
        ValueError: If the tempo is one that MIDI cannot hold.
    """
    mido = require("mido", "music")
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_QUARTER, charset="utf-8")
    file.tracks.append(_track(mido, _conductor(mido, tune), _ticks(_end(tune))))
    for number, voice in enumerate(tune.voices):
        # Channel 10 is for percussion, so voices pass it over.
        channel = number % 15
        channel += channel >= _PERCUSSION_CHANNEL
        events: list[tuple[int, int, Any]] = [
            (0, 0, mido.Message("program_change", channel=channel, program=_HARP))
        ]
        for note in play(tune, voice):
            start = _ticks(note.start)
            end = max(_ticks(note.end), start + 1)
            for order, name, time in ((2, "note_on", start), (1, "note_off", end)):
                message = mido.Message(
                    name, channel=channel, note=note.pitch, velocity=note.velocity
                )
                events.append((time, order, message))
        file.tracks.append(_track(mido, events, _ticks(_end(tune))))
    buffer = BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def play(tune: Tune, voice: str) -> Iterator[Played]:
    """The notes of a voice as they sound: repeats played, ties joined.

    A grace note sounds on the beat and takes its time, a thirty-second note at
    most, from the note that it graces.
    """
    notes: dict[int, list[Note]] = {}
    for note in tune.notes:
        notes.setdefault(note.bar, []).append(note)
    now = Fraction(0)
    graces: list[Note] = []
    tied: dict[int, Played] = {}
    for bar in tune.playing_order(voice):
        for note in notes.get(bar.index, ()):
            if note.grace:
                graces += [note] if note.pitches else []
                continue
            start = now + note.onset
            end = start + note.length
            held, tied = tied, {}
            velocity = _LOUD if note.onset == 0 else _SOFT
            delay = Fraction(0)
            if graces and note.pitches:
                each = min(_LONGEST_GRACE, note.length / (2 * len(graces)))
                for index, grace in enumerate(graces):
                    for pitch in grace.pitches:
                        at = start + index * each
                        yield Played(at, at + each, pitch, velocity)
                delay = len(graces) * each
                graces = []
            for pitch in note.pitches:
                played = held.pop(pitch, None)
                if played is not None and played.end == start:
                    played.end = end
                else:
                    if played is not None:
                        yield played
                    played = Played(start + delay, end, pitch, velocity)
                if note.tie:
                    tied[pitch] = played
                else:
                    yield played
            yield from held.values()
        now += bar.length
    yield from tied.values()


def _conductor(mido: Any, tune: Tune) -> list[tuple[int, int, Any]]:
    """Title, tempo, and every meter and key signature where it begins."""
    microseconds = round(60_000_000 / quarters_per_minute(tune))
    if not 1 <= microseconds < 2**24:
        raise ValueError(
            "The tempo of a tune must lie between 4 and 60,000,000 quarter notes "
            f"a minute for MIDI; {float(quarters_per_minute(tune))} came."
        )
    events = [
        (0, 0, mido.MetaMessage("track_name", name=tune.title)),
        (0, 1, mido.MetaMessage("set_tempo", tempo=microseconds)),
    ]
    now = Fraction(0)
    last: Bar | None = None
    for bar in tune.playing_order():
        tick = _ticks(now)
        if bar.meter and (last is None or bar.meter != last.meter):
            message = mido.MetaMessage(
                "time_signature",
                numerator=sum(bar.meter.beats),
                denominator=bar.meter.unit,
            )
            events.append((tick, 2, message))
        if last is None or bar.key != last.key:
            message = mido.MetaMessage(
                "key_signature", key=MAJOR_KEYS[bar.key.sharps + 7]
            )
            events.append((tick, 3, message))
        now += bar.length
        last = bar
    return events


def _track(mido: Any, events: list[tuple[int, int, Any]], end: int) -> Any:
    track = mido.MidiTrack()
    now = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - now))
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=max(end - now, 0)))
    return track


def _end(tune: Tune) -> Fraction:
    return max(
        (
            sum((bar.length for bar in tune.playing_order(voice)), Fraction(0))
            for voice in tune.voices
        ),
        default=Fraction(0),
    )


def _ticks(time: Fraction) -> int:
    return round(time * _TICKS_PER_WHOLE)
