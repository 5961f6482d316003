"""Signatures that are inferred from Keras models, odd ones among them."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.serving import ServingError, check, export, model_signatures
from tests.other_backend import run_module

layers = keras.layers


def dense_model(name="row", output="scores", dtype=None, **options):
    inputs = keras.Input((3,), name=name, dtype=dtype)
    return keras.Model(inputs, layers.Dense(2, name=output, **options)(inputs))


def signature_of(model, **options):
    (signature,) = model_signatures(model, **options).values()
    return signature


def ask(signature, **inputs):
    """The answer of the traced function, as a server has it."""
    function = tf.function(signature.function, autograph=False)
    traced = function.get_concrete_function(**signature.inputs)
    given = {
        name: tf.constant(value, signature.inputs[name].dtype)
        for name, value in inputs.items()
    }
    return {name: value.numpy() for name, value in traced(**given).items()}


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


def text_classifier(mask_zero=True):
    vectorize = layers.TextVectorization(vocabulary=["good", "bad", "film"])
    embedding = layers.Embedding(vectorize.vocabulary_size(), 4, mask_zero=mask_zero)
    text = keras.Input((), dtype="string", name="text")
    scores = layers.Dense(2, activation="softmax", name="scores")(
        layers.LSTM(3)(embedding(vectorize(text)))
    )
    label = layers.StringLookup(
        vocabulary=["no", "yes"], num_oov_indices=0, invert=True, name="label"
    )(keras.ops.argmax(scores, axis=-1))
    return keras.Model(text, {"scores": scores, "label": label})


def test_text_in_and_label_out(tmp_path):
    """Exported in one line, it serves, and answers as the model does."""
    pytest.importorskip("tensorflow_serving")
    model = text_classifier()
    report = export(model, tmp_path)
    assert report.warmup_requests == 1
    assert check(tmp_path).signatures["serving_default"].rows == 3
    served = tf.saved_model.load(str(report.directory)).signatures["serving_default"]
    texts = tf.constant(["a good film", "bad", "film film bad good"])
    found, live = served(text=texts), model(texts)
    np.testing.assert_allclose(found["scores"], live["scores"], atol=1e-6)
    likeliest = np.argmax(live["scores"], axis=-1)
    assert [label.decode() for label in found["label"].numpy()] == [
        ("no", "yes")[i] for i in likeliest
    ]
    # One that has no words, by itself, is more than the model itself can answer.
    assert served(text=tf.constant([""]))["error"].numpy().tolist() == [b""]
    long = served(text=tf.constant(["good", "x" * 10_001]))
    assert long["error"].numpy().tolist() == [
        b"",
        b"text must have at most 10000 characters; received 10001",
    ]
    told = json.loads((report.directory / "assets.extra/signatures.json").read_text())
    assert told["serving_default"]["limits"] == {"rows": 64, "text": 10_000}
    assert served(text=tf.constant([], tf.string))["scores"].shape == (0, 2)


def test_rows_that_hang_on_their_neighbours_are_refused():
    message = refusal(text_classifier(mask_zero=False))
    assert "mask_zero=True" in message
    assert "output 'scores'" in message
    loose = signature_of(text_classifier(mask_zero=False), rows_independent=False)
    assert not loose.rows_independent


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


def test_float16_policy_and_a_fixed_batch():
    inputs = keras.Input((3,), name="row", batch_size=4)
    model = keras.Model(
        inputs, layers.Dense(2, name="y", dtype="mixed_float16")(inputs)
    )
    answer = ask(signature_of(model), row=np.ones((2, 3)))
    assert answer["y"].shape == (2, 2)
    assert answer["y"].dtype == np.float32


# --- What a row may hold.


def test_one_wrong_row_leaves_its_neighbours():
    ids = keras.Input((None,), dtype="int32", name="ids")
    inner = keras.Sequential([layers.Embedding(20, 3), layers.GRU(2)])
    grade = keras.Input((), dtype="string", name="grade")
    known = layers.StringLookup(vocabulary=["a", "b"], num_oov_indices=0)(grade)
    both = [inner(ids), keras.ops.cast(known[:, None], "float32")]
    y = layers.Concatenate(name="y")(both)
    model = keras.Model([ids, grade], y)
    signature = signature_of(model, limits={"ids": 5})
    right = {"ids": [[1, 2], [3, 19]], "grade": ["b", "a"]}
    expected = ask(signature, **right)["y"]
    mixed = {"ids": [[1, 2], [20, 2], [3, 4], [3, 19]], "grade": ["b", "a", "c", "a"]}
    answer = ask(signature, **mixed)
    np.testing.assert_allclose(answer["y"][[0, 3]], expected, atol=1e-6)
    assert answer["y"][1:3].tolist() == [[0, 0, 0], [0, 0, 0]]
    assert [bool(e) for e in answer["error"]] == [False, True, True, False]
    assert answer["error"][1] == b"ids must be in [0, 19]"
    assert answer["error"][2] == b"grade must be one of a, b"
    for steps in (0, 6):
        (reason,) = ask(signature, ids=np.ones((1, steps)), grade=["a"])["error"]
        said = f"dimension 1 of ids must be 1 to 5; received {steps}"
        assert reason.decode() == said
    with pytest.raises(tf.errors.InvalidArgumentError, match="in row 2"):
        ask(signature_of(model, strict=True), **mixed)


def test_what_is_not_finite_is_refused():
    answer = ask(
        signature_of(dense_model(kernel_initializer="ones")),
        row=[[1, 2, 3], [np.nan, 2, 3], [3e38, 3e38, 3e38], [0, np.inf, 0]],
    )
    assert [bool(e) for e in answer["error"]] == [False, True, True, True]
    assert np.isfinite(answer["scores"]).all()
    assert answer["error"][1] == b"row must be finite"
    assert answer["error"][2] == b"the model has no finite scores for this row"


def test_too_many_rows():
    signature = signature_of(dense_model(), rows=2)
    with pytest.raises(tf.errors.InvalidArgumentError, match="at most 2 rows"):
        ask(signature, row=np.ones((3, 3)))


# --- Subclassed models.


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


# --- What can't be inferred.


@pytest.mark.parametrize(
    ("give", "message"),
    [
        (lambda y: {"a": [y, y]}, "output 'a' is nested, a list"),
        (lambda y: [y, {"q": y}], "output 'output_1' is nested, a dict"),
        (tf.RaggedTensor.from_tensor, "output 'output' is a RaggedTensor"),
        (tf.sparse.from_dense, "output 'output' is a SparseTensor"),
        (tf.reduce_sum, r"no batch dimension: its shape is \(\) for 3 rows"),
        (lambda y: tf.reshape(y, [-1]), r"its shape is \(6,\) for 3 rows"),
        (lambda y: tf.zeros([3, 2]), r"its shape is \(3, 2\) for 1 rows"),
        (lambda y: {"error": y}, "has the name of the reasons"),
        (lambda y: y / 0, "the model has no finite output for this row"),
        (lambda y: y - tf.reduce_mean(y, 0), "output 'output': differs"),
        (lambda y: {}, "has no outputs"),
    ],
)
def test_outputs_that_are_refused(give, message):
    model = Subclassed(give=give)
    model(np.ones((3, 3), "float32"))
    with pytest.raises(ServingError, match=message):
        model_signatures(model)


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
    assert "it is no keras.Model" in message
    assert "translation_signatures" in refusal(object())


def test_a_made_up_example_that_the_model_cannot_read():
    word = keras.Input((), dtype="string", name="number")
    model = keras.Model(
        word,
        layers.Lambda(
            lambda x: tf.strings.to_number(x), output_shape=(), dtype="float32"
        )(word),
    )
    assert "an example that was made up for it gets no answer" in refusal(model)
    signature = signature_of(model, examples=np.array(["1.5", "20"]))
    (name, _) = signature.outputs
    assert ask(signature, number=["7"])[name].tolist() == [7.0]


# --- Arguments.


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"limits": {"other": 3}}, ValueError, r"received \['other'\]"),
        ({"limits": {"steps": 0}}, ValueError, "limit of 'steps'"),
        ({"limits": {"steps": True}}, ValueError, "limit of 'steps'"),
        ({"rows": "9"}, ValueError, "limit of 'rows'"),
        ({"examples": {"x": [1]}}, ServingError, r"example 0 has \['x'\]; needed"),
        ({"examples": [[["a"]]]}, ServingError, "no float32 tensor"),
        ({"examples": np.ones((2, 4))}, ServingError, r"shape \(None, None, 1\)"),
        ({"examples": [{"steps": []}]}, ServingError, "at least one row"),
        ({"examples": np.full((1, 1, 1), np.nan)}, ServingError, "finite"),
    ],
)
def test_arguments_are_checked(options, error, message):
    inputs = keras.Input((None, 1), name="steps")
    model = keras.Model(inputs, layers.Rescaling(2.0)(inputs))
    with pytest.raises(error, match=message):
        model_signatures(model, **options)


def test_examples_go_with_a_signature_that_is_inferred(tmp_path):
    model = dense_model()
    with pytest.raises(ValueError, match="`warmup`"):
        export(model, tmp_path, model_signatures(model), examples=np.ones((1, 3)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_model_trained_on_another_backend(backend, tmp_path):
    """It is exported here from its .keras file, and answers as it did there."""
    run_module(backend, "tests.serving.trained_elsewhere", tmp_path)
    model = keras.models.load_model(tmp_path / "model.keras")
    no_warmup = {"serving_default": []}
    report = export(model, tmp_path / "saved_model", warmup=no_warmup)
    served = tf.saved_model.load(str(report.directory)).signatures["serving_default"]
    there = np.load(tmp_path / "answers.npz")
    found = served(words=tf.constant(there["ids"], tf.int32))
    np.testing.assert_allclose(found["scores"], there["scores"], atol=1e-5)
