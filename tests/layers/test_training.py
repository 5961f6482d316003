"""`ExplicitLSTM` in `fit`: losses, regularisers, XLA, mixed precision."""

import keras
import numpy as np
import pytest

from keras_seq.layers import ExplicitLSTM, ExplicitLSTMCell
from tests.reference import lstm as reference

RNG = np.random.default_rng(40)
MASK = np.tile(reference.mask_patterns(2, 6)["right"], (4, 1))
X = np.where(MASK[..., None], RNG.normal(size=(8, 6, 2)), 0.0).astype("float32")
Y = RNG.normal(size=(8, 1)).astype("float32")
ALL = {"return_sequences": True, "return_state": True, "return_gates": True}


def model_that_shows_a_gate(dtype="float32"):
    """A classifier of masked sequences whose outputs include a gate."""
    inputs = keras.Input((None, 2))
    # One dtype throughout: in Keras 3.12 a layer that casts its input loses the mask.
    masked = keras.layers.Masking(dtype=dtype)(inputs)
    h, gates = ExplicitLSTM(
        4,
        return_gates=True,
        kernel_initializer=keras.initializers.GlorotUniform(seed=1),
        recurrent_initializer=keras.initializers.Orthogonal(seed=2),
        dtype=dtype,
    )(masked)
    head = keras.layers.Dense(
        1, kernel_initializer=keras.initializers.GlorotUniform(seed=3), name="y"
    )
    gate = keras.layers.Identity(dtype=dtype, name="forget")(gates["forget"])
    return keras.Model(inputs, {"y": head(h), "forget": gate})


def fit(model, loss, targets, jit_compile=False, epochs=4):
    model.compile(keras.optimizers.SGD(0.3), loss=loss, jit_compile=jit_compile)
    history = model.fit(X, targets, batch_size=8, epochs=epochs, verbose=0)
    return history.history["loss"]


def test_equal_losses_with_and_without_xla():
    targets = {"y": Y, "forget": np.full((8, 6, 4), 0.2, "float32")}
    losses = {
        jit_compile: fit(
            model_that_shows_a_gate(),
            {"y": "mse", "forget": "mse"},
            targets,
            jit_compile,
        )
        for jit_compile in (False, True)
    }
    assert losses[True][-1] < losses[True][0]
    np.testing.assert_allclose(losses[True], losses[False], rtol=1e-5)


def test_a_loss_on_a_gate_alone_trains():
    both = model_that_shows_a_gate()
    model = keras.Model(both.inputs, {"forget": both.output["forget"]})
    before = model.get_weights()
    targets = {"forget": np.full((8, 6, 4), 0.2, "float32")}
    losses = fit(model, {"forget": "mse"}, targets, epochs=8)
    assert losses[-1] < 0.95 * losses[0]
    for weight, old in zip(model.get_weights(), before, strict=True):
        assert np.abs(weight - old).max() > 1e-4


def test_regularisers_and_constraints_equal_keras():
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
        model = keras.Sequential([keras.Input((6, 2)), layer])
        losses = fit(model, "mse", np.zeros((8, 6, 4), "float32"))
        layer(X)
        return losses, [float(loss) for loss in layer.losses], layer.get_weights()

    got, expected = run(ExplicitLSTM), run(keras.layers.LSTM)
    np.testing.assert_allclose(got[0], expected[0], rtol=1e-5)
    np.testing.assert_allclose(got[1], expected[1], rtol=1e-5)
    for weight, want in zip(got[2], expected[2], strict=True):
        np.testing.assert_allclose(weight, want, atol=1e-5)
    assert np.linalg.norm(got[2][0], axis=0).max() <= 0.4 + 1e-6
    assert got[2][1].min() == 0


@pytest.mark.parametrize("trainable", [False, True])
def test_trainable(trainable):
    layer = ExplicitLSTM(1, trainable=trainable)
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
def test_mixed_precision(policy, dtype, tolerance, unroll, masked):
    options = {**ALL, "unroll": unroll, "dropout": 0.3, "recurrent_dropout": 0.2}
    mask = MASK if masked else None
    layer = ExplicitLSTM(4, dtype=policy, seed=1, **options)
    full = ExplicitLSTM(4, dtype="float32", seed=1, **options)
    layer.build(X.shape)
    full.build(X.shape)
    full.set_weights(layer.get_weights())
    assert {w.dtype for w in layer.trainable_weights} == {"float32"}
    state = [RNG.normal(size=(8, 4)).astype("float32") for _ in range(2)]
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


def test_mixed_precision_trains():
    targets = {"y": Y, "forget": np.full((8, 6, 4), 0.2, "float32")}
    losses = {
        dtype: fit(
            model_that_shows_a_gate(dtype), {"y": "mse", "forget": "mse"}, targets
        )
        for dtype in ("float32", "mixed_float16", "mixed_bfloat16")
    }
    full = losses.pop("float32")
    for narrow in losses.values():
        np.testing.assert_allclose(narrow, full, rtol=0.05)


def test_a_cell_in_mixed_precision():
    cell = ExplicitLSTMCell(4, dtype="mixed_bfloat16")
    h, state, gates = cell(X[:, 0], cell.get_initial_state(8), return_gates=True)
    assert {v.dtype.name for v in (h, *state, *gates.values())} == {"bfloat16"}


def test_a_stateful_layer_in_mixed_precision():
    layer = ExplicitLSTM(4, dtype="mixed_float16", stateful=True)
    first, second = layer(X), layer(X)
    assert first.dtype == second.dtype == "float16"
    assert {s.dtype for s in layer.states} == {"float32"}
    assert np.abs(second - first).max() > 0


def test_activity_regulariser_sees_all_that_is_returned():
    layer = ExplicitLSTM(4, activity_regularizer=keras.regularizers.L2(0.3), **ALL)
    sums = [float(keras.ops.sum(y**2)) for y in keras.tree.flatten(layer(X))]
    # Keras divides by the batch size from some release on; all alike.
    shares = [float(loss) / y for loss, y in zip(layer.losses, sums, strict=True)]
    np.testing.assert_allclose(shares, shares[0], rtol=1e-5)
    assert np.isclose(shares[0], 0.3) or np.isclose(shares[0], 0.3 / len(X))
