"""The layers in `fit`: losses, regularisers, XLA, mixed precision."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.kinds import each_kind
from tests.reference.recurrence import mask_patterns

RNG = np.random.default_rng(40)
MASK = np.tile(mask_patterns(2, 6)["right"], (4, 1))
X = np.where(MASK[..., None], RNG.normal(size=(8, 6, 2)), 0.0).astype("float32")
Y = RNG.normal(size=(8, 1)).astype("float32")
ALL = {"return_sequences": True, "return_state": True, "return_gates": True}


def model_that_shows_a_gate(kind, dtype="float32"):
    """A classifier of masked sequences whose outputs include a gate."""
    inputs = keras.Input((None, 2))
    # One dtype throughout: in Keras 3.12 a layer that casts its input loses the mask.
    masked = keras.layers.Masking(dtype=dtype)(inputs)
    h, gates = kind.layer(
        4,
        return_gates=True,
        **kind.options,
        kernel_initializer=keras.initializers.GlorotUniform(seed=1),
        recurrent_initializer=keras.initializers.Orthogonal(seed=2),
        dtype=dtype,
    )(masked)
    head = keras.layers.Dense(
        1, kernel_initializer=keras.initializers.GlorotUniform(seed=3), name="y"
    )
    gate = keras.layers.Identity(dtype=dtype, name="gate")(gates[kind.gates[0]])
    return keras.Model(inputs, {"y": head(h), "gate": gate})


def fit(model, loss, targets, jit_compile=False, epochs=4):
    model.compile(keras.optimizers.SGD(0.3), loss=loss, jit_compile=jit_compile)
    history = model.fit(X, targets, batch_size=8, epochs=epochs, verbose=0)
    return history.history["loss"]


@each_kind("lstm", "gru")
def test_equal_losses_with_and_without_xla(kind):
    targets = {"y": Y, "gate": np.full((8, 6, 4), 0.2, "float32")}
    losses = {
        jit_compile: fit(
            model_that_shows_a_gate(kind),
            {"y": "mse", "gate": "mse"},
            targets,
            jit_compile,
        )
        for jit_compile in (False, True)
    }
    assert losses[True][-1] < losses[True][0]
    np.testing.assert_allclose(losses[True], losses[False], rtol=1e-5)


@each_kind()
def test_results_and_gradients_under_xla(kind):
    # No dropout: XLA has a random generator of its own.
    layer = kind.layer(4, **ALL, **kind.options)
    layer.build(X.shape)

    def run():
        with tf.GradientTape() as tape:
            results = keras.tree.flatten(layer(X, mask=MASK, training=True))
            loss = sum(tf.reduce_sum(y**2) for y in results)
        sources = [v.value for v in layer.trainable_variables]
        return results, tape.gradient(loss, sources)

    compiled = tf.function(run, jit_compile=True)
    got, expected = keras.tree.flatten(compiled()), keras.tree.flatten(run())
    for value, want in zip(got, expected, strict=True):
        np.testing.assert_allclose(value, want, rtol=1e-4, atol=1e-5)


@each_kind("lstm", "simple_rnn")
def test_a_loss_on_a_gate_alone_trains(kind):
    both = model_that_shows_a_gate(kind)
    model = keras.Model(both.inputs, {"gate": both.output["gate"]})
    before = model.get_weights()
    targets = {"gate": np.full((8, 6, 4), 0.2, "float32")}
    losses = fit(model, {"gate": "mse"}, targets, epochs=8)
    assert losses[-1] < 0.95 * losses[0]
    for weight, old in zip(model.get_weights(), before, strict=True):
        assert np.abs(weight - old).max() > 1e-4


@each_kind("lstm", "gru", "simple_rnn")
def test_regularisers_and_constraints_equal_keras(kind):
    def run(layer_class):
        layer = layer_class(
            4,
            kernel_initializer=keras.initializers.GlorotUniform(seed=1),
            recurrent_initializer=keras.initializers.Orthogonal(seed=2),
            bias_initializer="ones",
            kernel_regularizer=keras.regularizers.L2(0.1),
            recurrent_regularizer=keras.regularizers.L1(0.01),
            bias_regularizer=keras.regularizers.L2(0.2),
            activity_regularizer=keras.regularizers.L2(0.3),
            kernel_constraint=keras.constraints.MaxNorm(0.4),
            recurrent_constraint=keras.constraints.NonNeg(),
            bias_constraint=keras.constraints.MaxNorm(1.5, axis=0),
            return_sequences=True,
        )
        if layer_class is keras.layers.SimpleRNN:
            # Keras 3.15 forgets the argument here.
            layer.activity_regularizer = keras.regularizers.L2(0.3)
        model = keras.Sequential([keras.Input((6, 2)), layer])
        losses = fit(model, "mse", np.zeros((8, 6, 4), "float32"))
        layer(X)
        return losses, [float(loss) for loss in layer.losses], layer.get_weights()

    got, expected = run(kind.layer), run(kind.keras_layer)
    np.testing.assert_allclose(got[0], expected[0], rtol=1e-5)
    np.testing.assert_allclose(got[1], expected[1], rtol=1e-5)
    for weight, want in zip(got[2], expected[2], strict=True):
        np.testing.assert_allclose(weight, want, atol=1e-5)
    assert np.linalg.norm(got[2][0], axis=0).max() <= 0.4 + 1e-6
    assert got[2][1].min() == 0


@pytest.mark.parametrize("trainable", [False, True])
@each_kind("lstm")
def test_trainable(kind, trainable):
    layer = kind.layer(1, trainable=trainable)
    model = keras.Sequential([keras.Input((6, 2)), layer, keras.layers.Dense(1)])
    before = layer.get_weights()
    fit(model, "mse", Y)
    changed = [
        np.abs(a - b).max() > 0
        for a, b in zip(layer.get_weights(), before, strict=True)
    ]
    assert changed == [trainable] * 3


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize(
    ("policy", "dtype", "tolerance"),
    [("mixed_float16", "float16", 4e-3), ("mixed_bfloat16", "bfloat16", 4e-2)],
)
@each_kind()
def test_mixed_precision(kind, policy, dtype, tolerance, unroll, masked):
    options = {**ALL, "unroll": unroll, "dropout": 0.3, "recurrent_dropout": 0.2}
    mask = MASK if masked else None
    options = {**options, **kind.options, "seed": 1}
    layer, full = (kind.layer(4, dtype=d, **options) for d in (policy, "float32"))
    layer.build(X.shape)
    full.build(X.shape)
    full.set_weights(layer.get_weights())
    assert {w.dtype for w in layer.trainable_weights} == {"float32"}
    state = [RNG.normal(size=(8, 4)).astype("float32") for _ in kind.states]
    for training in (False, True):
        got, expected = (
            keras.tree.flatten(m(X, initial_state=state, mask=mask, training=training))
            for m in (layer, full)
        )
        for value, want in zip(got, expected, strict=True):
            assert value.dtype == dtype
            if not training:
                np.testing.assert_allclose(
                    keras.ops.cast(value, "float32"), want, atol=tolerance
                )


@each_kind("lstm")
def test_mixed_precision_trains(kind):
    targets = {"y": Y, "gate": np.full((8, 6, 4), 0.2, "float32")}
    losses = {
        dtype: fit(
            model_that_shows_a_gate(kind, dtype), {"y": "mse", "gate": "mse"}, targets
        )
        for dtype in ("float32", "mixed_float16", "mixed_bfloat16")
    }
    full = losses.pop("float32")
    for narrow in losses.values():
        np.testing.assert_allclose(narrow, full, rtol=0.05)


@each_kind()
def test_a_cell_in_mixed_precision(kind):
    cell = kind.cell(4, dtype="mixed_bfloat16", **kind.options)
    h, state, gates = cell(X[:, 0], cell.get_initial_state(8), return_gates=True)
    assert {v.dtype.name for v in (h, *state, *gates.values())} == {"bfloat16"}


@each_kind()
def test_a_stateful_layer_in_mixed_precision(kind):
    options = {"dtype": "mixed_float16", "stateful": True, **kind.options}
    layer = kind.layer(4, **options)
    first, second = layer(X), layer(X)
    assert first.dtype == second.dtype == "float16"
    assert {s.dtype for s in layer.states} == {"float32"}
    assert np.abs(second - first).max() > 0


@each_kind("lstm", "gru", "simple_rnn")
def test_activity_regulariser_sees_all_that_is_returned(kind):
    layer = kind.layer(4, activity_regularizer=keras.regularizers.L2(0.3), **ALL)
    sums = [float(keras.ops.sum(y**2)) for y in keras.tree.flatten(layer(X))]
    # Keras divides by the batch size from some release on; all alike.
    shares = [float(loss) / y for loss, y in zip(layer.losses, sums, strict=True)]
    np.testing.assert_allclose(shares, shares[0], rtol=1e-5)
    assert np.isclose(shares[0], 0.3) or np.isclose(shares[0], 0.3 / len(X))
