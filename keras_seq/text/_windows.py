"""Long texts read in windows, so that memory doesn't grow with their length."""

from collections.abc import Callable

from keras_seq.typing import Nest, Tensor

WINDOW = 128  # steps that are read at once


def state_behind(
    read: Callable[[Tensor, Tensor, Nest], Nest],
    ids: Tensor,
    lengths: Tensor,
    state: Nest,
) -> Nest:
    """The state behind the first tokens of each row.

    Args:
        read: Function `(ids, mask, state) -> state`.
        ids: Integer tensor (B, T).
        lengths: Integer tensor (B,): tokens that are read of each row.
        state: The state before them.

    Returns:
        The state.
    """
    import tensorflow as tf

    steps = tf.reduce_max(lengths)  # of no rows the least there is

    def body(start: Tensor, state: Nest) -> tuple[Tensor, Nest]:
        here = ids[:, start : tf.minimum(start + WINDOW, steps)]
        mask = tf.sequence_mask(lengths - start, tf.shape(here)[1])
        return start + WINDOW, read(here, mask, state)

    _, state = tf.while_loop(lambda start, _: start < steps, body, (0, state))
    return state


def nats_behind(
    read: Callable[[Tensor, Nest], tuple[Tensor, Nest]], ids: Tensor, state: Nest
) -> Tensor:
    """-ln p of every token but the first: (B, T + 1) to (B, T).

    Args:
        read: Function `(ids, state) -> (logits, state)`.
        ids: Integer tensor (B, T + 1).
        state: The state before the first token.

    Returns:
        float32 tensor (B, T).
    """
    import tensorflow as tf

    batch, steps = tf.shape(ids)[0], tf.shape(ids)[1] - 1
    windows = -(-steps // WINDOW)
    ids = tf.pad(ids, [[0, 0], [0, windows * WINDOW - steps]])

    def body(i: Tensor, state: Nest, found: Tensor) -> tuple[Tensor, Nest, Tensor]:
        here = ids[:, i * WINDOW : (i + 1) * WINDOW + 1]
        logits, state = read(here[:, :-1], state)
        nats = tf.nn.sparse_softmax_cross_entropy_with_logits(
            here[:, 1:], tf.cast(logits, tf.float32)
        )
        return i + 1, state, found.write(i, nats)

    found = tf.TensorArray(tf.float32, windows, element_shape=[None, None])
    *_, found = tf.while_loop(lambda i, *_: i < windows, body, (0, state, found))
    nats = tf.transpose(found.stack(), [1, 0, 2])
    return tf.reshape(nats, [batch, windows * WINDOW])[:, :steps]
