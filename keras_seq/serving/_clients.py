"""Clients that travel with an exported model, each asking every signature."""

import json
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PYTHON, GRPC = "client_rest.py", "client_grpc.py"
CURL, FETCH = "client_curl.sh", "client_fetch.mjs"
PRINTED = "client_rest.json"  # what the first printed
_EXACT = 2**53  # the largest integer up to which JavaScript knows all

_PYTHON = '''"""Asks the served model over REST; needs nothing but Python.

    python client_rest.py [URL of the model]

What it printed when it was run on the exported model is in client_rest.json.
"""

import json
import sys
import urllib.error
import urllib.request

URL = "@URL@"

# One request for each signature.
REQUESTS = json.loads(
    r"""
@REQUESTS@
"""
)


def predict(url, request):
    body = json.dumps(request).encode()
    try:
        with urllib.request.urlopen(f"{url}:predict", body, timeout=60) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        sys.exit(f"{error}: {error.read().decode()}")


if __name__ == "__main__":
    url = sys.argv[1] if len(sys.argv) > 1 else URL
    print(
        json.dumps(
            [{"request": r, "response": predict(url, r)} for r in REQUESTS], indent=2
        )
    )
'''

_GRPC = '''"""Asks the served model over gRPC, with TensorFlow Serving's own protos.

    pip install tensorflow-serving-api
    python client_grpc.py [HOST:PORT]
"""

import base64
import json
import sys

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

NAME = @NAME@

# The inputs of each signature, and one request for each, as over REST.
TYPES = @TYPES@
REQUESTS = json.loads(
    r"""
@REQUESTS@
"""
)


def from_json(value):
    if isinstance(value, list):
        return [from_json(each) for each in value]
    if isinstance(value, dict):
        return base64.b64decode(value["b64"])
    return value.encode() if isinstance(value, str) else value


def to_tensor(rows, dtype):
    # By NumPy, which keeps every bit of large integers.
    array = np.array(from_json(rows), tf.as_dtype(dtype).as_numpy_dtype)
    return tf.make_tensor_proto(array, dtype)


def to_json(value, name):
    if isinstance(value, list):
        return [to_json(each, name) for each in value]
    if isinstance(value, bytes):
        if name.endswith("_bytes"):
            return {"b64": base64.b64encode(value).decode()}
        return value.decode("utf-8")
    return value


def predict(stub, name, request):
    signature, rows = request["signature_name"], request["instances"]
    message = predict_pb2.PredictRequest()
    message.model_spec.name = name
    message.model_spec.signature_name = signature
    for key, dtype in TYPES[signature].items():
        values = to_tensor([row[key] for row in rows], dtype)
        message.inputs[key].CopyFrom(values)
    response = stub.Predict(message, timeout=60)
    columns = {
        key: to_json(tf.make_ndarray(value).tolist(), key)
        for key, value in sorted(response.outputs.items())
    }
    return [
        dict(zip(columns, row, strict=True))
        for row in zip(*columns.values(), strict=True)
    ]


if __name__ == "__main__":
    address = sys.argv[1] if len(sys.argv) > 1 else "localhost:8500"
    options = [("grpc.max_receive_message_length", -1)]  # else 4 MB
    with grpc.insecure_channel(address, options) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        answers = [
            {"request": r, "response": {"predictions": predict(stub, NAME, r)}}
            for r in REQUESTS
        ]
    print(json.dumps(answers, indent=2))
'''

_CURL = """#!/bin/sh
# Asks the served model over REST; needs nothing but curl 7.76 or later.
#
#     sh client_curl.sh [URL of the model]

set -eu
url=${1:-'@URL@'}

predict() {
  curl --silent --show-error --fail-with-body --max-time 60 \\
    --header 'Content-Type: application/json' --data-binary @- "$url:predict"
  echo
}
"""

_FETCH = """// Asks the served model over REST, in Node 18 or later, or in a browser.
//
//     node client_fetch.mjs [URL of the model]
//
// A page from another address may ask only a server that allows it:
// TensorFlow Serving with --enable_cors_support=true. Of integers in answers JavaScript
// keeps 53 bits.

const URL_OF_MODEL = "@URL@";

// One request for each signature; text where a number needs more than 53 bits.
const REQUESTS = [
@REQUESTS@
];

export async function predict(url, request) {
  const body = typeof request === "string" ? request : JSON.stringify(request);
  const headers = { "Content-Type": "application/json" };
  const signal = AbortSignal.timeout(60_000);
  const options = { method: "POST", headers, body, signal };
  const response = await fetch(`${url}:predict`, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(`${response.status}: ${answer.error}`);
  return answer;
}

if (globalThis.process?.argv[1]?.endsWith("client_fetch.mjs")) {
  const url = process.argv[2] ?? URL_OF_MODEL;
  const answers = [];
  for (const request of REQUESTS) {
    answers.push({ request, response: await predict(url, request) });
  }
  console.log(JSON.stringify(answers, null, 2));
}
"""


def write(
    folder: Path,
    name: str,
    requests: Sequence[Mapping[str, Any]],
    types: Mapping[str, Mapping[str, str]],
) -> None:
    """Writes the clients.

    Args:
        folder: Where to.
        name: Name of the model: any text without `/` and `:`.
        requests: A predict request for each signature, by rows.
        types: TensorFlow's dtype of each input, by signature.
    """
    quoted = urllib.parse.quote(name, safe="")
    url = f"http://localhost:8501/v1/models/{quoted}"
    asked = _json(list(requests))
    python = {"@URL@": url, "@REQUESTS@": asked}
    _write(folder / PYTHON, _PYTHON, python)
    known = {
        "@NAME@": repr(name),
        "@TYPES@": _python({k: dict(types[k]) for k in types}),
    }
    _write(folder / GRPC, _GRPC, known | {"@REQUESTS@": asked})
    # The name can't be a line of JSON, so nothing in a request ends it.
    bodies = (
        f"\n# {request['signature_name']}\npredict <<'JSON'\n{_json(request)}\nJSON\n"
        for request in requests
    )
    _write(folder / CURL, _CURL, {"@URL@": url}, "".join(bodies))
    _write(folder / FETCH, _FETCH, {"@URL@": url, "@REQUESTS@": _javascript(requests)})


def _write(
    file: Path, template: str, values: Mapping[str, str], more: str = ""
) -> None:
    # Each once and in turn: what is put in may look like a place.
    text = ""
    for place, value in values.items():
        before, _, template = template.partition(place)
        text += before + value
    file.write_text(text + template + more, "utf-8")


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _python(types: Mapping[str, Any]) -> str:
    # Names are identifiers and types names, in JSON as in Python.
    return json.dumps(types, indent=4)


def _javascript(requests: Sequence[Mapping[str, Any]]) -> str:
    texts = (_json(r if _is_exact(r) else json.dumps(r)) for r in requests)
    return "\n".join(f"{text}," for text in texts)


def _is_exact(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_exact, value.values()))
    if isinstance(value, list):
        return all(map(_is_exact, value))
    return not isinstance(value, int) or abs(value) <= _EXACT
