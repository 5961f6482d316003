"""Python that TensorFlow runs as it stands."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


def unconverted(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """Keeps AutoGraph, which a caller's `tf.function` brings, from rewriting it.

    Its loops over large tables of Python would take half a minute to trace.
    """

    @functools.wraps(function)
    def call(*arguments: Given.args, **options: Given.kwargs) -> Result:
        import tensorflow as tf

        plain = tf.autograph.experimental.do_not_convert(function)
        return plain(*arguments, **options)

    return call
