"""From lengths to the note values that write them."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from keras_seq.music.rendering._errors import EngravingError

_LONGEST = Fraction(2)
_DOTS = 3
_MOST = 256
_SHORTEST = Fraction(1, 1024)


@dataclass(frozen=True, slots=True)
class Value:
    """A note value: `length` undotted, as a fraction of a whole note, and dots."""

    length: Fraction
    dots: int = 0

    @property
    def name(self) -> str:
        """Its name in MEI: `"breve"`, `"1"`, `"2"`, `"4"`, ..."""
        return "breve" if self.length == 2 else str(self.length.denominator)


def note_values(length: Fraction) -> list[Value]:
    """Writes a length as note values, to be tied: one where that is possible.

    Args:
        length: A length whose denominator is a power of two.

    Returns:
        Note values, the longest first. What is shorter than a 1024th is left.

    Raises:
        EngravingError: If it would take hundreds of notes.
    """
    if length > _MOST:
        raise EngravingError(
            f"expected notes of at most {_MOST} whole notes, came one of {length}"
        )
    values = []
    while length >= _SHORTEST:
        value, written = max(_candidates(length), key=lambda item: item[1])
        values.append(value)
        length -= written
    return values


def tuplet_ratio(length: Fraction) -> tuple[int, int]:
    """The tuplet `(num, numbase)` in which a length has a note value.

    It is `(1, 1)` where the denominator is a power of two. A third of a half
    note, say, is a quarter note in a tuplet of 3 in the time of 2.
    """
    odd = length.denominator
    while odd % 2 == 0:
        odd //= 2
    return odd, 1 << (odd.bit_length() - 1)


def _candidates(length: Fraction) -> Iterator[tuple[Value, Fraction]]:
    base = _LONGEST
    while base > length:
        base /= 2
    for dots in range(_DOTS + 1):
        written = base * (2 - Fraction(1, 2**dots))
        if written <= length:
            yield Value(base, dots), written
