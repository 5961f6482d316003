"""The mask of padding, against numbers counted by hand."""

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.ops import sequence_mask

EXPECTED = [[1, 1, 0], [0, 0, 0], [1, 1, 1]]


@pytest.mark.parametrize(
    "lengths", [[2, 0, 3], np.array([2, 0, 3], "int64"), tf.constant([2, 0, 3], "int8")]
)
def test_values(lengths):
    assert sequence_mask(lengths, 3).numpy().astype(int).tolist() == EXPECTED


def test_no_rows_and_no_steps():
    assert sequence_mask(np.zeros(0, int), 3).shape == (0, 3)
    assert sequence_mask([0, 0], 0).shape == (2, 0)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "uint16", "uint64"])
def test_more_steps_than_their_type_counts(dtype):
    lengths = np.array([100, 0], dtype)
    for run in (sequence_mask, tf.function(sequence_mask)):
        assert run(tf.constant(lengths), 70_000).numpy().sum(axis=1).tolist() == [
            100,
            0,
        ]


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([2, 4, 5], "`lengths` must be from 0 to 3; received 4"),
        ([2, -1, 3], "`lengths` must be from 0 to 3; received -1"),
        ([2.0, 0.0], "integers of shape .* float32"),
        ([True, False], "integers of shape .* bool"),
        ([[2, 0, 3]], r"integers of shape .*\(1, 3\)"),
        (2, r"integers of shape .*\(\)"),
    ],
)
def test_what_is_none_is_named(lengths, expected):
    with pytest.raises(ValueError, match=expected):
        sequence_mask(lengths, 3)


def test_what_is_known_when_a_graph_runs():
    spec = tf.TensorSpec([None], "int32")
    traced = tf.function(
        sequence_mask, input_signature=[spec, tf.TensorSpec([], "int32")]
    )
    lengths = tf.constant([2, 0, 3])
    assert traced(lengths, 3).numpy().astype(int).tolist() == EXPECTED
    for wrong in ([2, 0, 4], [-1, 0, 1]):
        with pytest.raises(tf.errors.InvalidArgumentError, match="from 0 to T"):
            traced(tf.constant(wrong), 3)
