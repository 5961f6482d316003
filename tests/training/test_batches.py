"""`batches_by_length`, `batches_by_tokens` and `pad`."""

import itertools

import numpy as np
import pytest

from keras_seq.training import batches_by_length, batches_by_tokens, pad

LENGTHS = np.random.default_rng(0).geometric(1 / 60, 503) + 10


def as_lists(batches):
    return [batch.tolist() for batch in batches]


def padding_share(batches):
    padded = sum(len(batch) * LENGTHS[batch].max() for batch in batches)
    return 1 - LENGTHS.sum() / padded


@pytest.mark.parametrize("seed", [None, 0, 5])
@pytest.mark.parametrize("batch_size", [1, 2, 16, 503, 1000])
def test_every_sequence_once(seed, batch_size):
    for epoch in (0, 1, 7):
        batches = batches_by_length(LENGTHS, batch_size, seed=seed, epoch=epoch)
        assert sorted(np.concatenate(batches)) == list(range(503))
        sizes = sorted((len(batch) for batch in batches), reverse=True)
        assert set(sizes[:-1]) <= {batch_size}
        assert 0 < sizes[-1] <= batch_size


def test_seed_and_epoch_decide():
    settings = list(itertools.product((0, 1), (0, 1, 2)))
    grouped = {
        (seed, epoch): as_lists(batches_by_length(LENGTHS, 8, seed=seed, epoch=epoch))
        for seed, epoch in settings
    }
    for (seed, epoch), batches in grouped.items():
        again = batches_by_length(LENGTHS.tolist(), 8, seed=seed, epoch=epoch)
        assert as_lists(again) == batches
    for one, other in itertools.combinations(grouped.values(), 2):
        assert sorted(map(sorted, one)) != sorted(map(sorted, other))
    # Without a seed there is no chance, whatever the epoch.
    plain = as_lists(batches_by_length(LENGTHS, 8))
    assert as_lists(batches_by_length(LENGTHS, 8, epoch=3)) == plain


def test_without_a_seed_in_order_of_length():
    order = np.concatenate(batches_by_length(LENGTHS, 8))
    assert order.tolist() == sorted(range(503), key=lambda i: LENGTHS[i])


def test_little_is_padding():
    shuffled = np.random.default_rng(0).permutation(503)
    chance = [shuffled[i : i + 16] for i in range(0, 503, 16)]
    assert padding_share(chance) > 0.5
    shares = [
        padding_share(batches_by_length(LENGTHS, 16, seed=0, spread=spread))
        for spread in (0.0, 0.1, 0.9)
    ]
    assert shares[0] < 0.1
    assert shares[1] < 0.15
    assert shares == sorted(shares)
    even = batches_by_length(LENGTHS, 16, seed=0, spread=0.0)
    assert padding_share(even) == padding_share(batches_by_length(LENGTHS, 16))


def test_long_and_short_batches_are_mixed():
    means = [LENGTHS[b].mean() for b in batches_by_length(LENGTHS, 16, seed=0)]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.5


@pytest.mark.parametrize("seed", [None, 0])
def test_few_sequences(seed):
    assert batches_by_length([], 4, seed=seed) == []
    assert as_lists(batches_by_length([7], 4, seed=seed)) == [[0]]
    assert sorted(np.concatenate(batches_by_length([0] * 5, 2, seed=seed))) == [
        *range(5)
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "`batch_size` must be a positive integer; received 0"),
        ({"batch_size": 2.0}, "`batch_size` must be a positive integer"),
        ({"spread": -0.1}, r"`spread` must be in \[0, 1\); received -0.1"),
        ({"spread": 1}, r"`spread` must be in \[0, 1\)"),
        ({"lengths": [[1, 2]]}, "`lengths` must be a sequence of lengths"),
        ({"lengths": [3, -1]}, "`lengths` must be a sequence of lengths"),
        ({"lengths": [3, np.nan]}, "`lengths` must be a sequence of lengths"),
    ],
)
def test_what_batches_by_length_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        batches_by_length(**{"lengths": [1, 2], "batch_size": 2, **options})


def test_pad():
    rows = [[1, 2, 3], [], (4,), np.array([5, 6]), range(2)]
    expected = [[1, 2, 3], [0, 0, 0], [4, 0, 0], [5, 6, 0], [0, 1, 0]]
    padded = pad(rows)
    assert padded.dtype == np.int32
    assert padded.tolist() == expected
    assert pad(rows, value=-7)[1].tolist() == [-7] * 3
    assert pad([]).shape == (0, 0)
    assert pad([[], []]).shape == (2, 0)
    assert pad([[]]).dtype == np.int32


@pytest.mark.parametrize("row", [[1.5], ["a"], [[1, 2]], [True], np.array([1.0])])
def test_what_pad_refuses(row):
    with pytest.raises(ValueError, match="`sequences` must be sequences of integers"):
        pad([[1, 2], row])


PAIR_LENGTHS = np.stack(
    [LENGTHS, (LENGTHS * np.random.default_rng(1).uniform(0.6, 1.5, 503)).astype(int)],
    axis=1,
)
EITHER = pytest.mark.parametrize(
    "lengths", [LENGTHS, PAIR_LENGTHS], ids=["lengths", "pairs"]
)


def padded_size(lengths, batch):
    return len(batch) * lengths[batch].reshape(len(batch), -1).max(0).sum()


@EITHER
@pytest.mark.parametrize("seed", [None, 5])
@pytest.mark.parametrize("tokens", [1300, 3000, 10**7])
def test_no_batch_is_larger_than_the_budget(lengths, seed, tokens):
    for epoch in (0, 7):
        batches = batches_by_tokens(lengths, tokens, seed=seed, epoch=epoch)
        assert sorted(np.concatenate(batches)) == list(range(503))
        sizes = [padded_size(lengths, batch) for batch in batches]
        assert max(sizes) <= tokens
        assert (tokens < 10**7) == (len(batches) > 1)


@EITHER
@pytest.mark.parametrize("seed", [None, 5])
@pytest.mark.parametrize("count", [1, 2, 37, 400, 503])
def test_as_many_batches_as_asked_for(lengths, seed, count):
    for epoch in (0, 7):
        batches = batches_by_tokens(lengths, count=count, seed=seed, epoch=epoch)
        assert len(batches) == count
        assert sorted(np.concatenate(batches)) == list(range(503))
        assert min(map(len, batches)) > 0
    # No budget smaller than the largest batch does with so few.
    largest = max(padded_size(lengths, batch) for batch in batches)
    longest = lengths.reshape(503, -1).sum(1).max()
    if largest > longest:
        tighter = batches_by_tokens(lengths, largest - 1, seed=seed, epoch=7)
        assert len(tighter) > count
    else:
        assert count >= 400


def test_sequences_of_the_same_length():
    for count, largest in ((4, 3), (5, 2), (7, 2), (9, 2), (10, 1)):
        sizes = [len(batch) for batch in batches_by_tokens([5] * 10, count=count)]
        assert (len(sizes), max(sizes), sum(sizes)) == (count, largest, 10)
    assert len(batches_by_tokens([0] * 10, count=4)) == 4
    assert len(batches_by_tokens([[0, 0]] * 10, 7)) == 1


def test_seed_and_epoch_decide_by_tokens_too():
    def grouped(seed, epoch):
        return as_lists(batches_by_tokens(PAIR_LENGTHS, 3000, seed=seed, epoch=epoch))

    assert grouped(0, 1) == grouped(0, 1)
    assert len({str(sorted(grouped(s, e))) for s in (0, 1) for e in (0, 1)}) == 4
    assert grouped(None, 0) == grouped(None, 3)
    sizes = [PAIR_LENGTHS[batch].mean() for batch in grouped(0, 0)]
    assert abs(np.corrcoef(sizes, np.arange(len(sizes)))[0, 1]) < 0.5


def test_little_of_the_pairs_is_padding():
    def share(batches):
        sizes = sum(padded_size(PAIR_LENGTHS, batch) for batch in batches)
        return 1 - PAIR_LENGTHS.sum() / sizes

    order = np.argsort(PAIR_LENGTHS.sum(1))
    by_sum = [order[i : i + 12] for i in range(0, 503, 12)]
    by_tokens = batches_by_tokens(PAIR_LENGTHS, count=len(by_sum))
    assert share(by_tokens) < 0.85 * share(by_sum)
    assert share(batches_by_tokens(PAIR_LENGTHS, 3000, seed=0)) < 0.25
    assert share(batches_by_tokens(PAIR_LENGTHS, 3000, seed=0, spread=0)) < 0.18


@pytest.mark.parametrize("seed", [None, 0])
def test_few_sequences_by_tokens(seed):
    assert batches_by_tokens([], 4, seed=seed) == []
    assert as_lists(batches_by_tokens([7], 7, seed=seed)) == [[0]]
    assert as_lists(batches_by_tokens([[3, 4]], count=1, seed=seed)) == [[0]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "exactly one of `tokens` and `count` must be given; received None and N"),
        ({"tokens": 9, "count": 2}, "exactly one of `tokens` and `count`"),
        ({"tokens": 3}, "`tokens` must be at least 4, the size of the longest"),
        ({"count": 0}, "`count` must be an integer from 1 to 2"),
        ({"count": 3}, "`count` must be an integer from 1 to 2"),
        ({"count": 1.5}, "`count` must be an integer from 1 to 2"),
        ({"tokens": 9, "spread": 1}, r"`spread` must be in \[0, 1\)"),
        ({"tokens": 9, "lengths": [[1, 2, 3]]}, "`lengths` must be a sequence of leng"),
        ({"tokens": 9, "lengths": [[3, -1]]}, "`lengths` must be a sequence of length"),
    ],
)
def test_what_batches_by_tokens_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        batches_by_tokens(**{"lengths": [1, 4], **options})
