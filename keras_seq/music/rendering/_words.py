"""Text in a tune: titles, names, chord symbols."""

import html
import re
import unicodedata

_ACCENTS = {
    "`": "\u0300",
    "'": "\u0301",
    "^": "\u0302",
    "~": "\u0303",
    "=": "\u0304",
    "u": "\u0306",
    '"': "\u0308",
    "o": "\u030a",
    "H": "\u030b",
    "v": "\u030c",
    "c": "\u0327",
}
_LIGATURES = {
    "ss": "ß",
    "ae": "æ",
    "AE": "Æ",
    "oe": "œ",
    "OE": "Œ",
    "/o": "ø",
    "/O": "Ø",
}
_ESCAPE = re.compile(
    r"\\(?:u([0-9a-fA-F]{4})|(ss|ae|AE|oe|OE|/o|/O)|([`'^~=\"ouvHc])([A-Za-z])|([\\%&]))"
)
_NOT_IN_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CHORD_ROOT = re.compile(r"(?<![a-z])([A-G])([#b])")


def readable(text: str) -> str:
    r"""Text as it should be printed, its escapes resolved.

    Knows the mnemonics, entities and code points of the standard's section
    8.2, `\'e`, `&eacute;` and `\u00e9`, and drops what XML cannot hold.
    """
    text = html.unescape(_ESCAPE.sub(_resolve, text))
    return _NOT_IN_XML.sub("", text).strip()


def chord_symbol(text: str) -> str:
    """A chord symbol with proper sharp and flat signs: `"Bb7"` to B♭7."""
    return _CHORD_ROOT.sub(
        lambda match: match[1] + {"#": "♯", "b": "♭"}[match[2]], readable(text)
    )


def _resolve(match: re.Match[str]) -> str:
    code, ligature, accent, letter, plain = match.groups()
    if code:
        return chr(int(code, 16))
    if ligature:
        return _LIGATURES[ligature]
    if accent:
        return unicodedata.normalize("NFC", letter + _ACCENTS[accent])
    return plain
