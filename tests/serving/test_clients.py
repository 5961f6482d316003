"""Each client is run against a process that speaks its protocol."""

import concurrent.futures
import json
import runpy
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.serving import _clients, _examples
from keras_seq.serving._server import LocalServer
from keras_seq.serving._session import SessionModel

grpc = pytest.importorskip("grpc")

NAMES = ["chars", "a 'b' \"c\" $HOME `d` \\n é 漢 @URL@"]
# What a shell, Python, JavaScript or a template could take for its own.
TEXT = '\'""" $HOME $(x) `y` ${z} \\ \\\\u0041 </script> é \u2028 @REQUESTS@\nJSON\nEOF'


@pytest.fixture(scope="module")
def requests(exported):
    rows = [
        {"prompt": TEXT, "temperature": 1.5, "seed": 2**62 + 1, "length": 5},
        {"prompt": "", "temperature": 0.0, "seed": 1, "length": 0},
    ]
    score = [{"text": "some words"}, {"text": {"b64": "w6k="}}]
    return [
        {"signature_name": "generate", "instances": rows},
        {"signature_name": "score", "instances": score},
    ]


TYPES = {
    "generate": {
        "prompt": "string",
        "temperature": "float32",
        "seed": "int64",
        "length": "int64",
    },
    "score": {"text": "string"},
}


@pytest.fixture(scope="module")
def expected(exported):
    """The answers by the Session, without any server."""
    model = SessionModel(exported.directory)
    generated = model.run(
        "generate",
        {
            "prompt": np.array([TEXT.encode(), b""], object),
            "temperature": np.float32([1.5, 0]),
            "seed": np.array([2**62 + 1, 1]),
            "length": np.array([5, 0]),
        },
    )
    score = {"text": np.array([b"some words", "é".encode()], object)}
    scored = model.run("score", score)
    model.close()
    return [text.decode() for text in generated["text"]], scored


def assert_answered(printed, requests, expected, named=False):
    answers = json.loads(printed)
    asked = [answer["request"] for answer in answers]
    asked = [json.loads(each) if isinstance(each, str) else each for each in asked]
    assert asked == requests
    texts, scored = expected
    generated, scores = (answer["response"]["predictions"] for answer in answers)
    assert generated == ([{"text": text} for text in texts] if named else texts)
    np.testing.assert_allclose([s["nats"] for s in scores], scored["nats"], rtol=1e-6)
    assert [s["characters"] for s in scores] == [10, 1]


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == options.get("status", 0), done.stderr
    return done


@pytest.fixture(scope="module", params=NAMES)
def served(request, exported, requests, tmp_path_factory):
    """A server, and a folder of clients whose own address is the server's."""
    folder = tmp_path_factory.mktemp("clients")
    _clients.write(folder, request.param, requests, TYPES)
    with LocalServer(exported.directory, request.param) as server:
        host = server.url.split("/")[2]
        for file in folder.iterdir():
            text = file.read_text("utf-8").replace("localhost:8501", host)
            file.write_text(text, "utf-8")
        yield folder, server


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")


def test_python(served, requests, expected):
    done = run([sys.executable, served[0] / _clients.PYTHON])
    assert_answered(done.stdout, requests, expected)


def test_javascript(served, requests, expected):
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node")
    if int(run([node, "--version"]).stdout[1:].split(".")[0]) < 18:
        pytest.skip("node is older than 18: it has no fetch")
    folder, server = served
    done = run([node, folder / _clients.FETCH])
    assert_answered(done.stdout, requests, expected)
    assert done.stderr == ""
    done = run([node, folder / _clients.FETCH, server.url + "x"], status=1)
    assert "404: Servable not found" in done.stderr


def test_curl(served, requests, expected):
    if shutil.which("curl") is None or shutil.which("sh") is None:
        pytest.skip("there is no curl, or no sh")
    folder, server = served
    done = run(["sh", folder / _clients.CURL])
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    together = [
        {"request": request, "response": answer}
        for request, answer in zip(requests, answers, strict=True)
    ]
    assert_answered(json.dumps(together), requests, expected)
    done = run(["sh", folder / _clients.CURL, server.url + "x"], status=22)
    assert "Servable not found" in done.stdout


@pytest.fixture(scope="module")
def grpc_address(exported):
    """TensorFlow Serving's own service, as its protos define it, on the Session."""
    service = pytest.importorskip("tensorflow_serving.apis.prediction_service_pb2_grpc")
    predict_pb2 = pytest.importorskip("tensorflow_serving.apis.predict_pb2")
    model = SessionModel(exported.directory)

    class Predictions(service.PredictionServiceServicer):
        def Predict(self, request, context):
            if request.model_spec.name not in NAMES:
                context.abort(grpc.StatusCode.NOT_FOUND, "Servable not found")
            inputs = {n: tf.make_ndarray(v) for n, v in request.inputs.items()}
            outputs = model.run(request.model_spec.signature_name, inputs)
            response = predict_pb2.PredictResponse(model_spec=request.model_spec)
            for name, value in outputs.items():
                response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
            return response

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
    service.add_PredictionServiceServicer_to_server(Predictions(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()
    model.close()


def test_grpc(grpc_address, requests, expected, tmp_path):
    _clients.write(tmp_path, NAMES[1], requests, TYPES)
    done = run([sys.executable, tmp_path / _clients.GRPC, grpc_address])
    assert_answered(done.stdout, requests, expected, named=True)


@pytest.mark.parametrize(
    ("rows", "dtype", "array"),
    [
        ([2**64 - 1, 1], "uint64", np.array([2**64 - 1, 1], np.uint64)),
        ([-(2**63), 2**63 - 1], "int64", np.array([-(2**63), 2**63 - 1])),
        ([[True], [False]], "bool", np.array([[True], [False]])),
        ([[[1, 2.5]], [[3, 4]]], "float32", np.float32([[[1, 2.5]], [[3, 4]]])),
        ([1e-300], "float64", np.array([1e-300])),
        ([["é"], [{"b64": "/wA="}]], "string", [["é".encode()], [b"\xff\x00"]]),
    ],
)
def test_the_client_of_grpc_keeps_every_bit(tmp_path, rows, dtype, array):
    _clients.write(tmp_path, "m", [], {})
    client = runpy.run_path(str(tmp_path / _clients.GRPC))
    tensor = client["to_tensor"](rows, dtype)
    assert tf.as_dtype(tensor.dtype).name == dtype
    assert tf.make_ndarray(tensor).tolist() == list(map(list_of, array))


def list_of(value):
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def test_an_export_has_them_all(exported):
    extra = exported.directory / "assets.extra"
    records = _examples.requests_of(
        [
            _examples.Record(
                "score",
                {"text": np.array([b"\xff", b"a"], object)},
                {"nats": np.zeros(2)},
            )
        ]
    )
    assert records[0]["instances"] == [{"text": {"b64": "/w=="}}, {"text": "a"}]
    for name in (_clients.PYTHON, _clients.GRPC, _clients.CURL, _clients.FETCH):
        assert "the café" in (extra / name).read_text("utf-8")
    assert "NAME = 'Characters_small'" in (extra / _clients.GRPC).read_text("utf-8")
