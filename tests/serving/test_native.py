"""Replaying without Python: the C program says what is wrong, and where."""

import shutil
import struct

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.serving import ServingError, Signature, check_without_python, export
from keras_seq.serving._native import find_compiler

pytest.importorskip("tensorflow_serving")
pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")

RECORDS = "assets.extra/tf_serving_warmup_requests"


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """A signature with every type that REST carries, in and out."""
    from keras_seq.serving._signature import REST_DTYPES

    specs = {f"x_{t.name}": tf.TensorSpec([None, 2], t) for t in REST_DTYPES}

    def function(**inputs):
        return {f"y{name[1:]}": tf.reverse(x, [1]) for name, x in inputs.items()}

    strings = {"x_string": [["a", "longer than a short string holds: \0é"], ["", "b"]]}
    numbers = {
        name: np.arange(4).reshape(2, 2).astype(spec.dtype.as_numpy_dtype)
        for name, spec in specs.items()
        if spec.dtype != tf.string
    }
    path = tmp_path_factory.mktemp("kinds") / "saved_model"
    module = tf.Module()
    module.weight = tf.Variable([[0.1, 1e-30, 3e30]])
    floats = Signature(
        lambda x: {"y": x * module.weight}, {"x": tf.TensorSpec([None, 3], tf.float32)}
    )
    export(
        module,
        path,
        {"serving_default": Signature(function, specs), "scaled": floats},
        warmup={
            "serving_default": [strings | numbers],
            "scaled": [{"x": [[1.0, 2.0, 3.0]] * 2}, {"x": [[4.0, -5.0, 6.0]]}],
        },
    )
    return path


@pytest.fixture
def copy(kinds, tmp_path):
    return shutil.copytree(kinds, tmp_path / "copy")


def wrong(path):
    with pytest.raises(ServingError) as caught:
        check_without_python(path)
    return "\n".join(caught.value.problems)


def test_every_type_is_asked_and_compared(kinds):
    found = check_without_python(kinds, tolerance=0)
    assert list(found) == ["scaled", "serving_default"]
    assert (found["scaled"].requests, found["scaled"].rows) == (2, 3)
    assert (found["serving_default"].requests, found["serving_default"].rows) == (1, 2)
    assert found["scaled"].difference == 0


def records(path):
    logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    data = tf.data.TFRecordDataset(str(path / "1" / RECORDS)).as_numpy_iterator()
    return [logs.PredictionLog.FromString(record) for record in data]


def test_answers_that_differ_are_named(copy):
    """One string, one integer, one float beyond the tolerance; another within it."""
    found = records(copy)
    with tf.io.TFRecordWriter(str(copy / "1" / RECORDS)) as writer:
        for log in found:
            outputs = log.predict_log.response.outputs
            for name, value in outputs.items():
                array = tf.make_ndarray(value).copy()
                if name == "y_string":
                    array[0, 0] = array[0, 0][:-1]
                elif name == "y_int64":
                    array[1, 1] += 1
                elif name == "y_float64":
                    array[1, 0] += 1e-3
                elif name in ("y", "y_float32"):
                    array = array * np.float32(1 + 2e-6)
                value.CopyFrom(tf.make_tensor_proto(array))
            writer.write(log.SerializeToString())
    lines = wrong(copy).splitlines()
    assert sorted(line.partition(", output ")[2] for line in lines) == [
        f"'y_{kind}': it differs from what was recorded"
        for kind in ("float64", "int64", "string")
    ]
    assert all(
        line.startswith("signature 'serving_default', request 0,") for line in lines
    )


def test_weights_of_another_export_are_noticed(kinds, copy):
    weights = next((copy / "1" / "variables").glob("*.data*"))
    data = weights.read_bytes()
    assert data.count(struct.pack("<f", 0.1)) == 1
    weights.write_bytes(data.replace(struct.pack("<f", 0.1), struct.pack("<f", 0.2)))
    assert wrong(copy)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-5], "the file ends inside a record"),
        (lambda data: data[:40] + b"?" + data[41:], "a record is damaged"),
        (lambda data: b"\xff" * 8 + data[8:], "the size of a record is damaged"),
        (lambda data: b"", "'scaled': there is no request to replay"),
    ],
)
def test_damaged_records_are_refused(copy, damage, message):
    file = copy / "1" / RECORDS
    file.write_bytes(damage(file.read_bytes()))
    assert message in wrong(copy)


def test_no_compiler_is_told(kinds, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert "there is no C compiler here" in wrong(kinds)
