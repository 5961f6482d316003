"""The two halves of a batch, of which each is run in a thread of its own."""

from keras_seq.ops._engine.tensorflow_cpu.graph_functions import (
    in_one_thread,
    side_by_side,
)
from keras_seq.ops._structures import map_tensors

# Above this size a step reads so many weights that memory is the limit, and two
# halves would read them twice: one loop then, whose products use all cores.
LARGEST_UNITS = 512
# A single row can not be halved.
FEWEST_ROWS = 2


class Parts:
    """The rows of a batch, in one part or two.

    Two halves keep two cores busy, each with products that fit its own caches.
    There are no more of them, since smaller products run at a lower speed.

    An odd batch gets one row more, which is cut off again. It repeats the last one:
    a row of zeros would be run like any other, and its state might grow beyond all
    numbers where no real one does. Its errors are 0, so it adds nothing to a sum over
    the rows.

    Attributes:
        count: P.
        rows_of_each: Rows of a part, or None if known only when it is run.
    """

    def __init__(self, rows, units):
        self.rows = rows
        self.threaded = units <= LARGEST_UNITS
        halved = self.threaded and (rows is None or rows >= FEWEST_ROWS)
        self.count = 2 if halved else 1
        self.rows_of_each = rows
        if halved and rows is not None:
            self.rows_of_each = (rows + 1) // 2

    def split_sequence(self, x, *, errors=False):
        """From (B, T, ·) to (P, T, B / P, ·)."""
        import tensorflow as tf

        x = self.split_rows(x, errors=errors)
        return tf.transpose(x, (0, 2, 1, 3))

    def split_rows(self, x, *, errors=False):
        """From (B, ...) to (P, B / P, ...)."""
        import tensorflow as tf

        if self.count == 1:
            return x[None]

        def with_one_more():
            return tf.concat([x, tf.zeros_like(x[-1:]) if errors else x[-1:]], axis=0)

        self.total = tf.shape(x)[0]
        if self.rows is None:
            x = tf.cond(self.total % 2 > 0, with_one_more, lambda: x)
        elif self.rows % 2:
            x = with_one_more()
        shape = tf.shape(x)
        split = tf.reshape(x, tf.concat([[2, (self.total + 1) // 2], shape[1:]], 0))
        split.set_shape([2, self.rows_of_each, *x.shape[1:]])
        return split

    def join_rows(self, x):
        """From (P, B / P, ...) to (B, ...)."""
        import tensorflow as tf

        if self.count == 1:
            return x[0]
        shape = tf.shape(x)
        joined = tf.reshape(x, tf.concat([[shape[0] * shape[1]], shape[2:]], 0))
        if self.rows is None or self.rows % 2:
            joined = joined[: self.total]
        joined.set_shape([self.rows, *x.shape[2:]])
        return joined

    def join_sequence(self, x):
        """From (P, T, B / P, ·) to (B, T, ·)."""
        import tensorflow as tf

        return self.join_rows(tf.transpose(x, (0, 2, 1, 3)))

    def run(self, function, given, shared, instead=None):
        """Runs a function on each part; returns its results and the operation.

        Args:
            function: Takes the structures `given` and `shared`, of a part, and uses
                nothing else.
            given: Structure of tensors (P, ...).
            shared: Structure of tensors.
            instead: An operation that has run another function, and now is to run this
                one, whose first results are those of the other; or None.
        """
        if self.threaded:
            return side_by_side(function, given, shared, instead)
        first = map_tensors(lambda array: array[0], given)
        results, operation = in_one_thread(function, (first, shared), instead)
        results = map_tensors(lambda result: self.stack([result]), results)
        return results, operation

    def stack(self, arrays):
        """From a list of each part's to (P, ...); lists of tensors too."""
        import tensorflow as tf

        if self.count > 1:
            return tf.stack(arrays)
        (array,) = arrays
        shape = tf.concat([[1], tf.shape(array)], axis=0)
        stacked = tf.reshape(array, shape)
        stacked.set_shape([1, *array.shape])
        return stacked

    def sum(self, x):
        """Σ over the parts."""
        return x[0] if self.count == 1 else x[0] + x[1]
