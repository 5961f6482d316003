"""The sound of a plucked string, and of many one after the other."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Where along the string it is plucked, and how stiff it is (nylon).
_PLUCKED_AT = 0.18
_STIFFNESS = 6e-5
_HARMONICS = 32
# Seconds: a damped string after its note, and the finger's touch before it.
_RELEASE = 0.12
_ATTACK = 0.002
_PEAK = 0.9


@dataclass(frozen=True, slots=True)
class Sound:
    """A note to be played.

    Args:
        start: Seconds from the beginning.
        end: Seconds from the beginning.
        pitch: MIDI number.
        velocity: Strength, 1 to 127.
    """

    start: float
    end: float
    pitch: int
    velocity: int


def synthesize(
    sounds: Sequence[Sound], *, seconds: float, sample_rate: int
) -> np.ndarray:
    """Plays notes on plucked strings.

    A string that is plucked at one point vibrates as a sum of modes, each
    dying away at its own rate, the higher the faster (Fletcher and Rossing,
    "The Physics of Musical Instruments", chapters 2 and 9); this is that sum.

    Args:
        sounds: The notes, in any order; they may overlap.
        seconds: When the music ends; no note ends later.
        sample_rate: Samples a second.

    Returns:
        (samples,) float32 array whose peak is 0.9, from time 0 until the
        strings have been damped after the end.
    """
    mix = np.zeros(int(np.ceil((seconds + _RELEASE) * sample_rate)) + 1, np.float32)
    by_pitch = defaultdict(list)
    for sound in sounds:
        by_pitch[sound.pitch].append(sound)
    for pitch, played in by_pitch.items():
        longest = max(sound.end - sound.start for sound in played) + _RELEASE
        string = _string(pitch, int(longest * sample_rate), sample_rate)
        for sound in played:
            first = round(sound.start * sample_rate)
            held = round((sound.end - sound.start) * sample_rate)
            tone = string[: held + int(_RELEASE * sample_rate)].copy()
            tone[held:] *= np.linspace(1, 0, len(tone) - held, dtype=np.float32) ** 2
            mix[first : first + len(tone)] += tone * (sound.velocity / 127)
    peak = np.abs(mix).max()
    return mix * (_PEAK / peak) if peak > 0 else mix


def _string(pitch: int, samples: int, sample_rate: int) -> np.ndarray:
    """One plucked string that nobody damps."""
    fundamental = 440.0 * 2 ** ((pitch - 69) / 12)
    time = np.arange(samples, dtype=np.float32) / sample_rate
    tone = np.zeros(samples, np.float32)
    for mode in range(1, _HARMONICS + 1):
        frequency = mode * fundamental * np.sqrt(1 + _STIFFNESS * mode**2)
        if frequency > 0.45 * sample_rate:
            break
        strength = np.sin(np.pi * mode * _PLUCKED_AT) / mode**1.5
        # High strings and high modes lose their energy sooner.
        decay = 0.9 * (fundamental / 220) ** 0.7 * (1 + 0.25 * (mode - 1) ** 1.3)
        # The string swings in two planes; across the bridge it rings longer.
        envelope = 0.75 * np.exp(-decay * time) + 0.25 * np.exp(-0.3 * decay * time)
        angle = (2 * np.pi * frequency) * time.astype(np.float64)
        tone += (strength * envelope * np.sin(angle)).astype(np.float32)
    attack = min(samples, int(_ATTACK * sample_rate))
    tone[:attack] *= np.linspace(0, 1, attack, dtype=np.float32)
    return tone
