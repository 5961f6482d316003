"""The steps run once, with what a gradient needs, and nothing is kept without one."""

import numpy as np
import pytest
import tensorflow as tf

from tests.kinds import each_kind
from tests.ops.test_gradients import gradients, in_graph, problem


def operations(concrete):
    """All that runs when a function is called: a list of pairs of a type and outputs.

    What no result hangs on is left out, as TensorFlow does before it runs a graph.
    """
    library = {
        f.signature.name: f for f in concrete.graph.as_graph_def().library.function
    }
    outputs = [f"{t.op.name}:{t.value_index}" for t in concrete.graph.outputs]
    return list(_walk(list(concrete.graph.as_graph_def().node), outputs, library))


def _walk(nodes, wanted, library):
    by_name, seen = {node.name: node for node in nodes}, set()
    queue = [name.split(":")[0].lstrip("^") for name in wanted]
    while queue:
        node = by_name.get(queue.pop())
        if node is None or node.name in seen:
            continue
        seen.add(node.name)
        queue += [name.split(":")[0].lstrip("^") for name in node.input]
        types = node.attr["output_types"].list.type
        yield node.op, len(types)
        if node.op in ("PartitionedCall", "StatefulPartitionedCall"):
            function = library[node.attr["f"].func.name]
            returned = [*function.ret.values(), *function.control_ret.values()]
            yield from _walk(list(function.node_def), returned, library)


def loops(concrete):
    """How many results each loop over the steps has."""
    return [results for kind, results in operations(concrete) if kind == "MapDefun"]


def loss(kind, arguments, **options):
    h, state, _ = kind.run(arguments, **options)
    return tf.reduce_sum(h**2) + tf.reduce_sum(state[0])


@each_kind("lstm", "gru_reset_before")
def test_a_tape_inside_the_function(kind):
    arguments = problem(kind, rows=4, length=9)
    traced = in_graph(lambda: gradients(kind, arguments))
    assert len(loops(traced.get_concrete_function())) == 2, "forwards and backwards"
    for found, expected in zip(
        traced(), gradients(kind, arguments, unroll=True), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("sequences", [False, True])
@each_kind("lstm")
def test_a_tape_around_the_function(kind, sequences):
    """One function serves both: with a tape it keeps, without it keeps nothing."""
    arguments = problem(kind, rows=4, length=9)
    x = arguments.pop("x")

    def outputs(x):
        h, state, _ = kind.run({"x": x, **arguments}, return_sequences=sequences)
        return state[0] if h is None else h

    function = in_graph(outputs)
    keeps_nothing = [len(kind.states) + sequences]
    inference = function.get_concrete_function(x)
    assert loops(inference) == keeps_nothing

    def gradient():
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(function(x) ** 2)
        return tape.gradient(loss, x)

    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(outputs(x) ** 2)
    expected = tape.gradient(loss, x)
    np.testing.assert_allclose(gradient(), expected, rtol=1e-9)
    around = in_graph(gradient)
    assert len(loops(around.get_concrete_function())) == 2, "forwards and backwards"
    np.testing.assert_allclose(around(), expected, rtol=1e-9)
    np.testing.assert_allclose(gradient(), expected, rtol=1e-9)
    assert loops(in_graph(function).get_concrete_function(x)) == keeps_nothing
    np.testing.assert_allclose(function(x), outputs(x), rtol=1e-12)


@each_kind("lstm")
def test_what_is_asked_for_in_a_branch_and_in_a_loop(kind):
    arguments = problem(kind, rows=2, length=9)

    def gradient(of):
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            found = of()
        return tape.gradient(found, arguments["kernel"])

    def once():
        return loss(kind, arguments)

    def in_a_branch():
        return tf.cond(
            arguments["x"][0, 0, 0] < 1e9, once, lambda: tf.constant(0.0, "float64")
        )

    def in_a_loop():
        start = tf.constant(0), tf.constant(0.0, "float64")
        return tf.while_loop(
            lambda n, total: n < 3, lambda n, total: (n + 1, total + once()), start
        )[1]

    expected = gradient(once)
    found = in_graph(lambda: (gradient(in_a_branch), gradient(in_a_loop)))()
    np.testing.assert_allclose(found[0], expected, rtol=1e-9)
    np.testing.assert_allclose(found[1], 3 * expected, rtol=1e-9)


@each_kind("gru_reset_before")
def test_several_gradients_of_one_run(kind):
    arguments = problem(kind, rows=4, length=9)

    def several():
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(arguments)
            h, _, _ = kind.run(arguments)
            first, second = tf.reduce_sum(h**2), tf.reduce_sum(h**3)
        return [tape.gradient(y, arguments["x"]) for y in (first, second, first)]

    for found, expected in zip(in_graph(several)(), several(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9)


@each_kind("lstm")
def test_a_function_that_is_saved_brings_its_gradient(kind, tmp_path):
    arguments = problem(kind, rows=2, length=9)
    x = arguments.pop("x")
    module = tf.Module()
    module.weights = {name: tf.Variable(value) for name, value in arguments.items()}

    def outputs(x):
        weights = {name: value.read_value() for name, value in module.weights.items()}
        return kind.run({"x": x, **weights}, training=True)[0]

    module.run = tf.function(
        outputs, input_signature=[tf.TensorSpec((None, None, x.shape[-1]), "float64")]
    )
    tf.saved_model.save(module, tmp_path)
    loaded = tf.saved_model.load(tmp_path)

    def gradient(run):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(run(x) ** 2)
        return tape.gradient(loss, x)

    np.testing.assert_allclose(gradient(loaded.run), gradient(outputs), rtol=1e-9)
    np.testing.assert_allclose(gradient(module.run), gradient(outputs), rtol=1e-9)
