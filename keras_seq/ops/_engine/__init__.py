"""How a recurrence is run: in which loops, in which order, with what kept.

`recurrence` takes the equations of `keras_seq.ops._derived` and runs them as a
`whole` (one loop over time, every backend) or in `blocks` (TensorFlow's graphs
for processors). `by_autodiff` takes any step function and leaves the gradient to
the backend.
"""

from keras_seq.ops._engine.autodiff import by_autodiff
from keras_seq.ops._engine.naming import named_gates
from keras_seq.ops._engine.recurrence import recurrence

__all__ = ["by_autodiff", "named_gates", "recurrence"]
