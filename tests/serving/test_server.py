"""The local server, asked over a real connection."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
import tensorflow as tf

from keras_seq.serving._server import LocalServer


@pytest.fixture(scope="module")
def server(exported):
    with LocalServer(exported.directory, "chars") as running:
        yield running


def ask(address, request=None):
    data = None if request is None else json.dumps(request).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, data) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_status(server):
    status, answer = ask(server.url)
    assert status == 200
    assert answer["model_version_status"][0]["version"] == "1"
    assert answer["model_version_status"][0]["state"] == "AVAILABLE"
    assert ask(f"{server.url}/versions/1")[0] == 200
    assert ask(f"{server.url}/versions/2")[0] == 404


def test_predict_by_rows_and_by_columns(server, exported):
    texts = ["some words", "é", ""]
    live = exported.model.score(tf.constant(texts))
    status, rows = ask(
        f"{server.url}:predict",
        {"signature_name": "score", "instances": [{"text": text} for text in texts]},
    )
    assert status == 200
    assert [row["nats"] for row in rows["predictions"]] == pytest.approx(
        live["nats"].numpy().tolist(), abs=1e-4
    )
    assert [row["characters"] for row in rows["predictions"]] == [10, 1, 0]
    _, columns = ask(
        f"{server.url}/versions/1:predict",
        {"signature_name": "score", "inputs": texts},
    )
    assert columns["outputs"]["characters"] == [10, 1, 0]
    assert columns["outputs"]["nats"] == [row["nats"] for row in rows["predictions"]]


def test_default_signature_and_seeds(server):
    _, answer = ask(f"{server.url}:predict", {"instances": ["hello"]})
    assert answer["predictions"][0].startswith("hello")
    assert len(answer["predictions"][0]) == len("hello") + 8

    def sample(seed):
        row = {"prompt": "a", "temperature": 3.0, "seed": seed, "length": 30}
        request = {"signature_name": "generate", "instances": [row]}
        return ask(f"{server.url}:predict", request)[1]["predictions"][0]

    assert sample(1) == sample(1)
    assert sample(1) != sample(2)
    assert len(sample(1)) == 31


@pytest.mark.parametrize(
    ("path", "request_body", "status", "message"),
    [
        (":predict", {"instances": [3]}, 400, "expected type: string"),
        (
            ":predict",
            {"signature_name": "x", "instances": ["a"]},
            400,
            'Serving signature name: "x" not found',
        ),
        (":classify", {"instances": ["a"]}, 400, "Malformed request: POST"),
        ("", {"instances": ["a"]}, 400, "Malformed request: POST"),
        (":predict", None, 400, "Malformed request: GET"),
        ("x:predict", {"instances": ["a"]}, 404, "Servable not found"),
    ],
)
def test_errors(server, path, request_body, status, message):
    got, answer = ask(server.url + path, request_body)
    assert got == status
    assert message in answer["error"]


def test_command_line(exported):
    command = [sys.executable, "-m", "keras_seq.serving", str(exported.path)]
    with subprocess.Popen(
        [*command, "--port", "0", "--name", "chars"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
    ) as process:
        try:
            line = process.stdout.readline()
            address = re.search(r"http://\S+:predict", line)[0]
            _, answer = ask(address, {"instances": ["hello"]})
            assert answer["predictions"][0].startswith("hello")
            process.send_signal(signal.SIGINT)
            assert process.stdout.read() == "stopped\n"
            assert process.wait() == 0
        finally:
            process.kill()
