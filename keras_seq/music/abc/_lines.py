"""From text to lines: fields, music, empty lines; comments are dropped."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_COMMENT = re.compile(r"(?<!\\)%.*")
_FIELD = re.compile(r"([A-Za-z+]):")
# `G:|` at the start of a line is a note before a repeat sign: no field with
# the name of a note or a rest is allowed among the music.
_NOT_A_FIELD = re.compile(r"[A-Ga-gxyz]:[|:]")
_DIRECTIVE = re.compile(r"%%\s*([\w-]+)")
_CONTINUES = re.compile(r"\\\s*$")


@dataclass(slots=True)
class Line:
    """A line of a tune.

    Args:
        number: Line number in the text, from 1.
        field: Letter of an information field, `""` for a line of music.
        text: Value of the field or the music, without comment.
        column: Column at which `text` starts, from 1.
    """

    number: int
    field: str
    text: str
    column: int = 1

    @property
    def empty(self) -> bool:
        """Whether the line ends a tune."""
        return not self.field and not self.text.strip()


def read_lines(text: str) -> Iterator[Line]:
    """Splits the text of a tune into its lines.

    Comments are dropped, `%%` directives come as the I: fields that they stand
    for, typeset text (`%%begintext` to `%%endtext`) is dropped, and `+:` lines
    are joined to the field that they continue.

    Args:
        text: The text of a tune.

    Yields:
        Fields, lines of music and empty lines, in order.
    """
    held: Line | None = None
    block = ""
    for number, raw in enumerate(_LINE_BREAK.split(text.lstrip("\ufeff")), start=1):
        if directive := _DIRECTIVE.match(raw):
            name = directive[1].lower()
            if block or name.startswith("begin"):
                block = "" if name == block else block or "end" + name[5:]
            else:
                if held:
                    yield held
                held = Line(number, "I", raw[2:].strip(), 3)
            continue
        if block:
            continue
        line = _read_line(number, raw)
        if line is None:
            continue
        if line.field == "+" and held:
            held.text += " " + line.text
            continue
        if held:
            yield held
        held = line
    if held:
        yield held


def _read_line(number: int, raw: str) -> Line | None:
    text = _COMMENT.sub("", raw)
    if len(text) < len(raw) and not text.strip():
        return None
    if _FIELD.match(text) and not _NOT_A_FIELD.match(text):
        value = text[2:]
        column = 3 + len(value) - len(value.lstrip())
        return Line(number, text[0], value.strip(), column)
    return Line(number, "", _CONTINUES.sub("", text))
