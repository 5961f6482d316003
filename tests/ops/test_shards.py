"""Two halves of the batch against the batch as a whole, which eager mode runs."""

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.ops import _shards, lstm
from tests.reference.lstm import mask_patterns, random_problem


def problem(rows, dtype="float64"):
    arguments = random_problem(rows=rows)
    return {name: tf.constant(value, dtype) for name, value in arguments.items()}


def results_and_gradients(x, h_0, c_0, W, U, b, mask=None, **options):
    """All that the function returns, and the gradients of a loss on all of it."""
    arguments = [x, h_0, c_0, W, U, b]
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        h, state, gates = lstm(
            x, (h_0, c_0), W, U, b, mask=mask, return_gates=True, **options
        )
        outputs = [h, *state, *(gates[name] for name in sorted(gates))]
        loss = sum(
            tf.reduce_sum((number + 1.3) * y + y**3) for number, y in enumerate(outputs)
        )
    return [*outputs, *tape.gradient(loss, arguments)]


def assert_halves_agree(arguments, graph, **options):
    expected = results_and_gradients(*arguments.values(), **options)
    received = graph(*arguments.values(), **options)
    for r, e in zip(received, expected, strict=True):
        assert r.shape == e.shape
        np.testing.assert_allclose(r, e, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("pattern", ["none", "holes"])
def test_same_as_the_whole_batch(rows, pattern, training):
    mask = mask_patterns(rows=rows)[pattern]
    graph = tf.function(results_and_gradients)
    assert_halves_agree(problem(rows), graph, mask=mask, training=training)


@pytest.mark.parametrize("rows", [0, 1, 2, 5])
def test_number_of_rows_known_only_when_run(rows):
    shapes = {"x": (None, None, 2), "h_0": (None, 4), "c_0": (None, 4)}
    arguments = problem(rows)
    signature = [
        tf.TensorSpec(shapes.get(name, value.shape), "float64")
        for name, value in arguments.items()
    ]

    @tf.function(input_signature=signature)
    def graph(*arguments):
        return results_and_gradients(*arguments, training=True)

    received = graph(*arguments.values())
    expected = results_and_gradients(*arguments.values(), training=True)
    for r, e in zip(received, expected, strict=True):
        assert r.shape == e.shape
        np.testing.assert_allclose(r, e, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("masks", [1, 4])
def test_dropout_goes_with_its_rows(masks):
    arguments = problem(5)
    rng = np.random.default_rng(3)
    dropout = {
        "input_dropout": tf.constant(rng.uniform(size=(masks, 5, 2))),
        "recurrent_dropout": tf.constant(rng.uniform(size=(masks, 5, 4))),
    }
    for name, factors in dropout.items():
        graph = tf.function(results_and_gradients)
        assert_halves_agree(arguments, graph, training=True, **{name: factors})


def loops(graph):
    """Number of loops over time in a traced function."""
    definition = graph.get_concrete_function().graph.as_graph_def()
    return sum("While" in node.op for node in definition.node)


@pytest.mark.parametrize(
    ("rows", "units", "jit", "expected"),
    [(4, 8, False, 2), (1, 8, False, 1), (4, 8, True, 1), (4, 600, False, 1)],
)
def test_where_the_batch_is_halved(rows, units, jit, expected):
    x, state = tf.ones((rows, 3, 2)), (tf.zeros((rows, units)),) * 2
    W, U = tf.ones((2, 4 * units)), tf.ones((units, 4 * units))
    graph = tf.function(lambda: lstm(x, state, W, U)[0], jit_compile=jit)
    if tf.config.list_physical_devices("GPU"):
        expected = 1
    assert loops(graph) == expected
    assert _shards.LARGEST_UNITS < 600
