"""The largest few of long rows, beside a stable sort."""

import numpy as np
import pytest

from keras_seq.decoding._largest import _group_size, largest
from tests.decoding import cases


@pytest.mark.parametrize("size", [1, 7, 255, 256, 300, 4000, 4001, 8191])
@pytest.mark.parametrize("count", [1, 6, 17])
@pytest.mark.parametrize("kind", ["different", "ties", "few", "nothing"])
def test_the_first_of_a_stable_sort(size, count, kind):
    count = min(count, size)
    values = cases.long_rows(size, kind)
    found, index = (x.numpy() for x in largest(values, count))
    order = np.argsort(-values, axis=-1, kind="stable")[:, :count]
    np.testing.assert_array_equal(index, order)
    np.testing.assert_array_equal(found, np.take_along_axis(values, order, axis=-1))


def test_groups_are_used_where_they_pay():
    assert _group_size(4000, 6) == 16
    assert _group_size(8190, 6) == 18
    assert _group_size(4001, 6) is None  # a prime number
    assert _group_size(200, 6) is None
    assert _group_size(4000, 100) is None


def test_rows_of_which_nothing_is_known():
    tf = pytest.importorskip("tensorflow")
    values = cases.long_rows(512, "different")
    traced = tf.function(
        lambda x: largest(x, 3), input_signature=[tf.TensorSpec([None, 512])]
    )
    for rows in (3, 0):
        _, index = traced(values[:rows])
        expected = np.argsort(-values[:rows], axis=-1)[:, :3]
        np.testing.assert_array_equal(index, expected)
