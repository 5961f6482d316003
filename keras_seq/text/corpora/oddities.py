"""What looks odd in texts, and is learnt as it stands: said, not mended."""

import re
import unicodedata
from collections.abc import Iterable

from keras_seq.text.corpora.encodings import INVISIBLE

_HTML = re.compile(
    r"&(?:amp|quot|lt|gt|nbsp|apos|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});|"
    r"</?(?:br|p|i|b|em|strong|div|span|a|li|ul)(?:\s[^<>]{0,200})?\s?/?>"
)
_JOINERS = "\u200c\u200d"  # letters' business, and an emoji's
_INVISIBLE = re.compile(f"[\0{''.join(c for c in INVISIBLE if c not in _JOINERS)}]")


def oddities(texts: Iterable[str]) -> list[str]:
    r"""Notes of HTML and of characters that nobody sees in texts.

    Args:
        texts: Strings.

    Example:

    >>> oddities(["Tom &amp; Jerry<br />", "Tom"])
    ["1 text has HTML in it, such as '&amp;', which is read as it stands"]
    """
    html, unseen = [], []
    for text in texts:
        if ("&" in text or "<" in text) and (found := _HTML.search(text)):
            html.append(found.group())
        if (not text.isascii() or "\0" in text) and (found := _INVISIBLE.search(text)):
            unseen.append(found.group())
    notes = []
    if html:
        notes.append(
            f"{_counted(html)} HTML in {_them(html)}, such as {html[0]!r}, which is "
            "read as it stands"
        )
    if unseen:
        name = unicodedata.name(unseen[0], "NUL").lower()
        notes.append(
            f"{_counted(unseen)} invisible characters in {_them(unseen)}, such as "
            f"U+{ord(unseen[0]):04X} ({name}), which make other words"
        )
    return notes


def _counted(found: list[str]) -> str:
    return f"{len(found):,} texts have" if len(found) > 1 else "1 text has"


def _them(found: list[str]) -> str:
    return "them" if len(found) > 1 else "it"
