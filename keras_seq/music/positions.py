"""Where in its bar each character of a tune stands, and whether in a chord.

What a unit of a model that reads tunes might keep: see `find_units` in
`keras_seq.diagnostics`.
"""

import re
from collections.abc import Iterator
from itertools import accumulate

import numpy as np

from keras_seq.music.abc import Bar, Note, parse
from keras_seq.music.abc._lines import read_lines
from keras_seq.music.abc._tokens import TOKEN

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
_REFERENCE = re.compile(r"^X:", re.MULTILINE)


def bar_position(tune: str) -> np.ndarray:
    r"""The time in the bar at each character of a tune, in bars.

    A character of a note, chord or rest has the time at which that starts; one
    between them the time that has been reached. A bar line has 0, and so has what
    follows until the first note, an upbeat too: it counts from the last bar line.
    Times are those of `parse`, so unit length, meter, tuplets and broken rhythm are
    applied; grace notes take no time.

    Args:
        tune: A tune of T characters, or a document (`to_document`), which has no
            X: line.

    Returns:
        float64 array of shape (T,): NaN in the header, on other lines that are not
        music, and in free meter.

    Raises:
        AbcError: If the tune is malformed.

    Example:

    >>> bar_position("M:2/4\nL:1/8\nK:D\nD2 FA|B4|").tolist()[16:]
    [0.0, 0.0, 0.5, 0.5, 0.75, 0.0, 0.0, 0.0, 0.0]
    """
    tune, added = _with_reference(tune)
    read = parse(tune)
    notes = {(note.line, note.column): note for note in read.notes}
    positions = np.full(len(tune), np.nan)
    start_of_bar = np.nan if read.meter is None else 0.0
    for line in _music_lines(tune):
        reached = after = None  # known once the line has had a note or a bar line
        waiting = line.start
        for token in line.tokens:
            start, stop = (line.start + place for place in token.span())
            note = notes.get((line.number, token.start() + 1))
            if note:
                bar = read.bars[note.bar]
                reached = _share(note, bar, ended=False)
                after = _share(note, bar, ended=True)
                start_of_bar = np.nan if bar.meter is None else 0.0
            elif token["bar"] or token["ending"] or token["overlay"]:
                reached = after = start_of_bar
            if reached is None:
                continue
            # What stands before the first note of a line, at the same time.
            positions[min(waiting, start) : stop] = reached
            waiting = line.stop
            if not line.in_chord(token):
                reached = after
        if reached is not None:
            positions[line.start + line.length : line.stop] = reached
    return positions[added:]


def characters_since_bar_line(tune: str) -> np.ndarray:
    r"""How many characters of music each character is behind the last bar line.

    The characters of a bar line have 0; before the first one they are counted from
    the start of the music.

    Args:
        tune: A tune of T characters, or a document, which has no X: line.

    Returns:
        float64 array of shape (T,): NaN in the header, and on other lines that are
        not music.

    Raises:
        AbcError: If the tune is malformed.

    Example:

    >>> characters_since_bar_line("K:D\nD2|FA\nB|").tolist()[4:]
    [1.0, 2.0, 0.0, 1.0, 2.0, 3.0, 4.0, 0.0]
    """
    tune, added = _with_reference(tune)
    parse(tune)
    counts = np.full(len(tune), np.nan)
    count = 0
    for line in _music_lines(tune):
        on_bar_lines = {
            line.start + place
            for token in line.tokens
            if token["bar"]
            for place in range(*token.span())
        }
        for place in range(line.start, line.stop):
            count = 0 if place in on_bar_lines else count + 1
            counts[place] = count
    return counts[added:]


def inside_chord(tune: str) -> np.ndarray:
    r"""Which characters stand in the brackets of a chord, once they have been read.

    The opening bracket counts as inside, the closing one as outside. Endings
    (`[1`), fields (`[K:D]`) and bar lines (`[|`) are no chords.

    Args:
        tune: A tune of T characters, or a document, which has no X: line.

    Returns:
        Boolean array of shape (T,).

    Raises:
        AbcError: If the tune is malformed.

    Example:

    >>> inside_chord("K:D\n[DF]2|[1A").astype(int).tolist()[4:]
    [1, 1, 1, 0, 0, 0, 0, 0, 0]
    """
    tune, added = _with_reference(tune)
    parse(tune)
    inside = np.zeros(len(tune), bool)
    for line in _music_lines(tune):
        for token in line.tokens:
            start, stop = (line.start + place for place in token.span())
            inside[start:stop] = line.in_chord(token)
    return inside[added:]


class _MusicLine:
    """A line of music in the text of a tune.

    Args:
        number: Number of the line, from 1.
        start: Where in the text it starts.
        stop: Where the next line starts.
        music: The line without comment and line break.
    """

    def __init__(self, number: int, start: int, stop: int, music: str) -> None:
        self.number, self.start, self.stop = number, start, stop
        self.length = len(music)
        self.tokens = list(TOKEN.finditer(music))
        self._chords = set()
        opened = False
        for token in self.tokens:
            if token["chord_open"] or token["chord_close"]:
                opened = bool(token["chord_open"])
            if opened:
                self._chords.add(token.start())

    def in_chord(self, token: re.Match[str]) -> bool:
        """Whether a chord is open behind a token."""
        return token.start() in self._chords


def _music_lines(tune: str) -> Iterator[_MusicLine]:
    lengths = (len(line) for line in _LINE.findall(tune))
    starts = list(accumulate(lengths, initial=0))
    in_body = False
    for line in read_lines(tune):
        if line.empty and in_body:
            return
        if in_body and not line.field:
            start, stop = starts[line.number - 1], starts[line.number]
            yield _MusicLine(line.number, start, stop, line.text)
        in_body |= line.field == "K"


def _share(note: Note, bar: Bar, *, ended: bool) -> float:
    """The time at which a note starts or has ended, as a share of its bar."""
    if bar.meter is None:
        return np.nan
    time = note.onset
    if ended and not note.grace:
        time += note.length
    if bar.expected_length != bar.meter.length:
        # A bar without its bar line, at the end of a line, or a rest of many.
        time %= bar.meter.length
    return float(time / bar.meter.length)


def _with_reference(tune: str) -> tuple[str, int]:
    """The tune with an X: line, and how many characters that adds."""
    added = "" if _REFERENCE.search(tune) else "X:1\n"
    return added + tune, len(added)
