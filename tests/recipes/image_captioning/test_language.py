"""Captions of scenes: written, read, judged. The expected verdicts are by hand."""

import random

import pytest

from recipes.image_captioning.language import (
    ARRANGEMENTS,
    INVERSE,
    NAMES,
    PLACES,
    RELATIONS,
    Statement,
    arranged,
    judge,
    parse,
    place,
    write,
)
from recipes.image_captioning.scenes import Digit

SIDE = 56
# A large seven over two small threes, which stand side by side.
SCENE = (
    Digit(7, "large", (2, 14, 24, 30)),
    Digit(3, "small", (26, 5, 37, 13)),
    Digit(3, "small", (33, 40, 44, 48)),
)


def scene(*digits):
    return tuple(Digit(*digit) for digit in digits)


@pytest.mark.parametrize(
    ("caption", "true", "complete"),
    [
        ("a large seven above two small threes", True, True),
        ("there is one huge seven over two tiny threes", True, True),
        ("two little threes beneath a big seven", True, True),
        ("there are two little threes under a big seven", True, True),
        ("a small three and a small three below a large seven", True, True),
        ("a large seven above a small three", True, False),
        ("two small threes side by side", True, False),
        ("a large seven at the top", True, False),
        ("a small three at the bottom left", False, False),
        ("a small three on the left", True, False),
        ("a large seven below two small threes", False, True),
        ("a large seven to the left of two small threes", False, True),
        ("a large seven to the left of a small three", True, False),
        ("a small seven above two small threes", False, True),
        ("a large seven above two large threes", False, True),
        ("a large seven above two small twos", False, True),
        ("a large seven above three small threes", False, False),
        ("two large sevens above a small three", False, True),
        ("a small three above a small three", False, False),
        ("a small three to the left of a small three", True, False),
        ("two small threes in a column", False, False),
    ],
)
def test_verdicts(caption, true, complete):
    verdict = judge(caption, SCENE, SIDE)
    assert verdict.readable
    assert (verdict.true, verdict.complete) == (true, complete)
    assert verdict.right == (true and complete)


@pytest.mark.parametrize(
    "caption",
    [
        "",
        "seven",
        "a large seven",
        "a large seven above",
        "above two small threes",
        "a large sevens above two small threes",
        "a large seven above two small three",
        "two large seven side by side",
        "a large seven side by side",
        "two small threes at the top",
        "a large seven above two small threes and",
        "a large seven above two small threes above a small two",
        "there a large seven above two small threes",
        "at the top there",
        "there is at the top there is a large seven",
        "there are a large seven at the top",
        "at the top there are a large seven",
        "there is two small threes side by side",
        "at the top there is",
        "at the top there is a large seven at the top",
        "A large seven above two small threes",
        "one of the large sevens above a small three",
    ],
)
def test_what_is_no_caption(caption):
    assert parse(caption) is None
    verdict = judge(caption, SCENE, SIDE)
    assert (verdict.readable, verdict.true, verdict.complete) == (False,) * 3


def test_ones_and_twos_are_not_taken_for_numbers():
    digits = scene((1, "small", (20, 5, 31, 9)), (2, "small", (20, 20, 31, 28)),
                   (2, "small", (22, 40, 33, 48)))  # fmt: skip
    assert judge("one small one left of two small twos", digits, SIDE).right
    assert not judge("one small two left of two small ones", digits, SIDE).true


def test_each_word_for_a_digit_needs_a_digit_of_its_own():
    digits = scene((5, "small", (5, 5, 15, 12)), (5, "small", (40, 5, 50, 12)))
    assert judge("a small five above a small five", digits, SIDE).right
    assert not judge("two small fives above a small five", digits, SIDE).true


def test_all_of_one_side_are_beyond_all_of_the_other():
    digits = scene((1, "small", (5, 5, 15, 9)), (2, "small", (20, 20, 31, 28)),
                   (3, "small", (32, 40, 43, 48)))  # fmt: skip
    assert judge("a small one above a small two and a small three", digits, SIDE).right
    assert judge("a small one and a small two over a small three", digits, SIDE).right
    assert not judge(
        "a small two above a small one and a small three", digits, SIDE
    ).true
    assert not judge(
        "a small one and a small three above a small two", digits, SIDE
    ).true


def test_touching_is_apart_and_overlapping_is_not():
    caption = "a small one above a small two"
    for top, right in ((15, True), (14, False)):
        digits = scene((1, "small", (5, 5, 15, 9)), (2, "small", (top, 5, 40, 9)))
        assert judge(caption, digits, SIDE).right == right


@pytest.mark.parametrize(
    ("centre", "where"),
    [
        ((10, 10), (-1, -1)),
        ((28, 28), (0, 0)),
        ((28 + 6, 28 - 6), (0, 0)),
        ((28 + 8, 28 - 8), (1, -1)),
        ((28, 50), (0, 1)),
        ((47, 30), (1, 0)),
    ],
)
def test_places(centre, where):
    y, x = centre
    assert place((y - 5, x - 3, y + 5, x + 3), SIDE) == where


def test_rows_and_columns():
    row = [(10, 30, 20, 38), (12, 5, 24, 11), (8, 40, 18, 48)]
    assert arranged(row, "row")
    assert not arranged(row, "column")
    turned = [(left, top, right, bottom) for top, left, bottom, right in row]
    assert arranged(turned, "column")
    assert not arranged(turned, "row")
    assert not arranged([*row, (30, 50, 40, 55)], "row")  # too low
    assert not arranged([*row, (10, 36, 20, 39)], "row")  # within another


def statements():
    """Statements of all kinds."""
    one, two = ((7, "large"),), ((3, "small"), (3, "small"))
    mixed = ((1, "large"), (6, "small"), (1, "small"))
    for relation in RELATIONS:
        yield Statement(one, two, relation)
        yield Statement(two, one, relation)
        yield Statement(mixed, one, relation)
    for relation in ARRANGEMENTS:
        yield Statement(two, (), relation)
    for relation in PLACES:
        yield Statement(one, (), relation)


@pytest.mark.parametrize("statement", statements(), ids=repr)
def test_what_is_written_is_read_as_it_was_meant(statement):
    chance = random.Random(0)
    captions = {write(statement, chance) for _ in range(60)}
    assert len(captions) > 8
    for caption in captions:
        assert parse(caption) == statement


def test_relations_have_their_opposites():
    assert {INVERSE[INVERSE[relation]] for relation in RELATIONS} == set(RELATIONS)
    assert len(set(NAMES)) == 10
