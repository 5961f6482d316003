"""Documented calls of `generate`: ends, processors; a checker finds nothing."""

from typing import Any

import numpy as np
import tensorflow as tf

from keras_seq.decoding import (
    Beam,
    FinishReason,
    FrequencyPenalty,
    Greedy,
    LogitBias,
    LogitsProcessor,
    MinP,
    Piece,
    PresencePenalty,
    RepetitionPenalty,
    Sample,
    Temperature,
    Typical,
    generate,
    stream,
)

START = np.array([0, 3])


def step(tokens: Any, state: Any) -> tuple[Any, Any]:
    return tf.one_hot(tokens, 6), state


def with_constants(tokens: Any, state: Any, constants: Any) -> tuple[Any, Any]:
    return constants["logits"], state


class Same(LogitsProcessor):
    def process(self, state, logits):
        return logits


processors: list[LogitsProcessor] = [
    Same(),
    RepetitionPenalty(1.2),
    RepetitionPenalty(np.array([1.2, 1.5]), prompt=np.array([[1], [2]])),
    RepetitionPenalty(2, prompt=[[1, 2], [3, -1]]),
    RepetitionPenalty(2, prompt=[1, 2]),
    FrequencyPenalty(-0.5),
    PresencePenalty(tf.constant([0.5, 1.0])),
    LogitBias({1: 0.5, np.int64(2): -np.inf}),
    LogitBias([0.0, 1, 2, 3, 4, 5]),
    LogitBias(np.zeros((2, 6))),
    Temperature(0.7),
    MinP(0.1),
    Typical(np.array([0.9, 0.8])),
]
generate(
    step,
    (),
    START,
    max_length=4,
    strategy=Greedy(),
    logits_processor=processors,
    end_token=[4, np.int64(5)],
    min_length=np.array([1, 2]),
    stop_sequences=[[1, 2], (3,), np.array([2, 1])],
)
generate(
    step,
    (),
    START,
    max_length=4,
    strategy=Beam(2),
    logits_processor=MinP(0.1),
    end_token=(4, 5),
    min_length=1,
    stop_sequences=np.array([[1, 2], [3, -1]]),
)
told, reasons = generate(
    with_constants,
    (),
    START,
    max_length=2,
    strategy=Greedy(),
    constants={"logits": np.zeros((2, 6), "float32")},
    return_reasons=True,
)
print(told.ids, FinishReason(int(reasons[0])).name, FinishReason.LENGTH == 3)
told = generate(step, (), START, max_length=2, strategy=Greedy(), return_reasons=False)

# As they come.
for piece in stream(step, (), START, max_length=4, strategy=Greedy(), block=2):
    print(piece.ids[0, : piece.new[0]].tolist(), piece.reasons[0], piece.kept)
pieces: list[Piece] = list(
    stream(
        with_constants,
        (),
        START,
        max_length=np.array([3, 4]),
        strategy=Sample(0.7),
        constants={"logits": np.zeros((2, 6), "float32")},
        end_token=[4, 5],
        logits_processor=[MinP(0.1)],
        seed=3,
    )
)
