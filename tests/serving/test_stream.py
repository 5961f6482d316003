"""What is written is told while it grows, and ends as the plain answer."""

import http.client
import json
import urllib.parse

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.serving import RequestRows, Signature, _stream, export
from keras_seq.serving._server import LocalServer
from tests.serving.test_server import ask


def events(url, request):
    """Name and data of each server-sent event."""
    address = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname, address.port)
    body = json.dumps(request | {"stream": True})
    connection.request("POST", f"{address.path}:predict", body)
    response = connection.getresponse()
    assert response.status == 200, response.read()
    assert response.headers["Content-Type"].startswith("text/event-stream")
    blocks = response.read().decode().split("\n\n")
    connection.close()
    assert blocks.pop() == ""
    for block in blocks:
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        yield fields.get("event", "message"), json.loads(fields["data"])


def put_together(found):
    """What a client makes of the events, by row and output."""
    texts = {}
    for name, data in found:
        if name == "message":
            key = data["index"], data["output"]
            texts[key] = texts.get(key, "")[: data["start"]] + data["text"]
    return texts


def test_a_stream_ends_as_the_plain_answer(exported):
    rows = [
        {"prompt": "the café", "temperature": 1.0, "seed": 3, "length": 50},
        {"prompt": "", "temperature": 2.0, "seed": 4, "length": 7},
        {"prompt": "a", "temperature": 0.0, "seed": 5, "length": 0},
    ]
    request = {"signature_name": "generate", "instances": rows}
    with LocalServer(exported.directory, "chars") as server:
        _, plain = ask(f"{server.url}:predict", request)
        found = list(events(server.url, request))
    name, last = found[-1]
    assert (name, last) == ("done", plain)
    texts = put_together(found)
    assert [texts[i, "text"] for i in range(3)] == plain["predictions"]
    first = [d for n, d in found if n == "message" and d["index"] == 0]
    # 7 characters of the longest row, perhaps 13, and all 50: each time the new alone.
    ends = [each["start"] + len(each["text"]) for each in first]
    assert ends in ([8 + 7, 8 + 50], [8 + 7, 8 + 13, 8 + 50])
    assert [each["start"] for each in first] == [0, *ends[:-1]]


@pytest.fixture(scope="module")
def changing(tmp_path_factory):
    """Signatures whose text isn't just longer, or fails."""
    pytest.importorskip("tensorflow_serving")
    path = tmp_path_factory.mktemp("stream") / "saved_model"
    numbers = tf.TensorSpec([None], tf.int32)

    def cut(length):
        """Bytes of é é é: an odd length ends within a character; 24 changes it all."""
        asked = RequestRows({"length": length})
        asked.refuse(asked["length"] > 100, "length must be 0 to 100")
        text = tf.fill(tf.shape(length), "é" * 50)
        text = tf.strings.substr(text, tf.zeros_like(length), asked["length"])
        text = tf.where(asked["length"] == 24, "another", text)
        return asked.answer(text=text)

    def fails(length):
        good = tf.raw_ops.Assert(
            condition=tf.reduce_all((length < 15) & (length != 7)),
            data=["too much"],
            name="refused",
        )
        with tf.control_dependencies([good]):
            return {"text": tf.strings.as_string(length)}

    signatures = {
        "serving_default": Signature(
            cut, {"length": numbers}, limits={"rows": 64, "length": 100}
        ),
        "fails": Signature(fails, {"length": numbers}),
        "unending": Signature(
            lambda length: {"text": tf.strings.as_string(0 * length)},
            {"length": numbers},
        ),
    }
    export([], path, signatures)
    with LocalServer(path / "1", "m") as server:
        yield server.url


def test_half_a_character_waits_for_its_rest(changing):
    found = list(events(changing, {"inputs": {"length": [18]}}))
    texts = [data["text"] for name, data in found if name == "message"]
    assert texts == ["é" * 2, "é" * 7]  # of 5 and 18 bytes
    found = list(events(changing, {"inputs": {"length": [7]}}))
    assert put_together(found) == {(0, "text"): "ééé\ufffd"}  # It never comes.


def test_what_changes_is_put_in_its_place(changing):
    found = list(events(changing, {"inputs": {"length": [24]}}))
    assert put_together(found) == {(0, "text"): "another"}
    assert found[-2][1] == {"index": 0, "output": "text", "start": 0, "text": "another"}
    assert found[-1] == ("done", {"outputs": {"error": [""], "text": ["another"]}})


def test_a_row_that_is_refused_has_its_reason_at_once(changing):
    found = list(events(changing, {"instances": [{"length": 10**9}, {"length": 4}]}))
    assert found[-1][1]["predictions"] == [
        {"error": "length must be 0 to 100", "text": ""},
        {"error": "", "text": "éé"},
    ]


@pytest.mark.parametrize(
    "request_body", [{"instances": [1] * 65}, {"inputs": {"length": [1] * 65}}]
)
def test_rows_beyond_the_limit_are_refused_as_by_the_graph(changing, request_body):
    status, answer = ask(f"{changing}:predict", request_body)
    assert status == 400
    assert answer["error"] == "a request must have at most 64 rows; received 65"


def test_an_error_comes_before_the_stream_or_in_it(changing):
    request = {"signature_name": "fails", "stream": True, "instances": [{"length": 40}]}
    *_, (name, data) = events(changing, request)
    assert (name, data) == ("error", {"error": "too much"})
    request["instances"] = [{"length": 7}]
    assert ask(f"{changing}:predict", request) == (400, {"error": "too much"})


def test_what_has_ended_is_told_once(changing):
    found = list(events(changing, {"signature_name": "unending", "instances": [10**5]}))
    assert found == [
        ("message", {"index": 0, "output": "text", "start": 0, "text": "0"}),
        ("done", {"predictions": ["0"]}),
    ]


def test_sizes_are_halves_and_cost_half_of_the_whole():
    assert _stream._sizes(100) == [7, 13, 25]
    assert _stream._sizes(18) == [5]
    assert _stream._sizes(8) == _stream._sizes(0) == []
    for most in range(33, 3000, 7):
        sizes = _stream._sizes(most)
        assert np.all(np.diff([*sizes, most]) > 0)
        assert sizes[0] <= _stream.FIRST
        assert sum(sizes) <= most / 2 + len(sizes)
