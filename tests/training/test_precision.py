import types

import keras
import numpy as np
import pytest

from keras_seq import layers, training

MIXED = ["mixed_bfloat16", "mixed_float16"]


def policies(model):
    return {layer.dtype_policy.name for layer in model._flatten_layers()}


def functional():
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(11, 6)(ids)
    x = keras.layers.Bidirectional(layers.ExplicitLSTM(5, return_sequences=True))(x)
    return keras.Model(ids, keras.layers.Dense(3)(x), name="functional")


def subclassed():
    model = layers.EncoderDecoder(
        layers.TransformerEncoder(1, 2, 8),
        layers.TransformerDecoder(1, 2, 8),
        11,
        source_vocabulary=11,
        share_embeddings=True,
        dim=8,
        positions=layers.PositionalEncoding(),
    )
    model.build({"source": (None, None), "target": (None, None)})
    return model


IDS = np.array([[1, 4, 9, 2], [3, 3, 7, 10]])
MODELS = {
    functional: IDS,
    subclassed: {"source": IDS, "target": IDS[:, ::-1]},
}


@pytest.mark.parametrize("policy", MIXED)
@pytest.mark.parametrize("build", MODELS)
def test_what_was_mixed_computes_in_float32(build, policy, tmp_path):
    with training.dtype_policy_scope(policy):
        mixed = build()
    expected = build()  # made in float32 from the start
    chance = np.random.default_rng(1)
    weights = [chance.normal(size=w.shape, scale=0.5) for w in mixed.get_weights()]
    mixed.set_weights(weights)
    expected.set_weights(weights)
    found = training.in_float32(mixed)
    assert type(found) is type(mixed)
    assert found.name == mixed.name
    assert policies(mixed) >= {policy}
    assert policies(found) == policies(expected) == {"float32"}
    outputs = np.asarray(found(MODELS[build]))
    np.testing.assert_array_equal(outputs, expected(MODELS[build]))
    rounded = np.asarray(keras.ops.cast(mixed(MODELS[build]), "float32"))
    assert 0 < np.abs(rounded - outputs).max() < 0.1 * np.abs(outputs).max()
    found.save(tmp_path / "model.keras")
    assert policies(keras.models.load_model(tmp_path / "model.keras")) == {"float32"}
    assert training.in_float32(found) is found


class Unregistered(keras.Model):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.dense = keras.layers.Dense(units)

    def call(self, inputs):
        return self.dense(inputs)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Unsaved:
    """A loss that can't be serialised."""

    def __call__(self, y, p):
        return keras.ops.mean(y - p)

    def get_config(self):
        raise NotImplementedError


Unregistered.__module__ = Unsaved.__module__ = "__main__"  # as in a notebook


def test_how_models_are_compiled_is_no_matter():
    with training.dtype_policy_scope("mixed_float16"):
        inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
        inner.trainable = False
        inputs = keras.Input((4,))
        model = keras.Model(inputs, Unregistered(2)(inner(inputs)))
    inner.compile("adam", Unsaved())
    model.compile("sgd", Unsaved(), metrics=[keras.metrics.MeanSquaredError()])
    found = training.in_float32(model)
    assert policies(found) == {"float32"}
    assert not found.compiled
    assert not found.layers[1].compiled
    assert [layer.trainable for layer in found.layers[1:]] == [False, True]
    x = np.arange(8.0).reshape(2, 4) / 8
    expected = x
    for kernel, bias in zip(*[iter(model.get_weights())] * 2, strict=True):
        expected = expected @ kernel + bias
    np.testing.assert_allclose(found(x), expected, rtol=1e-5, atol=1e-6)
    assert model.compiled
    assert inner.compiled
    with pytest.raises(NotImplementedError):
        inner.get_compile_config()


def test_maps_of_policies_and_quantised_ones():
    mixed = keras.DTypePolicy("mixed_bfloat16")
    for policy in (
        keras.dtype_policies.DTypePolicyMap(default_policy="mixed_float16"),
        keras.dtype_policies.DTypePolicyMap("float32", {"attention/query": mixed}),
    ):
        inputs = keras.Input((3, 4))
        layer = keras.layers.MultiHeadAttention(1, 2, name="attention", dtype=policy)
        found = training.in_float32(keras.Model(inputs, layer(inputs, inputs)))
        assert "mixed" not in str(found.layers[-1].get_config()["dtype"])
        assert {each.compute_dtype for each in found._flatten_layers()} == {"float32"}
    with training.dtype_policy_scope("mixed_bfloat16"):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.layers[0].quantize("int8")
    found = training.in_float32(model)
    assert found.layers[0].dtype_policy.name == "int8_from_float32"
    for one, other in zip(found.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_policy_before_comes_back():
    @training.by_dtype_policy
    def build(config, units):
        if not units:
            raise ValueError("none")
        return keras.layers.Dense(units)

    settings = types.SimpleNamespace(dtype_policy="mixed_bfloat16")
    assert build(settings, 3).dtype_policy.name == "mixed_bfloat16"
    with pytest.raises(ValueError, match="none"):
        build(settings, units=0)
    assert keras.config.dtype_policy().name == "float32"
    with pytest.raises(ValueError), training.dtype_policy_scope("mixed_float8"):
        pass
    assert keras.config.dtype_policy().name == "float32"


def test_gradients_too_small_for_float16_train():
    with training.dtype_policy_scope("mixed_float16"):
        dense = keras.layers.Dense(1, kernel_initializer="zeros", use_bias=False)
        model = keras.Sequential([keras.Input((2,)), dense])
    # The gradient of a weight is -1e-9; the least of float16 is 6e-8.
    model.compile(
        keras.optimizers.SGD(1e8), lambda y, p: 1e-9 * keras.ops.mean(y - 2 * p)
    )
    model.fit(np.full((8, 2), 0.5), np.ones((8, 1)), batch_size=8, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], [[0.1], [0.1]], rtol=1e-2)


def test_resumed_with_its_loss_scale(tmp_path):
    chance = np.random.default_rng(0)
    x, y = chance.normal(size=(24, 3)), chance.normal(size=(24, 1))

    def run(folder, epochs, resume=False):
        keras.utils.set_random_seed(1)
        with training.dtype_policy_scope("mixed_float16"):
            model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        adam = keras.optimizers.Adam(0.05)
        scaled = keras.optimizers.LossScaleOptimizer(
            adam, initial_scale=16.0, dynamic_growth_steps=4
        )
        model.compile(scaled, "mse")
        checkpoint = training.EpochCheckpoint(tmp_path / folder, resume=resume)
        checkpoint.fit(
            model, x, y, batch_size=8, epochs=epochs, validation_data=(x, y), verbose=0
        )
        return model

    whole = run("whole", 4)
    run("parts", 2)
    resumed = run("parts", 4, resume=True)
    variables = [*whole.weights, *whole.optimizer.variables]
    again = [*resumed.weights, *resumed.optimizer.variables]
    assert float(whole.optimizer.dynamic_scale) == 16 * 2**3  # in 12 steps
    for a, b in zip(variables, again, strict=True):
        np.testing.assert_array_equal(a, b)
