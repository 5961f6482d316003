"""The layers where TensorFlow's runtime isn't what will run the graph."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.kinds import each_kind

X = np.random.default_rng(0).normal(size=(3, 3, 5, 2)).astype("float32")


def in_graph(function):
    return tf.function(function, autograph=False)


def gradient_of(layer, loss):
    with tf.GradientTape() as tape:
        found = loss()
    return tape.gradient(found, [weight.value for weight in layer.trainable_variables])


@pytest.mark.parametrize("mode", [in_graph, lambda function: function])
@each_kind("lstm", "gru", "simple_rnn")
def test_gradients_are_vectorised(kind, mode):
    layer, x = kind.layer(4, return_sequences=True), tf.constant(X[0])
    layer.build(x.shape)

    def of_row(row):
        return gradient_of(layer, lambda: tf.reduce_sum(layer(row[None]) ** 2))

    found = mode(lambda: tf.vectorized_map(of_row, x))()
    expected = [tf.stack(rows) for rows in zip(*map(of_row, x), strict=True)]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@each_kind("lstm")
def test_a_function_within_the_body_that_is_vectorised(kind):
    layer, x = kind.layer(4), tf.constant(X[0])
    layer.build(x.shape)
    inner = in_graph(lambda row: layer(row[None]))

    def of_row(row):
        return gradient_of(layer, lambda: tf.reduce_sum(inner(row) ** 2))[0]

    found = in_graph(lambda: tf.vectorized_map(of_row, x))()
    expected = [
        gradient_of(layer, lambda row=row: tf.reduce_sum(layer(row[None]) ** 2))[0]
        for row in x
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@each_kind("lstm")
def test_time_distributed_over_a_number_that_is_known_when_run(kind):
    """Keras vectorises there (and takes the rows for the number, so both are 3)."""
    wrapper = keras.layers.TimeDistributed(kind.layer(4, return_sequences=True))
    wrapper(X)

    def gradients(x):
        return gradient_of(wrapper, lambda: tf.reduce_sum(wrapper(x) ** 2))

    spec = tf.TensorSpec((None, None, *X.shape[2:]))
    traced = tf.function(gradients, autograph=False, input_signature=[spec])
    for one, other in zip(traced(X), gradients(tf.constant(X)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("option", ["return_gates", "return_state"])
@pytest.mark.parametrize("given", [X, keras.Input((3, 5, 2))], ids=["array", "symbol"])
@each_kind("lstm", "simple_rnn")
def test_time_distributed_takes_one_output(kind, given, option):
    wrapper = keras.layers.TimeDistributed(kind.layer(4, **{option: True}))
    expected = rf"TimeDistributed.* one output.*{option}=True.*keras\.ops\.reshape"
    with pytest.raises(ValueError, match=expected):
        wrapper(given)


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter:UserWarning")
@each_kind("lstm")
def test_litert(kind, tmp_path):
    """Written steps run in LiteRT alone; a loop needs its delegate, as of Keras's."""
    path = tmp_path / "model.tflite"

    def exported(unroll):
        layer = kind.layer(4, return_sequences=True, unroll=unroll)
        model = keras.Sequential([keras.Input((5, 2), batch_size=1), layer])
        model.export(path, format="litert", verbose=False)
        return model, path.read_bytes()

    _, content = exported(unroll=False)
    assert b"MapDefun" not in content
    model, content = exported(unroll=True)
    interpreter = tf.lite.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (inputs,), (outputs,) = (
        interpreter.get_input_details(),
        interpreter.get_output_details(),
    )
    interpreter.set_tensor(inputs["index"], X[0, :1])
    interpreter.invoke()
    found = interpreter.get_tensor(outputs["index"])
    np.testing.assert_allclose(found, model(X[0, :1]), atol=1e-6)
