"""Names, types and calls of Keras models, odd ones among them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.serving.inferring import Subclassed, ask, refusal, signature_of

layers = keras.layers


@pytest.mark.filterwarnings("ignore:When providing `inputs` as a dict")
def test_names_that_no_request_can_have():
    inputs = {
        "my steps": keras.Input((2,), name="my steps"),
        "2/nd": keras.Input((2,)),
        "größe": keras.Input((2,)),
        "文": keras.Input((2,)),
        "class": keras.Input((2,)),
        "self": keras.Input((2,)),
    }
    total = layers.Add()(list(inputs.values()))
    signature = signature_of(
        keras.Model(inputs, {"a/b": total, "": total, "self": total})
    )
    assert set(signature.inputs) == {
        *("my_steps", "input_2_nd", "gr_e", "class_", "self_"),
        f"input_{sorted(inputs).index('文')}",
    }
    assert signature.outputs == ("a_b", "output_1", "self_", "error")
    assert signature.notes["my_steps"] == "the model's input 'my steps'"
    assert signature.notes["a_b"] == "the model's output 'a/b'"
    values = {name: [[10.0**i, 1]] for i, name in enumerate(signature.inputs)}
    assert ask(signature, **values)["a_b"].tolist() == [[111111, 6]]


@pytest.mark.filterwarnings("ignore:When providing `inputs` as a dict")
def test_names_that_would_be_one_are_refused():
    inputs = {"a b": keras.Input((2,)), "a/b": keras.Input((2,))}
    model = keras.Model(inputs, layers.Add()(list(inputs.values())))
    assert "inputs 'a b' and 'a/b' would both be called 'a_b'" in refusal(model)


def test_a_layer_whose_name_no_graph_takes():
    inputs = keras.Input((2,), name="a row")
    model = keras.Model(inputs, layers.Rescaling(2.0, name="the sum")(inputs))
    message = refusal(model)
    assert "layer 'the sum': graphs of TensorFlow" in message
    assert "a row" not in message


def test_inputs_in_a_list_go_where_they_belong():
    first, second = keras.Input((1,), name="z"), keras.Input((1,), name="a")
    model = keras.Model([first, second], layers.Subtract(name="less")([first, second]))
    answer = ask(signature_of(model), z=[[5.0]], a=[[3.0]])
    assert answer["less"].tolist() == [[2.0]]


def test_an_input_that_nothing_uses_and_an_output_named_as_an_input():
    used, unused = keras.Input((2,), name="x"), keras.Input((1,), name="unused")
    output = layers.Rescaling(2.0)(used)
    signature = signature_of(keras.Model([used, unused], {"x": output}))
    assert set(signature.inputs) == {"x", "unused"}
    answer = ask(signature, x=[[1.0, 2.0]], unused=[[0.0]])
    assert answer["x"].tolist() == [[2.0, 4.0]]


def test_outputs_of_one_layer_are_numbered():
    steps = keras.Input((None, 3), name="steps")
    model = keras.Model(steps, layers.LSTM(2, return_state=True, name="reader")(steps))
    signature = signature_of(model)
    assert signature.outputs == ("reader_0", "reader_1", "reader_2", "error")
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    answer = ask(signature, steps=x)
    for name, value in zip(signature.outputs, model(x), strict=False):
        np.testing.assert_allclose(answer[name], value, atol=1e-6)


def test_types():
    """Integers and booleans stay; what REST can't carry becomes float32."""
    whole = keras.Input((2,), dtype="int64", name="whole")
    half = keras.Input((2,), dtype="float16", name="half")
    large = layers.Lambda(lambda x: x > 10, output_shape=(2,), name="large")(whole)
    twice = layers.Rescaling(2.0, dtype="float16", name="twice")(half)
    signature = signature_of(keras.Model([whole, half], [large, twice]))
    specs = {name: spec.dtype for name, spec in signature.inputs.items()}
    assert specs == {"whole": tf.int64, "half": tf.float32}
    answer = ask(signature, whole=[[2**40, 3]], half=[[0.5, 1.5]])
    assert answer["large"].tolist() == [[True, False]]
    assert answer["twice"].dtype == np.float32
    assert answer["twice"].tolist() == [[1.0, 3.0]]


def test_ids_of_an_input_without_a_type_are_whole_numbers():
    model = keras.Sequential([layers.Embedding(9, 3, mask_zero=True), layers.LSTM(2)])
    model.build((None, None))
    (spec,) = signature_of(model).inputs.values()
    assert (spec.dtype, spec.shape.as_list()) == (tf.int32, [None, None])


def test_float16_policy_and_a_fixed_batch():
    inputs = keras.Input((3,), name="row", batch_size=4)
    model = keras.Model(
        inputs, layers.Dense(2, name="y", dtype="mixed_float16")(inputs)
    )
    answer = ask(signature_of(model), row=np.ones((2, 3)))
    assert answer["y"].shape == (2, 2)
    assert answer["y"].dtype == np.float32


def test_subclassed_model_that_was_called():
    model = Subclassed(lambda x: x["u"] + x["v"], lambda y: {"y": y})
    given = {"u": np.ones((4, 5, 3)), "v": np.ones((4, 5, 3))}
    model(given)
    signature = signature_of(model)
    shapes = {name: spec.shape.as_list() for name, spec in signature.inputs.items()}
    assert shapes == {"u": [None, 5, 3], "v": [None, 5, 3]}
    np.testing.assert_allclose(ask(signature, **given)["y"], model(given)["y"])


def test_subclassed_model_with_keywords():
    class Two(Subclassed):
        def build(self, a_shape, b_shape):
            self.dense.build(a_shape)

        def call(self, a, b):
            return [self.dense(a - b)]

    model = Two()
    model(np.ones((2, 3)), np.zeros((2, 3)))
    answer = ask(signature_of(model), a=np.ones((1, 3)), b=np.zeros((1, 3)))
    expected = model(np.ones((1, 3)), np.zeros((1, 3)))[0]
    np.testing.assert_allclose(answer["output_0"], expected)


def test_examples_tell_what_a_subclassed_model_does_not():
    class Reader(keras.Model):
        def __init__(self):
            super().__init__()
            self.embedding = layers.Embedding(9, 3, mask_zero=True)
            self.read = layers.LSTM(2)

        def call(self, ids, training):
            assert not training
            return self.read(self.embedding(ids))

    model = Reader()
    assert "it was never called" in refusal(model)
    model(np.array([[1, 2, 3]]), training=False)
    message = refusal(model)
    assert "input 'ids'" in message
    assert "give `examples`" in message
    signature = signature_of(model, examples=np.array([[1, 2, 3]], "int32"))
    assert signature.inputs["ids"] == tf.TensorSpec([None, 3], tf.int32, "ids")
    several = [{"ids": [[1, 2, 3]]}, {"ids": [[4, 5], [6, 0]]}]
    signature = signature_of(model, examples=several)
    assert signature.inputs["ids"].shape.as_list() == [None, None]
    assert len(signature.examples) == 2
    assert "example 0, 1 rows of it, gets no answer" in refusal(model, examples=[[99]])
    assert "must have one shape" in refusal(model, examples=[[1, 2], [3]])


def test_arguments_that_keras_does_not_record():
    class Two(Subclassed):
        def call(self, a, b):
            return self.dense(a) + b

    model = Two()
    model(np.ones((2, 3)), np.ones((2, 2)))
    assert "its call needs ['b'] too" in refusal(model)


def test_a_stateful_layer_is_named():
    inputs = keras.Input((5, 3), batch_size=2)
    model = keras.Model(inputs, layers.LSTM(2, stateful=True, name="reader")(inputs))
    message = refusal(model)
    assert "layer 'reader' is stateful" in message
    assert "`stateful=False`" in message


@pytest.mark.parametrize(
    "model",
    [Subclassed(), keras.Sequential([layers.Dense(2)])],
    ids=["subclassed", "sequential"],
)
def test_a_model_that_was_never_called(model):
    assert "it was never called" in refusal(model)


def test_what_is_no_model():
    message = refusal(layers.Dense(2, name="head"))
    assert "model 'head' cannot be inferred" in message
    assert "from a keras.Model; put a layer into one" in message
    assert "translation_signatures" in refusal(object())
