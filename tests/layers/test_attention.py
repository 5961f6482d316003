"""The attention layers against the oracle; calls, steps, masks."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.layers import BahdanauAttention, LuongAttention, MonotonicAttention
from keras_seq.layers.attention_mechanism import AttentionMechanism
from tests.layers.attentions import ATTENTIONS, halves, mechanism_of, randomise
from tests.reference import attention as reference
from tests.reference.recurrence import mask_patterns

ROWS, STEPS, SOURCE, SIZE = 4, 3, 6, 4
RNG = np.random.default_rng(40)
QUERY = RNG.normal(size=(ROWS, STEPS, SIZE))
MEMORY = RNG.normal(size=(ROWS, SOURCE, SIZE))
MASKS = mask_patterns(ROWS, SOURCE)
each_attention = pytest.mark.parametrize("name", ATTENTIONS)


def made(name, dtype="float64", query=QUERY, memory=MEMORY):
    layer = ATTENTIONS[name](dtype=dtype)
    layer.build(query.shape, memory.shape)
    return randomise(layer)


def both(layer, *arguments, **options):
    return layer(*arguments, return_attention_scores=True, **options)


def assert_close(found, expected, tolerance=1e-10):
    for value, want in zip(found, expected, strict=True):
        assert value.shape == want.shape
        np.testing.assert_allclose(value, want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("pattern", ["none", "holes", "left", "right", "whole rows"])
@each_attention
def test_values(name, pattern):
    layer, mask = made(name), MASKS[pattern]
    expected = reference.attend(mechanism_of(layer), QUERY, MEMORY, mask)
    assert_close(both(layer, QUERY, MEMORY, memory_mask=mask), expected)


def test_general_takes_sizes_that_differ():
    memory = RNG.normal(size=(ROWS, SOURCE, 5))
    for name in ("luong-general", "luong-concat", "bahdanau", "monotonic-expected"):
        layer = made(name, memory=memory)
        expected = reference.attend(mechanism_of(layer), QUERY, memory)
        assert_close(both(layer, QUERY, memory), expected)


@each_attention
def test_one_query(name):
    layer, mask = made(name), MASKS["holes"]
    expected = reference.attend(mechanism_of(layer), QUERY[:, :1], MEMORY, mask)
    found = both(layer, QUERY[:, 0], MEMORY, memory_mask=mask)
    assert_close(found, [y[:, 0] for y in expected])


@pytest.mark.parametrize("pattern", ["none", "whole rows"])
@each_attention
def test_steps_are_the_whole(name, pattern):
    layer, mask = made(name), MASKS[pattern]
    whole = both(layer, QUERY, MEMORY, memory_mask=mask)
    keys = layer.project_memory(MEMORY)
    assert_close(both(layer, QUERY, MEMORY, memory_mask=mask, keys=keys), whole)
    for given in (keys, None):
        state = layer.get_initial_state(MEMORY, mask)
        for t in range(STEPS):
            context, weights, state = layer.step(
                QUERY[:, t], MEMORY, given, mask, state
            )
            assert_close((context, weights), [y[:, t] for y in whole])


@each_attention
def test_nothing_masked_reaches_anything(name):
    layer, mask = made(name), np.array(MASKS["holes"])
    mask[1] = False
    mask[2, 0] = False

    def run(memory):
        query, memory = tf.constant(QUERY), tf.constant(memory)
        with tf.GradientTape() as tape:
            tape.watch([query, memory])
            found = both(layer, query, memory, memory_mask=mask, training=True)
            loss = sum(tf.reduce_sum(y**2) for y in found)
        slopes = tape.gradient(loss, [query, memory, *layer.trainable_variables])
        return [*found, *(s for s in slopes if s is not None)]

    layer.noise = 0
    expected = run(MEMORY)
    for value, want in zip(
        run(np.where(mask[..., None], MEMORY, np.nan)), expected, strict=True
    ):
        np.testing.assert_array_equal(value, want)
        assert np.isfinite(value).all()
    assert not expected[0].numpy()[1].any()
    assert not np.any(expected[1].numpy()[~np.broadcast_to(mask[:, None], (4, 3, 6))])


@each_attention
def test_the_mask_that_comes_with_the_memory(name):
    layer = made(name)
    memory = np.where(MASKS["right"][..., None], MEMORY, 0)
    masking = keras.layers.Masking(dtype="float64")
    explicit = both(layer, QUERY, memory, memory_mask=MASKS["right"])
    assert_close(both(layer, QUERY, masking(memory)), explicit)
    inputs = keras.Input(QUERY.shape[1:]), keras.Input(MEMORY.shape[1:])
    found = both(layer, inputs[0], masking(inputs[1]))
    model = keras.Model(inputs, found)
    assert_close(model([QUERY, memory]), explicit, 1e-5)


def test_the_mask_of_the_queries_is_passed_on():
    queries = keras.layers.Masking()(np.where(MASKS["right"][:, :3, None], QUERY, 0))
    context = BahdanauAttention(3)(queries, MEMORY)
    np.testing.assert_array_equal(context._keras_mask, queries._keras_mask)


@each_attention
def test_sizes_known_only_when_run(name):
    layer = made(name)
    for training in (False, True):
        layer.noise = 0
        graph = tf.function(
            lambda q, m, k, training=training: both(
                layer, q, m, memory_mask=k, training=training
            ),
            input_signature=[
                tf.TensorSpec((None, None, SIZE), "float64"),
                tf.TensorSpec((None, None, SIZE), "float64"),
                tf.TensorSpec((None, None), "bool"),
            ],
            autograph=False,
        )
        for rows, steps, source in ((1, 1, 1), (3, 2, 5), (4, 3, 6)):
            arguments = QUERY[:rows, :steps], MEMORY[:rows, :source]
            mask = MASKS["holes"][:rows, :source]
            expected = both(layer, *arguments, memory_mask=mask, training=training)
            assert_close(graph(*arguments, mask), expected)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize(
    "name", ["bahdanau-sparsemax", "bahdanau-previous", "monotonic", "luong-concat"]
)
def test_gradients_in_graphs(name, jit_compile):
    layer = made(name)
    layer.noise = 0

    def slopes():
        with tf.GradientTape() as tape:
            context = layer(QUERY, MEMORY, memory_mask=MASKS["holes"], training=True)
            loss = tf.reduce_sum(context**2)
        return tape.gradient(loss, layer.trainable_variables)

    graph = tf.function(slopes, autograph=False, jit_compile=jit_compile)
    assert_close(graph(), slopes(), 1e-9)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@each_attention
def test_few_digits(name, policy):
    full = made(name, "float32")
    layer = ATTENTIONS[name](dtype=policy)
    layer.build(QUERY.shape, MEMORY.shape)
    layer.set_weights(full.get_weights())
    for training in (False, True):
        full.noise = layer.noise = 0
        found = both(layer, QUERY, MEMORY, training=training)
        assert all(y.dtype == layer.compute_dtype for y in found)
        if name != "monotonic" or training:
            expected = both(full, QUERY, MEMORY, training=training)
            found = [tf.cast(y, "float32") for y in found]
            assert_close(found, expected, 0.01 if "bfloat" not in policy else 0.1)
    state = layer.get_initial_state(MEMORY)
    after = layer.step(QUERY[:, 0].astype("float16"), MEMORY, state=state)[2]
    assert [s.dtype for s in after] == [s.dtype for s in state]


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_a_short_vector_is_normalised_too(policy):
    layer = BahdanauAttention(8, normalize=True, dtype=policy)
    layer.build(QUERY.shape, MEMORY.shape)
    expected = both(layer, QUERY, MEMORY)
    layer.energy_kernel.assign(1e-3 * layer.energy_kernel)
    assert_close(both(layer, QUERY, MEMORY), expected, 0.01)


def test_integers_are_taken():
    memory = np.arange(ROWS * SOURCE * SIZE).reshape(MEMORY.shape) % 3
    for name in ("bahdanau-previous", "luong-dot"):
        layer = made(name, "float32")
        assert_close(
            both(layer, QUERY, memory), both(layer, QUERY, memory.astype("float32"))
        )


# Dropout and noise.


@pytest.mark.parametrize("steps", [None, STEPS])
@pytest.mark.parametrize(
    "make",
    [
        lambda **o: BahdanauAttention(3, **o),
        lambda **o: BahdanauAttention(3, location="previous", **o),
        lambda **o: LuongAttention(**o),
        lambda **o: MonotonicAttention(LuongAttention(), noise=0, **o),
    ],
    ids=["bahdanau", "location", "luong", "monotonic"],
)
def test_dropout(make, steps):
    """A square memory tells the dropped weights: context = weights · 1."""
    memory = np.broadcast_to(np.eye(SOURCE), (ROWS, SOURCE, SOURCE))
    query = QUERY[:, 0] if steps is None else QUERY
    layer = make(dropout=0.25, seed=3)
    plain, weights = both(layer, query, memory)
    np.testing.assert_allclose(plain, weights, rtol=1e-5)
    drawn = []
    for _ in range(2):
        dropped, shown = both(layer, query, memory, training=True)
        if not isinstance(layer, MonotonicAttention):
            # What the step before dropped is no matter to the next one's energies.
            np.testing.assert_allclose(shown, weights, rtol=1e-5)
        factors = np.asarray(dropped) / np.asarray(shown)
        np.testing.assert_allclose(factors * (factors - 4 / 3), 0, atol=1e-4)
        drawn.append(factors < 0.5)
    assert 0 < np.mean(drawn) < 0.5
    assert (drawn[0] != drawn[1]).any()
    again = make(dropout=0.25, seed=3)
    again.build(query.shape, memory.shape)
    again.set_weights(layer.get_weights())
    for before in drawn:
        dropped, shown = both(again, query, memory, training=True)
        np.testing.assert_array_equal(dropped < 0.5 * shown, before)


def test_dropout_is_given_to_a_step():
    layer = BahdanauAttention(3, dropout=0.5, seed=1)
    layer(QUERY, MEMORY)
    (factors,) = layer.draw(2, ROWS, SOURCE, training=True)
    assert factors.shape == (2, ROWS, SOURCE)
    context, weights, _ = layer.step(
        QUERY[:, 0].astype("float32"),
        MEMORY.astype("float32"),
        training=True,
        drawn=[factors[1]],
    )
    expected = np.einsum("bs,bs,bse->be", weights, factors[1], MEMORY)
    np.testing.assert_allclose(context, expected, atol=1e-5)
    assert layer.draw(2, ROWS, SOURCE, training=False) == ()


@pytest.mark.parametrize("name", ["monotonic", "monotonic-cumulative"])
def test_monotonic_in_training_expects(name):
    layer = made(name)
    layer.noise = 0
    mechanism = mechanism_of(layer)
    mechanism.probability = "expected"
    expected = reference.attend(mechanism, QUERY, MEMORY, MASKS["left"])
    found = both(layer, QUERY, MEMORY, memory_mask=MASKS["left"], training=True)
    assert_close(found, expected)


def test_noise_is_added_to_the_energies():
    """One position, one query: the weight is σ(e + ε)."""
    memory = np.ones((20_000, 1, 2), "float32")
    layer = MonotonicAttention(LuongAttention(score="dot"), noise=0.7, seed=2)
    query = np.full((20_000, 2), 0.25, "float32")
    _, weights = both(layer, query, memory, training=True)
    energies = np.log(weights / (1 - np.asarray(weights)))
    assert abs(energies.mean() - 0.5) < 0.03
    assert abs(energies.std() - 0.7) < 0.02
    assert set(np.unique(both(layer, query, memory)[1])) == {1.0}
    off = MonotonicAttention(LuongAttention(score="dot"), noise=0.7, energy_bias=-2)
    assert not np.any(both(off, query, memory)[1])


# Weights.


def test_first_weights():
    layer = BahdanauAttention(16, normalize=True)
    layer.build((None, 4), (None, None, 4))
    assert float(layer.energy_gain) == 0.25
    assert not np.any(layer.bias)
    assert np.abs(layer.query_kernel - layer.memory_kernel).max() > 0.01
    monotonic = MonotonicAttention(layer, energy_bias=-3)
    monotonic.build((None, 4), (None, None, 4))
    assert float(monotonic.bias) == -3
    assert len(monotonic.trainable_variables) == 6


@pytest.mark.parametrize("attention", [BahdanauAttention, LuongAttention])
def test_regularizer(attention):
    options = {} if attention is BahdanauAttention else {"score": "concat"}
    regularizer = keras.regularizers.L2(0.5)
    layer = attention(3, kernel_regularizer=regularizer, **options)
    layer(QUERY, MEMORY)
    kernels = [w for w in layer.weights if w.name != "bias"]
    expected = 0.5 * sum(np.sum(np.square(w)) for w in kernels)
    np.testing.assert_allclose(sum(layer.losses), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["bahdanau-cumulative", "luong-concat", "monotonic"])
def test_fit(name):
    inputs = keras.Input((None, SIZE)), keras.Input((SOURCE, SIZE))
    layer = ATTENTIONS[name]()
    model = keras.Model(inputs, layer(inputs[0], inputs[1], training=True))
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)  # or `fit` traces twice
    before = layer.get_weights()
    model.fit([QUERY, MEMORY], np.zeros_like(QUERY), verbose=0)
    for old, new in zip(before, layer.get_weights(), strict=True):
        assert (old != new).any()


# Saving.


@pytest.mark.parametrize("name", [*ATTENTIONS, "custom"])
def test_saving(name, tmp_path):
    make = ATTENTIONS.get(name, lambda: BahdanauAttention(3, probability=halves))
    inputs = keras.Input((None, SIZE)), keras.Input((None, SIZE))
    mask = keras.Input((None,), dtype="bool")
    found = both(make(), *inputs, memory_mask=mask)
    model = keras.Model([*inputs, mask], found)
    randomise(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    arguments = [QUERY, MEMORY, MASKS["holes"]]
    assert_close(loaded(arguments), model(arguments), 0)


# A user's own.


@keras.saving.register_keras_serializable(package="tests")
class Nearest(AttentionMechanism):
    """Energies of its own, with a weight of its own."""

    def build(self, query_shape, memory_shape):
        super().build(query_shape, memory_shape)
        self.sharpness = self.add_weight(shape=(), initializer="ones")

    def energies(self, query, keys, state=()):
        apart = keras.ops.expand_dims(query, 2) - keras.ops.expand_dims(keys, 1)
        return -self.sharpness * keras.ops.sum(apart**2, axis=-1)


def nearest(query, memory, mask):
    """In NumPy."""
    energies = -((query[:, :, None] - memory[:, None]) ** 2).sum(-1)
    weights = np.exp(energies) * mask[:, None]
    weights /= weights.sum(-1, keepdims=True)
    return np.einsum("bts,bse->bte", weights, memory), weights


def test_a_mechanism_of_ones_own(tmp_path):
    layer = Nearest(dtype="float64")
    found = both(layer, QUERY, MEMORY, memory_mask=MASKS["holes"])
    assert_close(found, nearest(QUERY, MEMORY, MASKS["holes"]))
    context, weights, _ = layer.step(QUERY[:, 1], MEMORY, memory_mask=MASKS["holes"])
    assert_close((context, weights), [y[:, 1] for y in found])
    inputs = keras.Input((None, SIZE)), keras.Input((None, SIZE))
    model = keras.Model(inputs, Nearest(probability="sparsemax")(*inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_close([loaded([QUERY, MEMORY])], [model([QUERY, MEMORY])], 0)
    assert loaded.layers[-1].probability == "sparsemax"
    monotonic = MonotonicAttention(Nearest())
    assert monotonic(QUERY, MEMORY).shape == QUERY.shape
