"""The gradient by hand of an attending recurrence against TensorFlow's own.

TensorFlow differentiates the same steps, written out with the plain softmax of
the positions that count; values are held against the oracle too.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.ops._derived import LSTM, GRUResetAfter, GRUResetBefore, SimpleRNN
from keras_seq.ops._derived.slopes import slope_of
from keras_seq.ops._engine.portable.attention import attention_recurrence
from tests.kinds import KINDS, each_kind
from tests.reference import attention as reference
from tests.reference.recurrence import mask_patterns, random_arrays

UNITS, SPACE, MEMORY = 3, 5, 4
PACKED = {"lstm": 4, "gru": 3, "gru_reset_before": 3, "simple_rnn": 1}
ACTIVATIONS = keras.activations.tanh, keras.activations.sigmoid
SLOPES = tuple(map(slope_of, ACTIVATIONS))
EQUATIONS = {
    "lstm": LSTM(*ACTIVATIONS, *SLOPES),
    "gru": GRUResetAfter(*ACTIVATIONS, *SLOPES),
    "gru_reset_before": GRUResetBefore(*ACTIVATIONS, *SLOPES),
    "simple_rnn": SimpleRNN(ACTIVATIONS[0], SLOPES[0], False),
}


def name_of(kind):
    (name,) = (name for name, other in KINDS.items() if other is kind)
    return name


def problem(kind, rows=4, steps=4, source=5, dtype="float64", seed=11):
    packed = PACKED[name_of(kind)] * UNITS
    shapes = {
        "x": (rows, steps, packed),
        **dict.fromkeys(kind.states, (rows, UNITS)),
        "keys": (rows, source, SPACE),
        "memory": (rows, source, MEMORY),
        "energy_weights": (SPACE,),
        "query_kernel": (UNITS, SPACE),
        "context_kernel": (MEMORY, packed),
        "recurrent_kernel": (UNITS, packed),
    }
    if name_of(kind) == "gru":
        shapes["recurrent_bias"] = (packed,)
    arrays = random_arrays(shapes, seed)
    return {name: tf.constant(value, dtype) for name, value in arrays.items()}


def derived(kind, a, **options):
    """Ours: h, contexts, weights, and the final states, as one list."""
    weights = [a["recurrent_kernel"]]
    if name_of(kind) == "gru_reset_before":
        weights = tf.split(weights[0], [2 * UNITS, UNITS], axis=-1)
    elif name_of(kind) == "gru":
        weights.append(a["recurrent_bias"])
    *found, final = attention_recurrence(
        EQUATIONS[name_of(kind)],
        a["x"],
        tuple(kind.state(a)),
        a["keys"],
        a["memory"],
        a["energy_weights"],
        a["query_kernel"],
        a["context_kernel"],
        tuple(weights),
        **options,
    )
    return [*found, *final]


def plain(kind, a, mask=None, factors=None):
    """The same, step by step, of operations that TensorFlow differentiates."""
    state, results = kind.state(a), []
    identity = tf.eye(a["x"].shape[-1], dtype=a["x"].dtype)
    bias = None
    if "recurrent_bias" in a:
        bias = tf.stack([tf.zeros_like(a["recurrent_bias"]), a["recurrent_bias"]])
    for t in range(a["x"].shape[1]):
        query = tf.matmul(state[0], a["query_kernel"])
        hidden = tf.tanh(query[:, None] + a["keys"])
        energies = tf.exp(tf.einsum("bsu,u->bs", hidden, a["energy_weights"]))
        if mask is not None:
            energies = energies * tf.cast(mask, energies.dtype)
        weights = tf.math.divide_no_nan(
            energies, tf.reduce_sum(energies, -1, keepdims=True)
        )
        used = weights if factors is None else weights * factors[t]
        context = tf.einsum("bs,bse->be", used, a["memory"])
        z = a["x"][:, t] + tf.matmul(context, a["context_kernel"])
        given = {**dict(zip(kind.states, state, strict=True)), "x": z[:, None]}
        given |= {"kernel": identity, "recurrent_kernel": a["recurrent_kernel"]}
        _, state, _ = kind.run({**given, "bias": bias}, unroll=True)
        results.append((state[0], context, weights))
    return [*(tf.stack(y, 1) for y in zip(*results, strict=True)), *state]


def gradients(run, kind, arguments, chosen=None, **options):
    """The results, and the gradients of a loss on all or the chosen of them."""
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        found = run(kind, arguments, **options)
        loss = sum(
            tf.reduce_sum((number + 1.3) * y + y**3)
            for number, y in enumerate(found)
            if chosen is None or number == chosen
        )
    slopes = tape.gradient(
        loss, arguments, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    return [*found, *(slopes[name] for name in arguments)]


def in_graph(function, jit_compile=False):
    return tf.function(function, autograph=False, jit_compile=jit_compile)


MODES = {
    "eager": lambda function: function,
    "graph": in_graph,
    "xla": lambda function: in_graph(function, jit_compile=True),
}


def assert_same(received, expected, tolerance=1e-10):
    assert len(received) == len(expected)
    for r, e in zip(received, expected, strict=True):
        assert r.shape == e.shape
        np.testing.assert_allclose(r, e, rtol=tolerance, atol=tolerance)


def check(kind, arguments, mode="graph", chosen=None, training=True, **options):
    expected = gradients(plain, kind, arguments, chosen, **options)
    received = MODES[mode](
        lambda: gradients(
            derived, kind, arguments, chosen, training=training, **options
        )
    )
    assert_same(received(), expected)


def dropout_factors(rows=4, steps=4, source=5, seed=12):
    return tf.constant(
        np.random.default_rng(seed).choice([0.0, 1.25], size=(steps, rows, source))
    )


@pytest.mark.parametrize("mode", ["eager", "graph"])
@pytest.mark.parametrize("pattern", ["none", "holes", "left", "right", "whole rows"])
@each_kind("lstm", "gru")
def test_loss_on_everything(kind, pattern, mode):
    mask = mask_patterns(4, 5)[pattern]
    check(kind, problem(kind), mode, mask=mask)


@each_kind("lstm", "gru_reset_before")
def test_compiled_by_xla(kind):
    mask = mask_patterns(4, 5)["whole rows"]
    check(kind, problem(kind), "xla", mask=mask, factors=dropout_factors())


@pytest.mark.parametrize("dropped", [False, True])
@each_kind()
def test_each_kind_with_and_without_dropout(kind, dropped):
    mask = mask_patterns(4, 5)["holes"]
    check(
        kind, problem(kind), mask=mask, factors=dropout_factors() if dropped else None
    )


@pytest.mark.parametrize("mode", ["eager", "graph"])
@each_kind()
def test_nothing_kept_for_the_gradient(kind, mode):
    """Without `training` the gradient runs the steps again."""
    check(kind, problem(kind), mode, training=False, factors=dropout_factors())


@pytest.mark.parametrize("chosen", range(5))
def test_loss_on_one_result(chosen):
    kind = KINDS["lstm"]
    mask = mask_patterns(4, 5)["whole rows"]
    check(kind, problem(kind), chosen=chosen, mask=mask, factors=dropout_factors())


@pytest.mark.parametrize(
    "sizes",
    [(1, 4, 5), (4, 1, 5), (4, 4, 1), (1, 1, 1), (2, 3, 9)],
    ids=lambda sizes: "-".join(map(str, sizes)),
)
@each_kind()
def test_sizes(kind, sizes):
    check(kind, problem(kind, *sizes))


@each_kind()
def test_values_are_the_oracles(kind):
    """With x, the input kernel and the bias taken apart again."""
    a = problem(kind)
    mask, factors = mask_patterns(4, 5)["whole rows"], dropout_factors()
    features = a["x"].shape[-1]
    kernel = np.concatenate([np.eye(features), a["context_kernel"]])
    weights = {"kernel": kernel, "recurrent_kernel": a["recurrent_kernel"].numpy()}
    if "recurrent_bias" in a:
        weights["bias"] = np.stack([np.zeros(features), a["recurrent_bias"]])
    # The oracle's keys are the memory's products with U: here they are given.
    both = np.concatenate([a["memory"], a["keys"]], axis=-1)
    memory_kernel = np.concatenate([np.zeros((MEMORY, SPACE)), np.eye(SPACE)])
    mechanism = reference.Mechanism(
        "additive",
        {
            "query_kernel": a["query_kernel"].numpy(),
            "memory_kernel": memory_kernel,
            "energy_kernel": a["energy_weights"].numpy(),
        },
    )
    weights["kernel"] = np.concatenate([kernel, np.zeros((SPACE, kernel.shape[1]))])
    expected = reference.decode(
        a["x"].numpy(),
        [reference.Cell(name_of(kind), weights)],
        [[state.numpy() for state in kind.state(a)]],
        [mechanism],
        [both],
        [mask],
        attend="before",
        factors=factors.numpy(),
    )
    h, contexts, scores, *final = derived(kind, a, mask=mask, factors=factors)
    np.testing.assert_allclose(h, expected["outputs"][..., :UNITS], rtol=1e-10)
    np.testing.assert_allclose(
        contexts, expected["contexts"][..., :MEMORY], rtol=1e-10, atol=1e-14
    )
    np.testing.assert_allclose(scores, expected["weights"][0], rtol=1e-10, atol=1e-14)
    for state, want in zip(final, expected["state"][0], strict=True):
        np.testing.assert_allclose(state, want, rtol=1e-10)


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_nothing_masked_reaches_a_gradient(mode):
    """Whatever the keys are there; the memory is 0 there by contract."""
    kind = KINDS["gru"]
    mask = mask_patterns(4, 5)["holes"]
    mask[1] = False
    arguments = problem(kind)
    arguments["memory"] = tf.where(mask[..., None], arguments["memory"], 0.0)
    arguments["keys"] = tf.where(mask[..., None], arguments["keys"], 1e9)
    received = MODES[mode](
        lambda: gradients(derived, kind, arguments, mask=mask, training=True)
    )()
    for value in received:
        assert np.isfinite(value).all()
    slopes = dict(zip(arguments, received[-len(arguments) :], strict=True))
    keys, memory = slopes["keys"], slopes["memory"]
    assert not np.any(keys.numpy()[~mask])
    assert np.any(keys.numpy()[mask])
    assert not np.any(memory.numpy()[~mask])


@pytest.mark.parametrize("masked", [False, True])
@each_kind("lstm", "gru")
def test_sizes_known_only_when_run(kind, masked):
    unknown = {
        "x": [None, None, PACKED[name_of(kind)] * UNITS],
        "keys": [None, None, SPACE],
        "memory": [None, None, MEMORY],
        **{name: [None, UNITS] for name in kind.states},
    }
    signature = {
        name: tf.TensorSpec(unknown.get(name, value.shape), value.dtype)
        for name, value in problem(kind).items()
    }
    mask_signature = tf.TensorSpec([None, None], "bool")
    graph = tf.function(
        lambda arguments, mask: gradients(
            derived, kind, arguments, training=True, mask=mask if masked else None
        ),
        input_signature=[signature, mask_signature],
        autograph=False,
    )
    for sizes in ((1, 1, 1), (3, 4, 2), (2, 5, 7)):
        arguments = problem(kind, *sizes)
        mask = np.random.default_rng(1).uniform(size=(sizes[0], sizes[2])) < 0.6
        expected = gradients(plain, kind, arguments, mask=mask if masked else None)
        assert_same(graph(arguments, mask), expected)
    none = graph(problem(kind, 3, 0, 2), np.ones((3, 2), bool))
    assert [y.shape for y in none[:3]] == [(3, 0, UNITS), (3, 0, MEMORY), (3, 0, 2)]
    assert graph(problem(kind, 0, 3, 2), np.ones((0, 2), bool))[0].shape == (0, 3, 3)


@pytest.mark.parametrize("mode", ["eager", "graph"])
@each_kind()
def test_no_steps(kind, mode):
    arguments = problem(kind, 2, 0, 3)
    received = MODES[mode](lambda: gradients(derived, kind, arguments, training=True))()
    assert received[0].shape == (2, 0, UNITS)
    state = kind.state(arguments)
    for value, start in zip(received[3:], state, strict=False):
        np.testing.assert_array_equal(value, start)
    slopes = dict(zip(arguments, received[-len(arguments) :], strict=True))
    for number, name in enumerate(kind.states):
        start = arguments[name]
        np.testing.assert_allclose(slopes.pop(name), number + 4.3 + 3 * start**2)
    for value in slopes.values():
        assert not np.any(value)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [(KINDS["lstm"], "eager"), (KINDS["gru"], "graph")],
    ids=["lstm-eager", "gru-graph"],
)
def test_second_derivatives(kind, mode):
    arguments = problem(kind, 2, 3, 4)
    mask = mask_patterns(2, 4)["holes"]
    factors = dropout_factors(2, 3, 4)

    def second(run, **options):
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            first = gradients(
                run, kind, arguments, mask=mask, factors=factors, **options
            )
            loss = sum(tf.reduce_sum(g**2) for g in first[-len(arguments) :])
        return list(tape.gradient(loss, arguments).values())

    expected = second(plain)
    assert_same(MODES[mode](lambda: second(derived, training=True))(), expected)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@each_kind("lstm", "gru")
def test_few_digits(kind, dtype):
    """Results have the dtype; sums over steps and rows keep more digits."""
    rounded = {
        name: tf.cast(value * 0.5, dtype)
        for name, value in problem(kind, 40, 50, 5).items()
    }
    wide = {name: tf.cast(value, "float64") for name, value in rounded.items()}

    def slopes(arguments):
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            h = derived(kind, arguments, training=True)[0]
            loss = tf.reduce_sum(tf.cast(h, "float64"))
        return tape.gradient(loss, arguments)

    assert all(y.dtype == dtype for y in derived(kind, rounded))
    received, expected = in_graph(slopes)(rounded), in_graph(slopes)(wide)
    for name, want in expected.items():
        assert received[name].dtype == dtype
        error = np.linalg.norm(tf.cast(received[name], "float64") - want)
        limit = 0.02 if dtype == "float16" else 0.15
        assert error < limit * np.linalg.norm(want), name
