"""Functions traced in eager mode."""

import typing
from collections.abc import Callable

import keras


def traced(function: Callable[..., typing.Any], *arguments: typing.Any) -> typing.Any:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if tf.executing_eagerly():
            return tf.function(lambda: function(*arguments), autograph=False)()
    return function(*arguments)
