"""Scenes: what is drawn is where it is said to be, and the parts share nothing."""

import itertools

import numpy as np
import pytest

from recipes.image_captioning.composing import HEIGHTS, SIDE, held_out_combinations
from recipes.image_captioning.language import judge, parse, place
from recipes.image_captioning.scenes import handwriting, scenes


@pytest.fixture(scope="module")
def drawn():
    return {part: scenes(300, part=part, seed=3) for part in ("train", "test")}


def combinations(digits):
    """Pairs of kinds that are in a scene, or its one kind with the place."""
    kinds = [(digit.value, digit.size) for digit in digits]
    if len(kinds) == 1:
        return {(kinds[0], place(digits[0].box, SIDE))}
    return {frozenset(pair) for pair in itertools.combinations(kinds, 2)}


@pytest.mark.parametrize("part", ["train", "test"])
def test_every_caption_is_true_and_complete(drawn, part):
    found = drawn[part]
    for digits, captions in zip(found.digits, found.captions, strict=True):
        assert len(captions) == 5
        for caption in captions:
            assert judge(caption, digits, SIDE).right, (caption, digits)


def test_captions_with_a_word_changed_are_not(drawn):
    found = drawn["train"]
    swaps = {"above": "below", "over": "under", "left": "right", "large": "small"}
    swaps |= {"big": "tiny", "three": "four", "eights": "nines", "six": "zero"}
    swaps |= {new: old for old, new in swaps.items()}
    changed = 0
    for digits, (caption, *_) in zip(found.digits, found.captions, strict=True):
        said = parse(caption)
        if said.first == said.second:
            continue  # above or below, it is all the same
        for old in set(caption.split()) & set(swaps):
            words = [swaps[old] if word == old else word for word in caption.split()]
            changed += 1
            assert not judge(" ".join(words), digits, SIDE).right
    assert changed > 200


def test_boxes_hold_the_ink_and_nothing_else_does(drawn):
    for image, digits in zip(drawn["train"].images, drawn["train"].digits, strict=True):
        inside = np.zeros((SIDE, SIDE), bool)
        for digit in digits:
            top, left, bottom, right = digit.box
            assert not inside[top:bottom, left:right].any()  # none over another
            inside[top:bottom, left:right] = True
        # What is left of the picture without its ground, an inclined plane.
        y, x = np.mgrid[:SIDE, :SIDE]
        plane = np.stack([np.ones_like(x), y, x], axis=-1).astype("float64")
        grey = image.mean(axis=-1)
        found, *_ = np.linalg.lstsq(plane[~inside], grey[~inside], rcond=None)
        ink = plane @ found - grey
        assert (ink[~inside] < ink.max() / 2).all()
        for digit in digits:
            top, left, bottom, right = digit.box
            assert (ink[top:bottom, left:right] > ink.max() / 2).any()


def test_sizes_are_far_apart(drawn):
    heights = {size: [] for size in HEIGHTS}
    for digit in itertools.chain(*drawn["train"].digits, *drawn["test"].digits):
        top, _, bottom, _ = digit.box
        heights[digit.size].append(bottom - top)
    assert max(heights["small"]) + 2 <= min(heights["large"])


def test_one_to_four_digits_at_all_places(drawn):
    counts = np.bincount([len(digits) for digits in drawn["train"].digits])
    assert (counts[1:] > 20).all()
    assert len(counts) == 5
    lone = [d[0] for d in drawn["train"].digits if len(d) == 1]
    assert len({place(digit.box, SIDE) for digit in lone}) == 9


def test_test_scenes_hold_what_training_never_shows(drawn):
    held_out = held_out_combinations(3)
    for digits in drawn["train"].digits:
        assert not combinations(digits) & held_out
    for digits in drawn["test"].digits:
        assert combinations(digits) & held_out


def test_no_handwriting_is_in_two_parts():
    parts = [handwriting(part, 3) for part in ("train", "validation", "test")]
    digits = [{image.tobytes() for image in images} for images, _ in parts]
    assert sum(map(len, digits)) == len(set().union(*digits))
    assert sum(len(values) for _, values in parts) == 1797
    for _, values in parts:
        assert set(values) == set(range(10))


def test_the_seed_decides_all():
    one, again, other = (scenes(30, part="test", seed=s) for s in (5, 5, 6))
    np.testing.assert_array_equal(one.images, again.images)
    assert (one.digits, one.captions) == (again.digits, again.captions)
    assert one.captions != other.captions


def test_captions_vary(drawn):
    captions = [text for texts in drawn["train"].captions for text in texts]
    assert len(set(captions)) > 0.8 * len(captions)
    relations = {parse(text).relation for text in captions}
    assert {"above", "below", "left", "right", "row", "column"} <= relations
