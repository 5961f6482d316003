"""Processors refuse what they can't do, and say what they were given."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import (
    Beam,
    FrequencyPenalty,
    Greedy,
    LogitBias,
    MinP,
    RepetitionPenalty,
    Temperature,
    Typical,
    generate,
)


def run(processor, strategy):
    """Four rows, six tokens."""
    return generate(
        lambda tokens, state: (tf.one_hot(tokens, 6), state),
        (),
        np.arange(4),
        max_length=2,
        strategy=strategy,
        logits_processor=processor,
    )


@pytest.mark.parametrize("value", [3, MinP, [MinP(0.1), None], "min_p", lambda x: x])
def test_what_is_no_processor(value):
    with pytest.raises(TypeError, match="`logits_processor` must be a LogitsProcessor"):
        run(value, Greedy())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        *((lambda v=v: RepetitionPenalty(v), "`penalty` must be above 0") for v in
          (0, -1.2, np.nan, np.inf, "1", None, True, np.array([1.0, 0.0]), [1.0])),
        *((lambda v=v: FrequencyPenalty(v), "`penalty` must be finite") for v in
          (np.nan, np.inf, "1", None, True, [1.0], np.array([np.nan]))),
        *((lambda v=v: MinP(v), r"`min_p` must be in \[0, 1\]") for v in
          (-0.1, 1.1, np.nan, None, "x")),
        *((lambda v=v: Typical(v), r"`mass` must be in \(0, 1\]") for v in
          (0.0, 1.1, np.nan, None)),
        *((lambda v=v: Temperature(v), "`temperature` must be above 0") for v in
          (0.0, -1, np.inf, np.nan)),
        (lambda: MinP(np.zeros((2, 2))), "`min_p` must be a scalar or of shape"),
        (lambda: RepetitionPenalty(1.1, [[1.5]]), "`prompt` must be integers"),
        (lambda: RepetitionPenalty(1.1, [-2]), "`prompt` must be at least -1"),
        (lambda: RepetitionPenalty(1.1, [[1], [1, 2]]), "`prompt` .*different length"),
        (lambda: LogitBias(None), "`bias` must be .*received None"),
        (lambda: RepetitionPenalty(1.1, 3), r"`prompt` must be .*shape \(P,\) or"),
        (lambda: LogitBias({-1: 0.5}), "`bias` must be a dict from token ids"),
        (lambda: LogitBias({1.5: 0.5}), "`bias` must be a dict from token ids"),
        (lambda: LogitBias({1: np.nan}), r"`bias\[1\]` must be numbers"),
        (lambda: LogitBias({1: np.inf}), r"`bias\[1\]` must be numbers"),
        (lambda: LogitBias({1: "a"}), r"`bias\[1\]` must be numbers"),
        (lambda: LogitBias([0.0, np.nan]), "`bias` must hold numbers"),
        (lambda: LogitBias(3.0), r"`bias` must be a dict, or .*shape \(\)"),
        (lambda: LogitBias(["a"]), "`bias` must be"),
        (lambda: LogitBias([[1.0], [1.0, 2.0]]), "`bias` must be"),
    ],
)  # fmt: skip
def test_a_processor_that_cannot_be(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("processor", "message"),
    [
        (MinP(np.full(3, 0.1)), r"`min_p` must .*\(4,\).*\(3,\)"),
        (RepetitionPenalty(np.ones(3)), r"`penalty` must .*\(4,\).*\(3,\)"),
        (RepetitionPenalty(1.2, [6]), "`prompt` must be below .* 6; received 6"),
        (RepetitionPenalty(1.2, [[1]] * 3), "`prompt` must have as many rows"),
        (LogitBias({6: 1.0}), "`bias` must be below the vocabulary's size 6; .* 6"),
        (LogitBias([0.0] * 5), r"`bias` must have V = 6 .*\(5,\)"),
        (LogitBias(np.zeros((4, 7))), r"`bias` must have V = 6 .*\(4, 7\)"),
        (LogitBias(np.zeros((3, 6))), "`bias` must have as many rows as"),
    ],
)
def test_a_processor_that_does_not_fit(processor, message):
    for strategy in (Greedy(), Beam(2)):
        with pytest.raises(ValueError, match=message):
            run(processor, strategy)


def test_whole_numbers_do():
    run([RepetitionPenalty(2), FrequencyPenalty(np.int64(1)), MinP(1)], Greedy())
    assert keras.ops.shape(LogitBias([1, 2, 3]).process((), np.ones((4, 3)))) == (4, 3)
