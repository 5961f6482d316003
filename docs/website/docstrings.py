"""Docstrings as Markdown: what mkdocstrings is shown instead of Keras's layout."""

import re
import textwrap

import griffe

SECTION = re.compile(
    r"^(Call arguments|Example|References?|Returns|Warns|Yields):\n", re.MULTILINE
)
DOCTEST = re.compile(
    r"(?:^ *(?:>>>|\.\.\.) ?.*\n(?:^(?! *>>>)[ \t]*\S.*\n)*)+", re.MULTILINE
)
ARGUMENT = re.compile(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*): ", re.MULTILINE)


def as_markdown(text):
    """A docstring whose examples are code, and whose own sections have headings.

    `Args:`, `Raises:` and `Attributes:` are left to the reader of Google's layout; of
    `Returns:` it would make a table of names and types, where ours is prose.
    """
    pieces = SECTION.split(text + "\n")
    made = [pieces[0]]
    for title, rest in zip(pieces[1::2], pieces[2::2], strict=True):
        match = re.match(r"(?:(?:    .*)?\n)*", rest)
        inside = textwrap.dedent(match[0])
        if title == "Call arguments":
            inside = re.sub(ARGUMENT, r"- `\1`: ", inside)
        made.append(f"\n**{title}**\n\n{inside}\n{rest[match.end() :]}")
    return DOCTEST.sub(_fenced, "".join(made))


def _fenced(match):
    return f"\n```pycon\n{textwrap.dedent(match[0])}```\n\n"


class Docstrings(griffe.Extension):
    """Shows every docstring as Markdown."""

    def on_object(self, *, obj, **kwargs):
        """Changes one object's docstring, in memory."""
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)
