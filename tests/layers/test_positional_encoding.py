"""Positions by the definition, from any start, with any D, learned or not."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.layers import PositionalEncoding
from tests.reference.transformer import positional_encoding


def random(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("features", [1, 2, 5, 8])
@pytest.mark.parametrize("max_wavelength", [10000, 30.0])
def test_sines_and_cosines(features, max_wavelength):
    x = random(1, 2, 50, features)
    got = PositionalEncoding(max_wavelength=max_wavelength)(x)
    expected = x + positional_encoding(np.arange(50), features, max_wavelength)
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_scaled_inputs():
    x = random(1, 2, 4, 9)
    got = PositionalEncoding(scale=True)(x)
    expected = 3.0 * x + positional_encoding(np.arange(4), 9)
    np.testing.assert_allclose(got, expected, atol=1e-5)


def learned(length=6, features=5, **options):
    layer = PositionalEncoding(learned=True, max_length=length, **options)
    layer.build((None, None, features))
    table = random(2, length, features)
    layer.set_weights([table])
    return layer, table


@pytest.mark.parametrize("is_learned", [True, False])
@pytest.mark.parametrize(
    "start",
    [None, 0, 2, np.int64(2), tf.constant(2), np.array([0, 2, 1])],
    ids=["none", "zero", "integer", "numpy", "scalar", "rows"],
)
def test_from_a_start(is_learned, start):
    layer, table = learned() if is_learned else (PositionalEncoding(), None)
    x = random(3, 3, 4, 5)
    rows = np.reshape(0 if start is None else start, (-1, 1)) + np.arange(4)
    encoding = table[rows] if is_learned else positional_encoding(rows, 5)
    got = layer(x, start=start)
    np.testing.assert_allclose(got, x + encoding, atol=1e-6)
    compiled = tf.function(lambda x: layer(x, start=start))
    unknown = compiled.get_concrete_function(tf.TensorSpec((None, None, 5)))
    np.testing.assert_allclose(unknown(tf.constant(x)), x + encoding, atol=1e-6)
    # One step a row is the first of these.
    np.testing.assert_allclose(
        layer(x[:, 0], start=start), (x + encoding)[:, 0], atol=1e-6
    )


def test_past_a_learned_table_when_running_is_nan():
    layer, table = learned(length=4)
    x = random(4, 2, 3, 5)
    got = layer(x, start=np.array([0, 2])).numpy()
    expected = x + table[np.minimum(np.array([[0, 1, 2], [2, 3, 4]]), 3)]
    expected[1, 2] = np.nan
    np.testing.assert_allclose(got, expected, atol=1e-6)
    got = layer(x, start=np.array([0, -1])).numpy()
    np.testing.assert_allclose(got[1, 1:], (x[1, 1:] + table[:2]), atol=1e-6)
    assert np.isnan(got[1, 0]).all()

    compiled = tf.function(lambda x: layer(x))
    unknown = compiled.get_concrete_function(tf.TensorSpec((None, None, 5)))
    long = random(5, 2, 6, 5)
    got = unknown(tf.constant(long)).numpy()
    np.testing.assert_allclose(got[:, :4], long[:, :4] + table, atol=1e-6)
    assert np.isnan(got[:, 4:]).all()


def test_past_a_learned_table_is_refused_where_it_is_known():
    layer, _ = learned(length=4)
    for x, start, what in (
        (np.ones((2, 5, 5)), None, "5 steps from position 0"),
        (np.ones((2, 3, 5)), 2, "3 steps from position 2"),
        (np.ones((2, 5)), 4, "1 steps from position 4"),
        (np.ones((2, 5, 5)), tf.constant(0), "5 steps"),
        (keras.Input((5, 5)), None, "5 steps from position 0"),
    ):
        with pytest.raises(ValueError, match=f"`max_length=4` .* received {what}"):
            layer(x, start=start)


def test_the_table_learns():
    layer, _ = learned()
    x = tf.constant(random(6, 2, 3, 5))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x, start=tf.constant([1, 2])) * x)
    (slope,) = tape.gradient(loss, layer.trainable_variables)
    expected = np.zeros((6, 5))
    for row, start in enumerate((1, 2)):
        expected[start : start + 3] += x[row]
    np.testing.assert_allclose(tf.convert_to_tensor(slope), expected, atol=1e-6)


def test_masks_are_passed_on():
    x = keras.layers.Embedding(5, 4, mask_zero=True)(np.array([[1, 2, 0]]))
    got = PositionalEncoding()(x)
    np.testing.assert_array_equal(got._keras_mask, [[True, True, False]])


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_other_dtypes(policy):
    x = random(7, 2, 3000, 4)
    got = PositionalEncoding(dtype=policy)(x)
    dtype = keras.DTypePolicy(policy).compute_dtype
    assert got.dtype == dtype
    # Positions above 2048 are no numbers of float16: they must not pass through it.
    tolerance = {"float16": 5e-3, "bfloat16": 4e-2, "float64": 3e-4}[dtype]
    expected = x + positional_encoding(np.arange(3000), 4)
    np.testing.assert_allclose(tf.cast(got, "float64"), expected, atol=tolerance)


def test_saved_model(tmp_path):
    inputs, start = keras.Input((None, 4)), keras.Input((), dtype="int32")
    x = PositionalEncoding(learned=True, max_length=9, scale=True)(inputs, start=start)
    model = keras.Model((inputs, start), PositionalEncoding(max_wavelength=50)(x))
    model.save(tmp_path / "model.keras")
    given = random(8, 2, 3, 4), np.array([4, 1], "int32")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(given), model(given))
    assert model(given).shape == (2, 3, 4)


def test_every_argument_is_kept():
    values = {
        "learned": True,
        "max_length": 7,
        "max_wavelength": 20.5,
        "scale": True,
        "embeddings_initializer": "he_normal",
    }
    parameters = inspect.signature(PositionalEncoding.__init__).parameters
    assert set(parameters) - {"self", "kwargs"} == set(values)
    layer = PositionalEncoding(**values, name="mine")
    config = layer.get_config()
    for name, value in values.items():
        assert parameters[name].default != value
        if name != "embeddings_initializer":
            assert getattr(layer, name) == config[name] == value
    assert isinstance(layer.embeddings_initializer, keras.initializers.HeNormal)
    again = PositionalEncoding.from_config(config)
    assert again.get_config() == config
    assert again.name == "mine"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learned": 1}, "`learned` must be True or False; received 1"),
        ({"scale": "yes"}, "`scale` must be True or False; received 'yes'"),
        ({"learned": True}, "`max_length` must be a positive .* received None"),
        *[
            ({"learned": True, "max_length": n}, "`max_length` must be a positive")
            for n in (0, -1, 2.5, True)
        ],
        ({"max_length": 5}, "`max_length` must be None without .* received 5"),
        *[
            ({"max_wavelength": n}, "`max_wavelength` must be a number above 1")
            for n in (1, 0.5, -3, "a", True, float("inf"), float("nan"))
        ],
    ],
)
def test_bad_constructor_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        PositionalEncoding(**options)


@pytest.mark.parametrize(
    "start", [-1, 1.5, True, "1", [0, 1], np.array([1.0]), np.array([1, 2, 3])]
)
def test_bad_starts(start):
    with pytest.raises(ValueError, match=r"`start` must be .* received"):
        PositionalEncoding()(np.ones((2, 3, 4)), start=start)


@pytest.mark.parametrize("shape", [(4,), (2, 3, 4, 5)])
def test_bad_ranks(shape):
    with pytest.raises(ValueError, match=r"`inputs` must have shape \(B, T, D\)"):
        PositionalEncoding()(np.ones(shape))
