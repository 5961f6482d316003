"""The body of a tune: its lines of music, its voices and the fields between."""

from collections.abc import Iterator

from keras_seq.music.abc._header import (
    Header,
    read_key_field,
    read_symbol,
    read_tempo_field,
    read_voice,
)
from keras_seq.music.abc._lines import Line
from keras_seq.music.abc._meter import read_meter, read_unit_length
from keras_seq.music.abc._music import MusicLine
from keras_seq.music.abc._problems import Problems, shortened
from keras_seq.music.abc._voice import Voice

# The table of fields in the standard's section 3.
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

    def read(self, lines: Iterator[Line]) -> None:
        """Reads all lines of the body."""
        ended = False
        for line in lines:
            if line.empty:
                ended = True
            elif ended or line.field == "X":
                self._problems.error(
                    line.number,
                    1,
                    "after-tune",
                    "expected one tune, which an empty line ends, came "
                    + shortened(f"{line.field}:{line.text}".lstrip(":")),
                )
                break
            elif line.field:
                self.read_field(line.field, line.text, line.number, line.column)
            else:
                MusicLine(line, self, self._problems).read()
        for voice in self.voices.values():
            voice.finish()

    @property
    def voice(self) -> Voice:
        """The voice that the music now belongs to."""
        if self._voice is None:
            # Music before the first V: field is that of the first voice.
            self._voice = self._enter(next(iter(self._header.voices), ""))
        return self._voice

    def read_field(
        self, field: str, text: str, line: int, column: int, inline: bool = False
    ) -> None:
        """Reads a field, on a line of its own or `[...]` in a line of music."""
        if field not in (_INLINE if inline else _IN_BODY):
            self._misplaced(field, line, column, inline)
            return
        place, problems = (line, column), self._problems
        match field:
            case "V":
                name, shift = read_voice(text)
                self._voice = self._enter(name)
                if shift is not None:
                    self._voice.shift = shift
            case "K":
                found = read_key_field(text, *place, problems)
                if found.key:
                    self.voice.set_key(found.key)
                if found.shift is not None:
                    self.voice.shift = found.shift
            case "M":
                meter = self.voice.meter
                self.voice.set_meter(
                    problems.attempt(*place, "meter", read_meter, text, meter)
                )
            case "L":
                unit = self.voice.unit
                self.voice.unit = problems.attempt(
                    *place, "unit-length", read_unit_length, text, unit
                )
            case "P":
                self.voice.set_part(text)
            case "Q":
                read_tempo_field(text, self.voice.unit, *place, problems)
            case "U":
                self.symbols = read_symbol(self.symbols, text, *place, problems)
            case "m":
                problems.warning(
                    *place, "macro", "expected no macro: m: fields are not read"
                )

    def _enter(self, name: str) -> Voice:
        if name not in self.voices:
            header = self._header
            shift = header.voices.get(name)
            self.voices[name] = Voice(
                name,
                key=header.key,
                meter=header.meter,
                unit=header.unit,
                shift=header.shift if shift is None else shift,
                propagation=header.propagation,
                problems=self._problems,
            )
        return self.voices[name]

    def _misplaced(self, field: str, line: int, column: int, inline: bool) -> None:
        where = "in a line of music" if inline else "among the music"
        # Names of notes, rests and spacers are forbidden, to avoid confusion;
        # other letters are to be ignored with a warning (standard, section 3).
        note = (
            self._problems.error
            if field in "ABCDEFGXYZabcdefgxyz+"
            else self._problems.warning
        )
        note(
            line,
            column if inline else 1,
            "field-place",
            f"expected a field that may stand {where}, came {field}:",
        )
