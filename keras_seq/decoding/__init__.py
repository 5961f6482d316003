"""From a step function to sequences: greedy, sampling; inside the graph."""

from keras_seq.decoding.generate import Generation, generate
from keras_seq.decoding.stepper import Stepper
from keras_seq.decoding.strategies import Greedy, Sample, Strategy

__all__ = ["Generation", "Greedy", "Sample", "Stepper", "Strategy", "generate"]
