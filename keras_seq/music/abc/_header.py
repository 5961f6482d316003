"""The header of a tune: from X: to K:."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

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
from keras_seq.music.abc._key import Key
from keras_seq.music.abc._lines import Line
from keras_seq.music.abc._meter import (
    Meter,
    Tempo,
    default_unit_length,
    read_unit_length,
)
from keras_seq.music.abc._problems import Place, Problems, shortened
from keras_seq.music.abc._tokens import SYMBOLS

_REFERENCE = re.compile(r"[0-9]{1,9}$")
_PROPAGATION = re.compile(r"propagate-accidentals\s+(not|octave|pitch)\b")
_UNUSED = frozenset("EJYabcdefghijklnopqtuvxyz")


@dataclass(slots=True)
class Header:
    """What the header says; the defaults are those of the standard.

    `voices` holds the semitones by which each voice that the header names
    sounds higher than written, None where the V: field doesn't say; `symbols`
    the letters that stand for a decoration; `propagation` how far an accidental
    reaches.
    """

    reference: int = 0
    titles: list[str] = field(default_factory=list)
    fields: list[tuple[str, str, int]] = field(default_factory=list)
    meter: Meter | None = None
    unit: Fraction = Fraction(1, 8)
    key: Key = field(default_factory=Key)
    shift: int = 0
    tempo: Tempo | None = None
    parts: str = ""
    voices: dict[str, int | None] = field(default_factory=dict)
    symbols: dict[str, str] = field(default_factory=lambda: dict(SYMBOLS))
    propagation: str = "pitch"


def read_header(lines: Iterator[Line], problems: Problems) -> Header | None:
    """Reads the header of a tune.

    Args:
        lines: The lines of the tune; those up to the K: field are taken.
        problems: Where problems are noted.

    Returns:
        The header; None where no K: field ends it.
    """
    header = Header()
    last: dict[str, Line] = {}
    number, came = 1, "the end of the text"
    for line in lines:
        if line.empty and not last:
            continue
        number = line.number
        if line.field == "%":
            _read_instruction(header, line.text)
            note_directive(line.text, (line.number, 1), problems)
        elif line.field:
            header.fields.append((line.field, line.text, line.number))
            _check_order(line, last, problems)
            last[line.field] = line
            if line.field == "K":
                _finish(header, last, problems)
                return header
            _read_field(header, line, problems)
        else:
            came = "an empty line" if line.empty else shortened(line.text)
            break
    problems.error(
        (number, 1),
        "missing-key",
        f"expected a header that ends with a K: field, came {came}",
    )
    return None


def _check_order(line: Line, last: dict[str, Line], problems: Problems) -> None:
    place = (line.number, 1)
    if not last and line.field != "X":
        problems.error(
            place,
            "missing-reference",
            f"expected X: and a number first, came {line.field}:",
        )
    elif last and line.field == "X":
        problems.error(
            place, "repeated-reference", "expected one X: field, came another"
        )
    elif last.keys() == {"X"} and line.field != "T":
        problems.warning(
            place,
            "missing-title",
            f"expected T: and a title after X:, came {line.field}:",
        )


def _read_field(header: Header, line: Line, problems: Problems) -> None:
    text, place = line.text, line.place
    match line.field:
        case "X":
            header.reference = _read_reference(text, place, problems)
        case "T":
            header.titles.append(text)
        case "M":
            header.meter = read_meter_field(text, place, problems, header.meter)
        case "P":
            header.parts = text
        case "U":
            header.symbols = read_symbol_field(header.symbols, text, place, problems)
        case "V":
            name, shift = read_voice_field(text)
            header.voices[name] = shift
        case "I":
            _read_instruction(header, text)
            note_directive(text, place, problems)
        case "W":
            note_left_out("W", text, place, problems)
        case "m":
            note_macro(place, problems)
        case "s" | "w" | "+":
            problems.error(
                (line.number, 1),
                "field-place",
                f"expected a field of the header, came {line.field}:",
            )
        case unused if unused in _UNUSED:
            problems.warning(
                (line.number, 1),
                "unknown-field",
                f"expected a field of the standard, came {unused}:",
            )


def _read_instruction(header: Header, text: str) -> None:
    if match := _PROPAGATION.match(text):
        header.propagation = match[1]


def _read_reference(text: str, place: Place, problems: Problems) -> int:
    number = int(text) if _REFERENCE.match(text) else 0
    if not number:
        # An empty field is allowed, and 0 does no harm.
        note = problems.error if text.strip("0") else problems.warning
        note(
            place,
            "reference",
            f"expected a number above 0 after X:, came {shortened(text)}",
        )
    return number


def _finish(header: Header, last: dict[str, Line], problems: Problems) -> None:
    """Reads what depends on other fields: the key, the lengths, the tempo."""
    key = last["K"]
    found = read_key_field(key.text, key.place, problems)
    header.key = found.key or Key()
    header.shift = found.shift or 0
    header.unit = default_unit_length(header.meter)
    if "M" not in last:
        problems.warning(
            (key.number, 1),
            "missing-meter",
            "expected M: and a meter before K:, came none; free meter is taken",
        )
    if line := last.get("L"):
        header.unit = problems.attempt(
            line.place, "unit-length", read_unit_length, line.text, header.unit
        )
    else:
        problems.warning(
            (key.number, 1),
            "missing-unit-length",
            f"expected L: and a length before K:, came none; {header.unit} is taken",
        )
    if line := last.get("Q"):
        header.tempo = read_tempo_field(line.text, header.unit, line.place, problems)
