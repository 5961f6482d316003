"""Reads a line of music, token by token, into the voices of a tune."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from keras_seq.music.abc._drafts import Sound
from keras_seq.music.abc._jumps import sign_of_decoration, sign_of_text
from keras_seq.music.abc._lines import Line
from keras_seq.music.abc._problems import Place, Problems, shortened
from keras_seq.music.abc._staff import Head
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
        self._chord_place: Place = (0, 0)
        self._chord_ties: list[Head] = []
        self._grace_place: Place | None = None
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
        if mark := self._decoration:
            self._warning(
                mark,
                "decoration",
                f"expected a note after {shortened(mark[0])}, came the end of the line",
            )

    def _place(self, match: Match) -> Place:
        return self._line.number, self._line.column + match.start()

    def _error(self, match: Match, code: str, message: str) -> None:
        self._problems.error(self._place(match), code, message)

    def _warning(self, match: Match, code: str, message: str) -> None:
        self._problems.warning(self._place(match), code, message)

    # Notes, rests, chords, grace notes.

    def _note(self, match: Match) -> None:
        letter, accidental, octave, length = match.group(
            "letter", "accidental", "octave", "length"
        )
        place, voice = self._place(match), self._body.voice
        self._decoration = None
        head = voice.staff.read(letter, accidental, octave)
        sound = Sound(
            place,
            voice.rhythm.read(length, place),
            (head,),
            letter.upper(),
            accidental or "",
        )
        if not 0 <= head.pitch <= 127:
            sound.heads = ()
            self._error(
                match,
                "pitch-range",
                f"expected a pitch from MIDI number 0 to 127, came {head.pitch}",
            )
        if self._chord is not None:
            self._chord.append(sound)
        else:
            self._add(sound)

    def _rest(self, match: Match) -> None:
        place = self._place(match)
        self._decoration = None
        if self._chord is not None:
            self._error(match, "chord", "expected notes in the chord, came a rest")
            return
        length = self._body.voice.rhythm.read(match["rest_length"], place)
        self._add(Sound(place, length))

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
        self._body.voice.add_measures(int(count), self._place(match))

    def _add(self, sound: Sound) -> None:
        if self._grace_place:
            self._body.voice.add_grace(sound)
        else:
            self._body.voice.add(sound)

    def _chord_open(self, match: Match) -> None:
        if self._chord is not None:
            self._close_groups("'['")
        self._chord, self._chord_ties = [], []
        self._chord_place = self._place(match)

    def _chord_close(self, match: Match) -> None:
        if self._chord is None:
            self._error(match, "unexpected", "expected '[' before ']', came none")
            return
        self._end_chord(self._chord, match["chord_length"])

    def _end_chord(self, sounds: list[Sound], length: str) -> None:
        self._chord = None
        place, voice = self._chord_place, self._body.voice
        if not sounds:
            self._problems.error(
                place, "chord", "expected notes in the chord, came none"
            )
            return
        # Length, letter and accidental of a chord are those of its first note.
        chord = sounds[0]
        chord.place = place
        chord.heads = tuple(head for sound in sounds for head in sound.heads)
        if length:
            chord.length *= voice.rhythm.read(length, place) / voice.rhythm.unit
        self._add(chord)
        if self._chord_ties and not chord.grace:
            voice.tie(place, tuple(self._chord_ties))

    def _grace_open(self, match: Match) -> None:
        self._decoration = None
        if self._grace_place:
            self._error(match, "grace", "expected '}' to end the grace notes, came '{'")
        self._grace_place = self._place(match)

    def _grace_close(self, match: Match) -> None:
        if not self._grace_place:
            self._error(match, "unexpected", "expected '{' before '}', came none")
        elif self._previous == "grace_open":
            self._error(match, "grace", "expected notes in the braces, came none")
        self._grace_place = None

    def _close_groups(self, came: str) -> None:
        """Ends a chord or grace notes that are still open, which is an error."""
        if self._chord is not None:
            self._problems.error(
                self._chord_place, "chord", f"expected ']' to end it, came {came}"
            )
            self._end_chord(self._chord, "")
        if self._grace_place:
            self._problems.error(
                self._grace_place, "grace", f"expected '}}' to end it, came {came}"
            )
            self._grace_place = None

    # What joins notes.

    def _broken(self, match: Match) -> None:
        # The lengths of grace notes have no meaning in time.
        if not self._grace_place:
            self._body.voice.break_rhythm(match[0], self._place(match))

    def _tuplet(self, match: Match) -> None:
        numbers = match.group("p", "q", "r")
        if any(len(number or "") > 2 for number in numbers) or int(match["p"]) < 2:
            self._error(
                match,
                "tuplet",
                "expected a tuplet such as (3 or (3:2:3 with numbers up to 99, came "
                f"{shortened(match[0])}",
            )
            return
        p, q, r = (int(number or 0) for number in numbers)
        voice = self._body.voice
        voice.rhythm.start_tuplet(p, q, r, voice.meter, self._place(match))

    def _tie(self, match: Match) -> None:
        if self._grace_place:
            return
        if self._chord is not None:
            if self._chord:
                self._chord_ties.extend(self._chord[-1].heads)
            return
        if self._previous == "space":
            self._warning(
                match, "tie", "expected '-' right after its note, came a space"
            )
        self._body.voice.tie(self._place(match))

    def _slur_open(self, match: Match) -> None:
        self._body.voice.open_slur(self._place(match))

    def _slur_close(self, match: Match) -> None:
        self._body.voice.close_slur(self._place(match))

    def _overlay(self, match: Match) -> None:
        self._close_groups("'&'")
        self._body.voice.overlay(match[0], self._place(match))

    # Bars and fields.

    def _bar(self, match: Match) -> None:
        self._close_groups("a bar line")
        self._decoration = None
        place, symbol, numbers = self._place(match), match[0], match["numbers"]
        if numbers:
            symbol = symbol[: -len(numbers)]
        self._body.voice.bar_line(symbol, place)
        if numbers:
            self._body.voice.start_ending(numbers, place)

    def _ending(self, match: Match) -> None:
        self._close_groups("a variant ending")
        self._body.voice.start_ending(match["ending_numbers"], self._place(match))

    def _field(self, match: Match) -> None:
        self._body.read_field(
            match["name"], match["value"].strip(), self._place(match), inline=True
        )

    # Marks.

    def _mark(self, match: Match) -> None:
        self._decoration = match
        name = match["decoration_name"] or match["old_name"]
        if name not in DECORATIONS and not sign_of_decoration(name):
            self._warning(
                match,
                "decoration",
                f"expected a decoration of the standard, came {shortened(match[0])}",
            )
        self._sign(sign_of_decoration(name), match)

    def _text(self, match: Match) -> None:
        self._sign(sign_of_text(match[0][1:-1]), match)

    def _sign(self, sign: str, match: Match) -> None:
        if sign:
            self._body.voice.sign(sign, self._place(match))

    def _symbol(self, match: Match) -> None:
        self._decoration = match
        name = self._body.symbols.get(match[0])
        if name is None:
            self._warning(
                match,
                "symbol",
                "expected a note or a symbol that the standard or a U: field defines, "
                f"came {match[0]!r}, which is ignored",
            )
            return
        of = sign_of_text if name.startswith('"') else sign_of_decoration
        self._sign(of(name.strip('"')), match)

    def _spacer(self, match: Match) -> None:
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

    def _transfer(self, match: Match) -> None:
        self._warning(
            match,
            "transfer-encoding",
            f"expected music, came {shortened(match[0])}, which e-mail puts at the end "
            "of a line",
        )

    def _unclosed_field(self, match: Match) -> None:
        self._error(
            match,
            "unclosed",
            f"expected ']' to end the field {match[0][:3]}, came the end of the line",
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
    "text": MusicLine._text,
    "unclosed_text": MusicLine._unclosed_text,
    "decoration": MusicLine._mark,
    "line_break": MusicLine._pass,
    "symbol": MusicLine._symbol,
    "measures": MusicLine._measures,
    "spacer": MusicLine._spacer,
    "overlay": MusicLine._overlay,
    "transfer": MusicLine._transfer,
    "reserved": MusicLine._reserved,
    "unknown": MusicLine._unknown,
}
