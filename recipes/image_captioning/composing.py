"""What stands where in a scene, and what is said of it: before anything is drawn."""

import dataclasses
import itertools
import random
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from recipes.image_captioning.language import INVERSE, PLACES, Kind, Statement

SIDE = 56  # pixels of a scene
HEIGHTS = {"small": (10, 13), "large": (19, 23)}  # pixels of a digit
TURN = 15  # degrees either way at most
GAP = 2  # pixels between digits at least
DIGITS = (0.22, 0.36, 0.24, 0.18)  # chance of one, two, three, four in a scene
EQUAL, SOME_EQUAL = 0.12, 0.25  # chance that all digits are, or that some are
KINDS = tuple(itertools.product(range(10), HEIGHTS))

Drawn: TypeAlias = tuple[int, str, int, float]  # value, size, height and turn
Centre: TypeAlias = tuple[float, float]  # down and across, in pixels


@dataclasses.dataclass(frozen=True)
class Placed:
    """A digit with its place."""

    value: int
    size: str
    height: int
    turn: float
    centre: Centre


@dataclasses.dataclass(frozen=True)
class Plan:
    """A scene that can be drawn, and what it says."""

    statement: Statement
    placed: tuple[Placed, ...]


def held_out_combinations(seed: int, share: float = 0.15) -> set[Any]:
    """What training never shows: pairs of kinds, and kinds at places.

    A kind is a value and a size.

    Args:
        seed: Integer.
        share: Share of all such combinations.

    Returns:
        Set of frozensets of kinds that don't stand in a scene together (one kind
        alone: not twice), and of pairs of a kind and a place.
    """
    chance = random.Random(f"combinations {seed}")
    pairs = [frozenset(p) for p in itertools.combinations_with_replacement(KINDS, 2)]
    places = list(itertools.product(KINDS, PLACES))
    return {
        *chance.sample(pairs, round(share * len(pairs))),
        *chance.sample(places, round(share * len(places))),
    }


def plan_scene(chance: random.Random, held_out: set[Any], wanted: bool) -> Plan:
    """A scene that has a held-out combination, or has none."""
    while True:
        count = chance.choices((1, 2, 3, 4), DIGITS)[0]
        plan = _lone(chance) if count == 1 else _several(chance, count)
        # Whether a held-out combination is wanted must not change how many digits
        # there are: with more, there is one more often.
        while plan is None or (_combinations(plan) & held_out != set()) != wanted:
            plan = _lone(chance) if count == 1 else _several(chance, count)
        return plan


def _combinations(plan: Plan) -> set[Any]:
    kinds = [(one.value, one.size) for one in plan.placed]
    if len(kinds) == 1:
        return {(kinds[0], plan.statement.relation)}
    return {frozenset(pair) for pair in itertools.combinations(kinds, 2)}


def _some(chance: random.Random, kind: Kind | None = None) -> Drawn:
    """A value and a size, with a height and a turn."""
    value, size = kind or chance.choice(KINDS)
    return value, size, chance.randint(*HEIGHTS[size]), chance.uniform(-TURN, TURN)


def _lone(chance: random.Random) -> Plan:
    """A digit at one of nine places."""
    value, size, height, turn = _some(chance)
    reach = _extent(height) / 2
    where = chance.choice(list(PLACES))
    # "Middle" reaches an eighth of the side from the middle: keep well off.
    ranges = {
        -1: (reach, max(reach, SIDE * 0.31)),
        0: (SIDE * 0.43, SIDE * 0.57),
        1: (min(SIDE - reach, SIDE * 0.69), SIDE - reach),
    }
    down, across = (chance.uniform(*ranges[third]) for third in where)
    kind = ((value, size),)
    placed = Placed(value, size, height, turn, (down, across))
    return Plan(Statement(kind, (), where), (placed,))


def _extent(height: int) -> int:
    """Pixels that a turned digit takes at most, either way."""
    return round(height * 1.18) + 1


def _several(chance: random.Random, count: int) -> Plan | None:
    """Two sides, one above or left of the other; or equal digits in a row.

    A picture has one reading: "left" is for sides of which none is above the other,
    and digits that are all equal are in a row or in a column.

    Returns:
        A plan, or None if what was drawn has no room.
    """
    axis = chance.randrange(2)  # along which the sides lie apart
    if chance.random() < EQUAL:
        kind = chance.choice(KINDS)
        sides = [[_some(chance, kind) for _ in range(count)]]
        relation = ("row", "column")[axis]
    else:
        cut = chance.randint(1, count - 1)
        some = [_some(chance) for _ in range(count)]
        if chance.random() < SOME_EQUAL:
            alike = chance.choice(some)[:2]
            some = [
                _some(chance, alike if chance.random() < 0.6 else one[:2])
                for one in some
            ]
        if len({one[:2] for one in some}) == 1:
            return None
        sides = [some[:cut], some[cut:]]
        relation = ("above", "left")[axis]
    for _ in range(20):
        placed = _room(chance, sides, axis)
        if placed is None:
            return None
        if relation != "left" or not _layered(placed):
            break
    else:
        return None
    # What is large is named first, then what is higher up or further left.
    first, *rest = (tuple(_large_first(one[:2] for one in side)) for side in sides)
    second = rest[0] if rest else ()
    if second and not _has_large(first) and _has_large(second):
        first, second, relation = second, first, INVERSE[relation]
    return Plan(Statement(first, second, relation), placed)


def _large_first(kinds: Iterable[Kind]) -> list[Kind]:
    return sorted(kinds, key=lambda kind: kind[1] != "large")


def _has_large(kinds: Iterable[Kind]) -> bool:
    return any(size == "large" for _, size in kinds)


def _room(
    chance: random.Random, sides: Sequence[Sequence[Drawn]], axis: int
) -> tuple[Placed, ...] | None:
    """Places for the digits of the sides; None if there is no room."""
    thick = [max(_extent(one[2]) for one in side) for side in sides]
    starts = _spread(chance, thick)
    if starts is None:
        return None
    placed = []
    for side, start, deep in zip(sides, starts, thick, strict=True):
        lengths = [_extent(one[2]) for one in side]
        places = _spread(chance, lengths)
        if places is None:
            return None
        for (value, size, height, turn), at, length in zip(
            side, places, lengths, strict=True
        ):
            # A little up and down, but within the side.
            slack = deep - length
            across = start + chance.uniform(0.25, 0.75) * slack + length / 2
            centre = (across, at + length / 2)
            placed.append(
                Placed(value, size, height, turn, centre if axis == 0 else centre[::-1])
            )
    return tuple(placed)


def _layered(placed: Sequence[Placed]) -> bool:
    """Whether some of the digits are above all others, or nearly so."""
    ordered = sorted(placed, key=lambda one: one.centre[0])
    return any(
        max(one.centre[0] + one.height / 2 for one in ordered[:cut])
        <= min(one.centre[0] - one.height / 2 for one in ordered[cut:]) + GAP
        for cut in range(1, len(ordered))
    )


def _spread(chance: random.Random, lengths: Sequence[int]) -> list[float] | None:
    """Where pieces of such lengths begin, with chance gaps; None without room."""
    slack = SIDE - sum(lengths) - GAP * (len(lengths) - 1)
    if slack < 0:
        return None
    cuts = sorted(chance.uniform(0, slack) for _ in lengths)
    starts, at = [], 0.0
    for cut, length, number in zip(cuts, lengths, itertools.count()):
        starts.append(cut + at + GAP * number)
        at += length
    return starts
