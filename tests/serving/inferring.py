"""Keras models whose signatures are inferred, and how the tests ask them."""

import keras
import pytest
import tensorflow as tf

from keras_seq.serving import ServingError, model_signatures

layers = keras.layers


def signature_of(model, **options):
    (signature,) = model_signatures(model, **options).values()
    return signature


def served(signature):
    """The traced function, as a server has it."""
    function = tf.function(signature.function, autograph=False)
    traced = function.get_concrete_function(**signature.inputs)

    def answer(**inputs):
        given = {
            name: tf.constant(value, signature.inputs[name].dtype)
            for name, value in inputs.items()
        }
        return {name: value.numpy() for name, value in traced(**given).items()}

    return answer


def ask(signature, **inputs):
    """One answer of it."""
    return served(signature)(**inputs)


def refusal(model, **options):
    with pytest.raises(ServingError) as caught:
        model_signatures(model, **options)
    return str(caught.value)


class Subclassed(keras.Model):
    """Takes and gives what its functions say."""

    def __init__(self, take=lambda x: x, give=lambda y: y):
        super().__init__()
        self.dense = layers.Dense(2)
        self.take, self.give = take, give

    def call(self, x):
        return self.give(self.dense(self.take(x)))
