"""How far a file is read, said to who waits for it."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from keras_seq.runs import _streams

_Item = TypeVar("_Item")
_FIRST = 1.0  # seconds: what takes less isn't waited for
_SECONDS = 30.0, 0.2  # between two signs of life: in lines, on a terminal
_LARGE = 3 * 10**7  # characters of JSON, which take a second
_WIDTH = 79  # of the line on a terminal


def reading(
    items: Iterable[_Item],
    name: str,
    total: int = 0,
    *,
    unit: str = "rows",
    size: Callable[[_Item], int] | None = None,
) -> Iterator[_Item]:
    r"""Items one after the other; says on stderr how far they are, where it takes long.

    Nothing is said of what takes less than a second, nor under `--quiet`. A terminal
    has one line, which is drawn over; elsewhere there is a line every 30 seconds.

    Args:
        items: What is read.
        name: Of the file, or of what holds the items.
        total: How much there is, if that is known.
        unit: What is counted: "rows", "files"; of "bytes" the megabytes are said.
        size: What an item counts; by default 1.

    Yields:
        The items.

    Example:

    >>> list(reading(["a\n", "b\n"], "few.txt", total=4, unit="bytes", size=len))
    ['a\n', 'b\n']
    """
    began = time.monotonic()
    due, done, drawn, told, whole = began + _FIRST, 0, False, False, False
    try:
        for item in items:
            done += size(item) if size is not None else 1
            if (now := time.monotonic()) >= due:
                drawn = sys.stderr.isatty()
                told = not _streams.is_quiet()
                due = now + _SECONDS[drawn]
                _say(_line(name, done, total, unit, now - began), drawn)
            yield item
        whole = True
    finally:
        # Who stops in the midst, as where an error is, has read no such number.
        if told and whole:
            _say(_line(name, done, 0, unit, time.monotonic() - began), drawn)
        if told and drawn:
            print(file=sys.stderr, flush=True)


def tell_of_parsing(name: str, size: int) -> None:
    """Says what is read at once, and so can't say how far it is."""
    if size >= _LARGE:
        _streams.tell(f"reading {name}: {size // 10**6} MB of JSON, all at once")


def _line(name: str, done: int, total: int, unit: str, seconds: float) -> str:
    known = total >= done > 0  # or it was a guess
    if unit == "bytes":
        done, total, unit = done // 10**6, -(-total // 10**6), "MB"
    counted = f"{done:,} of {total:,}" if known else f"{done:,}"
    return f"reading {name}: {counted} {unit}, {seconds:.0f} s"


def _say(line: str, drawn: bool) -> None:
    if drawn and not _streams.is_quiet():
        shown = line if len(line) < _WIDTH else f"...{line[3 - _WIDTH :]}"
        print(f"\r{shown.ljust(_WIDTH)}", end="", file=sys.stderr, flush=True)
    elif not drawn:
        _streams.tell(line)
