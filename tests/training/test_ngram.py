"""`NgramModel` against Witten and Bell's recursion over the raw text."""

import math
import random

import numpy as np
import pytest

from keras_seq.training import NgramModel, ngram_nats

SYMBOLS = "abcde"


def texts(seed, count=12):
    chance = random.Random(seed)
    return [
        "^" + "".join(chance.choices(SYMBOLS[:4], [8, 4, 2, 1], k=chance.randrange(30)))
        for _ in range(count)
    ]


def probability(symbol, context, sequences, order, vocabulary_size):
    """The recursion of the docstring; counts by looking through the text."""
    if order == 0:
        return 1 / vocabulary_size
    n = order - 1
    if n > len(context):
        return probability(symbol, context, sequences, order - 1, vocabulary_size)
    context = context[len(context) - n :]
    followers = [
        sequence[i]
        for sequence in sequences
        for i in range(max(1, n), len(sequence))
        if sequence[i - n : i] == context
    ]
    lower = probability(symbol, context[1:], sequences, order - 1, vocabulary_size)
    if not followers:
        return lower
    types = len(set(followers))
    return (followers.count(symbol) + types * lower) / (len(followers) + types)


@pytest.mark.parametrize("order", range(6))
def test_it_equals_the_recursion(order):
    train = texts(0)
    model = NgramModel(order, 7).fit(train)
    chance = random.Random(1)
    contexts = ["", "^", "^a", "zzz", "aaaaaaaaab"]
    contexts += ["".join(chance.choices("^" + SYMBOLS, k=6)) for _ in range(40)]
    contexts += [text[: chance.randrange(len(text) + 1)] for text in train]
    for context in contexts:
        for symbol in ("a", "d", "e", "z"):
            expected = probability(symbol, context, train, order, 7)
            assert model.probability(symbol, context) == pytest.approx(expected)
            assert model.probability(symbol, list(context)) == pytest.approx(expected)


@pytest.mark.parametrize("order", range(6))
def test_probabilities_sum_to_one(order):
    model = NgramModel(order, 6).fit(texts(2))
    chance = random.Random(3)
    for length in range(8):
        context = "".join(chance.choices(SYMBOLS + "^", k=length))
        total = sum(model.probability(symbol, context) for symbol in SYMBOLS + "^")
        assert total == pytest.approx(1)


def test_orders_0_and_1():
    train = ["^aab", "^b"]
    uniform, unigram = (NgramModel(order, 4).fit(train) for order in (0, 1))
    assert uniform.probability("a", "whatever") == 1 / 4
    # a twice, b twice, two types; the first symbols are not counted.
    assert unigram.probability("a", "b") == (2 + 2 / 4) / (4 + 2)
    assert unigram.probability("c", "") == (0 + 2 / 4) / (4 + 2)


def test_nats():
    train, text = texts(4), texts(5)[3]
    for order in range(5):
        model = NgramModel(order, 6).fit(train)
        expected = [
            -math.log(probability(symbol, text[:i], train, order, 6))
            for i, symbol in enumerate(text)
        ]
        assert model.nats(text) == pytest.approx(expected)
        assert model.nats(list(text)) == pytest.approx(expected)
    assert NgramModel(3, 6).fit(train).nats("") == []


def test_a_higher_order_learns_more_of_what_has_order():
    chance = random.Random(0)
    train, test = (
        ["^" + "".join(chance.choice(["abc", "bad"]) for _ in range(50))]
        for _ in range(2)
    )
    means = [np.mean(NgramModel(n, 5).fit(train).nats(test[0])) for n in (0, 1, 2, 3)]
    assert means == sorted(means, reverse=True)
    assert means[3] < 0.5 < means[1]


def test_a_model_that_has_seen_nothing_is_uniform():
    model = NgramModel(4, 5)
    for _ in range(2):
        assert model.probability("a", "bcd") == 1 / 5
        model.fit(["", "^"])


def test_fitting_goes_on():
    first, second = texts(6), texts(7)
    parts = NgramModel(3, 6).fit(first).fit(second)
    whole = NgramModel(3, 6).fit(first + second)
    assert parts.nats("^abcd") == whole.nats("^abcd")


def test_symbols_may_be_ids():
    train = [[1, 5, 6, 2], [1, 6, 6, 2]]
    as_text = ["^ab$", "^bb$"]
    ids = NgramModel(3, 9).fit(train).nats([1, 6, 5, 2])
    assert ids == NgramModel(3, 9).fit(as_text).nats("^ba$")


def test_asking_does_not_change_the_model():
    model = NgramModel(3, 6).fit(texts(8))
    before = model.nats("^abcde")
    for symbol in "xyz":
        model.probability(symbol, "xy")
        model.probability(symbol, "ab")
    assert model.nats("^abcde") == before


def test_ngram_nats():
    train = [[1, 5, 6, 2], [1, 6, 6, 2]]
    test = [[1, 6, 5, 2], [1, 2]]
    nats = ngram_nats(train, test, orders=(0, 2), vocabulary_size=8)
    assert list(nats) == [0, 2]
    assert [len(array) for array in nats[2]] == [3, 1]
    for order in (0, 2):
        model = NgramModel(order, 8).fit(train)
        for array, document in zip(nats[order], test, strict=True):
            np.testing.assert_allclose(array, model.nats(document)[1:])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, 5), "`order` must be an integer of at least 0; received -1"),
        ((1.5, 5), "`order` must be an integer of at least 0; received 1.5"),
        ((2, 0), "`vocabulary_size` must be an integer of at least 1; received 0"),
        ((2, "5"), "`vocabulary_size` must be an integer of at least 1"),
    ],
)
def test_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        NgramModel(*arguments)


def test_more_symbols_than_the_vocabulary_has():
    assert NgramModel(2, 2).fit(["^ab"])
    with pytest.raises(ValueError, match=r"is 2, but `sequences` have 3 different"):
        NgramModel(2, 2).fit(["^abc"])
