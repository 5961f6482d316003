"""Documents as batches for next-token prediction."""

import itertools

import numpy as np
import pytest

from keras_seq.training import batches_by_length, next_token_batches, next_token_dataset

RNG = np.random.default_rng(0)
DOCUMENTS = [
    [1, *RNG.integers(4, 90, length).tolist(), 2] for length in RNG.integers(0, 20, 23)
]


def documents_in(batches):
    """The documents, put together again from what is read and what comes next."""
    for x, y, weight in batches:
        x, y, weight = (np.asarray(array) for array in (x, y, weight))
        assert x.shape == y.shape == weight.shape
        assert (x.dtype, y.dtype, weight.dtype) == (np.int32, np.int32, np.float32)
        for row in range(len(x)):
            count = int(weight[row].sum())
            assert weight[row].tolist() == [1.0] * count + [0.0] * (len(x[row]) - count)
            assert not y[row, count:].any()
            assert not x[row, count + 1 :].any()
            assert x[row, 1:count].tolist() == y[row, : count - 1].tolist()
            yield [x[row, 0].item(), *y[row, :count].tolist()]


def expected(documents, batch_size, seed, epoch):
    batches = batches_by_length(
        [len(document) for document in documents], batch_size, seed=seed, epoch=epoch
    )
    return [documents[i] for batch in batches for i in batch]


@pytest.mark.parametrize("seed", [None, 3])
def test_batches(seed):
    for epoch in (0, 2):
        batches = next_token_batches(DOCUMENTS, 4, seed=seed, epoch=epoch)
        assert list(documents_in(batches)) == expected(DOCUMENTS, 4, seed, epoch)


def test_the_weights_count_the_tokens():
    batches = list(next_token_batches(DOCUMENTS, 4))
    total = sum(weight.sum() for _, _, weight in batches)
    assert total == sum(len(document) - 1 for document in DOCUMENTS)


def test_one_pass():
    dataset = next_token_dataset(DOCUMENTS, 4, seed=1)
    for _ in range(2):
        assert list(documents_in(dataset)) == expected(DOCUMENTS, 4, 1, 0)
    shapes = [spec.shape.as_list() for spec in dataset.element_spec]
    assert shapes == [[None, None]] * 3


def test_epoch_after_epoch_from_anywhere():
    def changing(epoch):
        return [[*document, 100 + epoch] for document in DOCUMENTS]

    steps = -(-len(DOCUMENTS) // 4)
    for first in (0, 2):
        dataset = next_token_dataset(changing, 4, seed=1, first_epoch=first)
        batches = itertools.islice(iter(dataset), 3 * steps)
        epochs = range(first, first + 3)
        assert list(documents_in(batches)) == [
            document
            for epoch in epochs
            for document in expected(changing(epoch), 4, 1, epoch)
        ]


def test_nothing():
    assert list(next_token_batches([], 4)) == []
    ((x, _, weight),) = next_token_batches([[1], [1]], 4)
    assert x.shape == weight.shape == (2, 0)
