"""Scenes of handwritten digits, drawn from scikit-learn's."""

import dataclasses
import itertools
import random

import numpy as np

from keras_seq.extras import require
from recipes.image_captioning.language import INVERSE, PLACES, Statement, write

SIDE = 56  # pixels of a scene
HEIGHTS = {"small": (10, 13), "large": (19, 23)}  # pixels of a digit
TURN = 15  # degrees either way at most
SHEAR = 0.15  # pixels to the side for a pixel up, either way at most, in training
STRETCH = 0.15  # logarithm of the width's factor, either way at most, in training
GAP = 2  # pixels between digits at least
DIGITS = (0.22, 0.36, 0.24, 0.18)  # chance of one, two, three, four in a scene
EQUAL, SOME_EQUAL = 0.12, 0.25  # chance that all digits are, or that some are
PARTS = {"train": (0.0, 0.8), "validation": (0.8, 0.87), "test": (0.87, 1.0)}
_PATCH = 32  # pixels, for a digit of any size and turn
_KINDS = tuple(itertools.product(range(10), HEIGHTS))


@dataclasses.dataclass(frozen=True)
class Digit:
    """A digit of a scene.

    Attributes:
        value: 0 to 9.
        size: "small" or "large".
        box: (top, left, bottom, right) of its ink, in pixels, the ends excluded.
    """

    value: int
    size: str
    box: tuple


@dataclasses.dataclass(frozen=True)
class Scenes:
    """Pictures, what is in them, and captions.

    Attributes:
        images: uint8 array (N, SIDE, SIDE, 3).
        digits: For each scene a tuple of `Digit`.
        captions: For each scene a list of strings.
    """

    images: np.ndarray
    digits: list
    captions: list


def held_out_combinations(seed, share=0.15):
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
    pairs = [frozenset(p) for p in itertools.combinations_with_replacement(_KINDS, 2)]
    places = list(itertools.product(_KINDS, PLACES))
    return {
        *chance.sample(pairs, round(share * len(pairs))),
        *chance.sample(places, round(share * len(places))),
    }


def scenes(count, *, part, seed, references=5, progress=None):
    """Draws scenes with their captions.

    Handwriting of one part is in no other; test scenes hold a combination that the
    others never have (`held_out_combinations`).

    Args:
        count: Number of scenes.
        part: "train", "validation" or "test".
        seed: Seed of all that is drawn.
        references: Captions of each scene, which may be equal.
        progress: Called now and then as `progress(done, total)`.

    Returns:
        `Scenes`.
    """
    known, values = handwriting(part, seed)
    by_value = [np.flatnonzero(values == value) for value in range(10)]
    chance = random.Random(f"{part} {seed}")
    held_out = held_out_combinations(seed)
    images = np.empty((count, SIDE, SIDE, 3), np.uint8)
    found, captions = [], []
    for start in range(0, count, 1024):
        plans = [
            _plan(chance, held_out, part == "test")
            for _ in range(min(1024, count - start))
        ]
        each = [one for plan in plans for one in plan.placed]
        chosen = [chance.choice(by_value[one.value]) for one in each]
        drawn = np.random.default_rng([seed, list(PARTS).index(part), start])
        patches = _turned(
            known[chosen],
            np.array([one.height for one in each]),
            np.array([one.turn for one in each]),
            *_hands(len(each), drawn if part == "train" else None),
        )
        boxes = _ink(patches)
        at = 0
        for number, plan in enumerate(plans, start):
            end = at + len(plan.placed)
            digits, ink = _put(plan, patches[at:end], boxes[at:end])
            at = end
            images[number] = _coloured(ink, drawn)
            found.append(digits)
            captions.append([write(plan.statement, chance) for _ in range(references)])
        if progress is not None:
            progress(len(found), count)
    return Scenes(images, found, captions)


def handwriting(part, seed):
    """The digits of a part of scikit-learn's 1,797, and their values.

    Returns:
        float32 array (N, 8, 8), 0 to 1, and integers (N,).
    """
    data = require("sklearn.datasets", "recipes").load_digits()
    chosen: list = []
    generator = np.random.default_rng(seed)
    for value in range(10):
        places = generator.permutation(np.flatnonzero(data.target == value))
        start, end = (round(share * len(places)) for share in PARTS[part])
        chosen.extend(places[start:end])
    return (data.images[chosen] / 16).astype("float32"), data.target[chosen]


@dataclasses.dataclass(frozen=True)
class _Placed:
    value: int
    size: str
    height: int
    turn: float
    centre: tuple


@dataclasses.dataclass(frozen=True)
class _Plan:
    statement: Statement
    placed: tuple


def _plan(chance, held_out, wanted):
    """A scene that has a held-out combination, or has none."""
    while True:
        count = chance.choices((1, 2, 3, 4), DIGITS)[0]
        plan = _lone(chance) if count == 1 else _several(chance, count)
        # Whether a held-out combination is wanted must not change how many digits
        # there are: with more, there is one more often.
        while plan is None or (_combinations(plan) & held_out != set()) != wanted:
            plan = _lone(chance) if count == 1 else _several(chance, count)
        return plan


def _combinations(plan):
    kinds = [(one.value, one.size) for one in plan.placed]
    if len(kinds) == 1:
        return {(kinds[0], plan.statement.relation)}
    return {frozenset(pair) for pair in itertools.combinations(kinds, 2)}


def _some(chance, kind=None):
    """A value and a size, with a height and a turn."""
    value, size = kind or chance.choice(_KINDS)
    return value, size, chance.randint(*HEIGHTS[size]), chance.uniform(-TURN, TURN)


def _lone(chance):
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
    centre = tuple(chance.uniform(*ranges[third]) for third in where)
    kind = ((value, size),)
    return _Plan(
        Statement(kind, (), where), (_Placed(value, size, height, turn, centre),)
    )


def _extent(height):
    """Pixels that a turned digit takes at most, either way."""
    return round(height * 1.18) + 1


def _several(chance, count):
    """Two sides, one above or left of the other; or equal digits in a row.

    A picture has one reading: "left" is for sides of which none is above the other,
    and digits that are all equal are in a row or in a column.

    Returns:
        A plan, or None if what was drawn has no room.
    """
    axis = chance.randrange(2)  # along which the sides lie apart
    if chance.random() < EQUAL:
        kind = chance.choice(_KINDS)
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
    second: tuple = rest[0] if rest else ()
    if second and not _has_large(first) and _has_large(second):
        first, second, relation = second, first, INVERSE[relation]
    return _Plan(Statement(first, second, relation), placed)


def _large_first(kinds):
    return sorted(kinds, key=lambda kind: kind[1] != "large")


def _has_large(kinds):
    return any(size == "large" for _, size in kinds)


def _room(chance, sides, axis):
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
                _Placed(
                    value, size, height, turn, centre if axis == 0 else centre[::-1]
                )
            )
    return tuple(placed)


def _layered(placed):
    """Whether some of the digits are above all others, or nearly so."""
    ordered = sorted(placed, key=lambda one: one.centre[0])
    return any(
        max(one.centre[0] + one.height / 2 for one in ordered[:cut])
        <= min(one.centre[0] - one.height / 2 for one in ordered[cut:]) + GAP
        for cut in range(1, len(ordered))
    )


def _spread(chance, lengths):
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


def _hands(count, drawn):
    """How digits lean and how narrow they are: as in other hands, if drawn by chance.

    The training has the handwriting of few people, the test that of none of them.
    """
    if drawn is None:
        return np.zeros(count), np.ones(count)
    return (
        drawn.uniform(-SHEAR, SHEAR, count),
        np.exp(drawn.uniform(-STRETCH, STRETCH, count)),
    )


def _turned(digits, heights, turns, leans, narrow):
    """Digits scaled, turned, slanted and narrowed: (N, _PATCH, _PATCH).

    By bilinear interpolation.
    """
    angle, leans, narrow = (
        v[:, None, None] for v in (np.deg2rad(turns), leans, narrow)
    )
    scale = (8 / heights)[:, None, None]
    grid = np.arange(_PATCH, dtype="float32") - (_PATCH - 1) / 2
    down, across = grid[None, :, None] * scale, grid[None, None, :] * scale
    y = np.cos(angle) * down - np.sin(angle) * across
    x = np.sin(angle) * down + np.cos(angle) * across
    y, x = y + 3.5, narrow * x + leans * y + 3.5
    padded = np.pad(digits, ((0, 0), (2, 2), (2, 2)))
    y, x = (np.clip(v + 2, 0, 10.999) for v in (y, x))
    top, left = y.astype(int), x.astype(int)
    y, x = y - top, x - left
    rows = np.arange(len(digits))[:, None, None]

    def at(i, j):
        return padded[rows, top + i, left + j]

    return (at(0, 0) * (1 - x) + at(0, 1) * x) * (1 - y) + (
        at(1, 0) * (1 - x) + at(1, 1) * x
    ) * y


def _ink(patches):
    """Boxes of what is drawn, (N, 4)."""
    inked = patches > 0.25
    boxes = []
    for axis in (2, 1):
        lines = inked.any(axis)
        boxes.append((lines.argmax(1), _PATCH - lines[:, ::-1].argmax(1)))
    (top, bottom), (left, right) = boxes
    return np.stack([top, left, bottom, right], 1)


def _put(plan, patches, boxes):
    """The digits at their places, and the ink of the scene (SIDE, SIDE)."""
    ink = np.zeros((SIDE, SIDE), "float32")
    digits = []
    for one, patch, (top, left, bottom, right) in zip(
        plan.placed, patches, boxes, strict=True
    ):
        # The middle of the ink comes to the centre, whole within the scene.
        rows, columns = bottom - top, right - left
        y = min(max(round(one.centre[0] - rows / 2), 0), SIDE - rows)
        x = min(max(round(one.centre[1] - columns / 2), 0), SIDE - columns)
        part = ink[y : y + rows, x : x + columns]
        np.maximum(part, patch[top:bottom, left:right], out=part)
        box = (int(y), int(x), int(y + rows), int(x + columns))
        digits.append(Digit(one.value, one.size, box))
    return tuple(digits), ink


def _coloured(ink, drawn):
    """Ink of some shade on a lighter ground, uneven: uint8 (SIDE, SIDE, 3)."""
    ground, pen = (
        drawn.uniform(low, high) + drawn.uniform(-20, 20, 3)
        for low, high in ((150, 240), (10, 80))
    )
    slope = np.linspace(-1, 1, SIDE)
    uneven = slope[:, None] * drawn.uniform(-25, 25) + slope * drawn.uniform(-25, 25)
    field = ground + uneven[..., None]
    field += (pen - field) * ink[..., None]
    field += drawn.normal(0, drawn.uniform(1, 7), (SIDE, SIDE, 1))
    return np.clip(field, 0, 255).astype(np.uint8)
