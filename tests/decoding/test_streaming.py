"""`stream` gives, a piece at a time, what `generate` gives at once."""

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import (
    Beam,
    FinishReason,
    ForbiddenTokens,
    FrequencyPenalty,
    Greedy,
    NoRepeatedNgrams,
    RepetitionPenalty,
    Sample,
    generate,
    stream,
)
from tests.decoding.translator import Translator

MODEL = Translator(6, [3, 5, 1, 4], seed=11, end_bias=-1.0)
FULL = {
    "max_length": np.array([11, 5, 14, 9]),
    "strategy": Sample(np.array([0.5, 1.5, 2.5, 1.0])),
    "end_token": [0, 4],
    "seed": np.array([3, 1, 4, 1]),
    "constraint": NoRepeatedNgrams(3),
    "logits_processor": [RepetitionPenalty(1.3), FrequencyPenalty(0.4)],
    "min_length": np.array([7, 1, 6, 2]),
    "stop_sequences": [[1, 5], [2, 2, 1], [3]],
}
CASES = {
    "everything": FULL,
    "one number": {"max_length": 10, "strategy": Sample(), "end_token": 0, "seed": 8},
    "greedy, without an end": {"max_length": 10, "strategy": Greedy()},
}


def inputs():
    return MODEL.step, MODEL.state, np.full(4, 2)


@pytest.mark.parametrize("block", [1, 4, 50])
@pytest.mark.parametrize("name", CASES)
def test_the_pieces_are_what_generate_gives(name, block):
    options = CASES[name] | {"constants": MODEL.constants}
    whole, reasons = generate(*inputs(), return_reasons=True, **options)
    pieces = list(stream(*inputs(), block=block, **options))
    ids, log_probs = whole.ids.numpy(), whole.log_probs.numpy()
    steps = sum(piece.ids.shape[1] for piece in pieces)
    assert all(piece.ids.shape[1] <= block for piece in pieces)
    for field, all_ in (("ids", ids), ("log_probs", log_probs)):
        found = np.concatenate([getattr(p, field) for p in pieces], axis=1)
        np.testing.assert_allclose(found, all_[:, :steps], atol=1e-6)
    for field, all_ in whole.kept.items():
        found = np.concatenate([p.kept[field] for p in pieces], axis=1)
        np.testing.assert_allclose(found, all_[:, :steps], atol=1e-6)
    # What is past them is padding; and what is new of a row is what isn't.
    assert not log_probs[:, steps:].any()
    for row in range(4):
        written = [t for p in pieces for t in p.ids[row, : p.new[row]]]
        assert written == ids[row, : len(written)].tolist()
        assert len(written) == (log_probs[row] != 0).sum()
    np.testing.assert_array_equal(pieces[-1].lengths, whole.lengths)
    np.testing.assert_array_equal(pieces[-1].reasons, reasons)
    for piece in pieces[:-1]:
        assert (piece.reasons == FinishReason.RUNNING).any()


def counting(tokens, state):
    return tf.one_hot(tokens + 1, 9) * 9.0, state + 1


def count(starts, **options):
    options = {"max_length": 6, "strategy": Greedy(), "end_token": 8, **options}
    starts = np.array(starts, "int32")
    return stream(counting, np.zeros(len(starts)), starts, **options)


def test_pieces_come_before_all_is_done():
    ran = tf.Variable(0)

    def step(tokens, state):
        ran.assign_add(1)
        return tf.one_hot(tokens + 1, 9) * 9.0, state

    options = {"max_length": 2**30, "strategy": Greedy(), "block": 2}
    pieces = stream(step, (), np.array([0]), **options)
    assert next(pieces).ids.tolist() == [[1, 2]]
    before = int(ran)
    assert next(pieces).ids.tolist() == [[3, 4]]
    # And once, perhaps, to learn what the step returns.
    assert int(ran) - before <= 3


def test_a_second_stream_is_not_traced():
    calls = []

    def step(tokens, state):
        calls.append(tokens)
        return tf.one_hot(tokens + 1, 9) * 9.0, state

    for start in (0, 3):
        before = len(calls)
        options = {"max_length": 5, "strategy": Sample(), "seed": start, "block": 2}
        list(stream(step, (), np.array([start]), **options))
    assert len(calls) == before


def test_the_shortest_and_the_emptiest():
    (piece,) = count([])
    assert piece.ids.shape == (0, 0)
    assert piece.reasons.shape == piece.new.shape == (0,)
    (piece,) = count([7, 2], max_length=1)
    assert piece.ids.tolist() == [[8], [3]]
    assert piece.new.tolist() == [1, 1]
    assert piece.lengths.tolist() == [0, 1]
    assert piece.reasons.tolist() == [FinishReason.END_TOKEN, FinishReason.LENGTH]
    (piece,) = count([0, 2], max_length=np.array([2, 3]), block=2**31 - 1)
    assert piece.ids.tolist() == [[1, 2, 8], [3, 4, 5]]
    (piece,) = count([7, 2], constraint=ForbiddenTokens(range(9)))
    assert piece.ids.shape == (2, 0)
    assert piece.reasons.tolist() == [FinishReason.DEAD_END] * 2


@pytest.mark.parametrize("value", [0, -1, 2.0, True, None, "2", np.array(2), [2]])
def test_block(value):
    with pytest.raises(ValueError, match="`block` must be"):
        count([1], block=value)


def test_what_is_refused_at_once():
    with pytest.raises(TypeError, match="`strategy` must be a Strategy"):
        count([1], strategy=Beam(2))
    with pytest.raises(ValueError, match="`min_length` must be at most"):
        count([1], min_length=7)
    with pytest.raises(RuntimeError, match="`stream` must be called eagerly"):
        tf.function(lambda: count([1]))()
