"""What processors make of the logits, alone, in a row, and in a beam search."""

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import (
    Beam,
    FrequencyPenalty,
    Greedy,
    LogitBias,
    LogitsProcessor,
    MinP,
    NoRepeatedNgrams,
    PresencePenalty,
    RepetitionPenalty,
    Sample,
    Temperature,
    Typical,
    generate,
)
from tests.decoding import beams, oracle, rows
from tests.decoding.translator import Translator
from tests.reference import endings
from tests.reference import processors as reference

START, LONGEST = 2, 8
MODEL = Translator(6, [3, 5, 1, 4], seed=11, end_bias=-1.0)
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 3, (40, 7)).astype("float32")
LOGITS[::3, 2] = -np.inf
LOGITS[1::5, 4:] = -np.inf

THETA = np.array([1.3, 0.7, 4.0, 1.0])
ALPHA = np.array([0.5, -0.3, 2.0, 0.0])
PROMPT = np.array([[3, -1, 5], [1, 1, 1], [-1, -1, -1], [5, 4, 0]])
BIAS = RNG.normal(0, 1.5, (4, 6))


@pytest.mark.parametrize(
    ("make", "by_hand", "values"),
    [
        (MinP, reference.min_p, [0.0, 0.1, 0.5, 1.0]),
        (Typical, reference.typical, [0.05, 0.4, 0.9, 0.999]),
        (Temperature, lambda x, t: (x - x.max()) / t, [0.3, 1.0, 7.0, 1e-3]),
    ],
)
def test_what_is_left_of_the_logits(make, by_hand, values):
    values = np.resize(np.array(values, "float32"), len(LOGITS))
    processor = make(values)
    state = processor.initial_state(np.zeros(len(LOGITS), "int32"), 5, 7)
    found = processor.process(state, LOGITS)
    expected = [
        by_hand(x, v) for x, v in zip(LOGITS.astype("float64"), values, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_all_is_typical_of_a_mass_of_1():
    state = np.ones((len(LOGITS), 1), "float32")
    np.testing.assert_array_equal(Typical(1.0).process(state, LOGITS), LOGITS)


# What each does to a row, after these ids: of the loop, by hand.
CHAINS = {
    "penalties": (
        [
            RepetitionPenalty(THETA, prompt=PROMPT),
            FrequencyPenalty(ALPHA),
            PresencePenalty(-ALPHA[::-1]),
        ],
        lambda row, ids, x: reference.presence(
            reference.frequency(
                reference.repetition(
                    x, [*(t for t in PROMPT[row] if t >= 0), *ids], THETA[row]
                ),
                ids,
                ALPHA[row],
            ),
            ids,
            -ALPHA[3 - row],
        ),
    ),
    "bias and cut-offs": (
        (LogitBias(BIAS), LogitBias({5: -1.0, 1: -np.inf}), MinP(0.02), Typical(0.9)),
        lambda row, ids, x: reference.typical(
            reference.min_p(
                x + BIAS[row] + [0, -np.inf, 0, 0, 0, -1.0],
                0.02,
            ),
            0.9,
        ),
    ),
}


def bigrams_differ(ids, token):
    ids = (*ids, token)
    pairs = [ids[i : i + 2] for i in range(len(ids) - 1)]
    return len(set(pairs)) == len(pairs)


def run(processor, strategy, jit_compile=False, **options):
    @tf.function(jit_compile=jit_compile)
    def traced():
        return generate(
            MODEL.step,
            MODEL.state,
            np.full(4, START),
            max_length=LONGEST,
            strategy=strategy,
            constants=MODEL.constants,
            logits_processor=processor,
            end_token=0,
            seed=5,
            return_reasons=True,
            **options,
        )

    return traced()


@pytest.mark.parametrize(
    ("name", "strategy", "jit_compile"),
    [
        ("penalties", Greedy(), True),
        ("penalties", Sample(1.5), False),
        ("bias and cut-offs", Sample(1.5), True),
    ],
)
def test_rows_are_chosen_from_what_processors_leave(name, strategy, jit_compile):
    chain, by_hand = CHAINS[name]
    result, reasons = run(
        chain, strategy, jit_compile, constraint=NoRepeatedNgrams(2), min_length=3
    )
    plain, _ = run(None, strategy)
    for row in range(4):

        def choose(t, logits, row=row):
            if isinstance(strategy, Greedy):
                return np.argmax(logits)
            return oracle.sample(logits, oracle.uniform((5, row), t), temperature=1.5)

        found = endings.write(
            MODEL.row_step(row),
            MODEL.state[row].astype("float64"),
            START,
            LONGEST,
            choose,
            ends=(0,),
            least=3,
            allowed=bigrams_differ,
            process=lambda ids, x, row=row: by_hand(row, ids, x),
        )
        rows.assert_row(result, reasons, row, found)
    assert (result.ids.numpy() != plain.ids.numpy()).any()


@pytest.mark.parametrize("name", CHAINS)
def test_beams_are_ranked_by_what_processors_leave(name):
    chain, by_hand = CHAINS[name]
    constraint = NoRepeatedNgrams(2) if name == "penalties" else None
    result, _ = run(chain, Beam(3, length_penalty=0.8), constraint=constraint)
    for row in range(4):
        found = beams.expected(
            MODEL,
            row,
            START,
            LONGEST,
            3,
            alpha=0.8,
            allowed=bigrams_differ if constraint else None,
            process=lambda ids, x, row=row: reference.of_one_at_most(
                by_hand(row, ids, x)
            ),
        )
        beams.assert_beams(result, row, found, START)


class Same(LogitsProcessor):
    def process(self, state, logits):
        return logits


@pytest.mark.parametrize("strategy", [Sample(), Beam(2)], ids=["sample", "beam"])
def test_a_processor_that_does_nothing_changes_nothing(strategy):
    options = {"constraint": NoRepeatedNgrams(2), "min_length": 2}
    expected = run(None, strategy, **options)
    same = [Same(), LogitBias({}), MinP(0), FrequencyPenalty(0)]
    found = run(same, strategy, **options)
    for field in ("ids", "lengths", "finished"):
        np.testing.assert_array_equal(
            getattr(found[0], field), getattr(expected[0], field)
        )
    np.testing.assert_allclose(found[0].scores, expected[0].scores, rtol=1e-5)
    np.testing.assert_array_equal(found[1], expected[1])


def flat(tokens, state):
    return tf.zeros((tf.shape(tokens)[0], 5)), state


@pytest.mark.parametrize("strategy", [Greedy(), Beam(2)], ids=["greedy", "beam"])
def test_where_nothing_is_left(strategy):
    never = LogitBias(np.full(5, -np.inf, "float32"))
    for processor in (
        never,
        [Same(), never, MinP(0.1), Typical(0.5), Temperature(2.0)],
    ):
        result, reasons = generate(
            flat,
            (),
            np.array([1, 2]),
            max_length=3,
            strategy=strategy,
            logits_processor=processor,
            return_reasons=True,
        )
        assert (reasons.numpy() == 4).all()
        assert not result.lengths.numpy().any()
        assert not result.log_probs.numpy().any()


def test_no_processor_brings_back_what_is_forbidden():
    class Zeros(LogitsProcessor):
        def process(self, state, logits):
            return np.zeros((1, 5))

    result, reasons = generate(
        flat,
        (),
        np.array([1]),
        max_length=9,
        strategy=Greedy(),
        logits_processor=Zeros(),
        constraint=NoRepeatedNgrams(1),
        return_reasons=True,
    )
    assert result.ids.numpy().tolist() == [[0, 1, 2, 3, 4, 0, 0, 0, 0]]
    assert (int(result.lengths[0]), int(reasons[0])) == (5, 4)


def test_logits_that_are_no_numbers_show_through_cut_offs():
    bad = tf.constant([[np.nan] * 4, [0.0, np.nan, 0.0, 0.0]])
    result = generate(
        lambda tokens, state: (bad, state),
        (),
        np.array([0, 0]),
        max_length=2,
        strategy=Greedy(),
        logits_processor=[MinP(0.1), Typical(0.5), RepetitionPenalty(2.0)],
    )
    assert np.isnan(result.log_probs).all()


@pytest.mark.parametrize("made", [np.nan, np.inf])
def test_what_is_no_number_shows_though_a_processor_made_it(made):
    spoilt = Wrong(made=lambda x: x + tf.constant([[0.0] * 4 + [made], [0.0] * 5]))
    result = generate(
        flat,
        (),
        np.array([0, 0]),
        max_length=2,
        strategy=Greedy(),
        logits_processor=[spoilt, Same()],
    )
    assert np.isnan(result.log_probs[0]).all()
    np.testing.assert_allclose(result.log_probs[1], -np.log([5.0, 5.0]), rtol=1e-6)
    # A beam search drops such a hypothesis.
    everything = Wrong(made=lambda x: x * made)
    result = generate(
        flat,
        (),
        np.array([0, 0]),
        max_length=2,
        strategy=Beam(2),
        logits_processor=everything,
    )
    assert np.isneginf(result.scores).all()


def test_sizes_that_are_not_known_when_tracing():
    chain = [RepetitionPenalty(2.0), FrequencyPenalty(0.75), LogitBias(np.ones(3))]

    @tf.function(input_signature=[tf.TensorSpec([None, None])])
    def traced(logits):
        return generate(
            lambda tokens, state: (logits, state),
            (),
            tf.zeros(tf.shape(logits)[0], "int32"),
            max_length=4,
            strategy=Greedy(),
            logits_processor=chain,
        ).ids

    # 2, 1; then 0.25, 1; then 0.25, -0.25; then -0.5, -0.25: all with 1 more.
    assert traced([[2.0, 1.0, -9.0]]).numpy().tolist() == [[0, 1, 0, 1]]
    assert traced(tf.zeros((0, 3))).shape == (0, 4)


class Wrong(LogitsProcessor):
    def __init__(self, made=None, state=(), after=None):
        self.made, self.state, self.after = made, state, after

    def initial_state(self, start_tokens, max_length, vocabulary_size):
        return self.state

    def process(self, state, logits):
        return logits if self.made is None else self.made(logits)

    def next_state(self, state, tokens):
        return state if self.after is None else self.after


@pytest.mark.parametrize("strategy", [Greedy(), Beam(2)], ids=["greedy", "beam"])
@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"made": lambda x: x[:, :-1]}, r"`Wrong\.process` .*shape \(\w+, 4\)"),
        ({"made": lambda x: x[0]}, r"`Wrong\.process` .*shape \(5,\)"),
        ({"made": lambda x: x[:1]}, r"`Wrong\.process` .*shape \(1, 5\)"),
        ({"made": lambda x: tf.cast(x, "int32")}, r"`Wrong\.process` .*dtype int32"),
        ({"made": lambda x: x > 0}, r"`Wrong\.process` .*dtype bool"),
        ({"made": lambda x: (x, x)}, r"`Wrong\.process` .*shape \(2, \w+, 5\)"),
        ({"state": np.zeros(3)}, r"`Wrong\.initial_state\(\)` must .* 2 rows.*\(3,\)"),
        ({"state": np.float32(1)}, r"`Wrong\.initial_state\(\)` must .* \(\)"),
        ({"state": [np.zeros(2), None]}, r"initial_state\(\)\[1\]` must .* None"),
        (
            {"state": np.zeros(2), "after": np.zeros(2, int)},
            r"`Wrong\.next_state` must",
        ),
        ({"state": np.zeros(2), "after": ()}, r"`Wrong\.next_state` must return"),
    ],
)
def test_what_a_processor_must_return(parts, message, strategy):
    with pytest.raises(ValueError, match=message):
        generate(
            flat,
            (),
            np.array([1, 2]),
            max_length=3,
            strategy=strategy,
            logits_processor=[Wrong(), Wrong(**parts)],
        )


def test_a_processor_that_returns_nothing():
    with pytest.raises(ValueError, match=r"`Wrong\.process` must return .* None"):
        run(Wrong(made=lambda x: None), Greedy())
