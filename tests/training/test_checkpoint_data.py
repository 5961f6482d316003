"""Data that can be begun within an epoch, and those that can't."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.training import EpochCheckpoint
from keras_seq.training._checkpoint_data import EpochData, NotWithin, epoch_data

COUNT = tf.data.Dataset.range(8)
FIXED = {"seed": 1, "reshuffle_each_iteration": False}


def inner(**options):
    return COUNT.flat_map(lambda _: tf.data.Dataset.range(3).shuffle(3, **options))


def interleaved(deterministic):
    return COUNT.interleave(
        lambda _: tf.data.Dataset.range(3),
        num_parallel_calls=2,
        deterministic=deterministic,
    )


def drawn(seed):
    return tf.data.Dataset.sample_from_datasets([COUNT, COUNT], [0.5, 0.5], seed=seed)


def mapped(x, **options):
    return COUNT.map(lambda _: x(), num_parallel_calls=2, **options)


SAME = {
    "shuffled within": lambda: inner(**FIXED),
    "interleaved": lambda: interleaved(True),
    "drawn": lambda: drawn(3),
    "stateless": lambda: mapped(lambda: tf.random.stateless_uniform([], (1, 2))),
    "random": lambda: tf.data.Dataset.random(seed=4).take(8),
}
OTHERS = {
    "shuffled within": (lambda: inner(seed=1), "another order each time"),
    "without a seed": (lambda: inner(reshuffle_each_iteration=False), "has no `seed`"),
    "interleaved": (lambda: interleaved(False), "argument of `interleave`"),
    "drawn": (lambda: drawn(None), "random numbers .* no `seed`"),
    "mapped": (lambda: mapped(lambda: 0, deterministic=False), "argument of `map`"),
    "stateful": (lambda: mapped(lambda: tf.random.uniform([], seed=1)), "RandomUni"),
    "deeper": (
        lambda: COUNT.flat_map(lambda _: mapped(lambda: tf.random.normal([]))),
        "RandomStandardNormal",
    ),
    "random": (lambda: tf.data.Dataset.random(), "no `seed`"),
    "again": (
        lambda: tf.data.Dataset.random(seed=4, rerandomize_each_iteration=True),
        "others each time",
    ),
}


@pytest.fixture(autouse=True)
def no_seed():
    tf.random.set_seed(None)  # else a shuffle has that one


@pytest.mark.parametrize("name", SAME)
def test_data_sets_that_are_the_same_in_each_epoch(name):
    data = SAME[name]()
    one, other = (list(data.as_numpy_iterator()) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert isinstance(epoch_data([data], {"steps_per_epoch": 8}, 0), EpochData)


@pytest.mark.parametrize("name", OTHERS)
def test_data_sets_that_are_others_each_time(name):
    make, reason = OTHERS[name]
    found = epoch_data([make()], {"steps_per_epoch": 8}, 0)
    assert isinstance(found, NotWithin)
    with pytest.raises(ValueError, match=reason):
        raise ValueError(found.reason)


def test_arrays_that_are_sparse(tmp_path):
    """They are trained on as `fit` does, and are kept at epochs' ends."""
    x = tf.sparse.from_dense(np.eye(4, 3, dtype="float32"))
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    checkpoint = EpochCheckpoint(tmp_path, monitor="loss")
    options = {"epochs": 1, "batch_size": 2, "verbose": 0, "shuffle": False}
    checkpoint.fit(model, x, np.ones((4, 1), "float32"), **options)
    assert len(checkpoint.history) == 1
