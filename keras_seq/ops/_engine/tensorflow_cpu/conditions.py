"""Where the sequence is run in blocks: TensorFlow's graphs for processors."""

import contextlib
import contextvars
from collections.abc import Iterator

import keras

_PORTABLE = contextvars.ContextVar("portable_graphs", default=False)


@contextlib.contextmanager
def portable_graphs() -> Iterator[None]:
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


def apply_here() -> bool:
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
