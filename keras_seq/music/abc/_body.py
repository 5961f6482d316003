"""The body of a tune: its lines of music, its voices and the fields between."""

from collections.abc import Iterator

from keras_seq.music.abc._fields import (
    note_directive,
    note_left_out,
    note_macro,
    read_key_field,
    read_meter_field,
    read_symbol_field,
    read_tempo_field,
    read_voice_field,
)
from keras_seq.music.abc._header import Header
from keras_seq.music.abc._lines import Line
from keras_seq.music.abc._meter import read_unit_length
from keras_seq.music.abc._music import MusicLine
from keras_seq.music.abc._problems import Place, Problems, shortened
from keras_seq.music.abc._rhythm import Rhythm
from keras_seq.music.abc._staff import Staff
from keras_seq.music.abc._voice import Voice

# The table of fields in the standard's section 3. Others are ignored with a warning,
# as everybody who plays these tunes does; X: alone begins another tune.
_IN_BODY = frozenset("IKLMmNPQRrsTUVWw")
_INLINE = frozenset("IKLMmNPQRrUV")


class Body:
    """The body of a tune while it is read.

    Args:
        header: The tune's header.
        problems: Where problems are noted.
    """

    def __init__(self, header: Header, problems: Problems):
        self.symbols = header.symbols
        self.voices: dict[str, Voice] = {}
        self._header = header
        self._problems = problems
        self._voice: Voice | None = None

    @property
    def voice(self) -> Voice:
        """The voice that the music now belongs to."""
        if self._voice is None:
            # Music before the first V: field is that of the first voice.
            self._voice = self._enter(next(iter(self._header.voices), ""))
        return self._voice

    def read(self, lines: Iterator[Line]) -> None:
        """Reads all lines of the body."""
        ended = False
        for line in lines:
            if line.field == "%":
                note_directive(line.text, (line.number, 1), self._problems)
                continue
            if line.empty:
                ended = True
            elif ended or line.field == "X":
                text = f"{line.field}:{line.text}" if line.field else line.text
                self._problems.error(
                    (line.number, 1),
                    "after-tune",
                    f"expected one tune, which an empty line ends, came "
                    f"{shortened(text)}",
                )
                break
            elif line.field:
                self.read_field(line.field, line.text, line.place)
            else:
                MusicLine(line, self, self._problems).read()
        for voice in self.voices.values():
            voice.finish()

    def read_field(
        self, field: str, text: str, place: Place, *, inline: bool = False
    ) -> None:
        """Reads a field, on a line of its own or `[...]` in a line of music."""
        problems = self._problems
        if field not in (_INLINE if inline else _IN_BODY):
            self._note_misplaced(field, place, inline)
            return
        note_left_out(field, text, place, problems)
        match field:
            case "V":
                name, shift = read_voice_field(text)
                self._voice = self._enter(name)
                if shift is not None:
                    self._voice.staff.shift = shift
            case "K":
                found = read_key_field(text, place, problems)
                if found.key:
                    self.voice.set_key(found.key)
                if found.shift is not None:
                    self.voice.staff.shift = found.shift
            case "M":
                meter = read_meter_field(text, place, problems, self.voice.meter)
                self.voice.set_meter(meter)
            case "L":
                rhythm = self.voice.rhythm
                rhythm.unit = problems.attempt(
                    place, "unit-length", read_unit_length, text, rhythm.unit
                )
            case "P":
                self.voice.set_part(text)
            case "Q":
                read_tempo_field(text, self.voice.rhythm.unit, place, problems)
            case "U":
                self.symbols = read_symbol_field(self.symbols, text, place, problems)
            case "m":
                note_macro(place, problems)

    def _enter(self, name: str) -> Voice:
        if name not in self.voices:
            header = self._header
            shift = header.voices.get(name)
            self.voices[name] = Voice(
                name,
                Staff(
                    header.key,
                    header.shift if shift is None else shift,
                    header.propagation,
                ),
                Rhythm(header.unit, self._problems),
                header.meter,
                self._problems,
            )
        return self.voices[name]

    def _note_misplaced(self, field: str, place: Place, inline: bool) -> None:
        where = "in a line of music" if inline else "among the music"
        problems = self._problems
        note = problems.error if field == "X" else problems.warning
        note(
            place if inline else (place[0], 1),
            "field-place",
            f"expected a field that may stand {where}, came {field}:, which is ignored",
        )
