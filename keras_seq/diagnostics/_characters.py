"""Characters in pictures and files: what stands for those that have no shape."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from keras_seq.extras import require

MARKS = {" ": "·", "\n": "↵"}


class Vocabulary(Protocol):
    """What is asked of a vocabulary here: those of `keras_seq.text` have it."""

    def encode(self, text: str, /) -> list[int]:
        """The ids of a text."""

    def pieces(self, ids: Sequence[int], /) -> Sequence[str]:
        """What stands for each of them."""


def marked(text: object) -> str:
    """A text with a mark for each space and each end of a line."""
    return "".join(MARKS.get(character, character) for character in str(text))


def visible(text: str, marks: Mapping[str, str] | None = None) -> str:
    r"""A text with a shape for each of its characters.

    Args:
        text: String.
        marks: Dict from a character to what stands for it, `MARKS` by default. Other
            white space, and what has no shape, is as in a Python string ("\t"); an
            empty text is "∅".
    """
    marks = MARKS if marks is None else marks
    return "".join(marks.get(c) or _with_shape(c) for c in text) or "∅"


def _with_shape(character: str) -> str:
    # Marks that combine with the letter before are printable, and stay.
    if character.isspace() or not character.isprintable():
        return character.encode("unicode_escape").decode("ascii")
    return character


def glyphs(family: str | None = None) -> Callable[[str], bool]:
    """Function that tells whether matplotlib's font has a character.

    Args:
        family: Family of the font, or None for the one that is used by default.
    """
    manager = require("matplotlib.font_manager", "plots")
    fonts = require("matplotlib.ft2font", "plots")
    found = manager.findfont(manager.FontProperties(family=family))
    font = fonts.FT2Font(found)
    return lambda character: font.get_char_index(ord(character)) > 0
