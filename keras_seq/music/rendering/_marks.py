"""What a score shows of a tune beside pitches and lengths.

`keras_seq.music.parse` reads what sounds. This reads, from the same tokens,
what is drawn: beams, slurs, decorations, chord symbols, line breaks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from keras_seq.music._chords import is_chord
from keras_seq.music._layout import continued_lines
from keras_seq.music.abc._jumps import AT_START, sign_of_decoration, sign_of_text
from keras_seq.music.abc._key import Key, read_key
from keras_seq.music.abc._lines import Line, read_lines
from keras_seq.music.abc._tokens import SYMBOLS, TOKEN

Place = tuple[int, int]

_USER_SYMBOL = re.compile(r'([~H-Wh-w])\s*=\s*(![^!]*!|\+[^+]*\+|"[^"]*")$')


@dataclass(frozen=True, slots=True)
class Head:
    """A note head: its name, octave (middle C begins 4), accidental and tie."""

    letter: str
    octave: int
    accidental: str
    tie: bool = False


@dataclass(slots=True)
class Marks:
    """What is drawn with a note, chord or rest.

    Args:
        heads: Note heads; none for a rest.
        decorations: Names from the standard's section 4.14.
        texts: Chord symbols and annotations, without their quotes.
        slurs_open: Slurs that begin here.
        slurs_close: Slurs that end here.
        apart: Whether space or a line's end separates it from what precedes.
        line_start: Whether a new line of the score begins here.
        last_texts: Texts that stand behind it, before a bar line.
        last_decorations: Decorations that do.
        tuplet: `(p, q, r)` of the tuplet that begins here, 0 where left out.
        slashed: Whether it is a grace note with a stroke.
        silence: `"z"`, `"x"` or `"Z"` for rests, `""` for notes.
        key: The key signature that begins here, within a bar.
    """

    heads: list[Head] = field(default_factory=list)
    decorations: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    slurs_open: int = 0
    slurs_close: int = 0
    apart: bool = False
    line_start: bool = False
    last_texts: list[str] = field(default_factory=list)
    last_decorations: list[str] = field(default_factory=list)
    tuplet: tuple[int, int, int] | None = None
    slashed: bool = False
    silence: str = ""
    key: Key | None = None


def read_marks(text: str) -> dict[Place, Marks]:
    """Reads the marks of every note, chord and rest, by line and column.

    Args:
        text: A valid tune.

    Returns:
        The marks, by the `(line, column)` that `parse` gives the note.
    """
    reader = _Reader(dict(SYMBOLS))
    continued = continued_lines(text)
    in_body = fresh = False
    for line in read_lines(text):
        if line.field:
            in_body |= line.field == "K"
            reader.define(line.field, line.text)
        elif in_body:
            reader.read(line, new_line=fresh)
            fresh = line.number not in continued
    reader.end_bar(at_end=True)
    return reader.found


class _Reader:
    def __init__(self, symbols: dict[str, str]):
        self.found: dict[Place, Marks] = {}
        self._symbols = symbols
        self._next = Marks()
        self._last: Marks | None = None
        self._slashed = False
        self._in_bar = False

    def define(self, name: str, value: str) -> None:
        if name == "K" and self._in_bar:
            self._next.key = read_key(value).key
        match = _USER_SYMBOL.match(value.strip()) if name == "U" else None
        if match:
            self._symbols[match[1]] = match[2].strip("!+")

    def read(self, line: Line, *, new_line: bool) -> None:
        self._next.apart = True
        self._next.line_start |= new_line
        tokens = _Tokens(line)
        for kind, match, place in tokens:
            if kind == "chord_open":
                self._put(place, self._chord(tokens))
            elif kind == "note":
                self._put(place, [_head(match)])
            elif kind in ("rest", "measures"):
                self._next.silence = match[0][0].replace("X", "Z")
                self._put(place, [])
            else:
                self._mark(kind, match)

    def end_bar(self, *, at_end: bool = False) -> None:
        """Leaves with the last note what stands between it and a bar line.

        A segno, a coda and a chord symbol belong to the bar that follows, if
        there is one.
        """
        last, upcoming = self._last, self._next
        if last is None:
            return
        texts, decorations = upcoming.texts, upcoming.decorations
        upcoming.texts = [] if at_end else list(filter(_text_of_the_next, texts))
        upcoming.decorations = [
            name
            for name in decorations
            if not at_end and sign_of_decoration(name) in AT_START
        ]
        last.last_texts += [text for text in texts if text not in upcoming.texts]
        last.last_decorations += [
            name for name in decorations if name not in upcoming.decorations
        ]

    def _chord(self, tokens: "_Tokens") -> list[Head]:
        heads: list[Head] = []
        for kind, match, _ in tokens:
            if kind == "chord_close":
                break
            if kind == "note":
                heads.append(_head(match))
            elif kind == "tie" and heads:
                last = heads[-1]
                heads[-1] = Head(last.letter, last.octave, last.accidental, tie=True)
            else:
                self._mark(kind, match)
        return heads

    def _put(self, place: Place, heads: list[Head]) -> None:
        self._next.heads = heads
        self._next.slashed = self._slashed
        self.found[place] = self._last = self._next
        self._next = Marks()
        self._in_bar = True

    def _mark(self, kind: str, match: re.Match[str]) -> None:
        upcoming = self._next
        if kind == "space":
            upcoming.apart |= bool(match[0].strip("`"))
            upcoming.line_start |= "$" in match[0]
        elif kind in ("bar", "line_break"):
            upcoming.apart = True
            self._in_bar &= kind != "bar"
            if kind == "bar":
                self.end_bar()
        elif kind == "slur_open":
            upcoming.slurs_open += 1
        elif kind == "slur_close" and self._last:
            self._last.slurs_close += 1
        elif kind == "tie" and self._last:
            last = self._last
            last.heads = [
                Head(head.letter, head.octave, head.accidental, tie=True)
                for head in last.heads
            ]
        elif kind == "tuplet":
            p, q, r = (int(match[name] or 0) for name in "pqr")
            upcoming.tuplet = (p, q, r)
        elif kind == "grace_open":
            self._slashed = "/" in match[0]
        elif kind == "grace_close":
            self._slashed = False
        elif kind == "text":
            upcoming.texts.append(match[0][1:-1])
        elif kind == "decoration":
            upcoming.decorations.append(match["decoration_name"] or match["old_name"])
        elif kind == "symbol":
            name = self._symbols.get(match[0], "")
            if name.startswith('"'):
                upcoming.texts.append(name[1:-1])
            elif name not in ("", "nil", "none"):
                upcoming.decorations.append(name)
        elif kind == "field":
            self.define(match["name"], match["value"])


class _Tokens:
    """The tokens of a line, shared by the loops that read it."""

    def __init__(self, line: Line):
        self._line = line
        self._matches = TOKEN.finditer(line.text)

    def __iter__(self) -> Iterator[tuple[str, re.Match[str], Place]]:
        return self

    def __next__(self) -> tuple[str, re.Match[str], Place]:
        match = next(self._matches)
        place = (self._line.number, self._line.column + match.start())
        return match.lastgroup or "", match, place


def _text_of_the_next(text: str) -> bool:
    return sign_of_text(text) in AT_START or is_chord(text)


def _head(match: re.Match[str]) -> Head:
    letter, octave = match["letter"], match["octave"]
    number = 4 + letter.islower() + octave.count("'") - octave.count(",")
    return Head(letter.upper(), number, match["accidental"] or "")
