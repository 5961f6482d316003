"""Pairs of sequences as batches."""

import itertools

import keras
import numpy as np
import pytest

from keras_seq.training import (
    SequenceCrossEntropy,
    batches_by_tokens,
    pair_batches,
    pair_dataset,
)

RNG = np.random.default_rng(0)


def ids(length):
    return RNG.integers(4, 90, length).tolist()


PAIRS = [
    (ids(length), [1, *ids(max(0, length + RNG.integers(-3, 4))), 2])
    for length in RNG.integers(0, 25, 61)
]


def read(batch):
    """The pairs of a batch, put together again; its size is checked on the way."""
    inputs, targets, weights = batch
    source, target = np.asarray(inputs["source"]), np.asarray(inputs["target"])
    targets, weights = np.asarray(targets), np.asarray(weights)
    assert (source.dtype, target.dtype, targets.dtype) == (np.int32,) * 3
    assert weights.dtype == np.float32
    assert target.shape == targets.shape == weights.shape
    pairs = []
    for i in range(len(source)):
        count = int(weights[i].sum())
        assert weights[i].tolist() == [1.0] * count + [0.0] * (len(weights[i]) - count)
        assert target[i, 1:count].tolist() == targets[i, : count - 1].tolist()
        assert not target[i, count + 1 :].any()
        assert not targets[i, count:].any()
        ids_read = source[i].tolist()
        while ids_read and ids_read[-1] == 0:
            ids_read.pop()
        pairs.append((ids_read, [target[i, 0], *targets[i, :count]]))
    # No column is padding alone.
    assert source.shape[1] == max(len(s) for s, _ in pairs)
    assert target.shape[1] == max(len(t) for _, t in pairs) - 1
    return pairs


def expected(pairs, seed, epoch, **limit):
    lengths = [[len(s), len(t) - 1] for s, t in pairs]
    batches = batches_by_tokens(lengths, **limit, seed=seed, epoch=epoch)
    return [[pairs[i] for i in batch] for batch in batches]


@pytest.mark.parametrize("limit", [{"tokens": 200}, {"count": 13}])
@pytest.mark.parametrize("seed", [None, 3])
def test_batches(seed, limit):
    for epoch in (0, 2):
        batches = list(pair_batches(PAIRS, **limit, seed=seed, epoch=epoch))
        assert [read(b) for b in batches] == expected(PAIRS, seed, epoch, **limit)
        for inputs, *_ in batches:
            size = inputs["source"].size + inputs["target"].size
            assert size <= limit.get("tokens", 250)


def test_one_pass():
    dataset = pair_dataset(PAIRS, 200, seed=1)
    for _ in range(2):
        assert [read(b) for b in dataset] == expected(PAIRS, 1, 0, tokens=200)
    assert dataset.cardinality() == len(expected(PAIRS, 1, 0, tokens=200))
    assert pair_dataset(lambda epoch: PAIRS, count=5).cardinality() == 5


def test_epoch_after_epoch_from_anywhere():
    def changing(epoch):
        return [(s + [7] * epoch, t[:-1] + [8] * (epoch % 2) + [2]) for s, t in PAIRS]

    for first in (0, 2):
        dataset = pair_dataset(changing, count=9, seed=1, first_epoch=first)
        batches = itertools.islice(iter(dataset), 3 * 9)
        assert [read(b) for b in batches] == [
            batch
            for epoch in range(first, first + 3)
            for batch in expected(changing(epoch), 1, epoch, count=9)
        ]


def test_what_fit_takes():
    source = keras.Input((None,), dtype="int32", name="source")
    target = keras.Input((None,), dtype="int32", name="target")
    memory = keras.layers.GlobalAveragePooling1D(keepdims=True)(
        keras.layers.Embedding(90, 8)(source)
    )
    x = keras.layers.Embedding(90, 8)(target) + memory
    model = keras.Model({"source": source, "target": target}, keras.layers.Dense(90)(x))
    model.compile("adam", SequenceCrossEntropy())
    pairs = [(s, t) for s, t in PAIRS if s]
    history = model.fit(
        pair_dataset(pairs, count=7, seed=1, first_epoch=0),
        epochs=2,
        steps_per_epoch=7,
        shuffle=False,
        validation_data=pair_dataset(pairs, 300),
        verbose=0,
    )
    assert history.history["val_loss"][1] < history.history["val_loss"][0]


def test_what_is_refused():
    with pytest.raises(ValueError, match="`count` must be given with `first_epoch`"):
        pair_dataset(PAIRS, 200, first_epoch=0)
    with pytest.raises(ValueError, match="a start mark at least; number 1 is empty"):
        list(pair_batches([([4], [1, 2]), ([4], [])], 20))
    with pytest.raises(ValueError, match="exactly one of `tokens` and `count`"):
        list(pair_batches(PAIRS))


def test_nothing():
    assert list(pair_batches([], 20)) == []
    assert pair_dataset([], 20).cardinality() == 0
