"""Ends of lines as words, so that a model of words reads and writes them."""

import re

from keras_seq.text.vocabulary import Strings
from keras_seq.typing import Tensor

LINE, PARAGRAPH = "↵", "¶"

# In the language of both regular expression engines.
_STEPS = (
    (r"\r\n?", "\n"),
    (r"[ \t\v\f]+", " "),
    (r" ?\n ?(?:\n ?)+", f" {PARAGRAPH} "),
    (r" ?\n ?", f" {LINE} "),
)


def mark_lines(text: str) -> str:
    r"""Writes "↵" for the end of a line and "¶" for one or more empty lines.

    Each stands between spaces, so that `WordVocabulary` takes it for a word and
    no piece of a `SubwordVocabulary` crosses it. Spaces and tabs in a row become
    one space, so the indentation of lines is lost.

    Args:
        text: String.

    Returns:
        String without ends of lines.

    Example:

    >>> mark_lines("To be,\nor not\n\n  That is")
    'To be, ↵ or not ¶ That is'
    """
    for pattern, mark in _STEPS:
        text = re.sub(pattern, mark, text)
    return text


def mark_lines_tensor(texts: Strings) -> Tensor:
    r"""What `mark_lines` does, inside the graph.

    Args:
        texts: String tensor of shape (B,), UTF-8.

    Returns:
        String tensor of shape (B,).

    Example:

    >>> mark_lines_tensor(["a\r\n b\n\n"]).numpy()[0].decode()
    'a ↵ b ¶ '
    """
    import tensorflow as tf

    marked = tf.convert_to_tensor(texts)
    for pattern, mark in _STEPS:
        marked = tf.strings.regex_replace(marked, pattern, mark)
    return marked


def restore_lines(text: str) -> str:
    r"""Writes ends of lines for their marks, without spaces around them.

    Args:
        text: String.

    Returns:
        String.

    Example:

    >>> restore_lines("To be, ↵ or not ¶ That is")
    'To be,\nor not\n\nThat is'
    """
    for mark, end in ((LINE, "\n"), (PARAGRAPH, "\n\n")):
        text = re.sub(f" *{mark} *", end, text)
    return text


def restore_lines_tensor(texts: Strings) -> Tensor:
    r"""What `restore_lines` does, inside the graph.

    Args:
        texts: String tensor of shape (B,), UTF-8.

    Returns:
        String tensor of shape (B,).

    Example:

    >>> restore_lines_tensor(["a ↵ b"]).numpy()
    array([b'a\nb'], dtype=object)
    """
    import tensorflow as tf

    restored = tf.convert_to_tensor(texts)
    for mark, end in ((LINE, "\n"), (PARAGRAPH, "\n\n")):
        restored = tf.strings.regex_replace(restored, f" *{mark} *", end)
    return restored
