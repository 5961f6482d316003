"""Chord symbols: which of the texts in quotes are some, and where their notes are."""

import re
from collections.abc import Callable

# Root, what follows it, bass. What is no root with the name of a chord behind it
# ("Fine", "N.C.", "Adagio") is a word, and words have no pitch.
_SIGN = r"##(?!\d)|#|bb(?!\d)|b|♯|♭"
_KIND = (
    r"(?:\s*(?:minor|major|min|maj|Min|Maj|mi|ma|m|M|dim|aug|sus|add|alt|omit|no|o(?=\d)"
    r"|°|ø|Δ|\+|-)|[#b♯♭/]?\d{1,2}(?!\d)"
    r"|\((?:(?:maj|add|sus|omit|no)?[#b♯♭+-]?\d{1,2}(?!\d)[,\s]?)+\))*"
)
_CHORD = rf"[A-G](?:{_SIGN})?{_KIND}(?:/[A-Ga-g](?:{_SIGN})?)?"
# Several stand in one text as alternatives or one after the other: "G(Em)", "D A7".
_CHORDS = re.compile(rf"\s*\(?{_CHORD}\)?(?:(?:\s*[(;,/]\s*|\s+){_CHORD}\)?)*\s*")
_NOTE = re.compile(rf"(?<![A-Za-z])([A-G]|(?<=/)[a-g])({_SIGN})?")
_LONGEST = 64
_LINES = re.compile(r"(;|\\n)")


def move_chords(text: str, note: Callable[[str, str], str]) -> str:
    """Rewrites the roots and basses of chord symbols.

    Args:
        text: What stands in quotes. Annotations such as `^slower`, and words, stay
            as they are.
        note: From a letter (A to G) and a sign (`#`, `bb`, `♭` or `""`) to the
            note that stands instead.

    Returns:
        The text with the new notes.
    """
    return "".join(_moved(line, note) for line in _LINES.split(text))


def is_chord(text: str) -> bool:
    """Whether a text in quotes is a chord symbol, or several."""
    return len(text) <= _LONGEST and bool(_CHORDS.fullmatch(text))


def _moved(text: str, note: Callable[[str, str], str]) -> str:
    if not is_chord(text):
        return text

    def move(match: re.Match[str]) -> str:
        moved = note(match[1].upper(), match[2] or "")
        return moved if match[1].isupper() else moved[0].lower() + moved[1:]

    return _NOTE.sub(move, text)
