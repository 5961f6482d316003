"""`SuffixAttention` by its definition: masks, pieces, no steps, no rows."""

import inspect
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import Beam, Sample, Stepper, generate
from keras_seq.diagnostics import attention_map
from keras_seq.layers import ExplicitLSTM, SuffixAttention
from tests.layers.suffixes import made, problem
from tests.reference.suffix import suffix_attention

SIZES = [(5, 3, 30), (100, 7, 30), (1, 1, 6), (1024, 32, 150), (30, 8, 1)]


@pytest.mark.parametrize(("memory", "longest", "steps"), SIZES)
@pytest.mark.parametrize("masked", [False, True])
def test_it_is_what_its_definition_says(memory, longest, steps, masked):
    layer, strengths = made(memory, longest)
    logits, tokens, mask = problem(steps)
    mask = mask if masked else None
    expected, looked = suffix_attention(logits, tokens, strengths, memory, mask)
    got, weights = layer(logits, tokens, mask=mask, return_attention_scores=True)
    np.testing.assert_allclose(got, expected, atol=1e-6)
    np.testing.assert_array_equal(weights, looked)


@pytest.mark.parametrize(("memory", "longest", "steps"), SIZES)
@pytest.mark.parametrize("masked", [False, True])
def test_read_in_pieces_it_is_the_same(memory, longest, steps, masked):
    layer, _ = made(memory, longest)
    logits, tokens, mask = problem(steps, seed=1)
    mask = mask if masked else np.ones_like(mask)
    expected, end = layer(logits, tokens, mask=mask, return_state=True)
    state, got = layer.get_initial_state(3), []
    cuts = sorted({0, min(1, steps), min(2, steps), steps // 2, steps})
    for i, j in itertools.pairwise(cuts):
        piece = slice(i, j)
        some = mask[:, piece] if masked else None
        here, state = layer(
            logits[:, piece], tokens[:, piece], state, some, return_state=True
        )
        got.append(here)
    np.testing.assert_allclose(np.concatenate(got, axis=1), expected, atol=1e-6)
    for one, other in zip(state, end, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_sizes_that_are_known_when_running(jit_compile):
    layer, strengths = made(6, 5)

    @tf.function(jit_compile=jit_compile, reduce_retracing=True)
    def call(logits, tokens, mask):
        return layer(logits, tokens, mask=mask, return_state=True)

    shapes = tf.TensorSpec([None, None, 4]), tf.TensorSpec([None, None], tf.int32)
    if not jit_compile:
        call = call.get_concrete_function(*shapes, tf.TensorSpec([None, None], tf.bool))
    for steps in (1, 4, 20):
        logits, tokens, mask = problem(steps)
        got, state = call(
            tf.constant(logits), tf.constant(tokens, tf.int32), tf.constant(mask)
        )
        expected, _ = suffix_attention(logits, tokens, strengths, 6, mask)
        np.testing.assert_allclose(got, expected, atol=1e-6)
        assert [each.shape for each in state] == [(3, 6), (3, 6)]


@pytest.mark.parametrize("rows", [0, 2])
@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize("masked", [False, True])
def test_no_rows_and_no_steps(rows, steps, masked):
    layer, _ = made(6, 5)
    logits, tokens, mask = problem(steps, rows)
    got, state = layer(logits, tokens, mask=mask if masked else None, return_state=True)
    assert got.shape == (rows, steps, 4)
    assert [each.shape for each in state] == [(rows, 6), (rows, 6)]


def test_how_much_a_repeat_tells_is_learned():
    layer, strengths = made(50, 4)
    logits, tokens, _ = problem(40)
    with tf.GradientTape() as tape:
        x = tf.Variable(logits)
        loss = tf.reduce_sum(tf.nn.softmax(layer(x, tokens)) * np.arange(4.0))
    slopes = tape.gradient(loss, [x, layer.strengths])

    def value(strengths, logits=logits):
        z, _ = suffix_attention(logits, tokens, strengths, 50)
        shares = np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)
        return (shares * np.arange(4.0)).sum()

    for i in range(4):
        step = np.eye(4)[i] * 1e-5
        slope = (value(strengths + step) - value(strengths - step)) / 2e-5
        np.testing.assert_allclose(tf.convert_to_tensor(slopes[1])[i], slope, atol=2e-4)
    step = np.zeros_like(logits, "float64")
    step[1, 30, 2] = 1e-5
    slope = (value(strengths, logits + step) - value(strengths, logits - step)) / 2e-5
    np.testing.assert_allclose(slopes[0][1, 30, 2], slope, atol=2e-4)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_other_dtypes(policy):
    layer, strengths = made(9, 4, dtype=policy)
    logits, tokens, _ = problem(30)
    got = layer(logits, tokens)
    assert got.dtype == keras.DTypePolicy(policy).compute_dtype
    expected, _ = suffix_attention(logits, tokens, strengths, 9)
    np.testing.assert_allclose(tf.cast(got, "float64"), expected, atol=0.05)


def language_model(vocabulary=5, mask_zero=False):
    keras.utils.set_random_seed(3)
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(vocabulary, 4, mask_zero=mask_zero)(ids)
    x, *_ = ExplicitLSTM(6, return_sequences=True, return_state=True)(x)
    logits = keras.layers.Dense(vocabulary, name="plain")(x)
    remembered = SuffixAttention(
        20, 6, strengths_initializer=keras.initializers.Constant(2.0), name="memory"
    )(logits, tokens=ids)
    return keras.Model(ids, remembered)


@pytest.mark.parametrize("mask_zero", [False, True])
def test_in_a_model_that_is_saved_shown_and_stepped(mask_zero, tmp_path):
    model = language_model(mask_zero=mask_zero)
    tokens = np.random.default_rng(4).integers(1, 5, (3, 30))
    expected = model(tokens).numpy()
    plain = keras.Model(model.input, model.get_layer("plain").output)(tokens).numpy()
    oracle, looked = suffix_attention(plain, tokens, np.full(6, 2.0), 20)
    np.testing.assert_allclose(expected, oracle, atol=1e-5)
    shown = attention_map(model, tokens)
    np.testing.assert_array_equal(shown["memory"], looked)

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(tokens), expected, atol=1e-6)

    stepper = Stepper(model.layers)
    read, after = stepper.read(tokens[:, :20])
    np.testing.assert_allclose(read, expected[:, :20], atol=1e-5)
    for step in (stepper.step, stepper.prepared_step()):
        state = after
        for t in range(20, 30):
            logits, state = step(tokens[:, t], state)
            np.testing.assert_allclose(logits, expected[:, t], atol=1e-5)


@pytest.mark.parametrize("mask_zero", [False, True])
def test_padded_prompts_are_as_if_they_stood_alone(mask_zero):
    model = language_model(mask_zero=mask_zero)
    tokens = np.random.default_rng(5).integers(1, 5, (2, 12))
    mask = np.arange(12) < np.array([[7], [12]])
    tokens = np.where(mask, tokens, 0)
    stepper = Stepper(model.layers)
    _, together = stepper.read(tokens, None if mask_zero else mask)
    _, alone = stepper.read(tokens[:1, :7])
    for one, other in zip(together[1], alone[1], strict=True):
        np.testing.assert_array_equal(one[:1], other)


def test_the_mask_of_a_model_is_the_layers():
    model = language_model(mask_zero=True)
    tokens = np.random.default_rng(6).integers(0, 5, (3, 30))
    plain = keras.Model(model.input, model.get_layer("plain").output)(tokens).numpy()
    oracle, _ = suffix_attention(plain, tokens, np.full(6, 2.0), 20, tokens != 0)
    np.testing.assert_allclose(model(tokens), oracle, atol=1e-5)


def test_states_of_other_integers_and_tokens_that_are_none():
    layer, strengths = made(8, 4)
    logits, tokens, _ = problem(20)
    tokens[:, :3] = -1  # as some pad: they repeat nothing, and nothing repeats them
    apart = tokens.copy()
    apart[:, :3] = 7, 8, 9
    expected, _ = suffix_attention(logits, apart, strengths, 8)
    _, state = layer(logits[:, :9], tokens[:, :9], return_state=True)
    state = [np.asarray(each, "int64") for each in state]
    got = layer(logits[:, 9:], tokens[:, 9:], initial_state=state)
    np.testing.assert_allclose(got, expected[:, 9:], atol=1e-6)


def test_it_writes_what_reading_finds_likely():
    model = language_model()
    stepper = Stepper(model.layers)
    first = np.array([1, 2, 3])
    for strategy in (Sample(temperature=0.5), Beam(3)):
        written = generate(
            stepper.step,
            stepper.initial_state(3),
            first,
            max_length=25,
            strategy=strategy,
            seed=1,
        )
        ids = np.asarray(written.ids).reshape(3, -1, 25)[:, 0]
        read = np.concatenate([first[:, None], ids[:, :-1]], axis=1)
        nats = tf.nn.log_softmax(model(read)).numpy()
        nats = np.take_along_axis(nats, ids[..., None], axis=-1)[..., 0]
        if isinstance(strategy, Sample):
            np.testing.assert_allclose(written.log_probs, nats, atol=1e-4)
        else:
            best = np.asarray(written.scores).reshape(3, -1)[:, 0]
            np.testing.assert_allclose(best, nats.sum(axis=1), rtol=1e-4)


def test_every_argument_is_kept():
    values = {"memory": 7, "longest": 5, "strengths_initializer": "he_normal"}
    parameters = inspect.signature(SuffixAttention.__init__).parameters
    assert set(parameters) - {"self", "kwargs"} == set(values)
    layer = SuffixAttention(**values, name="mine")
    config = layer.get_config()
    assert config["memory"] == 7
    assert config["longest"] == 5
    assert isinstance(layer.strengths_initializer, keras.initializers.HeNormal)
    assert SuffixAttention.from_config(config).get_config() == config


def test_longest_is_bounded():
    with pytest.raises(ValueError, match="`longest` must be at most 1024; received"):
        SuffixAttention(longest=2**20)


@pytest.mark.parametrize("shape", [(2, 1), (2, 5), (1, 3)])
def test_bad_masks(shape):
    with pytest.raises(ValueError, match=r"`mask` must have shape \(B, T\) = \(2, 3\)"):
        SuffixAttention()(
            np.zeros((2, 3, 4)), np.zeros((2, 3), "int32"), mask=np.ones(shape, bool)
        )


@pytest.mark.parametrize("name", ["memory", "longest"])
@pytest.mark.parametrize("value", [0, -1, 2.5, True, "3", None])
def test_bad_sizes(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be a positive integer"):
        SuffixAttention(**{name: value})


@pytest.mark.parametrize(
    ("logits", "tokens", "message"),
    [
        ((2, 4), (2, 3), r"`inputs` must have shape \(B, T, V\)"),
        ((2, 3, 4), (2, 3, 4), r"`tokens` must have shape \(B, T\) = \(2, 3\)"),
        ((2, 3, 4), (2, 5), r"`tokens` must have shape .* received shape \(2, 5\)"),
        ((2, 3, 4), (1, 3), r"`tokens` must have shape .* received shape \(1, 3\)"),
    ],
)
def test_bad_shapes(logits, tokens, message):
    with pytest.raises(ValueError, match=message):
        SuffixAttention()(np.zeros(logits), np.zeros(tokens, "int32"))


@pytest.mark.parametrize("tokens", [np.zeros((2, 3)), np.zeros((2, 3), bool)])
def test_tokens_are_integers(tokens):
    with pytest.raises(ValueError, match="`tokens` must be integers"):
        SuffixAttention()(np.zeros((2, 3, 4)), tokens)


@pytest.mark.parametrize(
    "state", [[np.zeros((2, 8), "int32")], [np.zeros((2, 7), "int32")] * 2]
)
def test_bad_states(state):
    with pytest.raises(ValueError, match="`initial_state` must be 2 tensors"):
        SuffixAttention(8)(np.zeros((2, 3, 4)), np.zeros((2, 3), "int32"), state)
