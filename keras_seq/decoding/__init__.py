"""From a step function to sequences: greedy, sampling, beams; inside the graph."""

from keras_seq.decoding.automaton import Automaton
from keras_seq.decoding.beam import Beam
from keras_seq.decoding.constraints import (
    AllOf,
    Constraint,
    ForbiddenTokens,
    ForcedPrefix,
    NoRepeatedNgrams,
)
from keras_seq.decoding.contrastive import Contrastive
from keras_seq.decoding.cutoffs import MinP, Temperature, Typical
from keras_seq.decoding.generate import generate
from keras_seq.decoding.processors import LogitBias, LogitsProcessor
from keras_seq.decoding.repetition import (
    FrequencyPenalty,
    PresencePenalty,
    RepetitionPenalty,
)
from keras_seq.decoding.results import FinishReason, Generation, Piece
from keras_seq.decoding.scheduled_sampling import (
    mix_with_predictions,
    sampling_probability,
)
from keras_seq.decoding.stepper import Stepper
from keras_seq.decoding.strategies import Greedy, Sample, Strategy
from keras_seq.decoding.streaming import stream

__all__ = [
    "AllOf",
    "Automaton",
    "Beam",
    "Constraint",
    "Contrastive",
    "FinishReason",
    "ForbiddenTokens",
    "ForcedPrefix",
    "FrequencyPenalty",
    "Generation",
    "Greedy",
    "LogitBias",
    "LogitsProcessor",
    "MinP",
    "NoRepeatedNgrams",
    "Piece",
    "PresencePenalty",
    "RepetitionPenalty",
    "Sample",
    "Stepper",
    "Strategy",
    "Temperature",
    "Typical",
    "generate",
    "mix_with_predictions",
    "sampling_probability",
    "stream",
]
