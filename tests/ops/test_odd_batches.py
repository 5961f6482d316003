"""A batch is run in two halves: the row that makes an odd one even adds nothing."""

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.ops import lstm, simple_rnn

# A row of zeros would grow beyond all numbers, by the bias alone; these rows don't.
GROWING = {
    "simple_rnn": (
        lambda x, state, *weights: simple_rnn(x, state, *weights, activation="relu"),
        1,
        [[[1.0]], [[2.0]], [1.0]],
        200,
    ),
    "lstm": (
        lambda x, state, *weights: lstm(x, state, *weights, activation="relu"),
        2,
        [[[1.0] * 4], [[0.0, 0.0, 4.0, 0.0]], [1.0] * 4],
        400,
    ),
}


@pytest.mark.parametrize("rows", [2, 3, 5])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("kind", GROWING)
def test_gradients_stay_finite(kind, known, rows):
    run, states, weights, length = GROWING[kind]
    x = np.full((rows, length, 1), -2.0, "float32")
    weights = [tf.constant(weight) for weight in weights]

    def slopes(x):
        state = tuple(tf.zeros((tf.shape(x)[0], 1)) for _ in range(states))
        with tf.GradientTape() as tape:
            tape.watch(weights)
            h, *_ = run(x, state, *weights)
            loss = tf.reduce_sum(h)
        return tape.gradient(loss, weights)

    expected = slopes(tf.constant(x))  # one step after the other, without halves
    size = rows if known else None
    graph = tf.function(slopes, [tf.TensorSpec([size, length, 1])])
    for found, want in zip(graph(x), expected, strict=True):
        assert np.isfinite(want).all()
        np.testing.assert_allclose(found, want, atol=1e-5)
