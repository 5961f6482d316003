"""Answers to files of lines, block by block, an answer in each line."""

import contextlib
import itertools
import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, TypeVar

from keras_seq.files import replacing
from keras_seq.runs import _streams
from keras_seq.runs._ending import one_line

_ItemT = TypeVar("_ItemT")
_Record = Mapping[str, Any]

_SECONDS = {True: 0.5, False: 30.0}  # between two signs of life, on a terminal or not


def answer_lines(
    lines: Iterable[_ItemT],
    answer: Callable[[list[_ItemT]], Sequence[_Record]],
    *,
    shown: Callable[[_Record], str] | None = None,
    header: str | None = None,
    echo: str = "text",
    numbers: Iterable[int] | None = None,
    out: str | os.PathLike[str] | None = None,
    name: str = "line",
    label: str = "answering",
    at_once: int = 64,
) -> None:
    r"""What a verb does with a file of lines: an answer in each line, in their order.

    No more than a block of lines is held at once. A blank line isn't asked, and its
    answer is blank, so that the numbers of the lines agree. A line that can't be
    answered has the reason in its answer, and is told on stderr; the others have
    theirs.

    Args:
        lines: Strings, or whatever `answer` takes.
        answer: Function from a list of lines to what JSON has of each, dicts.
        shown: Function from such a dict to a line of text; None for JSON Lines, an
            object `{"line": number, "text": line, **answer}` each, which has the key
            "error" instead of the answer where there is none, and of a blank line
            neither.
        header: Line before the answers, or None.
        echo: What JSON calls a line; it has none that isn't a string.
        numbers: The numbers of the lines; from 1 by default.
        out: File for the answers, written whole or not at all; by default they are
            printed.
        name: Name of the file with the lines, for messages.
        label: What is being done, for the count of lines on stderr.
        at_once: Lines in a block.

    Raises:
        ValueError: When all is written, if there are lines without an answer.

    Example:

    >>> def count(lines):
    ...     return [{"letters": len(line)} for line in lines]
    >>> answer_lines(["a cat", ""], count)
    {"line": 1, "text": "a cat", "letters": 5}
    {"line": 2, "text": ""}
    >>> answer_lines(["a cat"], count, shown=lambda answer: str(answer["letters"]))
    5
    """
    progress = _Count(label)
    numbered = zip(numbers or itertools.count(1), lines, strict=False)
    wrong = count = 0
    with _opened(out) as file:
        escaped = not _streams.is_utf8(file)
        if header is not None:
            file.write(header + "\n")
        while block := list(itertools.islice(numbered, at_once)):
            asked = [item for _, item in block if not _is_blank(item)]
            found = iter(_answered(asked, answer))
            for number, item in block:
                count += 1
                record = {} if _is_blank(item) else next(found)
                if "error" in record:
                    wrong += 1
                    progress.tell(f"{name}:{number}: {record['error']}")
                if shown is None:
                    own = {echo: item} if isinstance(item, str) else {}
                    entry = {"line": number, **own, **record}
                    text = json.dumps(entry, ensure_ascii=escaped, allow_nan=False)
                else:
                    empty = "error" in record or not record
                    text = "" if empty else " ".join(shown(record).splitlines())
                # Bytes of the shell's that are no text are surrogates here.
                file.write(text.encode("utf-8", "replace").decode() + "\n")
            file.flush()
            progress(count)
    progress.end()
    if out is not None:
        print(f"{count} answers are in {out}")
    if wrong:
        raise ValueError(f"{wrong} of {count} lines could not be answered.")


def quoted_text(words: Sequence[str], name: str = "text") -> str | None:
    """The one text that stands on a command line.

    Args:
        words: The arguments, which are several where a text isn't quoted.
        name: What it is, for the message.

    Returns:
        The text; None if there are no arguments.

    Raises:
        ValueError: If there are several.

    Example:

    >>> quoted_text(["12th of March"])
    '12th of March'
    >>> quoted_text(["12th", "of", "March"])
    Traceback (most recent call last):
    ValueError: one text is expected; received 3 words: quote it, '12th of March'.
    """
    if len(words) > 1:
        raise ValueError(
            f"one {name} is expected; received {len(words)} words: quote it, "
            f"{shlex.quote(' '.join(words))}."
        )
    return words[0] if words else None


def check_one_given(first: str, second: str, *given: bool) -> None:
    """Refuses a command that is given two things of which it takes one, or neither.

    Args:
        first: What the one is, in words.
        second: Name of the other's argument.
        *given: Of all arguments that there are for them, whether each is given.

    Raises:
        ValueError: If not exactly one is.

    Example:

    >>> check_one_given("a sentence", "file", True, False)
    >>> check_one_given("a sentence", "file", True, True)
    Traceback (most recent call last):
    ValueError: either a sentence or `file` must be given, and not both.
    """
    if sum(given) != 1:
        raise ValueError(f"either {first} or `{second}` must be given, and not both.")


def _is_blank(item: object) -> bool:
    return isinstance(item, str) and not item.strip()


def _answered(
    items: list[_ItemT], answer: Callable[[list[_ItemT]], Sequence[_Record]]
) -> list[_Record]:
    """The answers of a block; where it has none, those of each line by itself."""
    if not items:
        return []
    try:
        found = list(answer(items))
    except (ValueError, OSError) as error:
        if len(items) == 1:
            return [{"error": one_line(error)}]
        return [one for item in items for one in _answered([item], answer)]
    if len(found) != len(items):
        raise RuntimeError(f"{len(items)} lines have {len(found)} answers.")
    return found


@contextlib.contextmanager
def _opened(out: str | os.PathLike[str] | None) -> Iterator[IO[str]]:
    if out is None:
        yield _streams.answers()
        return
    with (
        replacing(out) as temporary,
        open(temporary, "x", encoding="utf-8", newline="\n") as file,
    ):
        yield file


class _Count:
    """Says on stderr how many lines are done, where it takes long."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.terminal = sys.stderr.isatty()
        self._last = time.monotonic()
        self._line = ""  # what the terminal shows

    def __call__(self, count: int) -> None:
        now = time.monotonic()
        if _streams.is_quiet() or now - self._last < _SECONDS[self.terminal]:
            return
        self._last = now
        line = f"{self.label}: {count:,} lines"
        end = "" if self.terminal else "\n"
        start = "\r" if self.terminal else ""
        self._line = line if self.terminal else ""
        print(f"{start}{line}", end=end, file=sys.stderr, flush=True)

    def tell(self, message: str) -> None:
        """A line of its own."""
        self.end()
        print(message, file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leaves what the terminal shows."""
        if self._line:
            print(file=sys.stderr)
            self._line = ""
