"""How much of a tune was copied from a corpus: as text, and as melody."""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from keras_seq.music._melodies import Gram, grams, melody
from keras_seq.music._suffixes import suffix_array
from keras_seq.music.abc import Tune

# Stands between the texts, so that no match runs from one into the next.
_SEPARATOR = "\0"


@dataclass(frozen=True, slots=True)
class Match:
    """A piece of a query that a corpus holds too.

    Args:
        length: Characters that are the same.
        query_start: Where the piece begins in the query.
        text: Index of the first text that holds it, `None` if the length is 0.
        start: Where the piece begins in that text.
    """

    length: int
    query_start: int = 0
    text: int | None = None
    start: int = 0


class SubstringIndex:
    """Finds the longest substring that a text shares with a corpus.

    The index is a suffix array, built once; a query of m characters then
    takes m binary searches. It needs 8 bytes for each character of the corpus.

    Args:
        texts: The corpus. Character 0 ends a text early: nothing matches
            across it.

    Example:

    >>> index = SubstringIndex(["dAFA DFAd|fdcd FAdf|", "GABc dBGB|"])
    >>> index.longest_match("eaab GABc dcba|")
    Match(length=6, query_start=5, text=1, start=0)
    """

    def __init__(self, texts: Sequence[str]) -> None:
        if isinstance(texts, str):
            raise TypeError("`texts` must be a sequence of texts; a single str came.")
        self._starts = list(accumulate((len(t) + 1 for t in texts), initial=0))
        self._text = _SEPARATOR.join(texts)
        # Through a memoryview, items come as Python's own integers, at once.
        self._suffixes = memoryview(suffix_array(self._text).data)

    def longest_match(self, query: str) -> Match:
        """The longest substring that `query` and one of the texts share.

        Args:
            query: Any text.

        Returns:
            A `Match`. Of several longest ones it is the first in the query,
            and in the first of the texts that hold it.
        """
        best = Match(0)
        offset = 0
        for part in query.split(_SEPARATOR):
            for start in range(len(part)):
                if start + best.length >= len(part):
                    break
                length = self._prefix_match(part[start:])
                if length > best.length:
                    best = Match(length, offset + start)
            offset += len(part) + 1
        if best.length == 0:
            return best
        return self._locate(query, best)

    def _prefix_match(self, query: str) -> int:
        place = self._first_at_least(query)
        return max(
            _common_prefix(query, self._suffix(neighbour, len(query)))
            for neighbour in (place - 1, place)
        )

    def _first_at_least(self, query: str) -> int:
        text, length = self._text, len(query)
        return bisect_left(
            self._suffixes, query, key=lambda start: text[start : start + length]
        )

    def _suffix(self, place: int, length: int) -> str:
        if not 0 <= place < len(self._suffixes):
            return ""
        start = self._suffixes[place]
        return self._text[start : start + length]

    def _locate(self, query: str, match: Match) -> Match:
        piece = query[match.query_start : match.query_start + match.length]
        first = self._text.index(piece)
        text = bisect_right(self._starts, first) - 1
        return Match(match.length, match.query_start, text, first - self._starts[text])


def _common_prefix(one: str, other: str) -> int:
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def longest_common_substring(text: str, corpus_text: str) -> int:
    """The length of the longest substring that two texts share.

    For many texts against one corpus, build a `SubstringIndex` once.

    Args:
        text: A text.
        corpus_text: Another.

    Returns:
        Its length in characters.

    Example:

    >>> longest_common_substring("the silver spear", "the spear of silver")
    7
    """
    return SubstringIndex([corpus_text]).longest_match(text).length


class NgramIndex:
    r"""Tells how much of a tune's melody occurs in a corpus, in any key.

    Melodies are compared as runs of `n` successive intervals in semitones, so
    neither the key nor rhythm nor the way of writing matters; grace notes and
    rests are passed over.

    Args:
        tunes: The corpus, in ABC notation or as `keras_seq.music.parse` reads
            tunes.
        n: Intervals in a run.

    Raises:
        AbcError: If the text of a tune is malformed.
        ValueError: If `n` is below 1.

    Example:

    >>> index = NgramIndex(["X:1\nK:C\nCDEF GABc|"], n=3)
    >>> index.overlap("X:1\nK:G\nGABc gfed|")
    0.2
    """

    def __init__(self, tunes: Sequence[str | Tune], n: int = 8) -> None:
        if isinstance(tunes, str):
            raise TypeError("`tunes` must be a sequence of tunes; a single str came.")
        if n < 1:
            raise ValueError(f"`n` must be at least 1; {n} came.")
        self.n = n
        self._grams: set[Gram] = set()
        for tune in tunes:
            self._grams |= grams(melody(tune), n)

    def overlap(self, tune: str | Tune) -> float:
        """The share of a tune's melody that the corpus holds.

        Args:
            tune: A tune in ABC notation, or as `keras_seq.music.parse` reads it.

        Returns:
            Of the different runs of `n` intervals in the tune, the share that
            occurs in the corpus, from 0 to 1; 0 for a tune too short to have
            one.

        Raises:
            AbcError: If the text is malformed.
        """
        own = grams(melody(tune), self.n)
        return len(own & self._grams) / len(own) if own else 0.0


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The tune of a corpus that has most of another's melody.

    Args:
        name: Its name, `""` where none has any of it.
        share: The share of the melody's runs of intervals that it has, 0 to 1.
    """

    name: str
    share: float


class NeighbourIndex:
    r"""Finds the tune of a corpus that is nearest to a tune, and names it.

    What `NgramIndex` measures on the whole corpus is measured here on each tune of
    it: runs of `n` successive intervals, the same in any key.

    Args:
        melodies: The corpus: of each tune what `keras_seq.music.intervals` gives.
        names: The name of each.
        n: Intervals in a run.

    Raises:
        ValueError: If there aren't as many names as melodies, or `n` is below 1.

    Example:

    >>> from keras_seq.music import intervals, parse
    >>> scale = intervals(parse("X:1\nK:C\nCDEF GABc|"))
    >>> index = NeighbourIndex([scale], ["Scale"], n=3)
    >>> index.nearest("X:1\nK:G\nGABc gfed|")
    Neighbour(name='Scale', share=0.2)
    """

    def __init__(
        self, melodies: Sequence[Sequence[int]], names: Sequence[str], n: int = 8
    ) -> None:
        if len(melodies) != len(names):
            raise ValueError(
                f"`names` must be one for each melody, {len(melodies)}; "
                f"{len(names)} came."
            )
        if n < 1:
            raise ValueError(f"`n` must be at least 1; {n} came.")
        self.n = n
        self.names = tuple(names)
        self._holders: dict[Gram, list[int]] = defaultdict(list)
        for index, intervals in enumerate(melodies):
            for gram in grams(tuple(intervals), n):
                self._holders[gram].append(index)

    def nearest(self, tune: str | Tune) -> Neighbour:
        """The tune that has most of another's melody.

        Args:
            tune: A tune in ABC notation, or as `keras_seq.music.parse` reads it.

        Returns:
            A `Neighbour`; of several that have as much, the first of the corpus.

        Raises:
            AbcError: If the text is malformed.
        """
        own = grams(melody(tune), self.n)
        shared = Counter(i for gram in own for i in self._holders.get(gram, ()))
        if not shared:
            return Neighbour("", 0.0)
        best, count = min(shared.items(), key=lambda item: (-item[1], item[0]))
        return Neighbour(self.names[best], count / len(own))
