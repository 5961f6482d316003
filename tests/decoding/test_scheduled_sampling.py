"""Scheduled sampling against a loop over NumPy, and what it promises."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import (
    Beam,
    Greedy,
    Sample,
    generate,
    mix_with_predictions,
    sampling_probability,
)
from tests.decoding import oracle
from tests.decoding.translator import Translator

MODEL = Translator(8, [3, 5, 1, 4], seed=21)
TARGETS = np.random.default_rng(0).integers(0, 8, (4, 10)).astype("int32")
STARTS = np.array([1, 2, 3, 4])


def mixed(probability, model=MODEL, targets=TARGETS, **options):
    return mix_with_predictions(
        model.step,
        model.state,
        targets,
        start_tokens=STARTS,
        probability=probability,
        constants=model.constants,
        **options,
    )


def expected(probability, keys, choose):
    """Inputs, by the definition; how many are predictions."""
    inputs, own = np.zeros_like(TARGETS), 0
    for row in range(4):
        step, state = MODEL.row_step(row), MODEL.state[row].astype("float64")
        token = STARTS[row]
        for t in range(10):
            inputs[row, t] = token
            logits, state, _ = step(token, state)
            coin = (oracle.threefry(keys[row], (t, 1))[0] >> 8) / 2**24
            token = TARGETS[row, t]
            if coin < probability[row]:
                token = choose(logits, oracle.uniform(keys[row], t))
                own += t < 9
    return inputs, own


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("greedy", [False, True])
def test_the_inputs_are_those_of_the_loop_over_numpy(greedy, jit_compile):
    def choose(logits, number):
        return logits.argmax() if greedy else oracle.sample(logits, number)

    @tf.function(jit_compile=jit_compile)
    def run(probability, seed):
        return mixed(probability, seed=seed, strategy=Greedy() if greedy else None)

    for probability in (0.25, 0.7):
        keys = [(9, row) for row in range(4)]
        inputs, own = expected([probability] * 4, keys, choose)
        assert 0 < own < 36
        got = run(tf.constant(probability), tf.constant(9))
        np.testing.assert_array_equal(got, inputs)
    seeds = np.array([4, 4, 5, 6])
    probability = np.array([0.5, 0.0, 1.0, 0.5], "float32")
    inputs, _ = expected(probability, [(int(seed), 0) for seed in seeds], choose)
    got = run(tf.constant(probability), tf.constant(seeds))
    assert got.dtype == tf.int32
    np.testing.assert_array_equal(got, inputs)


def test_from_gold_to_free_running():
    shifted = np.concatenate([STARTS[:, None], TARGETS[:, :-1]], axis=1)
    np.testing.assert_array_equal(mixed(0), shifted)
    for strategy in (Greedy(), Sample(0.8, top_k=5)):
        written = generate(
            MODEL.step,
            MODEL.state,
            STARTS,
            max_length=9,
            strategy=strategy,
            seed=3,
            constants=MODEL.constants,
        ).ids
        free = np.concatenate([STARTS[:, None], written], axis=1)
        np.testing.assert_array_equal(mixed(1, seed=3, strategy=strategy), free)


def test_the_coin_falls_as_often_as_asked():
    rows, length = 300, 40
    inputs = mix_with_predictions(
        lambda tokens, state: (tf.one_hot(tf.ones_like(tokens), 2) * 99.0, state),
        (),
        np.zeros((rows, length), "int32"),
        start_tokens=np.zeros(rows, "int32"),
        probability=0.3,
        seed=1,
    ).numpy()[:, 1:]
    # Every token is 1 with 0.3, each by itself: 5 standard deviations are 0.02.
    assert abs(inputs.mean() - 0.3) < 0.02
    pairs = (inputs[:, 1:] * inputs[:, :-1]).mean()
    assert abs(pairs - 0.09) < 0.02
    assert abs((inputs[1:] * inputs[:-1]).mean() - 0.09) < 0.02


def test_the_seed_decides():
    first = mixed(0.5, seed=1)
    np.testing.assert_array_equal(mixed(0.5, seed=1), first)
    assert (mixed(0.5, seed=2).numpy() != first.numpy()).any()
    drawn = [mixed(0.5).numpy() for _ in range(2)]
    assert (drawn[0] != drawn[1]).any()


@pytest.mark.parametrize("length", [0, 1, 2])
def test_short_targets(length):
    shifted = np.concatenate([STARTS[:, None], TARGETS[:, :1]], axis=1)
    targets = TARGETS[:, :length]
    got = mixed(0.0, targets=targets)
    np.testing.assert_array_equal(got, shifted[:, :length])

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)])
    def run(targets):
        return mixed(0.0, targets=targets)

    np.testing.assert_array_equal(run(tf.constant(targets)), shifted[:, :length])


@pytest.mark.parametrize("jit_compile", [False, True])
def test_training_sees_the_gradients_of_the_pass_over_the_inputs(jit_compile):
    keras.utils.set_random_seed(0)
    embedding = keras.layers.Embedding(8, 4)
    cell = keras.layers.GRUCell(5)
    dense = keras.layers.Dense(8)
    layer = keras.layers.RNN(cell, return_sequences=True)
    layer.build((None, None, 4))
    embedding.build((None, None))
    dense.build((None, 5))
    weights = [v for y in (embedding, cell, dense) for v in y.trainable_weights]

    def step(tokens, state):
        h, state = cell(embedding(tokens), state)
        return dense(h), state

    def loss_of(inputs):
        logits = dense(layer(embedding(inputs)))
        return tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(TARGETS, logits)
        )

    @tf.function(jit_compile=jit_compile)
    def train_step():
        with tf.GradientTape() as tape:
            inputs = mix_with_predictions(
                step,
                [tf.zeros((4, 5))],
                TARGETS,
                start_tokens=STARTS,
                probability=0.5,
                seed=2,
            )
            loss = loss_of(inputs)
        return inputs, tape.gradient(loss, [w.value for w in weights])

    inputs, got = train_step()
    assert (inputs.numpy()[:, 1:] != TARGETS[:, :-1]).any()
    with tf.GradientTape() as tape:
        loss = loss_of(tf.constant(inputs.numpy()))
    for one, other in zip(
        got, tape.gradient(loss, [w.value for w in weights]), strict=True
    ):
        one, other = tf.convert_to_tensor(one), tf.convert_to_tensor(other)
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_the_schedules_of_the_paper():
    i = np.array([0, 1, 10, 250, 4000])
    k = 100.0
    expected = {
        ("linear", 0.9, 0.002, 0.1): [max(0.1, 0.9 - 0.002 * x) for x in i.tolist()],
        ("exponential", 0.99, None, 0.0): [0.99**x for x in i.tolist()],
        ("inverse_sigmoid", k, None, 0.0): [k / (k + np.exp(x / k)) for x in i],
    }
    for (name, k, slope, least), gold in expected.items():
        options = {"k": k, "slope": slope, "least_gold": least}
        got = sampling_probability(i, name, **options)
        np.testing.assert_allclose(got, 1 - np.array(gold), atol=1e-6)
        one = tf.function(lambda x, n=name, o=options: sampling_probability(x, n, **o))
        np.testing.assert_allclose(one(tf.constant(250)), 1 - gold[3], atol=1e-6)
    late = sampling_probability(1e6, "inverse_sigmoid", k=2)
    assert float(late) == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": "cosine"}, "`schedule` must be one of .*'cosine'"),
        ({"k": 1.5}, r"`k` must be in \[0, 1\]; received 1.5"),
        ({"schedule": "exponential", "k": 1.0}, r"`k` must be in \(0, 1\)"),
        ({"schedule": "inverse_sigmoid", "k": 0.5}, "`k` must be at least 1"),
        ({"slope": None}, "`slope` must be above 0; received None"),
        ({"slope": 0}, "`slope` must be above 0; received 0"),
        ({"least_gold": 0.95}, r"`least_gold` must be in \[0, 0.9\]"),
        ({"schedule": "exponential", "k": 0.5}, "`slope` and `least_gold` must be"),
        ({"iteration": -1}, "`iteration` must be at least 0; received -1"),
    ],
)
def test_a_schedule_that_cannot_be(options, message):
    arguments = {"iteration": 3, "schedule": "linear", "k": 0.9, "slope": 0.1}
    with pytest.raises(ValueError, match=message):
        sampling_probability(**{**arguments, **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"probability": 1.5}, r"`probability` must be in \[0, 1\]; received 1.5"),
        ({"probability": None}, r"`probability` must be in \[0, 1\]"),
        ({"probability": np.ones(3)}, r"`probability` must be .*\(4,\)"),
        ({"seed": -1}, "`seed` must be"),
        ({"seed": np.ones(3, "int32")}, r"`seed` must be .*\(4,\)"),
        ({"targets": TARGETS[0]}, r"`targets` must be integers of shape \(B, T\)"),
        ({"targets": TARGETS[:3]}, "`targets` must have as many rows .* 4"),
        ({"targets": TARGETS * 1.0}, "`targets` must be integers"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        mixed(**{"probability": 0.5, **options})


@pytest.mark.parametrize("strategy", [Beam(2), "greedy", Greedy])
def test_what_is_no_strategy(strategy):
    with pytest.raises(TypeError, match="`strategy` must be a Strategy"):
        mixed(0.5, strategy=strategy)
