"""From text to lines: fields, music, empty lines; comments are dropped."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from keras_seq.music.abc._problems import Place

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
        field: Letter of an information field, `"+"` for what continues none,
            `"%"` for a directive, `""` for a line of music.
        text: Value of the field or the music, without comment.
        column: Column at which `text` starts, from 1.
    """

    number: int
    field: str
    text: str
    column: int = 1

    @property
    def place(self) -> Place:
        """Where `text` starts."""
        return self.number, self.column

    @property
    def empty(self) -> bool:
        """Whether the line ends a tune."""
        return not self.field and not self.text.strip()


def read_lines(text: str) -> Iterator[Line]:
    """Splits the text of a tune into its lines.

    Comments and typeset text (`%%begintext` to `%%endtext`) are dropped, and `+:`
    lines are joined to the field that they continue.

    Args:
        text: The text of a tune.

    Yields:
        Fields, directives, lines of music and empty lines, in order.
    """
    held: Line | None = None
    parts: list[str] = []
    for line in _single_lines(text):
        if line.field == "%":
            # A directive may stand between a field and its continuation.
            yield line
        elif line.field == "+" and held and held.field:
            parts.append(line.text)
        else:
            if held:
                held.text = " ".join(parts)
                yield held
            held, parts = line, [line.text]
    if held:
        held.text = " ".join(parts)
        yield held


def is_field(text: str) -> bool:
    """Whether a line, comments apart, is an information field."""
    return bool(_FIELD.match(text)) and not _NOT_A_FIELD.match(text)


def without_comment(line: str) -> str:
    """A line up to the % that starts a comment or directive, if there is one."""
    return _COMMENT.sub("", line)


def directive_name(line: str) -> str:
    """The name of a `%%` directive in lower case, `""` where a line is none."""
    match = _DIRECTIVE.match(line)
    return match[1].lower() if match else ""


def _single_lines(text: str) -> Iterator[Line]:
    block = ""
    lines = _LINE_BREAK.split(text.lstrip("\ufeff"))
    if not lines[-1]:
        lines.pop()
    for number, raw in enumerate(lines, start=1):
        name = directive_name(raw)
        if block:
            block = "" if name == block else block
        elif name.startswith("begin"):
            block = "end" + name[5:]
            yield Line(number, "%", raw[2:].strip(), 3)
        elif name:
            yield Line(number, "%", raw[2:].strip(), 3)
        elif line := _read_line(number, raw):
            yield line


def _read_line(number: int, raw: str) -> Line | None:
    text = without_comment(raw)
    if len(text) < len(raw) and not text.strip():
        return None
    if is_field(text):
        value = text[2:]
        column = 3 + len(value) - len(value.lstrip())
        return Line(number, text[0], value.strip(), column)
    return Line(number, "", _CONTINUES.sub("", text))
