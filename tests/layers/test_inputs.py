"""Inputs of any dtype, and inputs that don't fit together, in every way to run."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.kinds import KINDS, each_kind
from tests.layers.peers import explicit, of_keras

MODES = {
    "eager": lambda function: function,
    "graph": functools.partial(tf.function, autograph=False),
    "xla": functools.partial(tf.function, autograph=False, jit_compile=True),
}
REFUSED = (ValueError, tf.errors.InvalidArgumentError)


@pytest.mark.parametrize(
    ("name", "dtype", "mode"),
    [
        *((name, "int32", "graph") for name in KINDS),
        *(
            ("lstm", "int32", "eager"),
            ("gru", "int32", "xla"),
            ("lstm", "bool", "graph"),
        ),
    ],
)
def test_integers_train_as_numbers(name, dtype, mode):
    kind = KINDS[name]
    x = np.random.default_rng(0).integers(0, 3, (3, 5, 2)).astype(dtype)

    def slopes(layer, x):
        def run(x):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(layer(x, training=True) ** 2)
            return tape.gradient(loss, layer.trainable_weights)

        return MODES[mode](run)(tf.constant(x))

    expected = slopes(of_keras(kind), x.astype("float64"))
    for got, value in zip(slopes(explicit(kind), x), expected, strict=True):
        np.testing.assert_allclose(got, value, rtol=1e-9, atol=1e-12)


@each_kind()
def test_dropout_of_integers(kind):
    layer = explicit(kind, dropout=0.5)
    assert np.isfinite(layer(np.ones((3, 5, 2), "int32"), training=True)).all()


@pytest.mark.parametrize("options", [{}, {"unroll": True}], ids=["fast", "unrolled"])
@each_kind("lstm", "gru", "simple_rnn")
def test_rows_of_the_state_that_only_the_graph_sees(kind, options):
    layer = explicit(kind, return_sequences=True, **options)
    length = 2 if options else None
    run = tf.function(
        lambda x, *state: layer(x, initial_state=list(state)),
        input_signature=[
            tf.TensorSpec([None, length, 2], tf.float64),
            *[tf.TensorSpec([None, 4], tf.float64)] * len(kind.states),
        ],
        autograph=False,
    )
    for rows, others in ((5, 6), (6, 5), (2, 4), (4, 3), (3, 1)):
        x, states = np.ones((rows, 2, 2)), len(kind.states)
        assert run(x, *[np.ones((rows, 4))] * states).shape == (rows, 2, 4)
        with pytest.raises(
            tf.errors.InvalidArgumentError,
            match="`initial_state` must have as many rows",
        ):
            run(x, *[np.ones((others, 4))] * states)


@each_kind("lstm", "gru", "simple_rnn")
def test_a_mask_that_only_the_graph_sees(kind):
    layer = explicit(kind)
    run = tf.function(
        lambda x, mask: layer(x, mask=mask),
        input_signature=[
            tf.TensorSpec([None, None, 2], tf.float64),
            tf.TensorSpec([None, None], tf.bool),
        ],
        autograph=False,
    )
    for shape in ((4, 5), (1, 5), (3, 4), (3, 1)):
        with pytest.raises(REFUSED, match="`mask` must have shape"):
            run(np.ones((3, 5, 2)), np.ones(shape, bool))


@each_kind("lstm", "gru", "simple_rnn")
def test_a_stateful_model_predicts_no_rows_that_are_not_there(kind):
    layer = kind.layer(4, stateful=True)
    model = keras.Sequential([keras.Input(batch_shape=(4, 5, 2)), layer])
    assert model.predict(np.ones((8, 5, 2)), batch_size=4, verbose=0).shape == (8, 4)
    with pytest.raises(REFUSED, match="as many rows"):
        model.predict(np.ones((6, 5, 2)), batch_size=4, verbose=0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"x": np.ones((3, 5, 2), "int32")}, "`inputs` must be floats .*int32"),
        ({"x": np.ones((3, 5))}, r"`inputs` must be .*\(B, T, D\).*\(3, 5\)"),
        ({"state": np.ones((2, 4))}, "`initial_state` must have as many rows .* 3"),
        ({"mask": np.ones((3, 4), bool)}, r"`mask` must have shape .*\(3, 4\)"),
    ],
)
@pytest.mark.parametrize("unroll", [False, True])
@each_kind("lstm", "gru", "simple_rnn")
def test_the_functions_refuse_what_does_not_fit(kind, given, message, unroll):
    arguments = dict(kind.problem())
    if "state" in given:
        arguments[kind.states[0]] = given["state"]
    if "x" in given:
        arguments["x"] = given["x"]
    with pytest.raises(ValueError, match=message):
        kind.run(arguments, mask=given.get("mask"), unroll=unroll)


@each_kind()
def test_what_is_no_state(kind):
    layer = explicit(kind)
    x = kind.problem()["x"]
    for state in ([None] * len(kind.states), {"h": np.ones((3, 4))}):
        with pytest.raises(ValueError, match=r"`initial_state` must be .* tensors"):
            layer(x, initial_state=state)
    with pytest.raises(ValueError, match="`return_gates` must be True or False"):
        kind.layer(4, return_gates="yes")
