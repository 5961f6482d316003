"""JSON by the rules of TensorFlow Serving's REST interface.

The expected values are written by hand from its documentation.
"""

import json

import numpy as np
import pytest

from keras_seq.serving import _rest

DTYPES = {
    "serving_default": {"tag": object, "signal": np.float32, "sensor": np.int64},
    "one": {"x": np.float32},
    "text": {"t": object},
    "flags": {"f": np.bool_, "small": np.int8},
}


def inputs_of(name):
    if name not in DTYPES:
        raise _rest.RestError(f"no {name}")
    return DTYPES[name]


def parse(request):
    return _rest.parse_request(json.dumps(request).encode(), inputs_of)


def test_row_format_with_named_inputs():
    signature, inputs, by_rows = parse(
        {
            "instances": [
                {"tag": "foo", "signal": [1, 2, 3.5], "sensor": [[1, 2], [3, 4]]},
                {"tag": "bär", "signal": [3, 4, 5], "sensor": [[4, 5], [6, 8]]},
            ]
        }
    )
    assert signature == "serving_default"
    assert by_rows
    assert list(inputs["tag"]) == [b"foo", "bär".encode()]
    assert inputs["signal"].dtype == np.float32
    np.testing.assert_array_equal(inputs["signal"], [[1, 2, 3.5], [3, 4, 5]])
    np.testing.assert_array_equal(
        inputs["sensor"], [[[1, 2], [3, 4]], [[4, 5], [6, 8]]]
    )


def test_column_format_with_named_inputs():
    _, inputs, by_rows = parse(
        {
            "inputs": {
                "tag": ["foo", "bar"],
                "signal": [[1], [2]],
                "sensor": [1, 2],
            }
        }
    )
    assert not by_rows
    assert inputs["signal"].shape == (2, 1)
    assert inputs["sensor"].dtype == np.int64


@pytest.mark.parametrize("key", ["instances", "inputs"])
def test_a_single_input_needs_no_name(key):
    _, inputs, _ = parse({"signature_name": "one", key: [[1.0, 2.0], [3.0, 4.0]]})
    np.testing.assert_array_equal(inputs["x"], [[1, 2], [3, 4]])


def test_single_input_may_be_named():
    _, inputs, _ = parse({"signature_name": "one", "instances": [{"x": 1}, {"x": 2}]})
    np.testing.assert_array_equal(inputs["x"], [1, 2])


def test_base64_strings():
    _, inputs, _ = parse(
        {
            "signature_name": "text",
            "instances": [{"b64": "/wA="}, {"t": {"b64": "aGk="}}],
        }
    )
    assert list(inputs["t"]) == [b"\xff\x00", b"hi"]


@pytest.mark.parametrize(
    ("request_body", "message"),
    [
        ({}, "one of 'instances' and 'inputs'"),
        ({"instances": [1], "inputs": [1]}, "one of 'instances' and 'inputs'"),
        ({"instances": []}, "at least one element"),
        ({"instances": {"tag": 1}}, "must be a list"),
        ({"signature_name": 3, "instances": [1]}, "must be a string"),
        ({"signature_name": "none", "instances": [1]}, "no none"),
        ({"instances": [1, 2]}, "Several inputs are needed"),
        ({"instances": [{"tag": "x"}]}, "keys must be"),
        ({"signature_name": "one", "instances": ["1.0"]}, 'JSON Value: "1.0"'),
        ({"signature_name": "one", "instances": [True]}, "not of expected type"),
        ({"signature_name": "one", "instances": [[1], [1, 2]]}, "list of 1 elements"),
        ({"signature_name": "one", "instances": [[1], 2]}, "list of 1 elements"),
        ({"signature_name": "one", "instances": [1, [2]]}, "not of expected type"),
        ({"signature_name": "text", "instances": [3]}, "expected type: string"),
        (
            {"signature_name": "flags", "instances": [{"f": 1, "small": 1}]},
            "expected type: bool",
        ),
        (
            {"signature_name": "flags", "instances": [{"f": True, "small": 200}]},
            "expected type: int8",
        ),
        (
            {"signature_name": "flags", "instances": [{"f": True, "small": 1.5}]},
            "expected type: int8",
        ),
        ([1], "must be a JSON object"),
    ],
)
def test_bad_requests(request_body, message):
    with pytest.raises(_rest.RestError, match=message):
        parse(request_body)


def test_bad_json():
    with pytest.raises(_rest.RestError, match="JSON Parse error"):
        _rest.parse_request(b"{", inputs_of)


def test_responses():
    one = {"y": np.array([[1, 2], [3, 4]], np.int64)}
    assert _rest.format_response(one, True) == {"predictions": [[1, 2], [3, 4]]}
    assert _rest.format_response(one, False) == {"outputs": [[1, 2], [3, 4]]}
    two = {"a": np.array([True, False]), "b": np.array([b"x", b"y"], object)}
    assert _rest.format_response(two, True) == {
        "predictions": [{"a": True, "b": "x"}, {"a": False, "b": "y"}]
    }
    assert _rest.format_response(two, False) == {
        "outputs": {"a": [True, False], "b": ["x", "y"]}
    }
    uneven = {"a": np.zeros(2), "b": np.zeros(3)}
    with pytest.raises(_rest.RestError, match="inconsistent batch sizes"):
        _rest.format_response(uneven, True)


def test_floats_are_short_and_exact():
    values = np.random.default_rng(0).normal(size=1000).astype(np.float32) * 1e-3
    written = json.loads(json.dumps(_rest.format_tensor("y", values)))
    np.testing.assert_array_equal(np.array(written, np.float32), values)
    assert json.dumps(_rest.format_tensor("y", np.float32([0.2]))) == "[0.2]"


def test_bytes_are_written_in_base64_by_name():
    value = np.array([b"\xff\x00"], object)
    assert _rest.format_tensor("image_bytes", value) == [{"b64": "/wA="}]
    with pytest.raises(UnicodeDecodeError):
        _rest.format_tensor("image", value)


def test_round_trip_of_any_rank():
    rng = np.random.default_rng(1)
    for shape in [(), (3,), (2, 1), (2, 3, 4), (2, 0)]:
        array = rng.integers(-100, 100, shape)
        back = _rest.parse_tensor(_rest.format_tensor("y", array), np.int64)
        np.testing.assert_array_equal(back, array)
        assert back.shape == shape
