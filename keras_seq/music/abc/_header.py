"""The header of a tune: from X: to K:."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from keras_seq.music.abc._key import Key, KeyField, read_key, read_staff
from keras_seq.music.abc._lines import Line
from keras_seq.music.abc._meter import (
    Meter,
    Tempo,
    default_unit_length,
    read_meter,
    read_tempo,
    read_unit_length,
)
from keras_seq.music.abc._problems import Problems, shortened
from keras_seq.music.abc._tokens import SYMBOLS

_REFERENCE = re.compile(r"[0-9]{1,9}$")
_USER_SYMBOL = re.compile(r'([H-Wh-w~])\s*=\s*(![^\s!]+!|\+[^\s+]+\+|"[^"]*")$')
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
    symbols: frozenset[str] = SYMBOLS
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
        if line.field:
            header.fields.append((line.field, line.text, line.number))
            if line.field != "I":
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
        number,
        1,
        "missing-key",
        f"expected a header that ends with a K: field, came {came}",
    )
    return None


def read_symbol(
    symbols: frozenset[str], text: str, line: int, column: int, problems: Problems
) -> frozenset[str]:
    """Reads a U: field, which gives a letter a decoration or takes it away."""
    match = _USER_SYMBOL.match(text)
    if not match:
        problems.error(
            line,
            column,
            "user-symbol",
            f"expected a definition such as T = !trill!, came {shortened(text)}",
        )
        return symbols
    letter, meaning = match.groups()
    return symbols - {letter} if meaning in ("!nil!", "!none!") else symbols | {letter}


def read_key_field(text: str, line: int, column: int, problems: Problems) -> KeyField:
    """Reads a K: field and notes what has no meaning in it."""
    found = problems.attempt(line, column, "key", read_key, text, KeyField(None, None))
    for word in found.unknown:
        problems.warning(
            line,
            column,
            "key-word",
            f"expected a mode, accidentals or a clef, came {shortened(word)}",
        )
    return found


def read_voice(text: str) -> tuple[str, int | None]:
    """Reads a V: field: the voice's name and its transposition, if it says so."""
    name, *words = text.split() or [""]
    return name, read_staff(words)[0]


def _check_order(line: Line, last: dict[str, Line], problems: Problems) -> None:
    if not last and line.field != "X":
        problems.error(
            line.number,
            1,
            "missing-reference",
            f"expected X: and a number first, came {line.field}:",
        )
    elif len(last) == 1 and "X" in last and line.field != "T":
        problems.warning(
            line.number,
            1,
            "missing-title",
            f"expected T: and a title after X:, came {line.field}:",
        )


def _read_field(header: Header, line: Line, problems: Problems) -> None:
    text, place = line.text, (line.number, line.column)
    match line.field:
        case "X":
            header.reference = _read_reference(header, line, problems)
        case "T":
            header.titles.append(text)
        case "M":
            header.meter = problems.attempt(
                *place, "meter", read_meter, text, header.meter
            )
        case "P":
            header.parts = text
        case "U":
            header.symbols = read_symbol(header.symbols, text, *place, problems)
        case "V":
            name, shift = read_voice(text)
            header.voices[name] = shift
        case "I":
            if match := _PROPAGATION.match(text):
                header.propagation = match[1]
        case "m":
            problems.warning(
                line.number, 1, "macro", "expected no macro: m: fields are not read"
            )
        case "s" | "w" | "+":
            problems.error(
                line.number,
                1,
                "field-place",
                f"expected a field of the header, came {line.field}:",
            )
        case unused if unused in _UNUSED:
            problems.warning(
                line.number,
                1,
                "unknown-field",
                f"expected a field of the standard, came {unused}:",
            )


def _read_reference(header: Header, line: Line, problems: Problems) -> int:
    if sum(letter == "X" for letter, _, _ in header.fields) > 1:
        problems.error(
            line.number, 1, "repeated-reference", "expected one X: field, came another"
        )
        return header.reference
    number = int(line.text) if _REFERENCE.match(line.text) else 0
    if not number:
        # An empty field is allowed, and 0 does no harm.
        harmless = not line.text.strip("0")
        note = problems.warning if harmless else problems.error
        note(
            line.number,
            line.column,
            "reference",
            f"expected a number above 0 after X:, came {shortened(line.text)}",
        )
    return number


def _finish(header: Header, last: dict[str, Line], problems: Problems) -> None:
    """Reads what depends on other fields: the key, the lengths, the tempo."""
    key = last["K"]
    found = read_key_field(key.text, key.number, key.column, problems)
    header.key = found.key or Key()
    header.shift = found.shift or 0
    header.unit = default_unit_length(header.meter)
    for letter, what in (("L", "unit length"), ("M", "meter")):
        if letter not in last:
            default = header.unit if letter == "L" else "free meter"
            problems.warning(
                key.number,
                1,
                f"missing-{what.replace(' ', '-')}",
                f"expected {letter}: and a {what} before K:, came none; "
                f"{default} is taken",
            )
    if line := last.get("L"):
        header.unit = problems.attempt(
            line.number,
            line.column,
            "unit-length",
            read_unit_length,
            line.text,
            header.unit,
        )
    if line := last.get("Q"):
        header.tempo = read_tempo_field(
            line.text, header.unit, line.number, line.column, problems
        )


def read_tempo_field(
    text: str, unit: Fraction, line: int, column: int, problems: Problems
) -> Tempo | None:
    """Reads a Q: field."""
    try:
        return read_tempo(text, unit)
    except ValueError as error:
        problems.warning(line, column, "tempo", str(error))
        return None
