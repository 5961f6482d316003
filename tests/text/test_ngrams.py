"""N-grams by brute force, and their numbers by TensorFlow's hash of the strings."""

import collections

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.text import NgramHasher, split_words, split_words_tensor

TEXTS = ["so so good , so good", "", "Déjà vu 日本 !", "so"]


def words_of(text):
    return split_words(text, lowercase=True)


def expected(level, orders, text):
    """(string, first word, last word) of each n-gram."""
    words = words_of(text)
    for order in orders:
        if level == "words":
            for i in range(len(words) - order + 1):
                yield "\x1f".join(words[i : i + order]), i, i + order - 1
        else:
            for i, word in enumerate(words):
                spaced = f" {word} "
                for j in range(len(spaced) - order + 1):
                    yield spaced[j : j + order], i, i


@pytest.mark.parametrize(
    ("level", "orders"), [("words", (1, 2, 3)), ("characters", (1, 3, 4))]
)
@pytest.mark.parametrize("buckets", [7, 2**20])
def test_every_ngram(level, orders, buckets):
    hasher = NgramHasher(level, orders, buckets)
    found = hasher(split_words_tensor(TEXTS, lowercase=True))
    rows = [[] for _ in TEXTS]
    for row, number, share, first, last in zip(
        *(part.numpy() for part in found), strict=True
    ):
        rows[row].append((number, first, last, share))
    for text, got in zip(TEXTS, rows, strict=True):
        wanted = [
            (int(tf.strings.to_hash_bucket_fast(string, buckets)), first, last)
            for string, first, last in expected(level, orders, text)
        ]
        times = collections.Counter(number for number, *_ in wanted)
        assert sorted(row[:3] for row in got) == sorted(wanted)
        for number, _, _, share in got:
            assert share == pytest.approx(1 / times[number])
        assert sum(share for *_, share in got) == pytest.approx(len(times))


def test_in_a_graph_and_from_its_config():
    hasher = NgramHasher("words", [1, 2], 1000)
    again = NgramHasher(**hasher.to_config())
    graph = tf.function(
        lambda texts: again(split_words_tensor(texts, lowercase=True)),
        input_signature=[tf.TensorSpec([None], tf.string)],
        autograph=False,
    )
    eager = hasher(split_words_tensor(TEXTS, lowercase=True))
    for a, b in zip(eager, graph(tf.constant(TEXTS)), strict=True):
        np.testing.assert_array_equal(a, b)
    empty = graph(tf.constant([], tf.string))
    assert [part.shape[0] for part in empty] == [0] * 5


def test_splitting_in_the_graph_is_splitting_in_python():
    texts = [*TEXTS, "Don't pay $3.50!", "a\u2028b\x00c"]
    for lowercase in (True, False):
        ragged = split_words_tensor(texts, lowercase=lowercase).to_list()
        found = [[word.decode() for word in row] for row in ragged]
        assert found == [split_words(text, lowercase=lowercase) for text in texts]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("word", (1,), 5), "`level` must be one of 'words', 'characters'"),
        (("words", (), 5), "`orders` must be integers of at least 1"),
        (("words", (0,), 5), "`orders` must be integers of at least 1"),
        (("words", (1.5,), 5), "`orders` must be integers of at least 1"),
        (("words", (1,), 0), "`buckets` must be an integer of at least 1; received 0"),
        (("words", (1,), 2.5), "`buckets` must be an integer of at least 1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        NgramHasher(*arguments)
