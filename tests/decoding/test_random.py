"""The counter-based generator behind `generate`."""

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding._random import threefry, uniform
from tests.decoding import oracle


def as_int32(words):
    return tf.constant(np.asarray(words, "uint32").view("int32"))


def hashed(keys, counters):
    """Words (N, 2) of `threefry` for words (N, 2)."""
    keys, counters = (np.asarray(words, "uint32").T for words in (keys, counters))
    pair = threefry([as_int32(k) for k in keys], [as_int32(c) for c in counters])
    return np.stack([x.numpy().view("uint32") for x in pair], axis=1)


# The known answers that its authors publish with Random123.
@pytest.mark.parametrize(
    ("key", "counter", "expected"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
        (
            (0x13198A2E, 0x03707344),
            (0x243F6A88, 0x85A308D3),
            (0xC4923A9C, 0x483DF7A0),
        ),
    ],
)
def test_threefry_gives_the_known_answers(key, counter, expected):
    assert tuple(hashed([key], [counter])[0]) == expected
    assert oracle.threefry(key, counter) == expected


@pytest.mark.parametrize("jit_compile", [False, True])
def test_threefry_equals_integer_arithmetic(jit_compile):
    rng = np.random.default_rng(0)
    words = rng.integers(0, 2**32, (300, 4), "uint32")
    words[:16] = np.array(np.meshgrid(*[[0, 0xFFFFFFFF]] * 4)).reshape(4, 16).T
    words[16] = (0x80000000, 0x7FFFFFFF, 0x80000000, 0x7FFFFFFF)

    @tf.function(jit_compile=jit_compile)
    def compiled(k_0, k_1, c_0, c_1):
        return threefry((k_0, k_1), (c_0, c_1))

    pair = compiled(*map(as_int32, words.T))
    got = np.stack([x.numpy().view("uint32") for x in pair], axis=1)
    expected = [oracle.threefry(row[:2], row[2:]) for row in words.tolist()]
    np.testing.assert_array_equal(got, np.array(expected, "uint32"))


def test_uniform_takes_the_upper_bits_of_the_first_word():
    seeds, rows = [0, 1, 2**31 - 1, 77], [0, 3, 5, 2**31 - 1]
    for step in (0, 1, 10_000):
        got = uniform((as_int32(seeds), as_int32(rows)), tf.constant(step)).numpy()
        expected = [oracle.uniform(key, step) for key in zip(seeds, rows, strict=True)]
        np.testing.assert_array_equal(got, expected)


def test_numbers_look_independent_and_uniform():
    keys = (tf.fill([2000], 5), tf.range(2000))
    numbers = np.stack([uniform(keys, tf.constant(t)).numpy() for t in range(100)])
    assert numbers.min() >= 0
    assert numbers.max() < 1
    n = numbers.size
    # Moments of the uniform distribution, at four standard errors of each.
    assert abs(numbers.mean() - 1 / 2) < 4 * np.sqrt(1 / 12 / n)
    assert abs(numbers.var() - 1 / 12) < 4 * np.sqrt(1 / 180 / n)
    for shift in ((1, 0), (0, 1), (1, 1), (7, 3)):
        neighbour = np.roll(numbers, shift, (0, 1))
        correlation = np.corrcoef(numbers.ravel(), neighbour.ravel())[0, 1]
        assert abs(correlation) < 4 / np.sqrt(n)
    counts = np.histogram(numbers, 256, (0, 1))[0]
    chi_square = ((counts - n / 256) ** 2 / (n / 256)).sum()
    assert abs(chi_square - 255) < 4 * np.sqrt(2 * 255)


def test_neighbouring_seeds_share_nothing():
    streams = np.stack(
        [
            uniform((tf.fill([5000], seed), tf.range(5000)), tf.constant(0)).numpy()
            for seed in range(6)
        ]
    )
    correlations = np.corrcoef(streams)[np.triu_indices(6, 1)]
    assert np.abs(correlations).max() < 4.5 / np.sqrt(5000)
