"""Lengths: unit length, tuplets, broken rhythm."""

from fractions import Fraction
from functools import lru_cache

from keras_seq.music.abc._drafts import Sound
from keras_seq.music.abc._meter import Meter
from keras_seq.music.abc._problems import Place, Problems, shortened

# Lengths beyond these have no notation, and sums of fractions with ever larger
# denominators would take ever longer.
_SHORTEST = 512
_LONGEST = 9999
_TUPLET_TIME = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}


class Rhythm:
    """What decides how long a note sounds.

    Args:
        unit: Unit length at the start.
        problems: Where problems are noted.
    """

    def __init__(self, unit: Fraction, problems: Problems):
        self.unit = unit
        self._problems = problems
        self._broken: Fraction | None = None
        self._broken_place = (0, 0)
        self._tuplet = Fraction(1)
        self._tuplet_left = 0
        self._tuplet_place = (0, 0)

    def read(self, text: str, place: Place) -> Fraction:
        """Reads a length such as `3/2`, `/` or nothing, in unit lengths."""
        if not text:
            return self.unit
        factor = _factor(text)
        if factor is None:
            self._problems.error(
                place,
                "length",
                f"expected a note length from 1/{_SHORTEST} to {_LONGEST}, "
                f"came {shortened(text)}",
            )
            return self.unit
        return self.unit * factor

    def apply(self, sound: Sound) -> None:
        """Changes a note's length as the marks before it say."""
        if self._tuplet_left:
            sound.length *= self._tuplet
            self._tuplet_left -= 1
        if self._broken is not None:
            sound.length *= self._broken
            self._broken = None

    def break_after(self, sound: Sound | None, mark: str, place: Place) -> None:
        """Lengthens `sound` and shortens the next (`>`), or the reverse (`<`)."""
        if sound is None or self._broken is not None or len(mark) > 3:
            came = shortened(mark) if sound and self._broken is None else "no note"
            self._problems.error(
                place,
                "broken-rhythm",
                f"expected one to three '>' or '<' between two notes, came {came}",
            )
            return
        short = Fraction(1, 2 ** len(mark))
        factors = (2 - short, short) if mark[0] == ">" else (short, 2 - short)
        sound.length *= factors[0]
        self._broken, self._broken_place = factors[1], place

    def start_tuplet(
        self, p: int, q: int, r: int, meter: Meter | None, place: Place
    ) -> None:
        """Puts `p` notes into the time of `q`, for `r` notes; 0 is the default."""
        self.end("another tuplet")
        default = 3 if meter and meter.compound else 2
        self._tuplet = Fraction(q or _TUPLET_TIME.get(p, default), p)
        self._tuplet_left = r or p
        self._tuplet_place = place

    def end_bar(self, came: str) -> None:
        """Ends what cannot reach over a bar line."""
        if self._broken is not None:
            self._problems.error(
                self._broken_place,
                "broken-rhythm",
                f"expected a note after the broken rhythm, came {came}",
            )
            self._broken = None

    def end(self, came: str) -> None:
        """Ends a tuplet, which must have had all its notes."""
        if self._tuplet_left:
            self._problems.error(
                self._tuplet_place,
                "tuplet",
                f"expected {self._tuplet_left} more in the tuplet, came {came}",
            )
            self._tuplet_left = 0


@lru_cache(maxsize=1024)
def _factor(text: str) -> Fraction | None:
    """Reads `3`, `3/2`, `/4`, `/` or `//`; None where it is out of range."""
    over, slash, under = text.partition("/")
    if max(len(over), len(under)) > 9:
        return None
    dividend = int(over or 1)
    if not slash:
        divisor = 1
    elif under.isdecimal():
        divisor = int(under)
    else:
        divisor = 2 ** (len(under) + 1)
    if not (1 <= dividend <= _LONGEST and 1 <= divisor <= _SHORTEST):
        return None
    return Fraction(dividend, divisor)
