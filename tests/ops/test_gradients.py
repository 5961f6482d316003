"""Gradients derived by hand against TensorFlow's own of the same steps, unrolled.

`unroll=True` writes the steps out and leaves the gradient to TensorFlow; it is
itself held against the oracles in `test_recurrences`.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq import ops
from keras_seq.ops._derived.slopes import SLOPES, slope_of
from keras_seq.ops._engine.tensorflow_cpu import batch_parts
from tests.kinds import KINDS, each_kind
from tests.reference.recurrence import mask_patterns


def problem(kind, dtype="float64", **sizes):
    return {
        name: tf.constant(value, dtype)
        for name, value in kind.problem(seed=7, **sizes).items()
    }


def outputs(kind, arguments, **options):
    """Everything that the function returns, as one flat list."""
    h, state, gates = kind.run(arguments, **options)
    shown = [] if gates is None else [gates[name] for name in kind.gates]
    return [*([] if h is None else [h]), *state, *shown]


def gradients(kind, arguments, **options):
    """The outputs, and the gradients of a loss on all of them."""
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        found = outputs(kind, arguments, **options)
        # Another error for every element of every output.
        loss = sum(
            tf.reduce_sum((number + 1.3) * y + y**3) for number, y in enumerate(found)
        )
    derived = tape.gradient(
        loss, arguments, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    return [*found, *(derived[name] for name in arguments)]


def in_graph(function, jit_compile=False):
    return tf.function(function, autograph=False, jit_compile=jit_compile)


MODES = {
    "eager": lambda function: function,
    "graph": in_graph,
    "xla": lambda function: in_graph(function, jit_compile=True),
}
each_mode = pytest.mark.parametrize("mode", MODES.values(), ids=MODES)


def assert_same(received, expected, tolerance=1e-10):
    assert len(received) == len(expected)
    for r, e in zip(received, expected, strict=True):
        assert r.shape == e.shape
        np.testing.assert_allclose(r, e, rtol=tolerance, atol=tolerance)


def check(kind, arguments, mode=in_graph, run=gradients, tolerance=1e-10, **options):
    expected = run(kind, arguments, unroll=True, **options)
    received = mode(lambda: run(kind, arguments, training=True, **options))
    assert_same(received(), expected, tolerance)


@pytest.mark.parametrize(
    ("mode", "pattern"),
    [
        ("graph", "none"),
        ("graph", "whole rows"),
        *((mode, "holes") for mode in MODES),
    ],
)
@each_kind()
def test_loss_on_everything(kind, pattern, mode):
    # A turn of the loop and steps that are left over; an odd batch.
    arguments = problem(kind, rows=5, length=10)
    mask = mask_patterns(5, 10)[pattern]
    check(kind, arguments, MODES[mode], mask=mask, return_gates=True)


@pytest.mark.parametrize(("rows", "length"), [(1, 1), (1, 11), (2, 8), (3, 1)])
@each_kind()
def test_sizes(kind, length, rows):
    check(kind, problem(kind, rows=rows, length=length), return_gates=True)


@each_kind()
def test_backwards_and_without_gates(kind):
    arguments = problem(kind, rows=4, length=9)
    mask = mask_patterns(4, 9)["right"]
    check(kind, arguments, mask=mask, go_backwards=True)


@each_mode
@each_kind()
def test_loss_on_the_final_state_alone(kind, mode):
    check(kind, problem(kind), mode, return_sequences=False)


@pytest.mark.parametrize("training", [False, True])
@each_kind("lstm")
def test_a_persistent_tape_around_a_function(kind, training):
    arguments = problem(kind)
    run = in_graph(lambda **a: outputs(kind, a, training=training, return_gates=True))

    def slopes(run, persistent):
        with tf.GradientTape(persistent=persistent) as tape:
            tape.watch(arguments)
            loss = sum(tf.reduce_sum(y**2) for y in run(**arguments))
        return list(tape.gradient(loss, arguments).values())

    def plain(**a):
        return outputs(kind, a, unroll=True, return_gates=True)

    assert_same(slopes(run, persistent=True), slopes(plain, persistent=False))


@pytest.mark.parametrize("mode", ["eager", "graph"])
@each_kind()
def test_nothing_kept_for_the_gradient(kind, mode):
    """Without `training` the gradient runs the steps again."""
    arguments = problem(kind)
    mask = mask_patterns()["left"]
    expected = gradients(kind, arguments, unroll=True, mask=mask)
    received = MODES[mode](lambda: gradients(kind, arguments, mask=mask))
    assert_same(received(), expected)


@each_kind()
def test_several_blocks(kind):
    # Halves of 80 rows: blocks of 8 steps, of which there is one and a bit.
    arguments = problem(kind, rows=160, length=11)
    mask = mask_patterns(160, 11)["holes"]
    check(kind, arguments, mask=mask, return_gates=True)


@each_kind()
def test_one_loop_for_large_states(kind, monkeypatch):
    monkeypatch.setattr(batch_parts, "LARGEST_UNITS", 3)
    mask = mask_patterns()["right"]
    check(kind, problem(kind), mask=mask, return_gates=True)


@each_kind()
def test_input_dropout_of_each_gate(kind):
    arguments = problem(kind)
    factors = np.random.default_rng(3).uniform(size=(kind.masks, 3, 2))
    for mask in (factors[:1], factors):
        check(kind, arguments, input_dropout=tf.constant(mask))


@each_kind()
def test_without_bias(kind):
    arguments = problem(kind)
    del arguments["bias"]
    check(kind, arguments)


@each_kind()
def test_sizes_known_only_when_run(kind):
    sizes = {"x": (None, None, 2), "h_0": (None, 4), "c_0": (None, 4)}
    like = problem(kind)
    signature = {
        name: tf.TensorSpec(sizes.get(name, value.shape), value.dtype)
        for name, value in like.items()
    }
    graph = tf.function(
        lambda arguments: gradients(kind, arguments, return_gates=True, training=True),
        input_signature=[signature],
        autograph=False,
    )
    for rows, length in ((0, 3), (1, 9), (2, 1), (5, 4), (4, 0), (3, 17)):
        arguments = problem(kind, rows=rows, length=length)
        received = graph(arguments)
        if length:
            expected = gradients(kind, arguments, unroll=True, return_gates=True)
            assert_same(received, expected)
        else:
            assert received[0].shape == (rows, 0, 4)
            np.testing.assert_array_equal(received[1], arguments["h_0"])


@each_kind()
def test_tape_around_a_graph(kind):
    """The graph forwards hands what it kept to the graph backwards."""
    arguments = problem(kind, rows=4, length=10)
    forward = in_graph(lambda a: kind.run(a, training=True)[0])
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        loss = tf.reduce_sum(forward(arguments) ** 3)
    received = tape.gradient(loss, arguments)
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        loss = tf.reduce_sum(kind.run(arguments, unroll=True)[0] ** 3)
    expected = tape.gradient(loss, arguments)
    assert_same(list(received.values()), list(expected.values()))


def second(kind, arguments, **options):
    """Gradients of a loss on the gradients."""
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        first = gradients(kind, arguments, **options)
        loss = sum(tf.reduce_sum(g**2) for g in first[-len(arguments) :])
    return list(tape.gradient(loss, arguments).values())


@pytest.mark.parametrize("mode", ["eager", "graph"])
@each_kind()
def test_second_derivatives(kind, mode):
    arguments = problem(kind, rows=2, length=3)
    mask = mask_patterns(2, 3)["holes"]
    options = {"run": second, "mask": mask, "return_gates": True}
    check(kind, arguments, MODES[mode], **options)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@each_kind()
def test_sums_of_few_digits_are_kept_with_more(kind, dtype):
    """Summed in float16, 16,000 terms of one sign would lose the later ones."""
    rounded = {
        name: tf.cast(value * 0.3, dtype)
        for name, value in problem(kind, rows=80, length=200).items()
    }

    def bias_gradient(arguments):
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            h = kind.run(arguments, training=True)[0]
            loss = tf.reduce_sum(tf.cast(h, "float64"))
        return tf.cast(tape.gradient(loss, arguments)["bias"], "float64")

    received = in_graph(bias_gradient)(rounded)
    wide = {name: tf.cast(value, "float64") for name, value in rounded.items()}
    expected = in_graph(bias_gradient)(wide).numpy()
    error = np.abs(received - expected).max() / np.abs(expected).max()
    assert error < (0.01 if dtype == "float16" else 0.08)


@pytest.mark.parametrize("name", SLOPES)
def test_slopes(name):
    activation = getattr(keras.activations, name)
    z = tf.constant(np.random.default_rng(0).normal(0, 3, size=200))
    with tf.GradientTape() as tape:
        tape.watch(z)
        y = activation(z)
    np.testing.assert_allclose(
        slope_of(activation)(y), tape.gradient(y, z), rtol=1e-7, atol=1e-12
    )


def test_no_slope_is_guessed():
    assert slope_of(keras.activations.gelu) is None
    assert slope_of(lambda z: z) is None


@pytest.mark.parametrize("mode", ["eager", "graph"])
@each_kind()
def test_other_activations(kind, mode):
    options = {"activation": keras.activations.softsign}
    if len(kind.gates) > 1:
        options["recurrent_activation"] = keras.activations.hard_sigmoid
    check(kind, problem(kind), MODES[mode], **options)


@each_kind()
def test_activations_by_name(kind):
    given = problem(kind)

    def results(activation):
        return outputs(kind, given, activation=activation, return_gates=True)

    for named, function in (("relu", keras.ops.relu), (None, lambda z: z)):
        for got, expected in zip(results(named), results(function), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-10)
    with pytest.raises(ValueError, match="nonsense"):
        results("nonsense")


def operations(function):
    """The names of all operations in a traced function and those that it calls."""
    definition = function.get_concrete_function().graph.as_graph_def()
    nodes = [*definition.node]
    for called in definition.library.function:
        nodes += called.node_def
    return {node.op for node in nodes}


@pytest.mark.parametrize(
    ("rows", "units", "jit_compile", "threads"),
    [
        (4, 8, False, True),
        (1, 8, False, True),
        (4, 8, True, False),
        (4, 600, False, False),
    ],
)
def test_where_halves_run_in_threads(rows, units, jit_compile, threads):
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("halves are made for processors")
    x, state = tf.ones((rows, 3, 2)), (tf.zeros((rows, units)),) * 2
    W, U = tf.ones((2, 4 * units)), tf.ones((units, 4 * units))
    graph = in_graph(lambda: ops.lstm(x, state, W, U)[0], jit_compile)
    assert ("MapDefun" in operations(graph)) == threads
    np.testing.assert_allclose(
        graph(), ops.lstm(x, state, W, U)[0], rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("name", ["lstm", "gru", "simple_rnn"])
def test_five_thousand_steps(name):
    kind = KINDS[name]
    x = np.random.default_rng(0).normal(size=(1, 5000, 2)).astype("float32")
    theirs = kind.keras_layer(4, return_sequences=True)
    ours = kind.layer(4, return_sequences=True)
    theirs.build(x.shape)
    ours.build(x.shape)
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(
        in_graph(lambda: ours(x, training=True))(),
        in_graph(lambda: theirs(x, training=True))(),
        rtol=1e-4,
        atol=1e-5,
    )


@each_mode
@each_kind()
def test_nothing_masked_reaches_a_gradient(kind, mode):
    arguments = problem(kind, rows=4, length=9)
    mask = mask_patterns(4, 9)["holes"]
    hidden = np.where(mask[..., None], arguments["x"], np.nan)
    spoiled = {**arguments, "x": tf.constant(hidden)}
    options = {"mask": tf.constant(mask), "return_gates": True, "training": True}
    received = mode(lambda: gradients(kind, spoiled, **options))()
    assert_same(received, gradients(kind, arguments, **options))


@each_kind("lstm", "simple_rnn")
def test_portable_graphs(kind):
    """Which XLA compiles afterwards."""
    layer = kind.layer(4, return_sequences=True, **kind.options)
    x = tf.random.normal((3, 6, 2))
    layer.build(x.shape)
    traced = in_graph(lambda x: layer(x))
    with ops.portable_graphs():
        traced(x)
    assert "MapDefun" not in operations(in_graph(lambda: traced(x)))
    compiled = tf.function(lambda: traced(x), jit_compile=True)
    np.testing.assert_allclose(compiled(), layer(x), rtol=1e-5, atol=1e-6)
