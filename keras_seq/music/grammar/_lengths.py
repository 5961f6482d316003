"""Lengths of notes in integer ticks, and how few characters fill what is left.

A *row* says what the length of the next note or of the open one hangs on: which
digits have been read, the tuplet with the notes it still lacks, a broken rhythm that
is half done. For every row and every number of ticks that are left of the bar a
table holds the fewest characters with which notes fill them.
"""

from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

import numpy as np

TICKS = 12  # of a unit length: thirds and quarters are whole numbers
LONGEST_BAR = 32  # unit lengths
NEVER = 1 << 14  # characters: more than any tune has
BAD = 1 << 20  # ticks of a length that is no whole number of them

LENGTHS = {
    "": Fraction(1),
    **{str(n): Fraction(n) for n in (*range(2, 10), 12, 16)},
    **{f"{n}/2": Fraction(n, 2) for n in (3, 5, 7)},
    "3/": Fraction(3, 2),
    "3/4": Fraction(3, 4),
    "3//": Fraction(3, 4),
    "/": Fraction(1, 2),
    "/2": Fraction(1, 2),
    "//": Fraction(1, 4),
    "/4": Fraction(1, 4),
}

# How many notes in the time of how many.
TUPLETS = {"2": 3, "3": 2, "4": 3}

# What the mark makes of the next note.
BROKEN = {
    ">": Fraction(1, 2),
    ">>": Fraction(1, 4),
    "<": Fraction(3, 2),
    "<<": Fraction(7, 4),
}
# The lengths in a tuplet, of one head each: music21 reads no others there.
IN_TUPLETS = ("", "2", "3", "4", "3/2", "3/", "/", "/2", "//", "/4")

# The lengths of a note that it may stand behind, and of the next, which is as long.
EVEN = ("", "2", "/")


class Rhythm(NamedTuple):
    """Where in a tuplet or a broken rhythm the next note stands.

    Args:
        tuplet: Its number, "" outside; "end" behind its last note.
        left: Notes that it still lacks.
        broken: The mark before the next note, "" for none.
        even: Where there is one, the length that is written of that note.
    """

    tuplet: str = ""
    left: int = 0
    broken: str = ""
    even: str = ""

    @property
    def settled(self) -> bool:
        """Whether a bar may end here."""
        return self.tuplet in ("", "end") and not self.broken

    def after_note(self) -> "Rhythm":
        """The rhythm behind a note."""
        if self.left > 1:
            return Rhythm(self.tuplet, self.left - 1)
        return Rhythm("end") if self.left else Rhythm()

    def may_be(self, length: str) -> bool:
        """Whether the next note may have this length, as written."""
        if self.left and length not in IN_TUPLETS:
            return False
        return not self.broken or length == self.even

    def factor(self) -> Fraction:
        """What the next note's length is multiplied by."""
        number = int(self.tuplet) if self.left else 1
        over = TUPLETS[self.tuplet] if self.left else 1
        return Fraction(over, number) * BROKEN.get(self.broken, Fraction(1))


class Row(NamedTuple):
    """A rhythm, and how far its note has been written.

    Args:
        rhythm: Where the note stands.
        length: What is written of its length, None where no note is open.
        must: "note" where one must come in this bar, "bar" where the bar must end.
    """

    rhythm: Rhythm
    length: str | None = None
    must: str = ""


def prefixes(lengths: Iterable[str]) -> list[str]:
    """All that may be written of these lengths, the shortest first."""
    return sorted({text[:i] for text in lengths for i in range(len(text) + 1)})


def rhythms() -> list[Rhythm]:
    """All rhythms."""
    found = [Rhythm(), Rhythm("end")]
    found += [Rhythm(t, left) for t in TUPLETS for left in range(1, int(t) + 1)]
    # A broken rhythm begins behind a note, and ends with its tuplet at the latest.
    within = [r for r in found if r == Rhythm() or 0 < r.left < int(r.tuplet)]
    return found + [
        r._replace(broken=mark, even=even)
        for r in within
        for mark in BROKEN
        for even in EVEN
    ]


class Rows:
    """All rows, numbered, and what they cost.

    Args:
        lengths: The lengths that can be written, of `LENGTHS`.
    """

    def __init__(self, lengths: Iterable[str]) -> None:
        self.lengths = [text for text in LENGTHS if text in set(lengths)]
        self.rhythms = rhythms()
        self._index = {rhythm: i for i, rhythm in enumerate(self.rhythms)}
        self._after = np.array([self._index[r.after_note()] for r in self.rhythms])
        self.all = [
            *(Row(r) for r in self.rhythms),
            *(Row(r, must="note") for r in self.rhythms),
            *(Row(r, must="bar") for r in self.rhythms if r.settled),
            *(
                Row(r, text)
                for r in self.rhythms
                for text in prefixes(filter(r.may_be, self.lengths))
            ),
        ]
        self.number = {row: i for i, row in enumerate(self.all)}
        self.ticks = np.array([self._ticks(row) for row in self.all], "int32")
        self.fewest = self._fewest()
        self.cost = self._costs(self.fewest)

    def _ticks(self, row: Row) -> int:
        """Ticks of the open note; 0 where none is open."""
        if row.length is None:
            return 0
        return _ticks(row.rhythm, row.length if row.length in self.lengths else None)

    def _fewest(self, least: np.ndarray | None = None) -> np.ndarray:
        """The fewest characters with which notes fill what is left: (rhythms, ticks).

        Args:
            least: The same behind a first note which must come; by default none must.
        """
        width = TICKS * LONGEST_BAR + 1
        ticks = np.array(
            [[_ticks(r, text) for text in self.lengths] for r in self.rhythms]
        )
        written = np.array([len(text) for text in self.lengths])
        fill = np.full((len(self.rhythms), width), NEVER, "int32")
        if least is None:
            fill[:, 0] = [0 if r.settled else NEVER for r in self.rhythms]
        behind = fill if least is None else least
        for left in range(1, width):
            rest = left - ticks
            found = behind[self._after[:, None], np.maximum(rest, 0)] + 1 + written
            fill[:, left] = np.where(rest < 0, NEVER, found).min(axis=1)
        return fill

    def costs_of_end(self, least: int) -> list[np.ndarray]:
        """`cost` where the last note must be as long as this many ticks at least.

        Args:
            least: Ticks.

        Returns:
            Three: where behind the open note one must come at least; two; none may.
        """
        settled = self.fewest[:, 0]
        last = np.full_like(self.fewest, NEVER)
        ticks = np.array(
            [[_ticks(r, text) for text in self.lengths] for r in self.rhythms]
        )
        written = np.array([len(text) for text in self.lengths])
        for left in range(1, last.shape[1]):
            rest = left - ticks
            behind = last[self._after[:, None], np.maximum(rest, 0)]
            ended = np.where(ticks >= least, settled[self._after][:, None], NEVER)
            found = np.where(rest == 0, ended, behind) + 1 + written
            last[:, left] = np.where(rest < 0, NEVER, found).min(axis=1)
        nothing = np.full_like(last, NEVER)
        nothing[:, 0] = settled
        return [
            self._costs(last),
            self._costs(self._fewest(last)),
            self._costs(nothing, least),
        ]

    def _costs(self, fill: np.ndarray, least: int = 0) -> np.ndarray:
        """The fewest characters, (rows, ticks + 3); at either end what is too far.

        Args:
            fill: Those behind the open note.
            least: Ticks that this must have.
        """
        width = fill.shape[1]
        costs = np.full((len(self.all), width + 2), NEVER, "int32")
        for i, row in enumerate(self.all):
            rhythm = self._index[row.rhythm]
            if row.length is None:
                costs[i, 1:-1] = fill[rhythm]
                if row.must == "note":
                    costs[i, 1] = NEVER
                elif row.must == "bar":
                    costs[i, 2:] = NEVER
                continue
            for text in self.lengths:
                long = _ticks(row.rhythm, text)
                if text.startswith(row.length) and least <= long < width:
                    more = len(text) - len(row.length)
                    found = fill[self._after[rhythm], : width - long] + more
                    part = costs[i, 1 + long : -1]
                    np.minimum(part, found, out=part)
        return np.minimum(costs, NEVER)

    def bar(self, ticks: int) -> int:
        """The fewest characters of a bar of so many ticks."""
        return int(self.cost[self.number[Row(Rhythm())], 1 + ticks])


def _ticks(rhythm: Rhythm, length: str | None) -> int:
    if length is None or not rhythm.may_be(length):
        return BAD
    ticks = TICKS * LENGTHS[length] * rhythm.factor()
    return int(ticks) if ticks.denominator == 1 else BAD
