"""Reads a line of music, token by token, into the voices of a tune."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from keras_seq.music.abc._drafts import Sound
from keras_seq.music.abc._lines import Line
from keras_seq.music.abc._problems import Problems, shortened
from keras_seq.music.abc._tokens import DECORATIONS, TOKEN

if TYPE_CHECKING:
    from keras_seq.music.abc._body import Body

Match = re.Match[str]


class MusicLine:
    """A line of music while it is read: open chords and braces end with it.

    Args:
        line: The line.
        body: The tune body, for its voices and for fields in the line.
        problems: Where problems are noted.
    """

    def __init__(self, line: Line, body: "Body", problems: Problems):
        self._line = line
        self._body = body
        self._problems = problems
        self._chord: list[Sound] | None = None
        self._chord_column = 0
        self._chord_ties: list[tuple[int, int]] = []
        self._grace_column = 0
        self._decoration: Match | None = None
        self._previous = ""

    def read(self) -> None:
        """Reads the whole line."""
        for match in TOKEN.finditer(self._line.text):
            kind = match.lastgroup or ""
            _HANDLERS[kind](self, match)
            self._previous = kind
        self._close_groups("the end of the line")
        self._body.voice.end_line()
        if self._decoration:
            self._problems.warning(
                self._line.number,
                self._column(self._decoration),
                "decoration",
                f"expected a note after {shortened(self._decoration[0])}, came the end "
                "of the line",
            )

    def _column(self, match: Match) -> int:
        return self._line.column + match.start()

    def _error(self, match: Match, code: str, message: str) -> None:
        self._problems.error(self._line.number, self._column(match), code, message)

    def _warning(self, match: Match, code: str, message: str) -> None:
        self._problems.warning(self._line.number, self._column(match), code, message)

    # Notes, chords, grace notes, rests.

    def _note(self, match: Match) -> None:
        letter, accidental, octave, length = match.group(
            "letter", "accidental", "octave", "length"
        )
        self._decoration = None
        voice = self._body.voice
        sound = voice.sound(
            self._line.number, self._column(match), letter, accidental, octave, length
        )
        if self._chord is not None:
            self._chord.append(sound)
        elif self._grace_column:
            voice.add_grace(sound)
        else:
            voice.add(sound)

    def _rest(self, match: Match) -> None:
        self._decoration = None
        if self._chord is not None:
            self._error(match, "chord", "expected notes in the chord, came a rest")
            return
        line, column = self._line.number, self._column(match)
        voice = self._body.voice
        length = voice.length(match["rest_length"], line, column)
        sound = Sound(line, column, length)
        if self._grace_column:
            voice.add_grace(sound)
        else:
            voice.add(sound)

    def _measures(self, match: Match) -> None:
        self._close_groups("a rest of whole bars")
        count = match["count"] or "1"
        if len(count) > 3 or not int(count):
            self._error(
                match,
                "rest",
                f"expected 1 to 999 bars of rest, came {shortened(count)}",
            )
            return
        self._body.voice.add_measures(
            self._line.number, self._column(match), int(count)
        )

    def _chord_open(self, match: Match) -> None:
        if self._chord is not None:
            self._close_groups("'['")
        self._chord, self._chord_ties = [], []
        self._chord_column = self._column(match)

    def _chord_close(self, match: Match) -> None:
        if self._chord is None:
            self._error(match, "unexpected", "expected '[' before ']', came none")
            return
        self._end_chord(match["chord_length"])

    def _end_chord(self, length: str) -> None:
        sounds, ties, self._chord = self._chord, self._chord_ties, None
        line, column = self._line.number, self._chord_column
        if not sounds:
            self._problems.error(
                line, column, "chord", "expected notes in the chord, came none"
            )
            return
        voice = self._body.voice
        chord = sounds[0]
        chord.column = column
        if length:
            chord.length *= voice.length(length, line, column) / voice.unit
        chord.pitches = tuple(sound.pitches[0] for sound in sounds)
        chord.places = tuple(sound.places[0] for sound in sounds)
        chord.in_key = all(sound.in_key for sound in sounds)
        if self._grace_column:
            voice.add_grace(chord)
            return
        voice.add(chord)
        if ties:
            voice.tie(line, column, tuple(ties))

    def _grace_open(self, match: Match) -> None:
        self._decoration = None
        if self._grace_column:
            self._error(match, "grace", "expected '}' to end the grace notes, came '{'")
        self._grace_column = self._column(match)

    def _grace_close(self, match: Match) -> None:
        if not self._grace_column:
            self._error(match, "unexpected", "expected '{' before '}', came none")
        elif self._previous == "grace_open":
            self._error(match, "grace", "expected notes in the braces, came none")
        self._grace_column = 0

    def _close_groups(self, came: str) -> None:
        """Ends a chord or grace notes that are still open, which is an error."""
        if self._chord is not None:
            self._problems.error(
                self._line.number,
                self._chord_column,
                "chord",
                f"expected ']' to end the chord, came {came}",
            )
            self._end_chord("")
        if self._grace_column:
            self._problems.error(
                self._line.number,
                self._grace_column,
                "grace",
                f"expected '}}' to end the grace notes, came {came}",
            )
            self._grace_column = 0

    # What joins notes.

    def _broken(self, match: Match) -> None:
        if self._grace_column:
            # The lengths of grace notes have no meaning in time.
            return
        self._body.voice.break_rhythm(
            self._line.number, self._column(match), match["broken"]
        )

    def _tuplet(self, match: Match) -> None:
        p, q, r = (
            int(match[name] or 0) if len(match[name] or "") < 3 else 100
            for name in "pqr"
        )
        if not 2 <= p < 100 or q > 99 or r > 99:
            self._error(
                match,
                "tuplet",
                "expected a tuplet such as (3 or (3:2:3 with numbers up to 99, came "
                f"{shortened(match[0])}",
            )
            return
        self._body.voice.start_tuplet(self._line.number, self._column(match), p, q, r)

    def _tie(self, match: Match) -> None:
        if self._grace_column:
            return
        if self._chord is not None:
            if self._chord:
                self._chord_ties.extend(self._chord[-1].places)
            return
        if self._previous == "space":
            self._warning(
                match, "tie", "expected '-' right after its note, came a space"
            )
        self._body.voice.tie(self._line.number, self._column(match), ())

    def _slur_open(self, match: Match) -> None:
        self._body.voice.slurs.append((self._line.number, self._column(match)))

    def _slur_close(self, match: Match) -> None:
        if not self._body.voice.slurs:
            self._warning(match, "slur", "expected '(' before ')', came none")
            return
        self._body.voice.slurs.pop()

    def _overlay(self, match: Match) -> None:
        self._close_groups("'&'")
        self._body.voice.overlay(
            self._line.number, self._column(match), match["overlay"]
        )

    # Bars and fields.

    def _bar(self, match: Match) -> None:
        self._close_groups("a bar line")
        self._decoration = None
        symbol, numbers = match["bar"], match["numbers"] or ""
        self._body.voice.bar_line(
            self._line.number,
            self._column(match),
            symbol[: len(symbol) - len(numbers)],
        )
        if numbers:
            self._start_ending(match, numbers)

    def _ending(self, match: Match) -> None:
        self._close_groups("a variant ending")
        self._start_ending(match, match["ending_numbers"])

    def _start_ending(self, match: Match, numbers: str) -> None:
        self._body.voice.start_ending(self._line.number, self._column(match), numbers)

    def _field(self, match: Match) -> None:
        self._body.read_field(
            match["name"],
            match["value"].strip(),
            self._line.number,
            self._column(match),
            inline=True,
        )

    # Marks.

    def _mark(self, match: Match) -> None:
        self._decoration = match
        name = match["decoration_name"] or match["old_name"]
        if name not in DECORATIONS:
            self._warning(
                match,
                "decoration",
                f"expected a decoration of the standard, came {shortened(match[0])}",
            )

    def _symbol(self, match: Match) -> None:
        self._decoration = match
        if match[0] not in self._body.symbols:
            self._error(
                match,
                "symbol",
                "expected a note or a symbol that the standard or a U: field defines, "
                f"came {match[0]!r}",
            )

    def _attach(self, match: Match) -> None:
        self._decoration = None

    def _pass(self, match: Match) -> None:
        pass

    # What cannot be read.

    def _reserved(self, match: Match) -> None:
        self._warning(
            match,
            "reserved",
            f"expected music, came {shortened(match[0])}, which the standard reserves",
        )

    def _unclosed_field(self, match: Match) -> None:
        self._error(
            match,
            "unclosed",
            f"expected ']' to end {match[0][:3]}, came the line's end",
        )

    def _unclosed_text(self, match: Match) -> None:
        self._error(
            match, "unclosed", "expected '\"' to end the text, came the end of the line"
        )

    def _unknown(self, match: Match) -> None:
        self._error(match, "unexpected", f"expected music, came {shortened(match[0])}")


_HANDLERS: dict[str, Callable[[MusicLine, Match], None]] = {
    "note": MusicLine._note,
    "space": MusicLine._pass,
    "bar": MusicLine._bar,
    "rest": MusicLine._rest,
    "broken": MusicLine._broken,
    "tuplet": MusicLine._tuplet,
    "tie": MusicLine._tie,
    "slur_open": MusicLine._slur_open,
    "slur_close": MusicLine._slur_close,
    "field": MusicLine._field,
    "unclosed_field": MusicLine._unclosed_field,
    "ending": MusicLine._ending,
    "chord_open": MusicLine._chord_open,
    "chord_close": MusicLine._chord_close,
    "grace_open": MusicLine._grace_open,
    "grace_close": MusicLine._grace_close,
    "text": MusicLine._pass,
    "unclosed_text": MusicLine._unclosed_text,
    "decoration": MusicLine._mark,
    "line_break": MusicLine._pass,
    "symbol": MusicLine._symbol,
    "measures": MusicLine._measures,
    "spacer": MusicLine._attach,
    "overlay": MusicLine._overlay,
    "reserved": MusicLine._reserved,
    "unknown": MusicLine._unknown,
}
