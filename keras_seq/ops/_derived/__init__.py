"""The recurrences with their gradients, derived by hand.

Each class states one recurrence for the loops of `keras_seq.ops._engine`, which
decide where products are gathered, what is kept, and in which order things run:

- `step` is one step forwards. It returns the state, its output h first, and
  what the gradient needs of the step (`kept`).
- `factors` computes what the errors are multiplied by, for many steps at once:
  arrays that `back` reads step by step, and arrays that `finish` reads.
- `back` is one step backwards: from the error of the state behind the step to
  that of the state before it. Only what is sequential stands here.
- `finish` makes of what `back` emitted, for many steps at once, the errors of
  the projected input and whatever else `gather` needs.
- `gather` gives the gradients of the weights in large products.

Arrays over many steps are (R, ·): R rows, B for each step, or (T, B, ·).
"""

from keras_seq.ops._derived.gru import GRUResetAfter, GRUResetBefore
from keras_seq.ops._derived.lstm import LSTM
from keras_seq.ops._derived.simple_rnn import SimpleRNN

__all__ = ["LSTM", "GRUResetAfter", "GRUResetBefore", "SimpleRNN"]
