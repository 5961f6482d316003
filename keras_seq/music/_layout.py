"""How the lines of a tune's text are laid out."""

import re

_LINE_END = re.compile(r"\r\n|\r|\n")
_COMMENT = re.compile(r"(?<!\\)%.*")
_CONTINUED = re.compile(r"(?<!\\)\\\s*$")


def continued_lines(text: str) -> frozenset[int]:
    """Numbers, from 1, of the lines that a backslash joins to the next."""
    return frozenset(
        number
        for number, line in enumerate(_LINE_END.split(text), start=1)
        if _CONTINUED.search(_COMMENT.sub("", line))
    )
