"""Captions of scenes: a grammar that writes them, reads them, and judges them.

A caption says which digits there are, how large, and where: "a large seven above two
small threes". What it says is a `Statement`; whether that is true of a scene is
decided from the boxes of the scene's digits alone, however the scene came about.
"""

import dataclasses
import itertools
import random
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PLURALS = tuple(f"{name}{'es' if name == 'six' else 's'}" for name in NAMES)
SIZES = {"small": ("small", "little", "tiny"), "large": ("large", "big", "huge")}
COUNTS = {1: ("a", "one"), 2: ("two",), 3: ("three",), 4: ("four",)}
RELATIONS = {
    "above": ("above", "over"),
    "below": ("below", "under", "beneath"),
    "left": ("to the left of", "left of"),
    "right": ("to the right of", "right of"),
}
INVERSE = {"above": "below", "below": "above", "left": "right", "right": "left"}
ARRANGEMENTS = {
    "row": ("side by side", "next to each other", "in a row"),
    "column": ("in a column", "on top of each other", "stacked up"),
}
PLACES = {
    (-1, -1): ("at the top left", "in the top left corner"),
    (-1, 0): ("at the top",),
    (-1, 1): ("at the top right", "in the top right corner"),
    (0, -1): ("on the left",),
    (0, 0): ("in the middle", "in the centre"),
    (0, 1): ("on the right",),
    (1, -1): ("at the bottom left", "in the bottom left corner"),
    (1, 0): ("at the bottom",),
    (1, 1): ("at the bottom right", "in the bottom right corner"),
}
# What is said without a second side.
ALONE: dict[Any, tuple[str, ...]] = {**ARRANGEMENTS, **PLACES}
BETWEEN = 1 / 4  # of a side, from the middle: where "middle" ends and "left" begins

Kind: TypeAlias = tuple[int, str]  # a value and a size
Box: TypeAlias = tuple[int, int, int, int]  # top, left, bottom, right
Place: TypeAlias = tuple[int, int]  # a key of PLACES


class SeenDigit(Protocol):
    """What is known of a digit of a scene."""

    @property
    def value(self) -> int:
        """0 to 9."""

    @property
    def size(self) -> str:
        """A key of `SIZES`."""

    @property
    def box(self) -> Box:
        """Where it is."""


@dataclasses.dataclass(frozen=True)
class Statement:
    """What a caption says.

    Attributes:
        first: Pairs of value and size, one for each digit of the subject, in the order
            in which they are named.
        second: The same of what stands behind the relation; empty without one.
        relation: A key of `RELATIONS`, between first and second; a key of
            `ARRANGEMENTS` or of `PLACES`, of first alone.
    """

    first: tuple[Kind, ...]
    second: tuple[Kind, ...]
    relation: Any


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a caption is worth.

    Attributes:
        readable: Whether it follows the grammar.
        true: Whether all that it says is so.
        complete: Whether it leaves no digit out.
    """

    readable: bool
    true: bool
    complete: bool

    @property
    def right(self) -> bool:
        """Whether it is true and complete."""
        return self.true and self.complete


def write(statement: Statement, chance: random.Random) -> str:
    """Says it in words, drawn at random among the ways there are.

    Args:
        statement: `Statement`.
        chance: `random.Random`.

    Returns:
        String.
    """
    first, second, relation = statement.first, statement.second, statement.relation
    if not second:
        where = chance.choice(ALONE[relation])
        what, be = _list(first, chance), "is" if len(first) == 1 else "are"
        forms = [f"{what} {where}", f"there {be} {what} {where}"]
        if relation in PLACES:
            forms.append(f"{where} there {be} {what}")
        return chance.choice(forms)
    words = chance.choice(RELATIONS[relation])
    one, other = _list(first, chance), _list(second, chance)
    be = "is" if _kinds(first)[0][1] == 1 else "are"
    forms = [
        f"{one} {words} {other}",
        f"there {be} {one} {words} {other}",
    ]
    return chance.choice(forms)


def _kinds(digits: Sequence[Kind]) -> list[tuple[Kind, int]]:
    """Kinds of digits with their number, in order of the first of each."""
    return [(kind, digits.count(kind)) for kind in dict.fromkeys(digits)]


def _list(digits: Sequence[Kind], chance: random.Random) -> str:
    """Digits in words: "a small two and two large threes"."""
    phrases = []
    for (value, size), count in _kinds(digits):
        noun = NAMES[value] if count == 1 else PLURALS[value]
        phrases.append(
            f"{chance.choice(COUNTS[count])} {chance.choice(SIZES[size])} {noun}"
        )
    return " and ".join(phrases)


def parse(caption: str) -> Statement | None:
    """What a caption says; None if it doesn't follow the grammar."""
    words, be = caption.split(), None
    for _, phrase in [(None, []), *_phrases(PLACES)]:
        start, rest = [*phrase, "there"], words[len(phrase) + 1 :]
        if words[: len(start)] == start and rest[:1] in (["is"], ["are"]):
            be, words = rest[0], [*rest[1:], *phrase]
            break
    one = bool(words) and words[0] in COUNTS[1]
    if be is not None and (be == "is") != one:
        return None  # the verb agrees with what is named first
    first, words = _read_list(words)
    if not first or not words:
        return None
    for relation, phrase in _phrases(ALONE):
        if words == phrase:
            fits = (len(first) == 1) == (relation in PLACES)
            return Statement(first, (), relation) if fits else None
    for relation, phrase in _phrases(RELATIONS):
        if words[: len(phrase)] == phrase:
            second, rest = _read_list(words[len(phrase) :])
            return None if rest or not second else Statement(first, second, relation)
    return None


def _phrases(ways: Mapping[Any, Sequence[str]]) -> list[tuple[Any, list[str]]]:
    """Pairs of what is meant and the words for it, the longest words first."""
    pairs = [(key, words.split()) for key, some in ways.items() for words in some]
    return sorted(pairs, key=lambda pair: -len(pair[1]))


def _read_list(words: list[str]) -> tuple[tuple[Kind, ...], list[str]]:
    """Digits from the start of some words, and the words behind them."""
    found = []
    while len(words) >= 3:
        count = next((n for n, some in COUNTS.items() if words[0] in some), None)
        size = next((s for s, some in SIZES.items() if words[1] in some), None)
        nouns = NAMES if count == 1 else PLURALS
        if count is None or size is None or words[2] not in nouns:
            return (), words
        found += [(nouns.index(words[2]), size)] * count
        words = words[3:]
        if words[:1] != ["and"]:
            return tuple(found), words
        words = words[1:]
    return (), words


def judge(caption: str, digits: Sequence[SeenDigit], side: int) -> Verdict:
    """Whether a caption is true of a scene, and leaves no digit out.

    It is true if the digits that it names can be found in the scene, each another
    one, so that all that is said holds of them.

    Args:
        caption: String.
        digits: The scene's, each with `value`, `size` and `box`.
        side: Of the scene, in pixels.

    Returns:
        `Verdict`.
    """
    statement = parse(caption)
    if statement is None:
        return Verdict(False, False, False)
    named = [*statement.first, *statement.second]
    return Verdict(
        readable=True,
        true=any(
            all((d.value, d.size) == kind for d, kind in zip(some, named, strict=True))
            and _holds(statement, some, side)
            for some in itertools.permutations(digits, len(named))
        ),
        complete=len(named) == len(digits),
    )


def _holds(statement: Statement, digits: Sequence[SeenDigit], side: int) -> bool:
    """Whether the relation holds of these digits, in the order of the statement."""
    relation = statement.relation
    boxes = [digit.box for digit in digits]
    if relation in PLACES:
        return place(boxes[0], side) == relation
    if relation in ARRANGEMENTS:
        return arranged(boxes, relation)
    first, second = boxes[: len(statement.first)], boxes[len(statement.first) :]
    if relation in ("below", "right"):
        first, second = second, first
    axis = 0 if relation in ("above", "below") else 1
    # Each of the one side ends before each of the other begins.
    return max(b[axis + 2] for b in first) <= min(b[axis] for b in second)


def place(box: Box, side: int) -> Place:
    """Where in the picture: (-1, 0 or 1 down, -1, 0 or 1 across).

    Args:
        box: (top, left, bottom, right).
        side: Of the picture.
    """

    def third(start: int, end: int) -> int:
        off = (start + end) / 2 / side - 0.5
        return 0 if abs(off) < BETWEEN / 2 else (1 if off > 0 else -1)

    return third(box[0], box[2]), third(box[1], box[3])


def arranged(boxes: Sequence[Box], relation: str) -> bool:
    """Whether boxes stand in a "row" or in a "column".

    Along it none reaches into another, and across it each overlaps with each.
    """
    along = 1 if relation == "row" else 0
    ordered = sorted(boxes, key=lambda box: box[along])
    apart = all(a[along + 2] <= b[along] for a, b in itertools.pairwise(ordered))
    across = 1 - along
    level = max(b[across] for b in boxes) < min(b[across + 2] for b in boxes)
    return apart and level
