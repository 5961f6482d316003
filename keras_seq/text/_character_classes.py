"""Classes of characters, alike for Python's regular expressions and the graph's.

Each engine has its own Unicode tables, of different age. So the classes are
spelled out as ranges, and changed characters looked up in a table.
"""

import functools
import sys
import unicodedata
from collections.abc import Callable

from keras_seq.typing import Tensor

BYTE_ORDER_MARK = "\ufeff"
_NO_CODE_POINT = 0x110000


def is_space(character: str) -> bool:
    """Whether it is white space or a control character."""
    return unicodedata.category(character) in ("Cc", "Zs", "Zl", "Zp")


def is_blank(character: str) -> bool:
    """Whether it separates words without being shown."""
    return is_space(character) or character == BYTE_ORDER_MARK


def is_word(character: str) -> bool:
    """Whether words consist of it: letters, marks, digits, "_", joiners."""
    category = unicodedata.category(character)
    return category[0] in "LMN" or (
        category in ("Pc", "Cf") and character != BYTE_ORDER_MARK
    )


# Thai, Lao, Burmese, Khmer; Chinese and Japanese characters, whatever their width.
_UNSPACED = (
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3005, 0x3007)),
    *((0x3031, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF)),
    *((0xA9E0, 0xA9FF), (0xAA60, 0xAA7F), (0xF900, 0xFAFF), (0xFF66, 0xFF9F)),
    *((0x1B000, 0x1B16F), (0x20000, 0x3FFFF)),
)


def is_unspaced(character: str) -> bool:
    """Whether it is a letter of a script that is written without spaces."""
    if unicodedata.category(character) not in ("Lo", "Lm", "Nl"):
        return False
    place = ord(character)
    return any(first <= place <= last for first, last in _UNSPACED)


def is_spaced(character: str) -> bool:
    """Whether words, which are told apart by spaces, consist of it."""
    return is_word(character) and not is_unspaced(character)


def is_mark(character: str) -> bool:
    """Whether it is written above, below or around the letter before it."""
    return unicodedata.category(character)[0] == "M"


@functools.cache
def _assigned() -> list[int]:
    """The code points that are characters: a quarter of all."""
    category = unicodedata.category
    return [
        code_point
        for code_point, character in enumerate(map(chr, range(sys.maxunicode + 1)))
        if category(character) not in ("Cn", "Co", "Cs")
    ]


@functools.cache
def ranges(predicate: Callable[[str], bool]) -> list[list[int]]:
    """First and last code point of each run of characters that fulfil it."""
    found: list[list[int]] = []
    for code_point in _assigned():
        if not predicate(chr(code_point)):
            continue
        if found and found[-1][1] == code_point - 1:
            found[-1][1] = code_point
        else:
            found.append([code_point, code_point])
    return found


def python_class(predicate: Callable[[str], bool]) -> str:
    """The inside of a character class for `re`."""
    return "".join(f"\\U{a:08x}-\\U{b:08x}" for a, b in ranges(predicate))


def graph_class(predicate: Callable[[str], bool]) -> str:
    """The inside of a character class for `tf.strings.regex_replace`."""
    return "".join(f"\\x{{{a:x}}}-\\x{{{b:x}}}" for a, b in ranges(predicate))


@functools.cache
def _changes(function: Callable[[str], str]) -> tuple[list[int], list[list[int]]]:
    """The characters that `function` changes, in order, and what they become."""
    changed = [c for c in _assigned() if function(chr(c)) != chr(c)]
    results = [[ord(c) for c in function(chr(c))] for c in changed]
    longest = max(map(len, results))
    return changed, [[*row, *[-1] * (longest - len(row))] for row in results]


def change(text: str, function: Callable[[str], str]) -> str:
    """The text with each character changed by itself, e.g. by `str.lower`."""
    return "".join(map(function, text))


def change_tensor(texts: Tensor, function: Callable[[str], str]) -> Tensor:
    """The same for a string tensor of shape (B,), valid UTF-8."""
    import tensorflow as tf

    changed, results = _changes(function)
    known = tf.constant([*changed, _NO_CODE_POINT])
    becomes = tf.constant([*results, results[0]])
    spelled = tf.strings.unicode_decode(texts, "UTF-8")
    code_points = spelled.flat_values
    places = tf.searchsorted(known, code_points)
    found = tf.gather(known, places) == code_points
    unchanged = tf.pad(
        code_points[:, None],
        [[0, 0], [0, becomes.shape[1] - 1]],
        constant_values=-1,
    )
    code_points = tf.where(found[:, None], tf.gather(becomes, places), unchanged)
    # Not `unsorted_segment_join`: its memory is rows times the longest of them.
    counted = tf.RaggedTensor.from_tensor(code_points, padding=-1)
    return tf.strings.unicode_encode(
        spelled.with_values(counted).merge_dims(1, 2), "UTF-8"
    )
