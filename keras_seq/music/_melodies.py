"""Melodies as sets of n-grams of intervals, the same in every key."""

from keras_seq.music.abc import Tune, intervals, parse

Gram = tuple[int, ...]


def melody(tune: str | Tune) -> tuple[int, ...]:
    """The intervals of a tune, given as text or as read.

    Raises:
        AbcError: If the text is malformed.
    """
    return intervals(parse(tune) if isinstance(tune, str) else tune)


def grams(melody: tuple[int, ...], n: int) -> frozenset[Gram]:
    """The different runs of `n` intervals in a melody."""
    return frozenset(melody[i : i + n] for i in range(len(melody) - n + 1))
