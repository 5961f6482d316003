"""Fields that may stand in the header and among the music."""

import re
from fractions import Fraction

from keras_seq.music.abc._key import KeyField, read_key, read_staff
from keras_seq.music.abc._meter import Meter, Tempo, read_meter, read_tempo
from keras_seq.music.abc._problems import Place, Problems, shortened

_USER_SYMBOL = re.compile(r'([H-Wh-w~])\s*=\s*(![^\s!]+!|\+[^\s+]+\+|"[^"]*")$')


def read_key_field(text: str, place: Place, problems: Problems) -> KeyField:
    """Reads a K: field and notes what has no meaning in it."""
    found = problems.attempt(place, "key", read_key, text, KeyField(None, None))
    for word in found.unknown:
        problems.warning(
            place,
            "key-word",
            f"expected a mode, accidentals or a clef, came {shortened(word)}",
        )
    return found


def read_tempo_field(
    text: str, unit: Fraction, place: Place, problems: Problems
) -> Tempo | None:
    """Reads a Q: field; None where it cannot be read, which harms no note."""
    try:
        return read_tempo(text, unit)
    except ValueError as error:
        problems.warning(place, "tempo", str(error))
        return None


def read_voice_field(text: str) -> tuple[str, int | None]:
    """Reads a V: field: the voice's name and its transposition, if it says so."""
    name, *words = text.split() or [""]
    return name, read_staff(words)[0]


def read_symbol_field(
    symbols: dict[str, str], text: str, place: Place, problems: Problems
) -> dict[str, str]:
    """Reads a U: field, which gives a letter a decoration or takes it away."""
    match = _USER_SYMBOL.match(text)
    if not match:
        problems.error(
            place,
            "user-symbol",
            f"expected a definition such as T = !trill!, came {shortened(text)}",
        )
        return symbols
    letter, meaning = match.groups()
    if meaning in ("!nil!", "!none!"):
        return {other: name for other, name in symbols.items() if other != letter}
    return {**symbols, letter: meaning if meaning[0] == '"' else meaning[1:-1]}


def read_meter_field(
    text: str, place: Place, problems: Problems, default: Meter | None
) -> Meter | None:
    """Reads an M: field; an empty one leaves the meter free."""
    if not text.strip():
        problems.warning(
            place, "meter", "expected a meter, came none; free meter is taken"
        )
        return None
    return problems.attempt(place, "meter", read_meter, text, default)


_DIRECTIVES = {
    "text": "drawn",
    "center": "drawn",
    "begintext": "drawn",
    "begincenter": "drawn",
    "beginps": "drawn",
    "beginsvg": "drawn",
    "score": "drawn",
    "staves": "drawn",
    "percmap": "drawn",
    "map": "drawn",
    "transpose": "played",
    "midi": "played",
}
_FIELDS = {
    "w": ("drawn", "w: (words under the notes)"),
    "W": ("drawn", "W: (words below the tune)"),
    "s": ("drawn", "s: (symbols above the notes)"),
    "T": ("drawn", "T: (a title) among the music"),
    "Q": ("played", "Q: (a tempo) among the music"),
}
_CLEF = re.compile(r"(?:^|\s)(?:clef=|treble|bass|alto|tenor|perc|none\b)")


def note_directive(text: str, place: Place, problems: Problems) -> None:
    """Notes that what a directive or an I: field asks for is left out."""
    name = (text.split() or [""])[0]
    if where := _DIRECTIVES.get(name.lower()):
        problems.left_out(place, f"%%{name[:20]}", where)


def note_left_out(field: str, text: str, place: Place, problems: Problems) -> None:
    """Notes that a field among the music is not drawn, or not played."""
    if field == "I":
        note_directive(text, place, problems)
    elif field in _FIELDS and text.strip():
        where, what = _FIELDS[field]
        problems.left_out(place, what, where)
    elif field in "KV" and _CLEF.search(
        text.partition(" ")[2] if field == "V" else text
    ):
        problems.left_out(place, "a clef among the music", "drawn")


def note_macro(place: Place, problems: Problems) -> None:
    """Notes that a macro (m: field) is not expanded."""
    problems.warning(place, "macro", "expected no macro: m: fields are not read")
