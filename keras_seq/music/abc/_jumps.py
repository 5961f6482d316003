"""Signs that send the player elsewhere: D.C., D.S., segno, coda, fine."""

import re
from collections.abc import Generator, Iterator, Sequence
from typing import Protocol

from keras_seq.music.abc._order import MOST_PASSES, Repeated, play, sections

# Signs that stand where a bar begins; the others count at the end of theirs.
AT_START = ("segno", "coda")
_JUMPS = ("D.C.", "D.S.")
_DECORATIONS = {
    "segno": "segno",
    "coda": "coda",
    "dacoda": "to coda",
    "fine": "fine",
    "fermata": "fermata",
    "dacapo": "D.C.",
    **{
        f"{jump}{end}": jump
        for jump in _JUMPS
        for end in ("", "alfine", "alcoda", "alsegno")
    },
}
_WORDS = {
    "segno": "segno",
    "sign": "segno",
    "coda": "coda",
    "tocoda": "to coda",
    "dacoda": "to coda",
    "fine": "fine",
    "end": "fine",
    **{
        f"{written}{end}": jump
        for written, jump in (
            ("dc", "D.C."),
            ("dacapo", "D.C."),
            ("ds", "D.S."),
            ("dalsegno", "D.S."),
        )
        for end in ("", "alfine", "alcoda")
    },
}
_PLACED = re.compile(r"[_^<>]|@\s*[-+\d.]+\s*,\s*[-+\d.]+\s")
_NO_LETTER = re.compile(r"[\s.]+")


class Signed(Repeated, Protocol):
    """A bar that also tells which signs stand at it."""

    @property
    def signs(self) -> tuple[str, ...]: ...


def sign_of_decoration(name: str) -> str:
    """The sign that a decoration is, `""` where it is none."""
    return _DECORATIONS.get(name) or sign_of_text(name)


def sign_of_text(text: str) -> str:
    """The sign that a text in quotes spells, such as `_D.C.`; `""` for others."""
    text = text.strip()
    if match := _PLACED.match(text):
        text = text[match.end() :]
    return _WORDS.get(_NO_LETTER.sub("", text).casefold(), "")


def follow_signs(bars: Sequence[Signed]) -> Iterator[int]:
    """Yields the indices of `bars` as they are played, repeats and signs followed.

    D.C. goes back to the start and D.S. to the segno, once the last playing of
    their section is over; what follows is played without repeats, each time with
    its last ending, up to Fine, or to the coda sign and from the coda on. Where
    neither comes it goes on behind the place that was jumped from. A fermata over a
    double bar is a Fine where nothing else is.

    Args:
        bars: Bars of one voice.

    Yields:
        Indices of `bars`.
    """
    order = list(play(bars))
    last = {index: place for place, index in enumerate(order)}
    jumps = 0
    for place, index in enumerate(order):
        yield index
        sign = next((sign for sign in bars[index].signs if sign in _JUMPS), None)
        if sign is None or last[index] != place or jumps == MOST_PASSES:
            continue
        jumps += 1
        ended = yield from _again(bars, index, _target(bars, index, sign))
        if ended:
            return


def _target(bars: Sequence[Signed], index: int, sign: str) -> int:
    if sign == "D.C.":
        return 0
    return next((i for i in range(index + 1) if "segno" in bars[i].signs), 0)


def _again(bars: Sequence[Signed], jump: int, start: int) -> Generator[int, None, bool]:
    """Plays from `start` on after a jump; returns whether that was the end."""
    leave, coda = _coda(bars)
    fine = "fine" if any("fine" in bar.signs for bar in bars) else "fermata"
    for first, stop, passes in sections(bars):
        for index in range(max(first, start), stop):
            bar = bars[index]
            if bar.endings and passes not in bar.endings:
                continue
            yield index
            if index == leave and coda > index:
                for place in play(bars[coda:]):
                    yield coda + place
                return True
            if fine in bar.signs and (fine == "fine" or index != jump):
                return True
            if index == jump:
                return False
    return True


def _coda(bars: Sequence[Signed]) -> tuple[int, int]:
    """The bar after which to go to the coda, and the bar where that starts."""
    codas = [index for index, bar in enumerate(bars) if "coda" in bar.signs]
    leaves = [index for index, bar in enumerate(bars) if "to coda" in bar.signs]
    if not leaves and len(codas) > 1:
        leaves = [codas[0] - 1]
    return (leaves[0], codas[-1]) if leaves and codas else (-1, -1)
