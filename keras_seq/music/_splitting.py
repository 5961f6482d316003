"""One file of ABC to its tunes, each with what the file header gives it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

FIELD = re.compile(r"([A-Za-z+]):(.*)")
# ABC 2.1 section 3: the fields that a file header may hold and whose value
# is the default of every tune. Definitions (I, U, m) add up instead.
_DEFAULTS = frozenset("ABCDFGHLMNORSZ")
_DEFINITIONS = frozenset("IUm")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a file: a tune, or text that belongs to none.

    Attributes:
        line: Its first line's number in the file, from 1.
        text: Its lines, with the file header's defaults where it is a tune.
        is_tune: Whether it begins with an `X:` field.
    """

    line: int
    text: str
    is_tune: bool


def split(text: str) -> Iterator[Piece]:
    """Splits the text of an ABC file at empty lines and at `X:` fields.

    Fields before the first `X:` are the file header (ABC 2.1 section 2.2.2):
    each tune that lacks such a field in its own header gets it, just before
    its `K:`. An empty line right after `K:` ends no tune, since it would have
    no music. Comments and typesetting directives outside tunes are skipped;
    any other text there, a tune without `X:` say, is its own piece.
    """
    header: list[str] = []
    seen_tune = False
    for line, lines in _blocks(text):
        is_tune = lines[0].startswith("X:")
        if is_tune:
            seen_tune = True
            lines = _with_defaults(lines, header)
        else:
            lines = [each for each in lines if not each.startswith("%")]
            if not seen_tune and not any(each.startswith("K:") for each in lines):
                header += lines
                continue
        if lines:
            yield Piece(line, "\n".join(lines), is_tune)


def title_of(text: str) -> str:
    r"""The first `T:` field of a tune, or an empty string.

    Example:

    >>> title_of("X:1\nT: The Hag\nK:D\n")
    'The Hag'
    """
    match = re.search(r"^T:(.*)$", text, re.MULTILINE)
    return match[1].strip() if match else ""


def reference_of(text: str) -> int | None:
    """The number in the `X:` field of a tune, or `None`."""
    match = re.match(r"X:\s*([0-9]{1,9})(?![0-9])", text)
    return int(match[1]) if match else None


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """The stretches between empty lines and `X:` fields, each with its line."""
    block: list[str] = []
    start = 1
    for number, line in enumerate(text.split("\n"), start=1):
        # An empty line right after a header has split it from its music.
        empty = not line.strip() and not (block and block[-1].startswith("K:"))
        if block and (empty or line.startswith("X:")):
            yield start, block
            block = []
        if line.strip():
            if not block:
                start = number
            block.append(line)
    if block:
        yield start, block


def _with_defaults(lines: list[str], header: list[str]) -> list[str]:
    end = next((i for i, each in enumerate(lines) if each.startswith("K:")), None)
    if end is None or not header:
        return lines
    own = {each[0] for each in lines[:end] if FIELD.match(each)}
    inherited: list[str] = []
    for each in header:
        match = FIELD.match(each)
        if match and (
            match[1] in _DEFINITIONS or (match[1] in _DEFAULTS and match[1] not in own)
        ):
            inherited.append(each)
    return [*lines[:end], *inherited, *lines[end:]]
