"""The local server, asked over a real connection."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
import tensorflow as tf

from keras_seq.serving.__main__ import main
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


def test_an_empty_signature_name_is_the_default(server):
    request = {"signature_name": "", "instances": ["hello"]}
    assert ask(f"{server.url}:predict", request)[1] == {
        "predictions": ["hello" + ask_default(server, "hello")]
    }


def ask_default(server, text):
    (answer,) = ask(f"{server.url}:predict", {"instances": [text]})[1]["predictions"]
    return answer.removeprefix(text)


def test_metadata(server):
    status, answer = ask(f"{server.url}/metadata")
    assert status == 200
    assert answer["model_spec"] == {
        "name": "chars",
        "signature_name": "",
        "version": "1",
    }
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert set(signatures) == {"serving_default", "generate", "score"}
    length = signatures["generate"]["inputs"]["length"]
    assert length["dtype"] == "DT_INT64"
    assert length["tensor_shape"] == {
        "dim": [{"size": "-1", "name": ""}],
        "unknown_rank": False,
    }
    assert signatures["score"]["method_name"] == "tensorflow/serving/predict"


def test_versions_and_labels(exported, tmp_path):
    folders = [tmp_path / "0002", tmp_path / "10"]  # a version is a number
    for folder in folders:
        shutil.copytree(exported.directory, folder)
    with LocalServer(folders, "é x", labels={"stable": "2"}) as server:
        assert server.url.endswith("/v1/models/%C3%A9%20x")
        _, answer = ask(server.url)
        versions = [each["version"] for each in answer["model_version_status"]]
        assert versions == ["10", "2"]
        for path, version in [
            ("", "10"),
            ("/labels/stable", "2"),
            ("/versions/02", "2"),
        ]:
            status, answer = ask(f"{server.url}{path}/metadata")
            assert (status, answer["model_spec"]["version"]) == (200, version)
            status, _ = ask(f"{server.url}{path}:predict", {"instances": ["a"]})
            assert status == 200
        status, answer = ask(f"{server.url}/labels/canary")
        assert status == 400
        assert answer["error"] == "Unrecognized servable version label: canary"
        status, answer = ask(f"{server.url}/versions/3:predict", {"instances": ["a"]})
        assert status == 404
        assert answer["error"] == "Servable not found for request: Specific(é x, 3)"


@pytest.mark.parametrize("name", ["", "a/b", "a:b"])
def test_a_name_that_no_address_can_hold(exported, name):
    with pytest.raises(ValueError, match="without '/' and ':'"):
        LocalServer(exported.directory, name)


def test_a_port_that_is_taken(server, exported):
    port = urllib.parse.urlsplit(server.url).port
    with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1, port {port}"):
        LocalServer(exported.directory, "chars", port=port)


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
        (":regress", {"instances": ["a"]}, 400, "Was: tensorflow/serving/predict"),
        ("/metadata", {}, 400, "Malformed request: POST"),
        ("/versions/1x", None, 400, "Malformed request: GET"),
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
        [*command, "--port", "0", "--name", "chars", "--label", "stable=1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
    ) as process:
        try:
            line = process.stdout.readline()
            assert line.startswith("For trying out, not for production")
            address = re.search(r"http://127.0.0.1:\S+:predict", line)[0]
            address = address.replace(":predict", "/labels/stable:predict")
            _, answer = ask(address, {"instances": ["hello"]})
            assert answer["predictions"][0].startswith("hello")
            process.send_signal(signal.SIGINT)
            assert process.stdout.read() == "stopped\n"
            assert process.wait() == 0
            assert "Traceback" not in process.stderr.read()
        finally:
            process.kill()


def test_terminated_it_ends_as_well(exported, capsys):
    """In this process, which is quicker."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    answered = []

    def ask_and_terminate():
        address = f"http://127.0.0.1:{port}/v1/models/chars"
        for _ in range(300):
            with contextlib.suppress(urllib.error.URLError):
                answered.append(ask(address)[0])
                break
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGTERM)

    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    thread = threading.Thread(target=ask_and_terminate)
    thread.start()
    try:
        command = ["serve", str(exported.path), "--port", str(port), "--name", "chars"]
        assert main(command) == 0
    finally:
        thread.join()
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert answered == [200]
    assert capsys.readouterr().out.endswith("stopped\n")
