"""Constructor and call arguments of the transformers: taken, kept, refused."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.layers import TransformerDecoder, TransformerEncoder
from tests.layers.transformers import (
    MEMORY,
    SIZES,
    B,
    D,
    E,
    H,
    L,
    S,
    T,
    X,
    assert_close,
    decoder,
    encoder,
    oracle,
)

VALUES = {
    "num_layers": 3,
    "num_heads": 4,
    "intermediate_dim": 10,
    "dropout": 0.25,
    "attention_dropout": 0.125,
    "activation": "gelu",
    "norm_first": False,
    "layer_norm_epsilon": 1e-3,
    "kernel_initializer": "he_normal",
    "bias_initializer": "ones",
    "seed": 17,
}
each_class = pytest.mark.parametrize("stack", [TransformerEncoder, TransformerDecoder])


@each_class
def test_every_argument_is_kept(stack):
    parameters = inspect.signature(stack).parameters
    assert set(parameters) == {*VALUES, "kwargs"}
    for name, parameter in list(parameters.items())[3:-1]:
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert parameter.default != VALUES[name]
    policy = keras.DTypePolicy("mixed_bfloat16")
    layer = stack(**VALUES, name="mine", dtype=policy, trainable=False)
    config = layer.get_config()
    for name, value in VALUES.items():
        kept = getattr(layer, name)
        if name.endswith(("activation", "initializer")):
            group = getattr(keras, name.split("_")[-1] + "s")
            assert group.serialize(kept) == group.serialize(group.get(value))
            assert config[name] == group.serialize(kept)
        else:
            assert kept == config[name] == value
    assert (layer.name, layer.dtype_policy, layer.trainable) == ("mine", policy, False)
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert type(again) is stack
    assert again.get_config() == config


@each_class
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        *[
            (name, value, "a positive integer")
            for name in ("num_layers", "num_heads", "intermediate_dim")
            for value in (0, -2, 1.5, True, "4", None)
        ],
        *[
            (name, value, r"in \[0, 1\)")
            for name in ("dropout", "attention_dropout")
            for value in (1.0, -0.1, "a", True, float("nan"))
        ],
        ("dropout", None, r"in \[0, 1\)"),
        ("norm_first", 1, "True or False"),
        ("layer_norm_epsilon", 0.0, "a positive number"),
        ("layer_norm_epsilon", "a", "a positive number"),
        ("seed", -1, "an integer of at least 0"),
        ("seed", 1.5, "an integer of at least 0"),
    ],
)
def test_bad_constructor_arguments(stack, name, value, expected):
    with pytest.raises(ValueError, match=f"`{name}` must be .*{expected}") as raised:
        stack(**{**SIZES, name: value})
    assert f"received {value!r}" in str(raised.value)


@each_class
def test_heads_must_divide_the_features(stack):
    with pytest.raises(ValueError, match="`num_heads=3`; received D = 8"):
        stack(**{**SIZES, "num_heads": 3})(X)
    with pytest.raises(ValueError, match=r"`num_heads=2`; received D = None"):
        stack(**SIZES).build((None, None, None))


@pytest.mark.parametrize("symbolic", [True, False])
def test_bad_shapes(symbolic):
    def given(*shape, dtype="float32"):
        if symbolic:
            return keras.Input(shape[1:], batch_size=shape[0], dtype=dtype)
        return np.ones(shape, dtype)

    x, memory = given(B, T, D), given(B, S, E)
    for layer in (encoder(), decoder(memory=False)):
        for shape in ((B, D), (B, T, 2 * D), (B, T, D, 1)):
            with pytest.raises(ValueError, match=r"`inputs` must have shape .* 8\);"):
                layer(given(*shape))
        with pytest.raises(ValueError, match=r"`mask` must have shape \(B, T\)"):
            layer(x, mask=given(B, T + 1, dtype="bool"))
    layer = decoder()
    for shape in ((B, E), (B, S, E + 1), (B + 1, S, E)):
        with pytest.raises(ValueError, match=r"`memory` must have shape .* 6\);"):
            layer(x, given(*shape))
    with pytest.raises(ValueError, match=r"`memory_mask` must have shape .* \(3, 7\)"):
        layer(x, memory, memory_mask=given(B, T, dtype="bool"))
    with pytest.raises(ValueError, match="it was given when the decoder was built"):
        layer(x)
    with pytest.raises(ValueError, match="it was not given when the decoder was"):
        decoder(memory=False)(x, memory)


def test_bad_steps():
    layer = TransformerDecoder(**SIZES, name="mine")
    for call in (
        lambda: layer.project_memory(MEMORY),
        lambda: layer.get_initial_state(MEMORY, max_length=3),
    ):
        with pytest.raises(ValueError, match="'mine' must be built before"):
            call()
    layer = decoder()
    for value in (0, -1, 2.5, True, None):
        with pytest.raises(ValueError, match="`max_length` must be a positive integer"):
            layer.get_initial_state(MEMORY, max_length=value)
    with pytest.raises(ValueError, match="Either `memory` or `batch_size`"):
        layer.get_initial_state(max_length=3)
    with pytest.raises(ValueError, match="Either `memory` or `batch_size`"):
        layer.get_initial_state(MEMORY, batch_size=B, max_length=3)
    state = layer.get_initial_state(MEMORY, max_length=3)
    with pytest.raises(ValueError, match="it was given when the decoder was built"):
        layer.step(X[:, 0], state)
    with pytest.raises(ValueError, match=r"`inputs` must have shape \(B, T, 8\)"):
        layer.step(X[:, 0, :3], state, MEMORY)
    keys = layer.project_memory(MEMORY)
    for size in (1, S + 1):
        for given in ({"memory": MEMORY}, {"keys": keys}):
            with pytest.raises(ValueError, match=r"`memory_mask` must .* \(3, 7\);"):
                layer.step(X[:, 0], state, memory_mask=np.ones((B, size)), **given)


def test_rows_of_a_step():
    layer = decoder()
    state = layer.get_initial_state(MEMORY, max_length=T)
    keys = layer.project_memory(MEMORY)
    one = layer.get_initial_state(MEMORY[:1], max_length=T)
    for x, arguments, name in (
        (X, (state, MEMORY[:1]), "memory"),
        (X, (state, None, layer.project_memory(MEMORY[:1])), "memory"),
        (X[:1], (one, None, keys), "memory"),
        (X, (one, None, keys), "state"),
    ):
        with pytest.raises(ValueError, match=f"`{name}` must have as many rows as"):
            layer.step(x[:, 0], *arguments)
    with pytest.raises(ValueError, match=r"`lengths` must be .* \(B,\); .*\(3, 1\)"):
        layer.read(X, state, None, keys, lengths=np.ones((B, 1), int))
    with pytest.raises(
        ValueError, match=r"`lengths` must have as many rows .* 3; .* 2"
    ):
        layer.read(X, state, None, keys, lengths=[1, 1])
    model = decoder(memory=False)
    with pytest.raises(ValueError, match="`keys` must be None, as no memory was given"):
        model.step(X[:, 0], state, None, keys)


def test_matrices_start_as_if_each_stood_alone():
    layer = TransformerDecoder(2, 4, 200, seed=1)
    layer.build((None, None, 96), (None, None, 48))
    matrices = [w for w in layer.get_weights() if w.ndim == 2]
    limits = []
    for matrix in matrices:
        for part in np.split(matrix, max(1, matrix.shape[1] // 96), axis=1):
            if matrix.shape == (96, 200):
                part = matrix
            limit = (6 / sum(part.shape)) ** 0.5  # Glorot and Bengio (2010), eq. 16
            assert 0.97 * limit < np.abs(part).max() <= limit
            limits.append(round(float(limit), 4))
    assert len(set(limits)) == 3
    for vector in (w for w in layer.weights if len(w.shape) == 1):
        expected = 1.0 if vector.path.endswith("gamma") else 0.0
        np.testing.assert_array_equal(vector, np.full(vector.shape, expected))


@pytest.mark.parametrize("seed", [None, 3])
def test_no_two_matrices_start_equal(seed):
    given = keras.initializers.RandomNormal(seed=seed)

    def made():
        layer = TransformerDecoder(**SIZES, kernel_initializer=given)
        layer.build((None, None, D), (None, None, D))
        return np.concatenate([w.ravel() for w in layer.get_weights() if w.ndim == 2])

    drawn = made()
    assert len(np.unique(drawn)) == len(drawn)
    assert np.array_equal(drawn, made()) == (seed is not None)


@pytest.mark.parametrize(
    "given",
    [keras.initializers.RandomNormal(seed=keras.random.SeedGenerator(1)), "ones"],
)
def test_other_initializers(given):
    layer = TransformerEncoder(**SIZES, kernel_initializer=given)
    assert np.isfinite(layer(X)).all()
    for weight in (w for w in layer.get_weights() if w.ndim == 2):
        assert (weight == 1.0).all() == (given == "ones")


def test_weights_have_names_of_their_own():
    layer = decoder()
    paths = [weight.path for weight in layer.weights]
    assert len(set(paths)) == len(paths) == 18 * L + 4
    assert any(
        p.endswith("layer_1/self_attention/query_key_value/kernel") for p in paths
    )


def test_what_dropout_does():
    quiet, noisy = encoder(dropout=0.5, seed=3), encoder(dropout=0.5, seed=3)
    expected, *_ = oracle(quiet)
    assert_close([quiet(X)], [expected])
    first, second = quiet(X, training=True), quiet(X, training=True)
    assert np.abs(first - second).max() > 0.1
    np.testing.assert_array_equal(noisy(X, training=True), first)
    # What a part adds is set to 0 or doubled, x itself is left alone.
    part = quiet.blocks[0].feed_forward
    added = part.after(tf.ones((50, 4, D)), tf.ones((50, 4, D)), training=True)
    assert set(np.unique(added)) == {1.0, 3.0}
    assert 0.4 < (added.numpy() == 1.0).mean() < 0.6


def test_attention_dropout():
    layer = encoder(attention_dropout=0.5, seed=3)
    _, expected, _ = oracle(layer)
    outputs, scores = layer(X, training=True, return_attention_scores=True)
    np.testing.assert_allclose(scores[0], expected[0], atol=1e-5)
    assert np.abs(outputs - layer(X)).max() > 0.1
    rates = {}
    for given in (None, 0.0, 0.25):
        layer = encoder(dropout=0.5, attention_dropout=given)
        rates[given] = layer.blocks[0].self_attention.weights_dropout.rate
    assert rates == {None: 0.5, 0.0: 0.0, 0.25: 0.25}


def translator():
    """A model with every part, masks from embeddings, and attention shown."""
    ids, source_ids = (
        keras.Input((None,), dtype="int32", name=name) for name in ("ids", "source_ids")
    )
    embed = keras.layers.Embedding(9, D, mask_zero=True)
    memory, own = TransformerEncoder(**SIZES, activation="gelu")(
        embed(source_ids), return_attention_scores=True
    )
    decode = TransformerDecoder(**SIZES, norm_first=False, dropout=0.1, name="decoder")
    outputs, scores = decode(embed(ids), memory, return_attention_scores=True)
    alone = TransformerDecoder(**SIZES)(outputs)
    return keras.Model(
        (ids, source_ids), {"y": alone, "own": own[1], "scores": scores[0]}
    )


GIVEN = np.array([[3, 4, 1, 0], [2, 0, 0, 0]]), np.array([[5, 0, 0], [6, 7, 8]])


def test_saved_model(tmp_path):
    model = translator()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    expected, got = model(GIVEN), loaded(GIVEN)
    other = translator()
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value)
        np.testing.assert_array_equal(other(GIVEN)[name], value)
    decode = loaded.get_layer("decoder")
    state = decode.get_initial_state(np.ones((1, S, D), "float32"), max_length=2)
    assert state.keys[0].shape == (1, H, 3, D // H)


def test_exported_model(tmp_path):
    model = translator()
    model.export(tmp_path / "out", verbose=False)
    run = tf.saved_model.load(tmp_path / "out").signatures["serving_default"]
    for rows, length in ((2, 4), (1, 2)):
        given = GIVEN[0][:rows, :length], GIVEN[1][:rows]
        ids, source_ids = (tf.constant(g, tf.int32) for g in given)
        got = run(ids=ids, source_ids=source_ids)
        for name, value in model(given).items():
            np.testing.assert_allclose(got[name], value, atol=1e-6)


def test_a_subclassed_model(tmp_path):
    @keras.saving.register_keras_serializable(package="tests.transformers")
    class Model(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.encoder = TransformerEncoder(**SIZES)
            self.decoder = TransformerDecoder(**SIZES)

        def call(self, inputs):
            return self.decoder(inputs["x"], self.encoder(inputs["source"]))

        def build(self, shapes):
            self.encoder.build(shapes["source"])
            self.decoder.build(shapes["x"], shapes["source"])

    model, given = Model(), {"x": X, "source": X[:, :3]}
    expected = model(given)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(given), expected)
