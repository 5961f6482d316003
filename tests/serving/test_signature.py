"""Signatures are held to the contract of the server."""

import pytest
import tensorflow as tf

from keras_seq.serving import ServingError, Signature, export

FLOATS = tf.TensorSpec([None, 3], tf.float32)


def same(x):
    return {"y": x}


def problems(tmp_path, signatures):
    with pytest.raises(ServingError) as caught:
        export([], tmp_path / "model", signatures)
    assert not list((tmp_path / "model").glob("*"))
    return caught.value.problems


def test_all_problems_are_listed(tmp_path):
    found = problems(
        tmp_path,
        {
            "generate": Signature(same, {"x": tf.TensorSpec([], tf.float32)}),
            "score me": Signature(same, {"x": FLOATS}),
            "attention": same,
        },
    )
    text = "\n".join(found)
    assert "'serving_default' is needed" in text
    assert "input 'x' of signature 'generate' must have a leading batch" in text
    assert "received 'score me'" in text
    assert "signature 'attention' must be a Signature, not <function same" in text
    assert len(found) == 4


@pytest.mark.parametrize("signatures", [None, {}, [Signature(same, {"x": FLOATS})]])
def test_signatures_must_be_a_dict(tmp_path, signatures):
    (problem,) = problems(tmp_path, signatures)
    assert problem.startswith("`signatures` must be a dict")


@pytest.mark.parametrize("name", ["", "1st", "a b", "a-b", "lambda", "_x", "naïve", 3])
def test_names_can_stand_in_code_and_addresses(tmp_path, name):
    found = problems(tmp_path, {"serving_default": Signature(same, {name: FLOATS})})
    assert repr(name) in found[0]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (tf.TensorSpec([], tf.float32), "its shape is ()"),
        (tf.TensorSpec([4, 3], tf.float32), "its shape is (4, 3)"),
        (tf.TensorSpec(None, tf.float32), "unknown rank"),
        (tf.TensorSpec([None], tf.float16), "dtype float16, which REST cannot carry"),
        (tf.RaggedTensorSpec([None, None]), "must be a tf.TensorSpec"),
        ("float32", "must be a tf.TensorSpec, not 'float32'"),
    ],
)
def test_inputs_have_a_batch_dimension(tmp_path, spec, message):
    (found,) = problems(tmp_path, {"serving_default": Signature(same, {"x": spec})})
    assert "input 'x' of signature 'serving_default'" in found
    assert message in found


def test_inputs_are_needed(tmp_path):
    signature = Signature(lambda: {"y": tf.zeros([1])}, {})
    (found,) = problems(tmp_path, {"serving_default": signature})
    assert found == "signature 'serving_default' has no inputs"


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: {"y": tf.reduce_sum(x)}, "its shape is ()"),
        (lambda x: {"y": tf.reduce_sum(x, 0)}, "its shape is (3,)"),
        (lambda x: {"y": tf.reduce_sum(x, keepdims=True)}, "its shape is (1, 1)"),
        (lambda x: {"y": tf.RaggedTensor.from_tensor(x)}, "must be a dense tf.Tensor"),
        (lambda x: {"y": 1.0}, "must be a dense tf.Tensor, not 1.0"),
        (lambda x: {"y": tf.cast(x, tf.bfloat16)}, "dtype bfloat16"),
        (lambda x: {"y": tf.complex(x, x)}, "dtype complex64"),
        (
            lambda x: {"y": tf.raw_ops.PlaceholderWithDefault(input=x, shape=None)},
            "unknown rank",
        ),
    ],
)
def test_outputs_have_a_batch_dimension(tmp_path, function, message):
    signature = Signature(function, {"x": FLOATS})
    (found,) = problems(tmp_path, {"serving_default": signature})
    assert "output 'y' of signature 'serving_default'" in found
    assert message in found


@pytest.mark.parametrize("outputs", [lambda x: x, lambda x: [x], lambda x: {}])
def test_outputs_are_named(tmp_path, outputs):
    signature = Signature(outputs, {"x": FLOATS})
    (found,) = problems(tmp_path, {"serving_default": signature})
    assert "must return a dict from names to tensors; it returned" in found


def test_promised_outputs_are_returned(tmp_path):
    signature = Signature(same, {"x": FLOATS}, outputs=("text",))
    (found,) = problems(tmp_path, {"serving_default": signature})
    assert found.endswith("must return ['text']; it returned ['y']")


def test_notes_are_about_something(tmp_path):
    signature = Signature(same, {"x": FLOATS}, notes={"temprature": "in kelvin"})
    (found,) = problems(tmp_path, {"serving_default": signature})
    assert "'temprature'" in found


def test_failing_function_is_named(tmp_path):
    signature = Signature(lambda text: {"y": text}, {"x": FLOATS})
    (found,) = problems(tmp_path, {"serving_default": signature})
    assert "unexpected keyword argument 'x'" in found


def test_python_conditions_on_tensors_are_refused(tmp_path):
    def function(x):
        return {"y": x if tf.reduce_sum(x) > 0 else -x}

    signature = Signature(function, {"x": FLOATS})
    (found,) = problems(tmp_path, {"serving_default": signature})
    assert "symbolic" in found
