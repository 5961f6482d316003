"""A tune without what is not music: credits, notes, comments, layout."""

from keras_seq.music._layout import continued_lines
from keras_seq.music.abc._fields import read_symbol_field
from keras_seq.music.abc._lines import read_lines
from keras_seq.music.abc._problems import Problems
from keras_seq.music.abc._tokens import SYMBOLS, TOKEN

# What music depends on: reference, title, meter, unit length, key, order of
# parts, voices, user symbols, macros; then rhythm and tempo.
_KEPT = frozenset("XTMLKPVUm" + "RQ")
# The only instructions that change how the music is read.
_INSTRUCTIONS = ("linebreak", "decoration")


def normalise(text: str) -> str:
    r"""Reduces a tune to its header and its music, the form to learn from.

    Kept are the fields X, T, M, L, K, P, V, U, m, R and Q where they hold
    something, one space-free form of each (`M:6/8`), and the music as written.
    Gone are comments, `%%` directives, all other fields (transcriber, source,
    notes, lyrics, ...), in the music too, legibility marks (`` ` ``), outdated
    `!` and what e-mail leaves at the end of a line, letters that no U: field and no
    standard defines, and space at the end of lines. The notes stay the same, and
    normalising again changes nothing.

    Args:
        text: One tune in ABC notation. What follows an empty line does not
            belong to it.

    Returns:
        The tune, lines joined by newlines, none at the end.

    Example:

    >>> print(normalise("X: 1\nT: The Hag\nZ: me\nM: 6/8 % jig\nK: G\nG3`A3|! "))
    X:1
    T:The Hag
    M:6/8
    K:G
    G3A3|
    """
    continued = continued_lines(text)
    lines: list[str] = []
    symbols = dict(SYMBOLS)
    for line in read_lines(text):
        if line.empty:
            if lines:
                break
        elif line.field:
            if line.field == "U":
                symbols = read_symbol_field(symbols, line.text, (0, 0), Problems())
            if _keeps(line.field, line.text):
                lines.append(f"{line.field}:{line.text.rstrip()}")
        else:
            music = _music(line.text, symbols)
            if music:
                lines.append(music + ("\\" if line.number in continued else ""))
    return "\n".join(lines)


def _keeps(field: str, value: str) -> bool:
    if field == "I":
        return value.startswith(_INSTRUCTIONS)
    return field in _KEPT and (bool(value.strip()) or field in "XK")


def _music(text: str, symbols: dict[str, str]) -> str:
    tokens: list[str] = []
    for match in TOKEN.finditer(text):
        token = match[0]
        if match["space"]:
            token = token.replace("`", "")
        elif match["field"] and not _keeps(match["name"], match["value"]):
            token = ""
        elif match["field"] and match["name"] == "U":
            # As in the reader, what is defined in a line holds from there on.
            symbols |= read_symbol_field(symbols, match["value"], (0, 0), Problems())
        elif match["transfer"]:
            token = ""
        elif match["symbol"] and token not in symbols:
            # A space where what stands on both sides would become one sign.
            token = " " if tokens and not tokens[-1][-1:].isalnum() else ""
        tokens.append(token)
    while tokens and (not tokens[-1].strip() or tokens[-1] == "!"):
        tokens.pop()
    return "".join(tokens)
