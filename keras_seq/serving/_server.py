"""A small local server with the REST interface of TensorFlow Serving.

For trying a model out and for running the client example where no TensorFlow
Serving is at hand: it loads the model as the server does and follows its rules
for requests, but it has no batching, no limits and no protection. Production is
TensorFlow Serving's.
"""

import json
import re
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_seq.serving import _rest
from keras_seq.serving._session import SessionModel


def plain(message: str) -> str:
    r"""What an operation said, without the names of nodes and functions around it.

    TensorFlow Serving leaves them in.

    Args:
        message: The message of a `tf.errors.OpError`.

    Example:

    >>> plain("{{function_node f}} assertion failed: [too long]\n\t [[{{node a}}]]")
    'too long'
    """
    text = re.split(r"\s*\[\[\{\{node", message)[0]
    if text.startswith("Graph execution error"):  # and where the graph was written
        text = text.rsplit("\n\n", 1)[-1]
    text = re.sub(r"\{\{[a-z_]+ [^}]*\}\}\s*", "", text).strip()
    said = re.fullmatch(r"assertion failed: \[(.*)\]", text, re.DOTALL)
    return said[1] if said else text


class LocalServer:
    """Serves one version folder; `with` starts and stops it.

    Args:
        directory: The version folder.
        name: Model name, in the address.
        host: Address to listen on.
        port: Port; 0 takes a free one, see `url`.
    """

    def __init__(
        self, directory: Path, name: str, *, host: str = "127.0.0.1", port: int = 0
    ):
        self._model = SessionModel(directory)
        self._name = name
        self._version = directory.name
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._send(*server.answer("GET", self.path, b""))

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                self._send(*server.answer("POST", self.path, self.rfile.read(length)))

            def _send(self, status: int, answer: Mapping[str, Any]) -> None:
                body = json.dumps(answer, ensure_ascii=False).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._http = ThreadingHTTPServer((host, port), Handler)
        address, port = self._http.server_address[:2]
        self.url = f"http://{address!s}:{port}/v1/models/{name}"

    def __enter__(self) -> "LocalServer":
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._model.close()

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Status and JSON object for a request."""
        address = re.fullmatch(
            r"/v1/models/([^/:]+)(?:/versions/(\d+))?(:predict)?", path
        )
        if not address or (method == "POST") != bool(address[3]):
            return 400, {"error": f"Malformed request: {method} {path}"}
        if address[1] != self._name or address[2] not in (None, self._version):
            return 404, {"error": f"Servable not found for request: {path}"}
        if method == "GET":
            status = {"error_code": "OK", "error_message": ""}
            version = {"version": self._version, "state": "AVAILABLE", "status": status}
            return 200, {"model_version_status": [version]}
        try:
            signature, inputs, by_rows = _rest.parse_request(body, self._dtypes)
            outputs = self._model.run(signature, inputs)
            return 200, _rest.format_response(outputs, by_rows)
        except tf.errors.OpError as error:
            return 400, {"error": plain(error.message)}
        except ValueError as error:
            return 400, {"error": str(error)}

    def _dtypes(self, signature: str) -> dict[str, Any]:
        return input_dtypes(self._model, signature)


def input_dtypes(model: SessionModel, signature: str) -> dict[str, Any]:
    """NumPy's types of the inputs of a signature, or a `RestError`."""
    if signature not in model.signatures:
        raise _rest.RestError(
            f'Serving signature name: "{signature}" not found in signature def'
        )
    inputs = model.signatures[signature].inputs
    return {n: tf.as_dtype(i.dtype).as_numpy_dtype for n, i in inputs.items()}
