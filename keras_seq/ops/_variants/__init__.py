"""Variants of the recurrences: layer normalisation, peepholes, zoneout.

Each class states the equations of one recurrence with its options, in two parts:

- `project` is what needs no state, for one step (B, D) or all of them (T, B, D).
- `step` is one step: `(projected, state) -> State, gates`. The gates themselves are
  stated in `keras_seq.ops._steps`.

`gates` and `carried` name what is shown. The backend derives the gradient.
"""

from keras_seq.ops._variants.gru import VariedGRU
from keras_seq.ops._variants.lstm import VariedLSTM
from keras_seq.ops._variants.normalise import LayerNorm
from keras_seq.ops._variants.run import run_variant, step_variant
from keras_seq.ops._variants.simple_rnn import VariedSimpleRNN

__all__ = [
    "LayerNorm",
    "VariedGRU",
    "VariedLSTM",
    "VariedSimpleRNN",
    "run_variant",
    "step_variant",
]
