"""What goes through `generate` from step to step, and what comes out of it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import Greedy, generate


@pytest.mark.parametrize(
    "state",
    [
        (),
        {},
        np.arange(3, dtype="float32"),
        [np.arange(3)],
        (np.arange(3, dtype="int64"), np.arange(12, dtype="float16").reshape(3, 2, 2)),
        {
            "b": np.array([[True], [False], [False]]),
            "a": [np.arange(3.0), (np.eye(3, 4, dtype="float32"),)],
        },
    ],
    ids=repr,
)
def test_the_state_is_any_nest(state):
    def step(tokens, state):
        turned = keras.tree.map_structure(lambda x: tf.reverse(x, [0]), state)
        return tf.one_hot((tokens + 1) % 5, 5), turned, {"state": state}

    result = generate(step, state, np.arange(3), max_length=4, strategy=Greedy())
    assert result.ids.numpy().tolist() == [[1, 2, 3, 4], [2, 3, 4, 0], [3, 4, 0, 1]]
    # Every leaf went through all steps, turned over at each.
    leaves = keras.tree.flatten(state)
    kept = keras.tree.flatten(result.kept)
    assert len(leaves) == len(kept)
    for leaf, values in zip(leaves, kept, strict=True):
        assert values.dtype == leaf.dtype
        for t in range(4):
            np.testing.assert_array_equal(values[:, t], leaf[:: (-1) ** t])


def test_what_the_step_keeps():
    def step(tokens, state):
        keep = {
            "one": tokens * 2,
            "nest": [
                tf.one_hot(tokens, 7),
                (tf.fill([tf.shape(tokens)[0], 2, 3], 1.5), tokens < 99),
            ],
            "half": tf.cast(tokens, "float16"),
        }
        return tf.one_hot(tokens + 1, 7), state, keep

    result = generate(
        step, (), np.array([0, 2, 4]), max_length=6, strategy=Greedy(), end_token=5
    )
    read = np.array([[0, 1, 2, 3, 4, 0], [2, 3, 4, 0, 0, 0], [4, 0, 0, 0, 0, 0]])
    ran = np.array([[1, 1, 1, 1, 1, 0], [1, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0]])
    kept = result.kept
    assert list(kept) == ["one", "nest", "half"]
    np.testing.assert_array_equal(kept["one"], 2 * read)
    one_hot, (constant, below) = kept["nest"]
    np.testing.assert_array_equal(one_hot, np.eye(7)[read] * ran[..., None])
    np.testing.assert_array_equal(
        constant, 1.5 * np.broadcast_to(ran[..., None, None], (3, 6, 2, 3))
    )
    assert below.dtype == tf.bool
    np.testing.assert_array_equal(below, ran.astype(bool))
    assert kept["half"].dtype == tf.float16
    np.testing.assert_array_equal(kept["half"], read)


@pytest.mark.parametrize("keep", [None, (), {}])
def test_a_step_that_keeps_nothing(keep):
    result = generate(
        lambda tokens, state: (tf.one_hot(tokens, 3), state, keep),
        (),
        np.array([1]),
        max_length=2,
        strategy=Greedy(),
    )
    assert result.kept == keep


def test_a_kept_tensor_that_is_no_nest():
    result = generate(
        lambda tokens, state: (tf.one_hot(tokens + 1, 5), state, tokens),
        (),
        np.array([0]),
        max_length=3,
        strategy=Greedy(),
    )
    assert result.kept.numpy().tolist() == [[0, 1, 2]]
