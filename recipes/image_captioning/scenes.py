"""Scenes of handwritten digits, drawn from scikit-learn's."""

import dataclasses
import random
from collections.abc import Callable

import numpy as np

from keras_seq.extras import require
from recipes.image_captioning.composing import (
    SIDE,
    Plan,
    held_out_combinations,
    plan_scene,
)
from recipes.image_captioning.language import Box, write

SHEAR = 0.15  # pixels to the side for a pixel up, either way at most, in training
STRETCH = 0.15  # logarithm of the width's factor, either way at most, in training
PARTS = {"train": (0.0, 0.8), "validation": (0.8, 0.87), "test": (0.87, 1.0)}
_PATCH = 32  # pixels, for a digit of any size and turn


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
    box: Box


@dataclasses.dataclass(frozen=True)
class Scenes:
    """Pictures, what is in them, and captions.

    Attributes:
        images: uint8 array (N, SIDE, SIDE, 3).
        digits: For each scene a tuple of `Digit`.
        captions: For each scene a list of strings.
    """

    images: np.ndarray
    digits: list[tuple[Digit, ...]]
    captions: list[list[str]]


def scenes(
    count: int,
    *,
    part: str,
    seed: int,
    references: int = 5,
    progress: Callable[[int, int], None] | None = None,
) -> Scenes:
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
            plan_scene(chance, held_out, part == "test")
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


def handwriting(part: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The digits of a part of scikit-learn's 1,797, and their values.

    Returns:
        float32 array (N, 8, 8), 0 to 1, and integers (N,).
    """
    data = require("sklearn.datasets", "recipes").load_digits()
    chosen: list[int] = []
    generator = np.random.default_rng(seed)
    for value in range(10):
        places = generator.permutation(np.flatnonzero(data.target == value))
        start, end = (round(share * len(places)) for share in PARTS[part])
        chosen.extend(places[start:end])
    return (data.images[chosen] / 16).astype("float32"), data.target[chosen]


def _hands(
    count: int, drawn: np.random.Generator | None
) -> tuple[np.ndarray, np.ndarray]:
    """How digits lean and how narrow they are: as in other hands, if drawn by chance.

    The training has the handwriting of few people, the test that of none of them.
    """
    if drawn is None:
        return np.zeros(count), np.ones(count)
    return (
        drawn.uniform(-SHEAR, SHEAR, count),
        np.exp(drawn.uniform(-STRETCH, STRETCH, count)),
    )


def _turned(
    digits: np.ndarray,
    heights: np.ndarray,
    turns: np.ndarray,
    leans: np.ndarray,
    narrow: np.ndarray,
) -> np.ndarray:
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

    def at(i: int, j: int) -> np.ndarray:
        return padded[rows, top + i, left + j]

    return (at(0, 0) * (1 - x) + at(0, 1) * x) * (1 - y) + (
        at(1, 0) * (1 - x) + at(1, 1) * x
    ) * y


def _ink(patches: np.ndarray) -> np.ndarray:
    """Boxes of what is drawn, (N, 4)."""
    inked = patches > 0.25
    boxes = []
    for axis in (2, 1):
        lines = np.any(inked, axis=axis)
        boxes.append((lines.argmax(1), _PATCH - lines[:, ::-1].argmax(1)))
    (top, bottom), (left, right) = boxes
    return np.stack([top, left, bottom, right], 1)


def _put(
    plan: Plan, patches: np.ndarray, boxes: np.ndarray
) -> tuple[tuple[Digit, ...], np.ndarray]:
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


def _coloured(ink: np.ndarray, drawn: np.random.Generator) -> np.ndarray:
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
