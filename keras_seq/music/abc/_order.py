"""The order in which bars are played: repeats, variant endings, parts."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, Protocol

# No music asks for more, and a few characters of text must not ask for much.
MOST_PASSES = 16
_MOST_PARTS = 256
_PART = re.compile(r"([A-Za-z])([0-9]*)|(\()|\)([0-9]*)|[.\s]+")


class Repeated(Protocol):
    """What a bar must tell about the repeat signs around it."""

    @property
    def repeat_start(self) -> bool: ...
    @property
    def repeat_end(self) -> int: ...
    @property
    def repeat_bound(self) -> bool: ...
    @property
    def section_start(self) -> bool: ...
    @property
    def endings(self) -> tuple[int, ...]: ...


class Labelled(Repeated, Protocol):
    """A bar that also tells which part it belongs to."""

    @property
    def part(self) -> str: ...


class Section(NamedTuple):
    """Bars `start` to `stop - 1`, played `passes` times."""

    start: int
    stop: int
    passes: int


def sections(bars: Sequence[Repeated], *, parts: bool = False) -> list[Section]:
    """Splits bars at repeats and double bars; with `parts` at P: labels too.

    A repeat goes back to the last `|:` that is still open; without one to the
    last repeat or double bar, or to the start (standard, section 4.8). Variant
    endings belong to the section that they end.
    """
    found: list[Section] = []
    start, opened, repeats = 0, -1, 0
    endings: set[int] = set()
    for index, bar in enumerate(bars):
        if bar.repeat_start:
            opened = index
        repeats = max(repeats, bar.repeat_end)
        endings.update(bar.endings)
        following = bars[index + 1] if index + 1 < len(bars) else None
        if following and not _starts_section(bar, following, endings, parts):
            continue
        if repeats or endings:
            while start > opened >= 0:
                start = found.pop().start
            opened = -1
        found.append(Section(start, index + 1, max([1 + repeats, *endings])))
        start, repeats, endings = index + 1, 0, set()
    return found


def _starts_section(
    bar: Repeated, following: Repeated, endings: set[int], parts: bool
) -> bool:
    starts = following.section_start if parts else following.repeat_bound
    if following.endings == bar.endings:
        return starts
    if following.endings and endings.isdisjoint(following.endings):
        return following.repeat_start
    return starts or bool(following.endings)


def play(bars: Sequence[Repeated], at_least: int = 1) -> Iterator[int]:
    """Yields the indices of `bars` as they are played, repeats written out.

    Args:
        bars: Bars of one voice.
        at_least: How often a section is played where no repeat sign asks for
            more.

    Yields:
        Indices of `bars`.
    """
    for start, stop, passes in sections(bars, parts=at_least > 1):
        for number in range(1, max(passes, at_least) + 1):
            for index in range(start, stop):
                if not bars[index].endings or number in bars[index].endings:
                    yield index


def play_parts(bars: Sequence[Labelled], order: str) -> Iterator[int]:
    """Yields the indices of `bars` as they are played, part after part.

    Args:
        bars: Bars of one voice.
        order: Value of the P: field in the header.

    Yields:
        Indices of `bars`; none where `order` is no order of the parts that they are
        labelled with.
    """
    parts: dict[str, list[int]] = {}
    for index, bar in enumerate(bars):
        parts.setdefault(bar.part, []).append(index)
    letters = expand_parts(order)
    if not letters or not set(letters) <= parts.keys():
        return
    # What stands before the first part is played once.
    yield from parts.get("", ())
    for letter, run in groupby(letters):
        members = [bars[index] for index in parts[letter]]
        played = [parts[letter][index] for index in play(members)]
        # `P:A4` with four variant endings plays each of them once (standard,
        # section 4.10), so the passes of the endings count as playings.
        passes = max((max(bar.endings, default=1) for bar in members), default=1)
        for _ in range(max(1, len(list(run)) // passes)):
            yield from played


def expand_parts(order: str) -> str:
    """Writes out the order of parts of a P: field in the header.

    Args:
        order: The field's value, such as `"AABB"`, `"A2.B2"` or `"(AB)3C"`.

    Returns:
        A letter for each playing of a part; `""` where the text is no order or
        asks for more than 256 parts.
    """
    stack = [""]
    place = 0
    while place < len(order):
        match = _PART.match(order, place)
        if not match:
            return ""
        place = match.end()
        letter, times, opening, group_times = match.groups()
        if letter:
            stack[-1] += _repeated(letter, times)
        elif opening:
            stack.append("")
        elif group_times is not None:
            if len(stack) == 1:
                return ""
            group = stack.pop()
            stack[-1] += _repeated(group, group_times)
        if len(stack[-1]) > _MOST_PARTS:
            return ""
    return stack[0] if len(stack) == 1 else ""


def _repeated(text: str, times: str) -> str:
    # Three digits are beyond the limit whatever the text.
    return text * (int(times or 1) if len(times) < 4 else _MOST_PARTS + 1)
