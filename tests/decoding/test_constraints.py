"""Constraints: what they forbid never comes, and nothing else is forbidden."""

import datetime

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import (
    AllOf,
    Automaton,
    Beam,
    Constraint,
    ForbiddenTokens,
    ForcedPrefix,
    Greedy,
    NoRepeatedNgrams,
    Sample,
    generate,
)
from tests.decoding import beams, oracle
from tests.decoding.translator import Translator
from tests.reference import beam as reference

START = 2
MODEL = Translator(6, [3, 5, 1, 4], seed=11, end_bias=-1.0)
PREFIXES = np.array([[3, -1, 4], [1, 1, -1], [5, 2, 1], [-1, -1, 0]])
PAIRS = np.random.default_rng(3).uniform(size=(6, 6)) < 0.6


def no_repeats(n):
    def allowed(row, ids, token):
        ids = (*ids, token)
        ngrams = [ids[i : i + n] for i in range(len(ids) - n + 1)]
        return len(set(ngrams)) == len(ngrams)

    return allowed


def prefix(row, ids, token):
    forced = PREFIXES[row]
    place = len(ids)
    return place >= 3 or forced[place] in (-1, token)


# Which token may follow which: state 0 is the start, state 1 + i token i.
AFTER = np.where(np.vstack([np.ones(6, bool), PAIRS]), np.arange(1, 7), -1)

CONSTRAINTS = {
    "forbidden": (ForbiddenTokens([1, 4]), lambda row, ids, token: token not in (1, 4)),
    "unigrams": (NoRepeatedNgrams(1), no_repeats(1)),
    "bigrams": (NoRepeatedNgrams(2), no_repeats(2)),
    "trigrams": (NoRepeatedNgrams(3), no_repeats(3)),
    "prefix": (ForcedPrefix(PREFIXES), prefix),
    "automaton": (
        Automaton(AFTER),
        lambda row, ids, token: not ids or PAIRS[ids[-1], token],
    ),
    "a start a row": (
        Automaton(AFTER, start=np.array([0, 3, 4, 6])),
        lambda row, ids, token: (
            AFTER[ids[-1] + 1 if ids else [0, 3, 4, 6][row], token] >= 0
        ),
    ),
    "all of": (
        AllOf(ForcedPrefix(PREFIXES[0]), NoRepeatedNgrams(2), ForbiddenTokens([5])),
        lambda row, ids, token: (
            prefix(0, ids, token) and no_repeats(2)(row, ids, token) and token != 5
        ),
    ),
}


def constrained(constraint, strategy, jit_compile=False, **options):
    arguments = {"max_length": 8, "end_token": 0, **options}

    @tf.function(jit_compile=jit_compile)
    def run():
        return generate(
            MODEL.step,
            MODEL.state,
            np.full(4, START),
            strategy=strategy,
            constants=MODEL.constants,
            constraint=constraint,
            **arguments,
        )

    return run()


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_the_beams_are_those_of_a_search_over_lists(name):
    constraint, allowed = CONSTRAINTS[name]
    result = constrained(constraint, Beam(3, length_penalty=0.8), name == "bigrams")
    for row in range(4):

        def of_row(ids, token, row=row):
            return allowed(row, ids, token)

        found = beams.expected(MODEL, row, START, 8, 3, alpha=0.8, allowed=of_row)
        beams.assert_beams(result, row, found, START)


def chosen_one_by_one(row, allowed, choose, length=8):
    """Tokens, log-probabilities and whether the row ended, by the oracle."""
    step, state = MODEL.row_step(row), MODEL.state[row].astype("float64")
    ids, log_probs = [], []
    while len(ids) < length and 0 not in ids:
        logits, state, _ = step(ids[-1] if ids else START, state)
        possible = [allowed(row, tuple(ids), token) for token in range(6)]
        if not any(possible):
            break
        token = choose(len(ids), np.where(possible, logits, -np.inf))
        log_probs.append(reference.log_softmax(logits)[token])
        ids.append(token)
    return ids, log_probs


@pytest.mark.parametrize("name", CONSTRAINTS)
@pytest.mark.parametrize("greedy", [True, False])
def test_tokens_chosen_one_by_one(name, greedy):
    constraint, allowed = CONSTRAINTS[name]
    strategy = Greedy() if greedy else Sample(1.5, top_k=4)
    result = constrained(constraint, strategy, name == "trigrams", seed=5)
    for row in range(4):

        def choose(t, logits, row=row):
            if greedy:
                return int(np.argmax(logits))
            number = oracle.uniform((5, row), t)
            return oracle.sample(logits, number, temperature=1.5, top_k=4)

        ids, log_probs = chosen_one_by_one(row, allowed, choose)
        missing = 8 - len(ids)
        assert result.ids[row].numpy().tolist() == ids + [0] * missing
        assert int(result.lengths[row]) == len(ids) - (0 in ids)
        assert bool(result.finished[row]) == (0 in ids)
        np.testing.assert_allclose(
            result.log_probs[row], log_probs + [0.0] * missing, atol=1e-4
        )


def test_only_dates_come_from_an_automaton_of_dates():
    # Digits are 1 to 10, the hyphen is 11, the end token 0.
    days = [
        (datetime.date(1996, 1, 1) + datetime.timedelta(d)).isoformat()
        for d in range(366 * 9)
    ]
    alphabet = "$0123456789-"
    dates = Automaton.of(
        [[alphabet.index(c) for c in day] for day in days], 12, end_token=0
    )
    assert dates.transitions.shape[0] < 60
    table = np.random.default_rng(0).normal(0, 3, (12, 12)).astype("float32")

    def step(tokens, state):
        return tf.gather(table, tokens), state

    for strategy, rows in ((Sample(3.0), 200), (Beam(40), 1)):
        result = generate(
            step,
            (),
            np.zeros(rows, "int32"),
            max_length=11,
            strategy=strategy,
            end_token=0,
            constraint=dates,
            seed=0,
        )
        texts = [
            "".join(alphabet[token] for token in ids if token)
            for ids in result.ids.numpy().reshape(-1, 11)
        ]
        assert set(texts) <= set(days)
        assert len(set(texts)) > 30
        assert result.finished.numpy().all()


def test_an_automaton_of_sequences_accepts_them_and_no_others():
    rng = np.random.default_rng(1)
    sequences = {tuple(rng.integers(1, 4, rng.integers(0, 4))) for _ in range(15)}
    automaton = Automaton.of(sequences, 4, end_token=0)
    result = generate(
        lambda tokens, state: (tf.zeros((tf.shape(tokens)[0], 4)), state),
        (),
        np.array([0]),
        max_length=5,
        strategy=Beam(40),
        end_token=0,
        constraint=automaton,
    )
    there = result.finished[0].numpy()
    accepted = {
        tuple(ids[:length])
        for ids, length in zip(
            result.ids[0].numpy()[there], result.lengths[0].numpy()[there], strict=True
        )
    }
    assert accepted == sequences
    assert there.sum() == len(sequences)
    assert np.isneginf(result.scores[0].numpy()[~there]).all()


@pytest.mark.parametrize("jit_compile", [False, True])
def test_where_everything_is_forbidden(jit_compile):
    # 1 may come once, then nothing.
    once = Automaton([[-1, 1, -1, -1, -1, -1], [-1] * 6])
    for strategy in (Greedy(), Sample()):
        result = constrained(once, strategy, jit_compile, seed=0)
        assert result.ids.numpy().tolist() == [[1] + [0] * 7] * 4
        assert result.lengths.numpy().tolist() == [1] * 4
        assert not result.finished.numpy().any()
        log_probs = result.log_probs.numpy()
        assert (log_probs[:, 0] < 0).all()
        assert not log_probs[:, 1:].any()
        assert (result.kept["read"].numpy()[:, 1:] == 0).all()
    result = constrained(once, Beam(2), jit_compile)
    assert np.isneginf(result.scores).all()
    assert not result.lengths.numpy().any()
    assert not result.finished.numpy().any()


def test_constraints_with_tensors_inside_a_traced_function():
    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], "int32"),
            tf.TensorSpec([None, None], "int64"),
            tf.TensorSpec([], "int32"),
            tf.TensorSpec([None], "int32"),
        ]
    )
    def run(prefixes, transitions, longest, forbidden):
        rows = tf.shape(prefixes)[0]
        return generate(
            lambda tokens, state: (tf.zeros((tf.shape(tokens)[0], 4)), state),
            (),
            tf.zeros(rows, tf.int32),
            max_length=longest,
            strategy=Beam(2),
            constraint=AllOf(
                ForcedPrefix(prefixes),
                Automaton(transitions),
                ForbiddenTokens(forbidden),
                NoRepeatedNgrams(3),
            ),
        )

    # 3 is never allowed; 0 only before 1; 2 is forbidden.
    result = run(
        tf.constant([[0, 1, -1], [1, -1, -1]]),
        tf.constant([[1, 0, 0, -1], [-1, 0, -1, -1]], tf.int64),
        tf.constant(4),
        tf.constant([2]),
    )
    expected = [{(0, 1, 0, 1), (0, 1, 1, 0), (0, 1, 1, 1)}, {(1, 0, 1, 0)}]
    expected[1] |= {(1, 0, 1, 1), (1, 1, 0, 1)}
    for row in range(2):
        found = {tuple(ids) for ids in result.ids[row].numpy()}
        assert len(found) == 2
        assert found <= expected[row]


class Wrong(Constraint):
    def __init__(self, **parts):
        self.parts = parts

    def initial_state(self, start_tokens, max_length):
        return start_tokens

    def allowed(self, state, vocabulary_size):
        return self.parts.get("allowed", np.ones(vocabulary_size, bool))

    def next_state(self, state, tokens):
        return self.parts.get("next_state", state)


@pytest.mark.parametrize("strategy", [Greedy(), Beam(2)], ids=["greedy", "beam"])
def test_what_a_constraint_must_return(strategy):
    with pytest.raises(ValueError, match=r"`constraint\.allowed` .*dtype float32"):
        constrained(Wrong(allowed=np.zeros(6, "float32")), strategy)
    with pytest.raises(ValueError, match=r"`constraint\.next_state` must return"):
        constrained(Wrong(next_state=np.zeros(3, "float32")), strategy)


@pytest.mark.parametrize("value", [3, "none", ForbiddenTokens, lambda logits: logits])
def test_what_is_no_constraint(value):
    with pytest.raises(TypeError, match="`constraint` must be a Constraint"):
        constrained(value, Greedy())
    with pytest.raises(TypeError, match="`constraints` must be Constraints"):
        AllOf(ForbiddenTokens([1]), value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ForbiddenTokens([1.5]), "`ids` must be integers of shape"),
        (lambda: ForbiddenTokens(3), "`ids` must be integers of shape"),
        (lambda: ForbiddenTokens([3, -1]), "`ids` must be at least 0; received -1"),
        (lambda: NoRepeatedNgrams(0), "`n` must be a positive integer; received 0"),
        (lambda: NoRepeatedNgrams(True), "`n` must be a positive integer"),
        (lambda: NoRepeatedNgrams(2.0), "`n` must be a positive integer"),
        (lambda: ForcedPrefix([[[1]]]), r"`ids` must be integers of shape \(P,\) or"),
        (lambda: ForcedPrefix([-2]), "`ids` must be at least -1; received -2"),
        (lambda: Automaton([0, 1]), r"`transitions` must be integers of shape \(N, V"),
        (lambda: Automaton([[0, 2], [1, 0]]), "`transitions` .* N = 2; received 2"),
        (lambda: Automaton([[0, -2]]), "`transitions` must be at least -1"),
        (lambda: Automaton([[0, 0]], start=1), "`start` .* N = 1; received 1"),
        (lambda: Automaton([[0, 0]], start=[[0]]), "`start` must be integers"),
        (lambda: Automaton.of([], 5, end_token=0), "at least one sequence"),
        (lambda: Automaton.of([[5]], 5, end_token=0), r"in \[0, 5\)"),
        (lambda: Automaton.of([[1]], 5, end_token=5), r"in \[0, 5\)"),
    ],
)
def test_a_constraint_that_cannot_be(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_lists_without_tokens_forbid_and_force_nothing():
    free = constrained(None, Greedy())
    for constraint in (ForbiddenTokens([]), ForcedPrefix([]), AllOf()):
        found = constrained(constraint, Greedy())
        np.testing.assert_array_equal(found.ids, free.ids)


def test_integers_of_numpy_are_integers():
    assert type(NoRepeatedNgrams(np.int64(2)).n) is int


@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        (ForbiddenTokens([6]), "`ids` must be below the vocabulary's size 6; .* 6"),
        (ForcedPrefix([6]), "`ids` must be below the vocabulary's size 6; .* 6"),
        (ForcedPrefix([[1]] * 3), "`ids` must have as many rows as .* 4; .*3"),
        (Automaton([[0] * 5]), "`transitions` must have V = 6 columns.* received 5"),
        (Automaton([[0] * 6], start=[0] * 3), "`start` must have as many rows"),
    ],
)
def test_a_constraint_that_does_not_fit(constraint, message):
    with pytest.raises(ValueError, match=message):
        constrained(constraint, Greedy())
