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


class Groups:
    """Disjoint groups of `count` things, joined pair by pair (union-find)."""

    def __init__(self, count: int):
        self._parents = list(range(count))

    def find(self, index: int) -> int:
        """The first member of the group that `index` is in."""
        parents = self._parents
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    def join(self, first: int, second: int) -> None:
        """Makes one group of the two that `first` and `second` are in."""
        first, second = self.find(first), self.find(second)
        self._parents[max(first, second)] = min(first, second)
