r"""Properties of the characters of a text, for `find_units` to look for.

Each says what holds once a character has been read, as a unit could know it: so an
opening quotation mark is inside, and the closing one outside.
"""

import numpy as np

_QUOTES = '""“”„“«»'
_BRACKETS = "()[]{}"


def inside_quotes(text: str, *, quotes: str = _QUOTES) -> np.ndarray:
    r"""Which characters stand in quotation marks, after they have been read.

    The opening mark counts as inside, the closing one as outside. An empty line
    closes what is open, so that one stray mark doesn't turn the rest around.

    Args:
        text: String of T characters.
        quotes: Opening and closing mark in turn: a string of even length.

    Returns:
        Boolean array of shape (T,).

    Raises:
        ValueError: If `quotes` are no pairs.

    Example:

    >>> inside_quotes('a "b" c').astype(int).tolist()
    [0, 0, 1, 1, 0, 0, 0]
    """
    closing = _pairs(quotes, "quotes")
    inside = np.zeros(len(text), bool)
    awaited = ""
    for i, character in enumerate(text):
        if text[max(0, i - 1) : i + 1] == "\n\n":
            awaited = ""
        elif awaited:
            awaited = "" if character in awaited else awaited
        else:
            awaited = closing.get(character, "")
        inside[i] = bool(awaited)
    return inside


def inside_brackets(text: str, *, brackets: str = _BRACKETS) -> np.ndarray:
    r"""Which characters stand in brackets, after they have been read.

    The opening bracket counts as inside, the closing one outside, unless another is
    still open. A closing bracket that doesn't fit the last one opened closes
    nothing.

    Args:
        text: String of T characters.
        brackets: Opening and closing bracket in turn: a string of even length.

    Returns:
        Boolean array of shape (T,).

    Raises:
        ValueError: If `brackets` are no pairs.

    Example:

    >>> inside_brackets("f(x[0]) y").astype(int).tolist()
    [0, 1, 1, 1, 1, 1, 0, 0, 0]
    """
    closing = _pairs(brackets, "brackets")
    inside = np.zeros(len(text), bool)
    awaited: list[str] = []
    for i, character in enumerate(text):
        if awaited and character in awaited[-1]:
            awaited.pop()
        elif character in closing:
            awaited.append(closing[character])
        inside[i] = bool(awaited)
    return inside


def line_position(text: str) -> np.ndarray:
    r"""How many characters of its line stand before each character.

    Args:
        text: String of T characters; "\n" ends a line, and belongs to it.

    Returns:
        Integer array of shape (T,).

    Example:

    >>> line_position("ab\n\ncd").tolist()
    [0, 1, 2, 0, 0, 1]
    """
    lines = text.split("\n")
    lengths = [len(line) + 1 for line in lines]
    return np.concatenate([np.arange(length) for length in lengths])[: len(text)]


def _pairs(pairs: str, name: str) -> dict[str, str]:
    """Dict from an opening mark to the marks that close it."""
    if len(pairs) % 2 or not pairs:
        raise ValueError(
            f"`{name}` must be opening and closing marks in turn; received {pairs!r}."
        )
    closing: dict[str, str] = {}
    for opening, end in zip(pairs[::2], pairs[1::2], strict=True):
        closing[opening] = closing.get(opening, "") + end
    return closing
