"""Steps of a part of the batch as rows: step t stands in rows t · B to (t + 1) · B."""

# Rows of a block: enough for a product at full speed, few enough for the caches.
ROWS = 1024
# Steps written out in a turn of the innermost loop.
STEPS = 8


class Sizes:
    """Sizes of a part that are known only when it is run.

    `pieces` is the number of turns of the innermost loop: the steps that don't
    fill a turn are taken one by one, at the end.
    """

    def __init__(self, x):
        import tensorflow as tf

        shape = tf.shape(x)
        self.length, self.rows = shape[0], shape[1]
        turns = tf.maximum(ROWS // tf.maximum(STEPS * self.rows, 1), 1)
        self.steps_in_block = STEPS * turns
        self.pieces = self.length // STEPS + self.length % STEPS
        self.blocks = (self.length + self.steps_in_block - 1) // self.steps_in_block


def flat(x):
    """From (T, B, ·) to (T · B, ·)."""
    import tensorflow as tf

    rows = tf.reshape(x, [tf.shape(x)[0] * tf.shape(x)[1], x.shape[-1]])
    rows.set_shape([None, x.shape[-1]])
    return rows


def slices(rows, count):
    """From the rows of `count` steps to a list of steps."""
    import tensorflow as tf

    return [rows] if count == 1 else tf.split(rows, count, axis=0)


def stacked(steps):
    """From a sequence of steps to their rows."""
    import tensorflow as tf

    return steps[0] if len(steps) == 1 else tf.concat(list(steps), axis=0)
