"""`generate` against a loop over NumPy; its arguments; what it promises."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import Greedy, Sample, Stepper, generate
from keras_seq.layers import ExplicitLSTM
from tests.decoding import oracle
from tests.decoding.models import stepper

MODEL = oracle.LanguageModel()
PROMPTS = np.random.default_rng(1).integers(0, MODEL.vocabulary, (5, 4))


def generate_after(reader, prompts, **options):
    """Reads all of the prompts but their last tokens, and goes on from these."""
    _, state = reader.read(prompts[:, :-1])
    return generate(reader.step, state, prompts[:, -1], **options)


def expected_rows(prompts, length, choose, end_token=None):
    """The oracle's ids, lengths and log-probabilities."""
    rows = [
        MODEL.generate(
            prompt, length, lambda t, logits, row=row: choose(row, t, logits), end_token
        )
        for row, prompt in enumerate(prompts.tolist())
    ]
    return (np.array(column) for column in zip(*rows, strict=True))


def assert_equals(result, ids, lengths, log_probs):
    assert result.ids.dtype == result.lengths.dtype == tf.int32
    np.testing.assert_array_equal(result.ids, ids)
    np.testing.assert_array_equal(result.lengths, lengths)
    np.testing.assert_allclose(result.log_probs, log_probs, atol=2e-5)


@pytest.mark.parametrize("recurrent", [ExplicitLSTM, keras.layers.LSTM])
def test_greedy_equals_the_loop_over_numpy(recurrent):
    ids, lengths, log_probs = expected_rows(
        PROMPTS, 12, lambda row, t, logits: logits.argmax(), end_token=3
    )
    assert len(set(lengths)) > 1
    reader = stepper(MODEL, recurrent)
    result = generate_after(
        reader, PROMPTS, max_length=12, strategy=Greedy(), end_token=3
    )
    assert_equals(result, ids, lengths, log_probs)
    np.testing.assert_array_equal(result.finished, (ids == 3).any(1))


def test_a_gru_equals_reading_the_growing_sequence():
    layers = [
        keras.layers.Embedding(9, 4),
        keras.layers.GRU(6, return_sequences=True, return_state=True),
        keras.layers.Dense(9),
    ]
    ids = keras.Input((None,), dtype="int32")
    embedded = layers[0](ids)
    h, _ = layers[1](embedded)
    whole = keras.Model(ids, layers[2](h))
    rng = np.random.default_rng(2)
    whole.set_weights([rng.normal(size=w.shape) * 2 for w in whole.weights])

    prompts = PROMPTS % 9
    result = generate_after(
        Stepper(whole.layers), prompts, max_length=8, strategy=Greedy()
    )
    sequence = prompts
    for _ in range(8):
        likeliest = whole(sequence).numpy()[:, -1].argmax(-1)
        sequence = np.concatenate([sequence, likeliest[:, None]], axis=1)
    np.testing.assert_array_equal(result.ids, sequence[:, 4:])
    assert len(np.unique(result.ids)) > 3


OPTIONS = [
    {},
    {"temperature": 0.6},
    {"temperature": 1.5, "top_k": 4},
    {"top_p": 0.8},
    {"temperature": 1.2, "top_k": 6, "top_p": 0.9},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_sampling_equals_the_loop_over_numpy(options):
    def choose(row, t, logits):
        return oracle.sample(logits, oracle.uniform((17, row), t), **options)

    expected = expected_rows(PROMPTS, 15, choose, end_token=3)
    result = generate_after(
        stepper(MODEL),
        PROMPTS,
        max_length=15,
        strategy=Sample(**options),
        end_token=3,
        seed=17,
    )
    assert_equals(result, *expected)


def test_every_number_may_be_a_row_s_own():
    seeds, lengths = np.array([5, 9, 5, 2**31 - 1, 0]), np.array([7, 1, 12, 3, 10])
    options = [OPTIONS[4], {"temperature": 3.0, "top_k": 11, "top_p": 1.0}]
    options = [options[row % 2] for row in range(5)]

    def choose(row, t, logits):
        number = oracle.uniform((int(seeds[row]), 0), t)
        return oracle.sample(logits, number, **options[row])

    ids = np.full((5, 12), 0)
    for row, prompt in enumerate(PROMPTS.tolist()):
        ids[row, : lengths[row]], _, _ = MODEL.generate(
            prompt, lengths[row], lambda t, logits, row=row: choose(row, t, logits)
        )
    columns = {
        name: np.array([option[name] for option in options]) for name in options[0]
    }
    reader = stepper(MODEL)
    result = generate_after(
        reader, PROMPTS, max_length=lengths, strategy=Sample(**columns), seed=seeds
    )
    np.testing.assert_array_equal(result.ids, ids)
    np.testing.assert_array_equal(result.lengths, lengths)
    assert not result.finished.numpy().any()
    # A row alone gives what it gives in company.
    for row in (1, 4):
        alone = generate_after(
            reader,
            PROMPTS[row : row + 1],
            max_length=lengths[row],
            strategy=Sample(**options[row]),
            seed=seeds[row : row + 1],
        )
        np.testing.assert_array_equal(alone.ids[0], ids[row, : lengths[row]])


def test_draws_follow_the_distribution():
    logits = np.array([2.0, 0.0, 1.0, -1.0, 0.5], "float32")
    rows = 6000
    for temperature in (0.7, 1.0, 2.5):
        result = generate(
            lambda tokens, state: (tf.broadcast_to(logits, (rows, 5)), state),
            (),
            np.zeros(rows, "int32"),
            max_length=3,
            strategy=Sample(temperature),
            seed=3,
        )
        expected = oracle.softmax(logits / temperature)
        for t in range(3):
            counts = np.bincount(result.ids[:, t], minlength=5)
            chi_square = ((counts - rows * expected) ** 2 / (rows * expected)).sum()
            # 4 degrees of freedom: 23.5 is passed once in 10,000 times.
            assert chi_square < 23.5
        # Steps are independent: pairs of tokens have the product's distribution.
        pairs = np.zeros((5, 5))
        np.add.at(pairs, (result.ids[:, 0].numpy(), result.ids[:, 1].numpy()), 1)
        product = rows * np.outer(expected, expected)
        assert ((pairs - product) ** 2 / product).sum() < 56  # 24 degrees


def sample_counting(seed, rows=40):
    """Tokens drawn evenly from 50."""
    result = generate(
        lambda tokens, state: (tf.zeros((rows, 50)), state),
        (),
        np.zeros(rows, "int32"),
        max_length=6,
        strategy=Sample(),
        seed=seed,
    )
    return result.ids.numpy()


def test_the_seed_decides():
    first = sample_counting(7)
    np.testing.assert_array_equal(sample_counting(7), first)
    np.testing.assert_array_equal(sample_counting(np.int64(7)), first)
    np.testing.assert_array_equal(sample_counting(tf.constant(7)), first)
    assert len({tuple(row) for row in first}) == 40
    others = [sample_counting(8), sample_counting(None), sample_counting(None)]
    for one, other in ((first, others[0]), (first, others[1]), (others[1], others[2])):
        assert (one != other).mean() > 0.9
    seeds = np.arange(40, dtype="int64")
    np.testing.assert_array_equal(
        sample_counting(seeds)[::-1], sample_counting(seeds[::-1].copy())
    )


def counting(tokens, state):
    """Counts on modulo 10; the state counts the steps, and is kept."""
    return tf.one_hot((tokens + 1) % 10, 10) * 30.0, state + 1, {"step": state}


@pytest.mark.parametrize("max_length", [1, 2, 5, 9, 40])
@pytest.mark.parametrize("end_token", [None, 0, 9])
def test_ends(max_length, end_token):
    starts = np.array([0, 7, 8, 9])
    result = generate(
        counting,
        np.zeros(4, "int32"),
        starts,
        max_length=max_length,
        strategy=Greedy(),
        end_token=end_token,
    )
    for row, start in enumerate(starts):
        ids = [(start + 1 + t) % 10 for t in range(max_length)]
        finished = end_token in ids
        length = ids.index(end_token) if finished else max_length
        drawn = length + finished
        padding = [0 if end_token is None else end_token] * (max_length - drawn)
        assert result.ids[row].numpy().tolist() == ids[:drawn] + padding
        assert int(result.lengths[row]) == length
        assert bool(result.finished[row]) == finished
        log_probs = result.log_probs[row].numpy()
        assert (log_probs[drawn:] == 0).all()
        assert (np.abs(log_probs[:drawn]) < 1e-5).all()
        kept = result.kept["step"][row].numpy().tolist()
        assert kept == list(range(drawn)) + [0] * (max_length - drawn)


def test_log_probs_are_the_model_s_whatever_the_strategy():
    result = generate_after(
        stepper(MODEL),
        PROMPTS,
        max_length=9,
        strategy=Sample(4.0, top_k=5, top_p=0.9),
        seed=1,
    )
    whole = np.concatenate([PROMPTS, result.ids], axis=1)
    logits = MODEL.logits(whole)[:, 3:-1]
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    chosen = np.take_along_axis(log_probs, result.ids.numpy()[..., None], -1)[..., 0]
    np.testing.assert_allclose(result.log_probs, chosen, atol=2e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_logits_of_any_precision(dtype):
    table = np.random.default_rng(4).normal(size=(6, 6))
    table = np.asarray(tf.cast(table, dtype))

    def step(tokens, state):
        return tf.gather(tf.constant(table), tokens), state

    result = generate(step, (), np.arange(6), max_length=8, strategy=Greedy())
    exact = table.astype("float64")
    token = np.arange(6)
    for t in range(8):
        logits = exact[token]
        token = logits.argmax(-1)
        log_p = [
            np.log(oracle.softmax(row))[i] for row, i in zip(logits, token, strict=True)
        ]
        np.testing.assert_array_equal(result.ids[:, t], token)
        np.testing.assert_allclose(result.log_probs[:, t], log_p, atol=1e-5)
    assert result.log_probs.dtype == tf.float32


def test_logits_that_are_no_numbers_show_in_log_probs():
    def step(tokens, state):
        bad = tf.constant([[np.nan] * 4, [0.0, 0.0, np.inf, 0.0], [0.0, 1.0, 0.0, 0.0]])
        return bad, state

    for strategy in (Greedy(), Sample()):
        result = generate(
            step, (), np.zeros(3, "int32"), max_length=3, strategy=strategy, seed=1
        )
        assert set(result.ids.numpy().ravel()) <= {0, 1, 2, 3}
        assert np.isnan(result.log_probs[:2]).all()
        assert np.isfinite(result.log_probs[2]).all()


def test_a_forbidden_token_is_never_generated():
    logits = np.array([0.0, -np.inf, 1.0, -np.inf], "float32")
    result = generate(
        lambda tokens, state: (tf.broadcast_to(logits, (500, 4)), state),
        (),
        np.zeros(500, "int32"),
        max_length=10,
        strategy=Sample(5.0, top_k=3),
        seed=0,
    )
    assert set(result.ids.numpy().ravel()) == {0, 2}


def test_a_vocabulary_of_one_token():
    result = generate(
        lambda tokens, state: (tf.zeros((2, 1)), state),
        (),
        np.zeros(2, "int32"),
        max_length=3,
        strategy=Sample(),
        end_token=0,
    )
    assert result.lengths.numpy().tolist() == [0, 0]
    assert result.finished.numpy().all()


def test_no_rows():
    for max_length in (4, tf.zeros(0, tf.int32)):
        result = generate(
            counting,
            np.zeros(0, "int32"),
            np.zeros(0, "int32"),
            max_length=max_length,
            strategy=Sample(),
            end_token=3,
        )
        assert result.ids.shape[0] == result.lengths.shape[0] == 0
        assert result.kept["step"].shape == result.ids.shape
