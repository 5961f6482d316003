r"""Tunes as people type them: strings inside the graph.

The layout of a prompt is made that of the documents which a model learns from, as
`to_document` does; what it means stays the same. And a `%` without a backslash, which
begins a comment, is found in the text itself: a vocabulary may not know it.
"""

from keras_seq.extras import require
from keras_seq.text.vocabulary import Strings
from keras_seq.typing import Tensor

_FIELD = r"^[A-Za-z]:(?:[^|:\n].*)?$"
_BAR = r"\.?(?:\[?\|[|:]*\]?|:+\|[|:]*\]?|::+)(?:\d[\d,-]*)?"
# Fields and what is in quotes stay as they are: \1.
_KEPT = rf'(?m)({_FIELD}|"[^"\n]*"?)'
_LAYOUT = (
    (r"\r\n?", "\n"),
    (r"^X:[^\n]*(\n|$)", ""),
    ("\t", " "),
    (r" +\n", "\n"),
    (r"(?m)^([A-Za-z]:) +", r"\1"),
    (rf"{_KEPT}|( ) +", r"\1\2"),
    (rf"{_KEPT}| ?({_BAR}(?: {_BAR})*) ?", r"\1\2"),
)
_READABLE = r"(?s)^((?:[^%\\]|\\+[^\\\n])*)(?:%|\\+\n|\\+$).*$"


def without_layout(prompts: Strings) -> Tensor:
    """How documents begin: no X: line, no space that is layout alone."""
    tf = require("tensorflow", "text")
    for pattern, rewrite in _LAYOUT:
        prompts = tf.strings.regex_replace(prompts, pattern, rewrite)
    return prompts


def readable(texts: Strings) -> Tensor:
    r"""Characters before a bare %, or before a backslash that ends a line.

    Args:
        texts: String tensor of shape (B,), valid UTF-8.

    Returns:
        int32 tensor of shape (B,): all characters where there is neither.
    """
    tf = require("tensorflow", "text")
    before = tf.strings.regex_replace(texts, _READABLE, r"\1")
    return tf.strings.length(before, unit="UTF8_CHAR")
