"""What is traced for a recurrence once is used by all that are like it."""

import numpy as np
import pytest
import tensorflow as tf

from tests.kinds import each_kind
from tests.ops.test_gradients import gradients, in_graph, problem


def steps_of(traced):
    """The names of the functions that `MapDefun` runs, in a traced graph."""
    graph = traced.graph.as_graph_def()
    inside = [node for function in graph.library.function for node in function.node_def]
    nodes = [*graph.node, *inside]
    return [node.attr["f"].func.name for node in nodes if node.op == "MapDefun"]


def traced(kind, arguments, **options):
    def call(arguments):
        return kind.run(arguments, **options)

    specs = {name: tf.TensorSpec.from_tensor(x) for name, x in arguments.items()}
    return tf.function(call, autograph=False).get_concrete_function(specs)


@each_kind()
def test_calls_of_the_same_kind_share_them(kind):
    one, other = (problem(kind, rows=4, length=9) for _ in range(2))
    first, second = steps_of(traced(kind, one)), steps_of(traced(kind, other))
    assert len(first) == 1
    assert first == second


@each_kind("lstm", "simple_rnn")
def test_the_way_back_too(kind):
    arguments = problem(kind, rows=4, length=9)
    calls = [in_graph(lambda: gradients(kind, arguments)) for _ in range(2)]
    first, second = (steps_of(call.get_concrete_function()) for call in calls)
    assert len(first) == 2, "forwards and backwards"
    assert first == second


@pytest.mark.parametrize(
    "change",
    [
        {"activation": "softsign"},
        {"mask": np.tri(4, 9, 3) > 0},
        {"return_sequences": False},
        {"return_gates": True},
    ],
    ids=lambda change: next(iter(change)),
)
@each_kind("lstm", "simple_rnn", "gru")
def test_others_do_not(kind, change):
    arguments = problem(kind, rows=4, length=9)
    assert steps_of(traced(kind, arguments)) != steps_of(
        traced(kind, arguments, **change)
    )


@each_kind("lstm")
def test_sizes_and_types_tell_them_apart(kind):
    cases = [
        problem(kind, rows=4, length=9),
        problem(kind, rows=6, length=9),
        problem(kind, "float32", rows=4, length=9),
    ]
    assert len({steps_of(traced(kind, case))[0] for case in cases}) == 3


@each_kind("lstm")
def test_in_a_graph_of_ones_own(kind):
    # Its functions belong to it alone, and it may be gone tomorrow.
    arguments = kind.problem(rows=4, length=9)
    expected = kind.oracle(**arguments)["h"]
    for _ in range(2):
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            found = session.run(kind.run(arguments)[0])
        np.testing.assert_allclose(found, expected, rtol=1e-9)


@each_kind("lstm")
def test_what_looks_for_nan_sees_every_operation(kind):
    arguments = problem(kind, rows=4, length=9)
    broken = {**arguments, "x": arguments["x"] * np.nan}
    assert np.isnan(in_graph(lambda: kind.run(broken)[0])()).any()
    tf.debugging.enable_check_numerics()
    try:
        with pytest.raises(tf.errors.InvalidArgumentError, match="NaN"):
            in_graph(lambda: kind.run(broken)[0])()
    finally:
        tf.debugging.disable_check_numerics()
