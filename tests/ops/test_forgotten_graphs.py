"""A graph that nobody uses any more is given back, with the gradients in it."""

import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.ops import gradient_registry

from keras_seq.layers import BahdanauDecoder, ExplicitGRU, ExplicitLSTM
from keras_seq.ops import cross_entropy
from tests.kinds import each_kind
from tests.ops.test_gradients import gradients, in_graph, problem


def custom():
    return {name for name in gradient_registry.list() if "Custom" in name}


def assert_forgotten(make):
    """Whether what the graphs of `make` hold is gone when they are."""
    before = custom()
    graphs = [weakref.ref(graph) for graph in make()]
    assert graphs
    gc.collect()
    assert [graph() for graph in graphs] == [None] * len(graphs)
    assert custom() <= before


@each_kind()
def test_a_gradient(kind):
    arguments = problem(kind)

    def make():
        traced = in_graph(lambda: gradients(kind, arguments))
        traced()
        yield traced.get_concrete_function().graph

    assert_forgotten(make)


@each_kind("lstm")
def test_of_the_ordinary_loop_too(kind):
    arguments = problem(kind, length=1)

    def make():
        traced = in_graph(lambda: gradients(kind, arguments), jit_compile=True)
        yield traced.get_concrete_function().graph

    assert_forgotten(make)


def test_a_second_derivative_is_there_as_long_as_its_graph():
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32"))
    layer = ExplicitLSTM(3)
    layer.build(x.shape)

    def slopes():
        with tf.GradientTape() as outer, tf.GradientTape() as inner:
            for tape in (outer, inner):
                tape.watch(x)
            y = tf.reduce_sum(layer(x) ** 3)
            first = inner.gradient(y, x)
        return outer.gradient(first, x)

    traced = in_graph(slopes)
    concrete = traced.get_concrete_function()
    gc.collect()
    np.testing.assert_allclose(concrete(), slopes(), atol=1e-6)


@pytest.mark.parametrize("what", ["layers", "attention", "loss"])
def test_a_step_of_training(what):
    # (The graphs of Keras's own `fit` stay, also those of a `Dense` alone.)
    x = tf.constant(np.random.default_rng(0).normal(size=(4, 5, 3)), "float32")
    layers = [ExplicitGRU(3, return_sequences=True), ExplicitLSTM(3)]
    decoder = BahdanauDecoder(3, 4)

    def result():
        if what == "attention":
            return decoder(x, x[:, :4])
        if what == "loss":
            return cross_entropy(x, tf.zeros((4, 5), "int32"))
        return layers[1](layers[0](x))

    result()  # builds

    def step():
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(result() ** 2)
        return tape.gradient(y, x)

    def make():
        traced = in_graph(step)
        np.testing.assert_allclose(traced(), step(), atol=1e-5)
        yield traced.get_concrete_function().graph

    assert_forgotten(make)
