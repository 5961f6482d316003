"""Long texts cut into pieces that documents can be made of."""

import functools
import itertools
import re
from collections.abc import Iterator, Sequence

from keras_seq.text._character_classes import is_mark, is_unspaced, python_class
from keras_seq.text.words import count_words

BLANK_LINES = r"\n[ \t\r]*\n\s*"


def cut_text(text: str, *, words: int) -> list[str]:
    r"""Cuts a text into pieces that documents can be made of.

    Blocks, which blank lines separate, are gathered until they have so many
    words (`count_words`); where there are no blank lines, lines; in one endless line,
    words, and letters of scripts that are written without spaces.

    Args:
        text: String.
        words: Fewest words in a piece, the last excepted, which is joined to the
            one before if it has less than half of that.

    Returns:
        List of strings: the pieces, in order, without white space at the ends.

    Raises:
        ValueError: If `words` is less than 1.

    Example:

    >>> cut_text("a b\n\nc\n\nd e f\n\ng", words=3)
    ['a b\n\nc', 'd e f\n\ng']
    """
    if words < 1:
        raise ValueError(f"`words` must be at least 1; received {words!r}.")
    cuts, start, number = [0], 0, 0
    for end in _block_ends(text, words, _separators()):
        number += count_words(text[start:end])
        start = end
        if number >= words:
            cuts.append(end)
            number = 0
    if len(cuts) > 1 and 2 * number < words:
        cuts[-1] = len(text)
    elif number:
        cuts.append(len(text))
    return [text[a:b].strip() for a, b in itertools.pairwise(cuts)]


def _block_ends(text: str, words: int, separators: Sequence[str]) -> Iterator[int]:
    """Where blocks end; one that is far too long is cut more finely."""
    separator, *finer = separators
    start = 0
    ends = (match.end() for match in re.finditer(separator, text))
    for end in itertools.chain(ends, [len(text)]):
        if finer and count_words(text[start:end]) > 2 * words:
            for inside in _block_ends(text[start:end], words, finer):
                yield start + inside
        else:
            yield end
        start = end


@functools.cache
def _separators() -> tuple[str, ...]:
    """What parts blocks, the coarsest first."""
    letter = f"[{python_class(is_unspaced)}][{python_class(is_mark)}]*"
    return BLANK_LINES, r"\n", r"[。！？]+\s*|\s+", letter
