"""Python that TensorFlow runs as it stands."""

import functools


def unconverted(function):
    """Keeps AutoGraph, which a caller's `tf.function` brings, from rewriting it.

    Its loops over large tables of Python would take half a minute to trace.
    """

    @functools.wraps(function)
    def call(*arguments, **options):
        import tensorflow as tf

        plain = tf.autograph.experimental.do_not_convert(function)
        return plain(*arguments, **options)

    return call
