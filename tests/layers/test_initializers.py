"""Initialisers of recurrent biases, and the recurrent identity."""

import keras
import numpy as np
import pytest

from keras_seq import layers
from keras_seq.layers import ChronoBias, ForgetBias

LENGTH = 50


def bias_of(layer):
    layer.build((None, None, 2))
    return layer.get_weights()[2]


@pytest.mark.parametrize("made", [layers.ExplicitLSTM, layers.ExplicitLSTMCell])
def test_forget_bias(made):
    layer = made(3, bias_initializer=ForgetBias(2.5), unit_forget_bias=False)
    expected = [0.0] * 3 + [2.5] * 3 + [0.0] * 6
    np.testing.assert_array_equal(bias_of(layer), expected)


def test_forget_bias_of_one_is_unit_forget_bias():
    ours = layers.ExplicitLSTM(4, bias_initializer=ForgetBias(), unit_forget_bias=False)
    np.testing.assert_array_equal(bias_of(ours), bias_of(keras.layers.LSTM(4)))


def assert_log_uniform(b):
    """Steps exp(b) that are uniform on (1, LENGTH - 1), to five deviations."""
    steps = np.exp(b.astype("float64"))
    assert steps.min() >= 1 - 1e-5
    assert steps.max() <= LENGTH - 1 + 1e-3
    low, high = 1, LENGTH - 1
    deviation = (high - low) / np.sqrt(12 * len(b))
    assert abs(steps.mean() - (low + high) / 2) < 5 * deviation
    assert abs(np.mean(steps < low + (high - low) / 4) - 0.25) < 5 * np.sqrt(
        0.1875 / len(b)
    )


def test_chrono_bias_of_an_lstm():
    layer = layers.ExplicitLSTM(
        2000, bias_initializer=ChronoBias(LENGTH, seed=1), unit_forget_bias=False
    )
    b_i, b_f, b_c, b_o = np.split(layer.cell.bias_initializer((8000,)).numpy(), 4)
    assert_log_uniform(b_f)
    np.testing.assert_array_equal(b_i, -b_f)
    np.testing.assert_array_equal(b_c, np.zeros(2000))
    np.testing.assert_array_equal(b_o, np.zeros(2000))


@pytest.mark.parametrize("shape", [(6000,), (2, 6000)])
def test_chrono_bias_of_a_gru(shape):
    bias = ChronoBias(LENGTH, seed=2, gates="gru")(shape).numpy()
    assert bias.shape == shape
    rows = np.atleast_2d(bias)
    b_z, b_r, b_h = np.split(rows[0], 3)
    assert_log_uniform(b_z)
    for zeros in (b_r, b_h, *rows[1:]):
        np.testing.assert_array_equal(zeros, np.zeros_like(zeros))


@pytest.mark.parametrize("reset_after", [True, False])
def test_chrono_bias_in_a_gru_layer(reset_after):
    initializer = ChronoBias(LENGTH, seed=3, gates="gru")
    layer = layers.ExplicitGRU(4, bias_initializer=initializer, reset_after=reset_after)
    shape = (2, 12) if reset_after else (12,)
    np.testing.assert_array_equal(bias_of(layer), initializer(shape))


def test_a_chrono_unit_keeps_its_memory_for_its_steps():
    """With zero input and no recurrence c decays by u / (1 + u) a step."""
    layer = layers.ExplicitLSTM(
        5,
        bias_initializer=ChronoBias(LENGTH, seed=4),
        unit_forget_bias=False,
        recurrent_initializer="zeros",
        return_state=True,
        return_gates=True,
    )
    start = [np.zeros((1, 5)), np.ones((1, 5))]
    *_, gates = layer(np.zeros((1, 3, 2), "float32"), initial_state=start)
    u = np.exp(bias_of(layer)[5:10].astype("float64"))
    keep = u / (1 + u)
    np.testing.assert_allclose(
        gates["cell"][0], np.cumprod([keep] * 3, axis=0), rtol=1e-5
    )


@pytest.mark.parametrize(
    "initializer",
    [
        ForgetBias(3),
        ChronoBias(20, seed=5),
        ChronoBias(20.5, gates="gru"),
        ChronoBias(np.int64(9), keras.random.SeedGenerator(6)),
    ],
    ids=lambda initializer: type(initializer).__name__,
)
def test_serialised(initializer):
    config = keras.initializers.serialize(initializer)
    again = keras.initializers.get(config)
    assert type(again) is type(initializer)
    assert keras.initializers.serialize(again) == config
    assert again.gates == initializer.gates
    if getattr(initializer, "seed", None) == 5:
        np.testing.assert_array_equal(again((8,)), initializer((8,)))


def test_dtype_and_seed():
    assert ForgetBias()((4,), dtype="float16").dtype == "float16"
    assert ChronoBias(9)((4,), dtype="bfloat16").dtype == "bfloat16"
    wide = ChronoBias(9, seed=1)((40,), dtype="float64").numpy()
    assert wide.dtype == "float64"
    assert (wide != wide.astype("float32"))[:20].any()
    first, second = ChronoBias(9)((40,)), ChronoBias(9)((40,))
    assert np.abs(first - second).max() > 1e-3


@pytest.mark.parametrize("kind", ["LSTM", "LSTMCell"])
@pytest.mark.parametrize("initializer", [ForgetBias(), ChronoBias(9)])
def test_unit_forget_bias_is_refused(kind, initializer):
    made = getattr(layers, f"Explicit{kind}")
    with pytest.raises(ValueError, match=r"needs `unit_forget_bias=False`"):
        made(3, bias_initializer=initializer)


@pytest.mark.parametrize(
    ("kind", "initializer"),
    [
        ("LSTM", ChronoBias(9, gates="gru")),
        ("GRU", ChronoBias(9)),
        ("GRUCell", ForgetBias()),
        ("SimpleRNN", ForgetBias()),
    ],
)
def test_the_bias_of_another_recurrence_is_refused(kind, initializer):
    made = getattr(layers, f"Explicit{kind}")
    with pytest.raises(ValueError, match=f"is for the gates of '{initializer.gates}'"):
        made(12, bias_initializer=initializer)


@pytest.mark.parametrize("value", ["a", None, True, float("nan"), float("inf")])
def test_bad_forget_bias(value):
    with pytest.raises(ValueError, match=f"`value` must be .* received {value!r}"):
        ForgetBias(value)


@pytest.mark.parametrize("value", ["a", None, True, 1, 1.9, float("nan")])
def test_bad_max_length(value):
    with pytest.raises(ValueError, match=f"`max_length` must .* received {value!r}"):
        ChronoBias(value)


def test_bad_gates():
    with pytest.raises(ValueError, match="`gates` must be 'lstm' or 'gru'"):
        ChronoBias(9, gates="rnn")


@pytest.mark.parametrize("shape", [(), (5,), (2, 8), (4, 4)])
@pytest.mark.parametrize("initializer", [ForgetBias(), ChronoBias(9)])
def test_bad_shapes_of_an_lstm(initializer, shape):
    with pytest.raises(ValueError, match=r"`shape` must be \(4 · units,\); received"):
        initializer(shape)


@pytest.mark.parametrize("shape", [(), (4,), (3, 6), (2, 2, 3)])
def test_bad_shapes_of_a_gru(shape):
    with pytest.raises(ValueError, match=r"\(2, 3 · units\); received"):
        ChronoBias(9, gates="gru")(shape)


def test_recurrent_identity():
    """The IRNN of Le, Jaitly and Hinton (2015)."""
    layer = layers.ExplicitSimpleRNN(
        6, activation="relu", recurrent_initializer="identity", return_sequences=True
    )
    state = np.random.default_rng(0).uniform(0, 5, (2, 6)).astype("float32")
    h = layer(np.zeros((2, 7, 3), "float32"), initial_state=state)
    np.testing.assert_array_equal(layer.cell.recurrent_kernel, np.eye(6))
    np.testing.assert_array_equal(layer.cell.bias, np.zeros(6))
    np.testing.assert_array_equal(h, np.repeat(state[:, None], 7, axis=1))
