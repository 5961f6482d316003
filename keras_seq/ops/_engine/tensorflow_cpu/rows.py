"""Steps of a part of the batch as rows: step t stands in rows t · B to (t + 1) · B.

Then a block of steps is one matrix, for one large product, and a step is a slice
of it that lies together in memory.
"""

# Rows of a block: enough for a product at full speed, few enough for the caches.
ROWS = 1024
# Steps written out in a turn of the innermost loop: a turn of the loop costs about
# as much as a few operations, and what is done once for all steps of a turn (the
# factors of the errors, the lists) costs an eighth a step.
STEPS = 8


class Sizes:
    """Sizes of a part that are known only when it is run.

    Attributes:
        length: T.
        rows: B of this part.
        steps_in_block: A multiple of `STEPS`.
        blocks: How many there are, the last of them perhaps shorter.
        turns: Of the innermost loop. The steps that don't fill a turn are taken one
            by one, each a turn, at the end.
    """

    def __init__(self, x):
        import tensorflow as tf

        shape = tf.shape(x)
        self.length, self.rows = shape[0], shape[1]
        turns_in_block = tf.maximum(ROWS // tf.maximum(STEPS * self.rows, 1), 1)
        self.steps_in_block = STEPS * turns_in_block
        self.turns = self.length // STEPS + self.length % STEPS
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
