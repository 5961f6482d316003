"""What a signature that is inferred answers, and what can't be inferred."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.serving import ServingError, export, model_signatures
from tests.other_backend import run_module
from tests.serving.inferring import Subclassed, ask, refusal, served, signature_of

layers = keras.layers


def dense_model(name="row", output="scores", dtype=None, **options):
    inputs = keras.Input((3,), name=name, dtype=dtype)
    return keras.Model(inputs, layers.Dense(2, name=output, **options)(inputs))


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
    """Exported in one line, it answers as the model does; docs/serve_it.md checks."""
    pytest.importorskip("tensorflow_serving")
    model = text_classifier()
    report = export(model, tmp_path)
    assert report.warmup_requests == 1
    serve = tf.saved_model.load(str(report.directory)).signatures["serving_default"]
    texts = tf.constant(["a good film", "bad", "film film bad good"])
    found, live = serve(text=texts), model(texts)
    np.testing.assert_allclose(found["scores"], live["scores"], atol=1e-6)
    likeliest = np.argmax(live["scores"], axis=-1)
    assert [label.decode() for label in found["label"].numpy()] == [
        ("no", "yes")[i] for i in likeliest
    ]
    # One that has no words, by itself, is more than the model itself can answer.
    assert serve(text=tf.constant([""]))["error"].numpy().tolist() == [b""]
    long = serve(text=tf.constant(["good", "x" * 10_001]))
    assert long["error"].numpy().tolist() == [
        b"",
        b"text must have at most 10000 characters; received 10001",
    ]
    told = json.loads((report.directory / "assets.extra/signatures.json").read_text())
    assert told["serving_default"]["limits"] == {"rows": 64, "text": 10_000}
    assert serve(text=tf.constant([], tf.string))["scores"].shape == (0, 2)


def test_rows_that_hang_on_their_neighbours_are_refused():
    message = refusal(text_classifier(mask_zero=False))
    assert "mask_zero=True" in message
    assert "output 'scores'" in message
    loose = signature_of(text_classifier(mask_zero=False), rows_independent=False)
    assert not loose.rows_independent


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
    answered = served(signature)
    expected = answered(**right)["y"]
    mixed = {"ids": [[1, 2], [20, 2], [3, 4], [3, 19]], "grade": ["b", "a", "c", "a"]}
    answer = answered(**mixed)
    np.testing.assert_allclose(answer["y"][[0, 3]], expected, atol=1e-6)
    assert answer["y"][1:3].tolist() == [[0, 0, 0], [0, 0, 0]]
    assert [bool(e) for e in answer["error"]] == [False, True, True, False]
    assert answer["error"][1] == b"ids must be in [0, 19]"
    assert answer["error"][2] == b"grade must be one of a, b"
    for steps in (0, 6):
        (reason,) = answered(ids=np.ones((1, steps)), grade=["a"])["error"]
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


@pytest.mark.parametrize(
    ("give", "message"),
    [
        (lambda y: [y, y[0]], "output 'output_1' has no batch dimension"),
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


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"limits": {"other": 3}}, ValueError, r"received \['other'\]"),
        ({"limits": {"steps": 0}}, ValueError, "limit of 'steps'"),
        ({"limits": {"steps": True}}, ValueError, "limit of 'steps'"),
        ({"rows": "9"}, ValueError, "limit of 'rows'"),
        (
            {"examples": {"x": [1]}},
            ServingError,
            r"one has \['x'\]; needed are \['steps'\]",
        ),
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
    serve = tf.saved_model.load(str(report.directory)).signatures["serving_default"]
    there = np.load(tmp_path / "answers.npz")
    found = serve(words=tf.constant(there["ids"], tf.int32))
    np.testing.assert_allclose(found["scores"], there["scores"], atol=1e-5)
