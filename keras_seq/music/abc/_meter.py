"""Time: the M:, L: and Q: fields."""

import re
from dataclasses import dataclass
from fractions import Fraction

from keras_seq.music.abc._problems import shortened

_SUM = r"[0-9]{1,3}(?:\s*\+\s*[0-9]{1,3})*"
_METER = re.compile(rf"(?:\(\s*({_SUM})\s*\)|({_SUM}))\s*/\s*([0-9]{{1,3}})$")
_LENGTH = re.compile(r"([0-9]{1,3})(?:\s*/\s*([0-9]{1,3}))?$")
_BEAT = re.compile(r"([0-9]{1,3})\s*/\s*([0-9]{1,3})")
_BEATS = re.compile(rf"({_BEAT.pattern}(?:\s+{_BEAT.pattern})*)\s*=\s*([0-9]{{1,4}})$")
_OLD_TEMPO = re.compile(r"(?:[Cc]([0-9]{0,2}(?:/[0-9]{1,3})?)\s*=\s*)?([0-9]{1,4})$")
_QUOTED = re.compile(r'"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Meter:
    """A time signature.

    Args:
        beats: The numerator, as the terms of its sum: `(6,)` for 6/8, `(2, 3)`
            for (2+3)/8.
        unit: The denominator.
        symbol: `"C"` or `"C|"` where the meter was written so, else `""`.

    Example:

    >>> meter = Meter((2, 3), 8)
    >>> str(meter), meter.length
    ('(2+3)/8', Fraction(5, 8))
    """

    beats: tuple[int, ...]
    unit: int
    symbol: str = ""

    @property
    def length(self) -> Fraction:
        """Length of a full bar, as a fraction of a whole note."""
        return Fraction(sum(self.beats), self.unit)

    @property
    def compound(self) -> bool:
        """Whether beats divide by three: 6/8, 9/8, 12/8 and their kin."""
        total = sum(self.beats)
        return len(self.beats) == 1 and total > 3 and total % 3 == 0 and self.unit >= 8

    def __str__(self) -> str:
        beats = "+".join(map(str, self.beats))
        beats = f"({beats})" if len(self.beats) > 1 else beats
        return self.symbol or f"{beats}/{self.unit}"


@dataclass(frozen=True, slots=True)
class Tempo:
    """A tempo mark.

    Args:
        beat: Length of a beat as a fraction of a whole note, None where only
            words are given.
        per_minute: Beats per minute, None where only words are given.
        text: The words, such as `"Allegro"`.
    """

    beat: Fraction | None = None
    per_minute: int | None = None
    text: str = ""


def read_meter(text: str) -> Meter | None:
    """Reads the value of an M: field; None is free meter."""
    text = text.strip()
    if text in ("C", "C|"):
        return Meter((4,), 4, "C") if text == "C" else Meter((2,), 2, "C|")
    if text.lower() == "none":
        return None
    match = _METER.match(text)
    beats = (
        tuple(int(term) for term in (match[1] or match[2]).split("+")) if match else ()
    )
    if not match or 0 in beats or not _power_of_two(int(match[3])):
        raise ValueError(
            "expected a meter such as 6/8, C, C|, (2+3)/8 or none, came "
            f"{shortened(text)}"
        )
    return Meter(beats, int(match[3]))


def read_unit_length(text: str) -> Fraction:
    """Reads the value of an L: field, a fraction of a whole note."""
    match = _LENGTH.match(text.strip())
    over, under = (int(match[1]), int(match[2] or 1)) if match else (0, 1)
    if not over or not _power_of_two(under):
        raise ValueError(
            f"expected a note length such as 1/8, came {shortened(text.strip())}"
        )
    return Fraction(over, under)


def default_unit_length(meter: Meter | None) -> Fraction:
    """The unit length of a tune without L: field (standard, section 3.1.7)."""
    if meter and meter.length < Fraction(3, 4):
        return Fraction(1, 16)
    return Fraction(1, 8)


def read_tempo(text: str, unit_length: Fraction) -> Tempo:
    """Reads the value of a Q: field, the outdated `Q:120` and `Q:C3=90` too."""
    words = " ".join(_QUOTED.findall(text))
    beats = _QUOTED.sub("", text).strip()
    if not beats and words:
        return Tempo(text=words)
    if match := _BEATS.match(beats):
        parts = [(int(a), int(b)) for a, b in _BEAT.findall(match[1])]
        if all(a and b for a, b in parts) and int(match[6]):
            beat = sum((Fraction(a, b) for a, b in parts), Fraction(0))
            return Tempo(beat, int(match[6]), words)
    elif (match := _OLD_TEMPO.match(beats)) and int(match[2]):
        over, _, under = (match[1] or "1").partition("/")
        if int(over or 1) and int(under or 1):
            length = Fraction(int(over or 1), int(under or 1))
            return Tempo(unit_length * length, int(match[2]), words)
    raise ValueError(
        f"expected a tempo such as 1/4=120, came {shortened(text.strip())}"
    )


def _power_of_two(number: int) -> bool:
    return number > 0 and number & (number - 1) == 0
