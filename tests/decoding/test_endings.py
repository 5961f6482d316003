"""What ends a row: several end tokens, a least length, stop sequences."""

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import (
    Automaton,
    Beam,
    FinishReason,
    ForbiddenTokens,
    Greedy,
    Sample,
    generate,
)
from tests.decoding import beams, oracle, rows
from tests.decoding.translator import Translator
from tests.reference import endings

START, LONGEST, ENDS = 2, 9, (4, 0)
MODEL = Translator(6, [3, 5, 1, 4], seed=11, end_bias=-1.0)
LEAST = [0, 4, 2, 6]
# Of each row: what the model writes if nothing stops it is among them.
STOPS = [
    [[1, 2], [5]],
    [[1], [3, 1]],
    [[2, 2], [3, 2, 2]],
    [[5, 3], [1, 1, 1]],
]
STOP_ARRAY = np.full((4, 2, 3), -1)
for row, sequences in enumerate(STOPS):
    for n, sequence in enumerate(sequences):
        STOP_ARRAY[row, n, : len(sequence)] = sequence


def run(strategy, jit_compile=False, **options):
    arguments = {"max_length": LONGEST, "end_token": list(ENDS), **options}

    @tf.function(jit_compile=jit_compile)
    def traced():
        return generate(
            MODEL.step,
            MODEL.state,
            np.full(4, START),
            strategy=strategy,
            constants=MODEL.constants,
            return_reasons=True,
            seed=5,
            **arguments,
        )

    return traced()


def written(row, strategy, length=LONGEST, **options):
    def choose(t, logits):
        if isinstance(strategy, Greedy):
            return np.argmax(logits)
        return oracle.sample(logits, oracle.uniform((5, row), t), temperature=1.5)

    state = MODEL.state[row].astype("float64")
    return endings.write(MODEL.row_step(row), state, START, length, choose, **options)


CASES = {
    "greedy": (Greedy(), True),
    "sample": (Sample(1.5), False),
}


@pytest.mark.parametrize("name", CASES)
def test_rows_end_where_the_definitions_say(name):
    strategy, jit_compile = CASES[name]
    lengths = [9, 9, 7, 9]
    result, reasons = run(
        strategy,
        jit_compile,
        max_length=np.array(lengths),
        min_length=np.array(LEAST),
        stop_sequences=STOP_ARRAY,
    )
    for row in range(4):
        found = written(
            row, strategy, lengths[row], ends=ENDS, stops=STOPS[row], least=LEAST[row]
        )
        rows.assert_row(result, reasons, row, found, padding=ENDS[0])


def test_one_list_for_all_rows():
    stops = [(1, 2), [5], np.array([3, 1])]
    result, reasons = run(Sample(1.5), end_token=0, min_length=2, stop_sequences=stops)
    all_reasons = set()
    for row in range(4):
        found = written(row, Sample(), ends=(0,), least=2, stops=stops)
        rows.assert_row(result, reasons, row, found)
        all_reasons.add(found[-1])
    assert "STOP_SEQUENCE" in all_reasons


@pytest.mark.parametrize("jit_compile", [False, True])
def test_beams_end_where_the_definitions_say(jit_compile):
    result, reasons = run(
        Beam(3, length_penalty=0.8),
        jit_compile,
        min_length=np.array(LEAST),
        stop_sequences=STOP_ARRAY,
    )
    seen = set()
    for row in range(4):

        def cut(ids, row=row):
            return endings.cut(ids, ENDS, STOPS[row], LEAST[row])

        def allowed(ids, token, row=row):
            return token not in ENDS or len(ids) >= LEAST[row]

        found = beams.expected(
            MODEL, row, START, LONGEST, 3, end=cut, allowed=allowed, alpha=0.8
        )
        beams.assert_beams(result, row, found, START, end=ENDS[0])
        for place, (hypothesis, _) in enumerate(found):
            reason = "STOP_SEQUENCE" if hypothesis.finished else "LENGTH"
            if hypothesis.ids[-1] in ENDS:
                reason = "END_TOKEN"
            assert FinishReason(int(reasons[row, place])).name == reason
            seen.add(reason)
    assert {"END_TOKEN", "STOP_SEQUENCE"} <= seen


def counting(tokens, state):
    return tf.one_hot(tokens + 1, 9) * 30.0, state


def count(starts, **options):
    options = {"max_length": 5, "strategy": Greedy(), **options}
    return generate(counting, (), np.array(starts), return_reasons=True, **options)


def test_reasons():
    once = Automaton(np.where(np.arange(9) == 4, 0, -1)[None])
    result, reasons = count([0, 3], constraint=once, end_token=8)
    # From 4 on only 4 is allowed; nothing else ever.
    assert reasons.numpy().tolist() == [FinishReason.LENGTH] * 2
    nothing = ForbiddenTokens(np.arange(9))
    for strategy in (Greedy(), Beam(2)):
        result, reasons = count([0, 3], constraint=nothing, strategy=strategy)
        assert set(reasons.numpy().ravel()) == {FinishReason.DEAD_END}
        assert not result.lengths.numpy().any()
    # All that is left before the least length are end tokens.
    ends = ForbiddenTokens([0, 1, 2, 3, 4, 5, 6])
    result, reasons = count([0, 3], constraint=ends, end_token=[7, 8], min_length=1)
    assert set(reasons.numpy().ravel()) == {FinishReason.DEAD_END}


@pytest.mark.parametrize("strategy", [Greedy(), Beam(2)], ids=["greedy", "beam"])
def test_the_shortest_and_the_emptiest(strategy):
    options = {"end_token": (7, 8), "stop_sequences": [[3, 4]], "strategy": strategy}
    result, reasons = count([2, 6, 7], max_length=1, min_length=0, **options)
    best = (slice(None), 0) if isinstance(strategy, Beam) else slice(None)
    assert result.ids.numpy()[best].ravel().tolist() == [3, 7, 8]
    assert result.lengths.numpy()[best].tolist() == [1, 0, 0]
    assert reasons.numpy()[best].tolist() == [3, 1, 1]
    result, reasons = count(np.zeros(0, "int32"), **options)
    assert result.ids.shape[0] == reasons.shape[0] == 0


def test_empty_lists_end_nothing():
    result, reasons = count([0], end_token=[], stop_sequences=[], min_length=3)
    assert result.ids.numpy().tolist() == [[1, 2, 3, 4, 5]]
    assert reasons.numpy().tolist() == [FinishReason.LENGTH]


def test_inside_a_graph_whose_sizes_are_not_known():
    @tf.function(
        input_signature=[
            tf.TensorSpec([None], "int32"),
            tf.TensorSpec([None], "int32"),
            tf.TensorSpec([None, None, None], "int64"),
        ]
    )
    def traced(starts, least, stops):
        return generate(
            counting,
            (),
            starts,
            max_length=6,
            strategy=Greedy(),
            end_token=[6, 8],
            min_length=least,
            stop_sequences=stops,
            return_reasons=True,
        )

    result, reasons = traced([0, 1, 0], [0, 9, 2], [[[3, 4]], [[-1, -1]], [[2, 3]]])
    assert result.ids.numpy().tolist() == [
        [1, 2, 3, 4, 6, 6],
        [2, 3, 4, 5, 0, 1],
        [1, 2, 3, 4, 5, 6],
    ]
    assert result.lengths.numpy().tolist() == [2, 6, 5]
    assert reasons.numpy().tolist() == [2, 3, 1]
    for stops in (np.zeros((2, 0, 3)), np.zeros((2, 1, 0))):
        result, reasons = traced([3, 4], [0, 0], stops.astype(int))
        assert result.lengths.numpy().tolist() == [2, 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"end_token": [8, 9]}, r"`end_token` must be .* \[0, 9\).* \[8, 9\]"),
        ({"end_token": [1.0]}, r"`end_token` must be .*received \[1.0\]"),
        ({"end_token": [[1]]}, r"`end_token` must be .*received \[\[1\]\]"),
        ({"end_token": "12"}, "`end_token` must be .*received '12'"),
        ({"end_token": (True,)}, "`end_token` must be"),
        ({"min_length": -1}, "`min_length` must be an integer in"),
        ({"min_length": 1.0}, "`min_length` must be an integer in"),
        ({"min_length": None}, "`min_length` must be an integer in"),
        ({"min_length": 6}, "`min_length` must be at most `max_length`, 5; .* 6"),
        ({"min_length": np.array([0, 6])}, "`min_length` must be at most"),
        ({"min_length": 2, "max_length": np.array([9, 1])}, "must be at most"),
        ({"min_length": np.array([0, 1, 2])}, r"`min_length` must .*\(2,\)"),
        ({"stop_sequences": [1, 2]}, "`stop_sequences` must .*received 1 at place 0"),
        ({"stop_sequences": [[1], []]}, r"`stop_sequences` .*received \[\] at place 1"),
        ({"stop_sequences": [[1.5]]}, "`stop_sequences` must hold"),
        ({"stop_sequences": [[True]]}, "`stop_sequences` must hold"),
        ({"stop_sequences": [[-1]]}, "`stop_sequences` must hold"),
        ({"stop_sequences": ["ab"]}, "`stop_sequences` must hold"),
        ({"stop_sequences": "ab"}, "`stop_sequences` must be sequences"),
        ({"stop_sequences": 3}, "`stop_sequences` must be sequences"),
        ({"stop_sequences": [[1, 9]]}, "`stop_sequences` must be below .* 9; .* 9"),
        ({"stop_sequences": np.array([1])}, r"`stop_sequences` .* \(N, S\) or"),
        ({"stop_sequences": np.array([[1.0]])}, "`stop_sequences` must be integers"),
        ({"stop_sequences": np.array([[-1, 2]])}, "`stop_sequences` must have -1"),
        ({"stop_sequences": np.array([[-2, 2]])}, "`stop_sequences` must be at least"),
        ({"stop_sequences": np.ones((3, 1, 1), int)}, "must have as many rows .* 2;"),
        ({"stop_sequences": [[1, 5]], "end_token": 5}, "not hold an end token.* 5"),
    ],
    ids=str,
)
def test_what_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        count([0, 1], **options)
