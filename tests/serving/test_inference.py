"""The Open Inference Protocol, over a connection, by its specification."""

import base64
import json

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.serving import Signature, _inference, export
from keras_seq.serving._rest import RestError
from keras_seq.serving._server import LocalServer
from tests.serving.test_server import ask

SCALES = tf.TensorSpec([None, 2], tf.float32)
BLOBS = tf.TensorSpec([None], tf.string)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    pytest.importorskip("tensorflow_serving")
    path = tmp_path_factory.mktemp("oip") / "saved_model"
    double = Signature(
        lambda x: {"y": 2 * x, "total": tf.reduce_sum(x, 1)}, {"x": SCALES}
    )
    joined = Signature(
        lambda blob, name: {
            "whole_bytes": tf.strings.join([blob, name]),
            "text": name,
            "size": tf.strings.length(blob),
        },
        {"blob": BLOBS, "name": BLOBS},
    )
    export([], path, {"serving_default": double, "joined": joined}, version=3)
    with LocalServer(path / "3", "m") as server:
        yield server.url.replace("/v1/models/m", "")


def infer(address, inputs, path="/v2/models/m/infer", **more):
    return ask(address + path, {"inputs": inputs, **more})


def tensor(name, datatype, shape, data, **more):
    return {"name": name, "datatype": datatype, "shape": shape, "data": data, **more}


def test_health_and_metadata(address):
    assert ask(f"{address}/v2/health/live") == (200, {"live": True})
    assert ask(f"{address}/v2/health/ready") == (200, {"ready": True})
    status, answer = ask(f"{address}/v2")
    assert (status, answer["name"], answer["extensions"]) == (200, "keras-seq", [])
    for path in ("/v2/models/m", "/v2/models/m/versions/3"):
        assert ask(address + path) == (
            200,
            {
                "name": "m",
                "versions": ["3"],
                "platform": "tensorflow_savedmodel",
                "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
                "outputs": [
                    {"name": "total", "datatype": "FP32", "shape": [-1]},
                    {"name": "y", "datatype": "FP32", "shape": [-1, 2]},
                ],
            },
        )
        assert ask(f"{address}{path}/ready") == (200, {"name": "m", "ready": True})
    for path in ("/v2/models/n", "/v2/models/n/ready", "/v2/models/m/versions/4"):
        status, answer = ask(address + path)
        assert status == 404
        assert "Servable not found" in answer["error"]
    assert ask(f"{address}/v2/models/m/versions/a")[0] == 400
    assert ask(f"{address}/v2/models")[0] == 404
    assert ask(f"{address}/v2/models/m/infer")[0] == 405


@pytest.mark.parametrize("data", [[1, 2.5, 3, 4], [[1, 2.5], [3, 4]]])
def test_data_is_flat_or_nested(address, data):
    status, answer = infer(address, [tensor("x", "FP32", [2, 2], data)], id="7")
    assert (status, answer) == (
        200,
        {
            "id": "7",
            "model_name": "m",
            "model_version": "3",
            "outputs": [
                tensor("total", "FP32", [2], [3.5, 7.0]),
                tensor("y", "FP32", [2, 2], [2.0, 5.0, 6.0, 8.0]),
            ],
        },
    )


def test_outputs_and_signatures_are_chosen(address):
    status, answer = infer(
        address,
        [tensor("x", "FP32", [1, 2], [1, 2])],
        "/v2/models/m/versions/3/infer",
        outputs=[{"name": "y"}],
        parameters={"signature_name": "serving_default"},
    )
    assert status == 200
    assert answer["outputs"] == [tensor("y", "FP32", [1, 2], [2.0, 4.0])]


def test_bytes_that_are_no_text(address):
    blob = b"\xff\x00"
    inputs = [
        tensor(
            "blob",
            "BYTES",
            [1],
            [base64.b64encode(blob).decode()],
            parameters={"content_type": "base64"},
        ),
        tensor("name", "BYTES", [1], ["é"]),
    ]
    status, answer = infer(address, inputs, parameters={"signature_name": "joined"})
    assert status == 200
    whole = base64.b64encode(blob + "é".encode()).decode()
    assert answer["outputs"] == [
        tensor("size", "INT32", [1], [2]),
        tensor("text", "BYTES", [1], ["é"]),
        tensor(
            "whole_bytes", "BYTES", [1], [whole], parameters={"content_type": "base64"}
        ),
    ]


@pytest.mark.parametrize("data", ["é", "YQ", {"b64": "/w=="}])
def test_what_is_no_base64_is_told(address, data):
    base64 = {"content_type": "base64"}
    inputs = [
        tensor("blob", "BYTES", [1], [data], parameters=base64),
        tensor("name", "BYTES", [1], ["é"]),
    ]
    status, answer = infer(address, inputs, parameters={"signature_name": "joined"})
    assert status == 400
    assert answer["error"].startswith("Unable to base64 decode")


X = tensor("x", "FP32", [1, 2], [1, 2])
WRONG = {
    "no inputs": ({}, "a list 'inputs'"),
    "an object": ({"inputs": {"x": 1}}, "a list 'inputs'"),
    "none of them": ({"inputs": []}, "must be ['x']; got []"),
    "no name": ({"inputs": [{"data": [1]}]}, "with a 'name'"),
    "another name": ({"inputs": [X | {"name": "z"}]}, "are ['x']; received \"z\""),
    "rows": (
        {"inputs": [X | {"shape": [2**20, 2]}]},
        "a request must have at most 65536 rows; received 1048576",
    ),
    "twice": ({"inputs": [X, X]}, '"x" stands twice'),
    "another type": ({"inputs": [X | {"datatype": "FP64"}]}, 'FP32; received "FP64"'),
    "no type": ({"inputs": [{"name": "x", "shape": [1, 2]}]}, "FP32; received null"),
    "no shape": ({"inputs": [X | {"shape": None}]}, "received null"),
    "a shape below 0": ({"inputs": [X | {"shape": [-1, 2]}]}, "received [-1, 2]"),
    "a huge shape": ({"inputs": [X | {"shape": [2**40, 2]}]}, "sizes; received"),
    "a large shape": (
        {"inputs": [X | {"shape": [1] + [2**30] * 30}]},
        "the data of its",
    ),
    "a true shape": ({"inputs": [X | {"shape": [True, 2]}]}, "sizes; received"),
    "less data": ({"inputs": [X | {"data": [1]}]}, "data has the shape [1]"),
    "no data": ({"inputs": [X | {"data": "ab"}]}, "a list 'data'"),
    "ragged data": ({"inputs": [X | {"data": [[1], [1, 2]]}]}, "list of 1 elements"),
    "text": ({"inputs": [X | {"data": ["a", "b"]}]}, "expected type: float32"),
    "another shape": (
        {"inputs": [tensor("x", "FP32", [1, 3], [1, 2, 3])]},
        "x must be float32 (batch, 2); received shape (1, 3)",
    ),
    "an output": ({"inputs": [X], "outputs": [{"name": "z"}]}, "outputs are ['total'"),
    "binary": ({"inputs": [X | {"parameters": {"binary_data_size": 8}}]}, "Binary"),
    "binary out": (
        {
            "inputs": [X],
            "outputs": [{"name": "y", "parameters": {"binary_data": True}}],
        },
        "Binary",
    ),
    "an id": ({"inputs": [X], "id": 7}, "'id' must be a string; received 7"),
    "parameters": ({"inputs": [X], "parameters": []}, "must be an object"),
    "a signature": (
        {"inputs": [X], "parameters": {"signature_name": "z"}},
        '"z" not found',
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_told(address, case):
    request, message = WRONG[case]
    status, answer = ask(f"{address}/v2/models/m/infer", request)
    assert status == 400, json.dumps(answer)
    assert message in answer["error"]


def test_a_model_without_a_default_signature(tmp_path):
    """Which others export."""
    module = tf.Module()
    module.f = tf.function(
        lambda x: {"y": x + 1}, input_signature=[tf.TensorSpec([None], tf.float32, "x")]
    )
    tf.saved_model.save(module, str(tmp_path / "1"), signatures={"own": module.f})
    with LocalServer(tmp_path / "1", "m") as server:
        address = server.url.replace("/v1/", "/v2/")
        status, answer = ask(address)
        assert (status, answer["inputs"], answer["outputs"]) == (200, [], [])
        inputs = [tensor("x", "FP32", [2], [1, 2])]
        status, answer = ask(f"{address}/infer", {"inputs": inputs})
        assert status == 400
        assert '"serving_default" not found' in answer["error"]
        own = {"inputs": inputs, "parameters": {"signature_name": "own"}}
        _, answer = ask(f"{address}/infer", own)
        assert answer["outputs"] == [tensor("y", "FP32", [2], [2.0, 3.0])]


@pytest.mark.parametrize(
    ("dtype", "datatype"),
    [
        (np.bool_, "BOOL"),
        (np.uint8, "UINT8"),
        (np.int16, "INT16"),
        (np.uint64, "UINT64"),
        (np.float64, "FP64"),
        (np.int64, "INT64"),
    ],
)
def test_every_type_makes_the_round(dtype, datatype):
    values = np.array([[0, 1, 1]], dtype)
    written = json.loads(json.dumps(_inference.format_tensor("x", values)))
    assert (written["datatype"], written["shape"]) == (datatype, [1, 3])
    _, read = _inference.parse_request({"inputs": [written]}, lambda _: {"x": dtype})
    assert read["x"].dtype == dtype
    np.testing.assert_array_equal(read["x"], values)


def test_numbers_out_of_range_are_refused():
    for value, dtype, datatype in [
        (256, np.uint8, "UINT8"),
        (2**63, np.int64, "INT64"),
    ]:
        request = {"inputs": [tensor("x", datatype, [1], [value])]}
        with pytest.raises(RestError, match=f"JSON Value: {value} is not of"):
            _inference.parse_request(request, lambda _, d=dtype: {"x": d})
