"""`KneserNeyModel` against the definitions, counted by brute force."""

import math
import random
from collections import Counter

import pytest

from keras_seq.training import KneserNeyModel

CHANCE = random.Random(0)
TEXTS = ["^" + "".join(CHANCE.choices("aabbbcde", k=30)) for _ in range(4)]


def grams(texts, n):
    """Every n-gram with the symbol before it, or None at a text's start.

    The first symbol of a text is nothing that comes.
    """
    return [
        (text[i - 1] if i else None, text[i : i + n])
        for text in texts
        for i in range(len(text) - n + 1)
        if i + n > 1
    ]


def adjusted(texts, n, order):
    found = grams(texts, n)
    if n == order:
        return Counter(gram for _, gram in found)
    kinds = Counter(gram for left, gram in set(found) if left is not None)
    kinds.update(gram for left, gram in found if left is None)
    return kinds


def probability(texts, order, size, symbol, context):
    known = 1 / size
    for n in range(1, order + 1):
        if n - 1 > len(context):
            return known
        counts = adjusted(texts, n, order)
        tail = context[len(context) - n + 1 :]
        after = {gram: k for gram, k in counts.items() if gram[:-1] == tail}
        if not after:
            return known
        once, twice = (sum(k == m for k in counts.values()) for m in (1, 2))
        discount = once / (once + 2 * twice) if once + twice else 0.5
        total = sum(after.values())
        known = (
            max(after.get(tail + symbol, 0) - discount, 0) / total
            + discount * len(after) / total * known
        )
    return known


@pytest.mark.parametrize("order", [0, 1, 2, 3, 4])
def test_every_probability(order):
    model = KneserNeyModel(order, vocabulary_size=9).fit(TEXTS)
    for context in ("", "^", "a", "^a", "ab", "zb", "bbb", "abzab", "eeeee", "^bca"):
        for symbol in "abcdez^":
            expected = probability(TEXTS, order, 9, symbol, context)
            assert model.probability(symbol, context) == pytest.approx(expected), (
                symbol,
                context,
            )


@pytest.mark.parametrize("order", [1, 2, 3])
def test_probabilities_sum_to_one(order):
    model = KneserNeyModel(order, vocabulary_size=7).fit(TEXTS)
    for context in ("", "a", "ab", "cde", "^"):
        total = sum(model.probability(symbol, context) for symbol in "^abcdez")
        assert total == pytest.approx(1)


def test_counting_in_two_parts_is_counting_at_once():
    both = KneserNeyModel(3, 9).fit(TEXTS)
    parts = KneserNeyModel(3, 9).fit(TEXTS[:1]).fit(TEXTS[1:])
    text = "^abbacadabra"
    assert parts.nats(text) == both.nats(text)
    expected = [
        -math.log(probability(TEXTS, 3, 9, text[i], text[max(0, i - 2) : i]))
        for i in range(len(text))
    ]
    assert both.nats(text) == pytest.approx(expected)


def test_a_word_in_one_context_alone():
    """ "Francisco" is frequent, and yet unlikely where "San" isn't."""
    words = ("san francisco new york new jersey the old town the new town " * 3).split()
    model = KneserNeyModel(2, vocabulary_size=20).fit([["^", *words]])
    unseen = "jersey"  # behind which neither was seen
    assert model.probability("francisco", unseen) < model.probability("new", unseen)
    assert words.count("francisco") == words.count("jersey")


def test_what_was_never_seen_is_possible_where_nothing_came_once():
    model = KneserNeyModel(1, vocabulary_size=4).fit(["aabbcc"])
    assert model.probability("d", "") > 0
    total = sum(model.probability(symbol, "") for symbol in "abcd")
    assert total == pytest.approx(1)


def test_bad_arguments():
    with pytest.raises(ValueError, match="`order` must be an integer of at least 0"):
        KneserNeyModel(-1, 5)
    with pytest.raises(ValueError, match="`vocabulary_size` is 2, but `sequences`"):
        KneserNeyModel(2, 2).fit(["abc d"])
