"""The sequence in blocks, in TensorFlow's graphs for processors.

```
for each half of the rows, in a thread of its own:
    for each block of about ROWS rows:   the products with x, h and the errors
        for each STEPS steps:            the factors of the errors, the lists
            for each step:               what is sequential
```

Blocks are as long as keeps what they touch in the processor's caches: no array
over all steps is written that is not returned. The lists that the gradient needs
hold the tensors of the steps where they were made.
"""

import contextlib
import contextvars
import dataclasses
from typing import Any

import keras

from keras_seq.ops._engine import blocks_backward, blocks_forward
from keras_seq.ops._engine.products import backward_layout
from keras_seq.ops._engine.tensorflow_loops import in_one_thread, side_by_side

# Above this size a step reads so many weights that memory is the limit, and two
# halves would read them twice: one loop then, whose products use all cores.
LARGEST_UNITS = 512
# A single row can not be halved.
FEWEST_ROWS = 2


_PORTABLE = contextvars.ContextVar("portable_graphs", default=False)


@contextlib.contextmanager
def portable_graphs():
    """Traces graphs that other tools than TensorFlow's runtime understand.

    On a processor the recurrences are traced as loops in threads of their own,
    `MapDefun` operations, which are fast, and which TensorFlow and its servers
    run. TensorFlow Lite, `tf.vectorized_map` around a gradient, and XLA for a
    function that was traced without it don't know them; nor can
    `tf.saved_model.save` store a function traced with `training=True` with them.
    Functions traced within this context hold an ordinary loop instead. On other
    backends it changes nothing.

    Example:

    >>> import tensorflow as tf
    >>> from keras_seq.layers import ExplicitLSTM
    >>> layer = ExplicitLSTM(4)
    >>> traced = tf.function(lambda x: layer(x))
    >>> with portable_graphs():
    ...     graph = traced.get_concrete_function(tf.TensorSpec([2, 7, 3]))
    >>> any(op.type == "MapDefun" for op in graph.graph.get_operations())
    False
    """
    token = _PORTABLE.set(True)
    try:
        yield
    finally:
        _PORTABLE.reset(token)


def apply_here():
    """Whether TensorFlow will run operations one by one, on a processor."""
    if keras.backend.backend() != "tensorflow" or _PORTABLE.get():
        return False
    import tensorflow as tf
    from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

    return (
        not tf.executing_eagerly()
        and not GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())
        and not tf.config.list_physical_devices("GPU")
    )


def run(equations, mask, *, states, projected, return_sequences, show, training):
    """As `whole.run`."""
    import tensorflow as tf

    def function(x, *rest):
        initial, shared = rest[:states], rest[states:]
        parts = Parts(x.shape[0], initial[0].shape[-1])
        plan = Plan(
            equations=equations,
            rows=parts.rows_of_each,
            units=initial[0].shape[-1],
            states=states,
            dtype=x.dtype,
            weight_shapes=tuple(array.shape for array in shared),
            project=projected > 0,
            masked=mask is not None,
            return_sequences=return_sequences,
            show=show,
        )
        x = parts.split_sequence(x)
        masks = [] if mask is None else [parts.split_sequence(mask[..., None])]
        given = {
            "x": x,
            "state": [parts.split_rows(array) for array in initial],
            "mask": masks,
        }
        projection, weights = shared[:projected], shared[projected:]

        def forward(keep):
            found = parts.run(
                blocks_forward.part(plan, keep),
                given,
                {"projection": projection, "weights": weights},
            )
            # A tape around the graph can make zeros of a list, not of several.
            found["lists"] = [tf.unstack(x, parts.count) for x in found["lists"]]
            # One that is persistent would differentiate what the gradient uses.
            kept = {name: found[name] for name in ("h", "lists")}
            return found, tf.nest.map_structure(tf.stop_gradient, kept)

        found, needed = forward(training)
        final = [parts.join_rows(array) for array in found["final"]]
        by_step = list(found["shown"])
        if return_sequences:
            h = _behind_each_step(found["h"][0], x, found["final"][0])
            by_step.insert(0, h)

        def gradient(*errors):
            kept = needed if training else forward(True)[1]
            by_step = [parts.split_sequence(error) for error in errors[states:]]
            derivatives = parts.run(
                blocks_backward.part(plan),
                {
                    "x": x,
                    "mask": masks,
                    "h": kept["h"],
                    "lists": [parts.stack(lists) for lists in kept["lists"]],
                    "d_final": tuple(map(parts.split_rows, errors[:states])),
                    "d_h": by_step[:return_sequences],
                    "d_shown": by_step[return_sequences:],
                },
                {
                    "projection": projection,
                    "matrices": backward_layout(weights, equations, plan.rows),
                },
            )
            return (
                parts.join_sequence(derivatives["x"]),
                *map(parts.join_rows, derivatives["state"]),
                *map(parts.sum, derivatives["weights"]),
            )

        return (*final, *map(parts.join_sequence, by_step)), gradient

    return function


def _behind_each_step(h, x, final):
    """From h before and behind all steps, (P, (T + 1) · B, ·), to (P, T, B, ·)."""
    import tensorflow as tf

    rows = tf.shape(x)[2]
    shape = tf.concat([tf.shape(x)[:3], tf.shape(final)[2:]], axis=0)
    sequence = tf.reshape(h[:, rows:], shape)
    sequence.set_shape([*x.shape[:3], final.shape[2]])
    return sequence


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What is run on each part, and what is wanted of it."""

    equations: Any
    rows: int | None
    units: int
    states: int
    dtype: Any
    weight_shapes: tuple
    project: bool
    masked: bool
    return_sequences: bool
    show: bool

    def listed(self, keep, state, kept):
        """What is listed, of the states and of what the equations keep."""
        states = list(state[:1]) if keep or self.return_sequences else []
        if keep:
            return [*states, *state[1:], *kept]
        if self.show:
            return [*states, *state[1:], *kept[: self.equations.shown]]
        return states


class Parts:
    """The rows of a batch, in one part or two."""

    def __init__(self, rows, units):
        self.rows = rows
        self.threaded = units <= LARGEST_UNITS
        halved = self.threaded and (rows is None or rows >= FEWEST_ROWS)
        self.count = 2 if halved else 1
        self.rows_of_each = rows
        if halved and rows is not None:
            self.rows_of_each = (rows + 1) // 2

    def split_sequence(self, x):
        """From (B, T, ·) to (P, T, B / P, ·); an odd batch gets a row of zeros."""
        import tensorflow as tf

        x = self.split_rows(x)
        return tf.transpose(x, (0, 2, 1, 3))

    def split_rows(self, x):
        """From (B, ...) to (P, B / P, ...)."""
        import tensorflow as tf

        if self.count == 1:
            return x[None]
        self.total = tf.shape(x)[0]
        odd = [[0, self.total % 2], *([0, 0] for _ in x.shape[1:])]
        if self.rows is None:
            x = tf.cond(self.total % 2 > 0, lambda: tf.pad(x, odd), lambda: x)
        elif self.rows % 2:
            x = tf.pad(x, odd)
        shape = tf.shape(x)
        split = tf.reshape(x, tf.concat([[2, (self.total + 1) // 2], shape[1:]], 0))
        split.set_shape([2, self.rows_of_each, *x.shape[1:]])
        return split

    def join_rows(self, x):
        """From (P, B / P, ...) to (B, ...)."""
        import tensorflow as tf

        if self.count == 1:
            return x[0]
        shape = tf.shape(x)
        joined = tf.reshape(x, tf.concat([[shape[0] * shape[1]], shape[2:]], 0))
        if self.rows is None or self.rows % 2:
            joined = joined[: self.total]
        joined.set_shape([self.rows, *x.shape[2:]])
        return joined

    def join_sequence(self, x):
        """From (P, T, B / P, ·) to (B, T, ·)."""
        import tensorflow as tf

        return self.join_rows(tf.transpose(x, (0, 2, 1, 3)))

    def run(self, function, given, shared):
        """Runs a function on each part."""
        import tensorflow as tf

        if self.threaded:
            return side_by_side(function, given, shared)
        first = tf.nest.map_structure(lambda array: array[0], given)
        results = in_one_thread(lambda both: function(*both), (first, shared))
        return tf.nest.map_structure(lambda result: self.stack([result]), results)

    def stack(self, arrays):
        """From a list of each part's to (P, ...); lists of tensors too."""
        import tensorflow as tf

        if self.count > 1:
            return tf.stack(arrays)
        (array,) = arrays
        shape = tf.concat([[1], tf.shape(array)], axis=0)
        stacked = tf.reshape(array, shape)
        stacked.set_shape([1, *array.shape])
        return stacked

    def sum(self, x):
        """Σ over the parts."""
        return x[0] if self.count == 1 else x[0] + x[1]
