"""Splitting pairs: nothing leaks, sizes, the same for a seed."""

import itertools
import random
from collections import Counter

import pytest

from keras_seq.text import (
    PairCorpus,
    normalise,
    read_pairs,
    shared_pairs,
    split_pairs,
)
from tests.text import samples

SIDES = {"source": (0,), "target": (1,), "both": (0, 1)}


def some_pairs(seed, count=400, sentences=300):
    chance = random.Random(seed)
    spellings = (str, str.upper, lambda text: f" {text} ", "e\u0301 {}".format)
    return list(
        dict.fromkeys(
            tuple(
                chance.choice(spellings)(f"{side} {chance.randrange(sentences)}")
                for side in ("source", "target")
            )
            for _ in range(count)
        )
    )


def assert_nothing_shared(parts, by):
    for side in SIDES[by]:
        sentences = [
            {normalise(pair[side], form="NFKC", casefold=True) for pair in part}
            for part in parts
        ]
        for one, other in itertools.combinations(sentences, 2):
            assert not one & other


def test_shared_pairs():
    test = [("É\u202f2", "x"), ("a", "b"), ("b", "a"), ("c", "d"), ("e", "f")]
    train = iter([("e\u0301 ２", "y"), ("C", "z"), ("g", " F "), ("h", "e")])
    assert shared_pairs(test, train) == [test[0], test[3], test[4]]
    assert shared_pairs(test, []) == []


@pytest.mark.parametrize("by", SIDES)
@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_shared_and_nothing_lost(by, seed):
    pairs = some_pairs(seed)
    parts = split_pairs(pairs, (0.8, 0.1, 0.1), seed=seed, by=by)
    assert_nothing_shared(parts, by)
    assert Counter(pair for part in parts for pair in part) == Counter(pairs)
    place = {pair: i for i, pair in enumerate(pairs)}
    for part in parts:
        assert part == sorted(part, key=place.get)
    for part in parts[1:]:
        assert 0 < len(part) <= round(0.1 * len(pairs))


def test_sources_alone_may_leave_targets_shared():
    parts = split_pairs(some_pairs(1), seed=1, by="source")
    with pytest.raises(AssertionError):
        assert_nothing_shared(parts, "target")


def test_linked_through_others():
    chain = [(f"s{i // 2}", f"t{(i + 1) // 2}") for i in range(20)]
    pairs = [*chain, *((f"alone {i}", f"allein {i}") for i in range(20))]
    for seed in range(5):
        train, test = split_pairs(pairs, (0.75, 0.25), seed=seed, by="both")
        assert set(chain) <= set(train)
        assert len(test) == 10


def test_looks_count_as_the_same():
    pairs = [("É\u202f2", "a"), ("e\u0301 ２", "b"), ("x", "c"), ("y", "d"), ("z", "e")]
    for seed in range(8):
        train, test = split_pairs(pairs, (0.6, 0.4), seed=seed)
        assert (pairs[0] in train) == (pairs[1] in train)
        assert len(test) == 2


def test_numbers_of_pairs():
    pairs = [(str(i), "t") for i in range(100)]
    parts = split_pairs(pairs, (50, 20, 10), seed=3)
    assert [len(part) for part in parts] == [50, 20, 10]
    assert_nothing_shared(parts, "source")
    assert [len(part) for part in split_pairs(pairs, (100, 0), seed=3)] == [100, 0]


def test_the_seed_decides():
    pairs = some_pairs(4)
    corpus = PairCorpus("x", tuple(pairs), 0, 0)
    assert split_pairs(pairs, seed=1) == split_pairs(corpus, seed=1)
    assert split_pairs(iter(pairs), seed=1) == split_pairs(pairs, seed=1)
    assert split_pairs(pairs, seed=1) != split_pairs(pairs, seed=2)


def test_every_group_has_its_chance():
    pairs = [(str(i), "t") for i in range(20)]
    drawn = Counter(
        pair for seed in range(400) for pair in split_pairs(pairs, seed=seed)[2]
    )
    # Two of 20 are drawn each time: 40 on average, deviation 6.
    assert len(drawn) == 20
    assert all(10 < count < 70 for count in drawn.values())


@pytest.mark.parametrize(
    ("sizes", "options", "message"),
    [
        ((0.8, 0.1), {}, "`sizes` must be shares that are together 1.*received"),
        ((1.2, -0.2), {}, "`sizes` must be shares"),
        ((float("nan"), 0.5), {}, "`sizes` must be shares"),
        ((), {}, "`sizes` must be shares"),
        ((8, 3), {}, r"together be at most .*, 10; received \(8, 3\)"),
        ((0.99, 0.01), {"by": "row"}, "`by` must be .*received 'row'"),
        ((9, 1), {"by": "target"}, "enough groups that share no target.*10 pairs in 1"),
    ],
)
def test_what_is_refused(sizes, options, message):
    pairs = [(str(i), "same") for i in range(10)]
    with pytest.raises(ValueError, match=message):
        split_pairs(pairs, sizes, seed=1, **options)


def test_tatoeba():
    corpus = read_pairs(samples.tatoeba(), columns=(1, 0))
    pairs = corpus.pairs[::4]
    parts = split_pairs(pairs, (0.9, 0.05, 0.05), seed=1, by="both")
    assert_nothing_shared(parts, "both")
    assert sum(map(len, parts)) == len(pairs)
    assert all(len(part) == round(0.05 * len(pairs)) for part in parts[1:])
