"""One spelling for what looks alike, in Python and inside the graph."""

import functools
import re
import unicodedata
from typing import Literal, TypeAlias

from keras_seq.extras import require
from keras_seq.text._autograph import unconverted
from keras_seq.text._character_classes import (
    change_tensor,
    graph_class,
    is_space,
    python_class,
)
from keras_seq.text.vocabulary import Strings, as_batch, encodable
from keras_seq.typing import Tensor

_Form: TypeAlias = Literal["NFC", "NFKC"] | None
_FORMS = ("NFC", "NFKC", None)


def normalise(text: str, *, form: _Form = "NFC", casefold: bool = False) -> str:
    r"""One of the spellings that a text may have.

    Characters are composed ("e" and U+0301 become "é"); with "NFKC" what differs
    only in looks becomes the same too ("ﬁ" becomes "fi", "２" becomes "2"). Then
    case is folded, if wanted ("Straße" becomes "strasse"), and control
    characters and white space of any kind and number become one space, none at
    the ends. A surrogate becomes "?".

    `normalise_tensor` does the same inside the graph, character by character
    for all that Python's Unicode (`unicodedata.unidata_version`) knows;
    tensorflow-text may compose characters of a later Unicode too.

    Args:
        text: String.
        form: "NFC", "NFKC" or None, which composes nothing.
        casefold: Whether to fold case.

    Returns:
        String.

    Raises:
        ValueError: If `form` is another.

    Example:

    >>> normalise(" Cafe\u0301\u202f!\n", casefold=True)
    'café !'
    >>> normalise("ﬁn ２", form="NFKC")
    'fin 2'
    """
    _check(form)
    text = encodable(text)
    if form:
        text = unicodedata.normalize(form, text)
    if casefold:
        text = text.casefold()
        if form:
            text = unicodedata.normalize(form, text)
    return _spaces().sub(" ", text).strip(" ")


@unconverted
def normalise_tensor(
    texts: Strings, *, form: _Form = "NFC", casefold: bool = False
) -> Tensor:
    r"""What `normalise` does, inside the graph.

    A form needs tensorflow-text, whose operation TensorFlow Serving has; the
    rest is core TensorFlow.

    Args:
        texts: String tensor of shape (B,), UTF-8; what isn't valid UTF-8
            becomes U+FFFD.
        form: "NFC", "NFKC" or None, which composes nothing.
        casefold: Whether to fold case.

    Returns:
        String tensor of shape (B,).

    Raises:
        ValueError: If `form` is another, or `texts` has another number of
            dimensions.
        ImportError: If there is a form and tensorflow-text is missing.

    Example:

    >>> normalise_tensor([" A\t\tB "], form=None, casefold=True).numpy()
    array([b'a b'], dtype=object)
    """
    import tensorflow as tf

    _check(form)

    def composed(strings: Tensor) -> Tensor:
        if form is None:
            return strings
        return require("tensorflow_text", "text").normalize_utf8(strings, form)

    found = tf.strings.unicode_transcode(
        as_batch(texts), "UTF-8", "UTF-8", errors="replace"
    )
    found = composed(found)
    if casefold:
        found = composed(change_tensor(found, str.casefold))
    found = tf.strings.regex_replace(found, f"[{graph_class(is_space)}]+", " ")
    return tf.strings.regex_replace(found, "^ | $", "")


@functools.cache
def _spaces() -> re.Pattern[str]:
    return re.compile(f"[{python_class(is_space)}]+")


def _check(form: object) -> None:
    if form not in _FORMS:
        raise ValueError(f'`form` must be "NFC", "NFKC" or None; received {form!r}.')
