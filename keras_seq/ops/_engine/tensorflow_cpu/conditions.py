"""Where the sequence is run in blocks: TensorFlow's graphs for processors."""

import contextlib
import contextvars
import re
from collections.abc import Iterator
from typing import Any

import keras

from keras_seq.ops._engine.callers import called_from

# Who traces a graph for a runtime that doesn't know `MapDefun`.
_CONVERTERS = "keras.src.export.litert", "tensorflow.lite.python"

_PORTABLE = contextvars.ContextVar("portable_graphs", default=False)


@contextlib.contextmanager
def portable_graphs() -> Iterator[None]:
    """Traces graphs that other tools than TensorFlow's runtime understand.

    On a processor the recurrences are traced as loops in threads of their own,
    `MapDefun` operations, which are fast, and which TensorFlow and its servers
    run. Functions traced within this context hold an ordinary loop instead, as they
    do by themselves

    - within `tf.vectorized_map`, which `keras.layers.TimeDistributed` uses too;
    - when `model.export(path, format="litert")` or `tf.lite.TFLiteConverter` traces;
    - where XLA compiles, and on every other backend.

    So it is for what can't be seen while it is traced: a function that is traced
    first and then given to `TFLiteConverter.from_concrete_functions` or
    `from_saved_model`, to `tf.vectorized_map`, or to a function with
    `jit_compile=True`.

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


def apply_here() -> bool:
    """Whether TensorFlow will run operations one by one, on a processor."""
    if keras.backend.backend() != "tensorflow" or _PORTABLE.get():
        return False
    import tensorflow as tf
    from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

    if tf.executing_eagerly():
        return False
    graph = tf.compat.v1.get_default_graph()
    return not (
        GraphOrParentsInXlaContext(graph)
        or tf.config.list_physical_devices("GPU")
        or _is_vectorised(graph)
        or called_from(*_CONVERTERS)
    )


def _is_vectorised(graph: Any) -> bool:
    """Whether the graph is, or is part of, the body of a `tf.vectorized_map`.

    TensorFlow tells it by nothing but the name that it gives to the operations of
    that body.
    """
    while graph is not None:
        if re.search(r"(^|/)loop_body(_\d+)?(/|$)", graph.get_name_scope()):
            return True
        graph = getattr(graph, "outer_graph", None)
    return False
