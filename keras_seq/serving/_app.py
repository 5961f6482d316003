"""The addresses of the local server: TensorFlow Serving's, and `/v2`."""

import asyncio
import concurrent.futures
import contextlib
import functools
import logging
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any

import numpy as np
from google.protobuf import json_format
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

from keras_seq._version import __version__
from keras_seq.serving import _inference, _rest, _stream
from keras_seq.serving._served import RefusedError, ServedModel

BODY_SECONDS = 30.0  # for a body to arrive
MOST_WAITING = 256  # requests at a time; the next is told to come again
MOST_BODIES = 8  # of the largest size at a time
_LARGE = 2**20
# TensorFlow Serving's addresses, which mind no case.
_ADDRESS = re.compile(
    r"/v1/models/([^/:]+)(?:/versions/([0-9]+)|/labels/([^/:]+))?"
    r"(?:(/metadata)|:(predict|classify|regress))?",
    re.IGNORECASE,
)
_KINDS = {"classify": "classification", "regress": "regression"}
_CLOSE = {"Connection": "close"}

_Outputs = dict[str, np.ndarray]
_Reading = Callable[[str, bytes], tuple[Any, ...]]
_Answering = Callable[..., Response]


class App:
    """Answers requests about a model; `asgi` is what a server of HTTP runs.

    Args:
        model: The loaded model.
        most_bytes: What a body may have.
    """

    def __init__(self, model: ServedModel, *, most_bytes: int):
        self._model = model
        self._most_bytes = most_bytes
        self._waiting = 0
        self._held = 0
        self._large = asyncio.Lock()
        threads = (os.cpu_count() or 1) + 2
        self._pool = concurrent.futures.ThreadPoolExecutor(threads, "answers")
        routes = [
            _route("/v1/{rest:path}", self._v1, "GET", "POST"),
            _route("/V1/{rest:path}", self._v1, "GET", "POST"),
            _route("/v2", self._server, "GET"),
            _route("/v2/health/live", self._live, "GET"),
            _route("/v2/health/ready", self._ready, "GET"),
        ]
        for address in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
            routes += [
                _route(address, self._described, "GET"),
                _route(f"{address}/ready", self._model_ready, "GET"),
                _route(f"{address}/infer", self._infer, "POST"),
            ]
        self.asgi = Starlette(routes=routes, exception_handlers={HTTPException: _http})
        self.asgi.router.redirect_slashes = False

    def close(self) -> None:
        """Ends the model, and what still waits for it."""
        self._model.close()
        self._pool.shutdown(cancel_futures=True)

    # TensorFlow Serving's REST

    async def _v1(self, request: Request) -> Response:
        path, method = request.scope["path"], request.method
        malformed = f"Malformed request: {method} {path[:200]}"
        found = _ADDRESS.fullmatch(path)
        if not found or (method == "POST") != bool(found[5]):
            raise RefusedError(400, malformed)
        name, number, label, metadata, verb = found.groups()
        version = self._model.version(name, number, label)
        if metadata:
            return _json(self._metadata(version))
        if not verb:
            return _json(self._status(version if number or label else None))
        if verb.lower() in _KINDS:
            raise RefusedError(
                400,
                f"{malformed}: Expected {_KINDS[verb.lower()]} signature method_name "
                f"to be tensorflow/serving/{verb.lower()}. Was: "
                "tensorflow/serving/predict",
            )

        return await self._worked(request, version, self._to_predict, self._predict)

    def _status(self, version: str | None) -> dict[str, Any]:
        well = {"error_code": "OK", "error_message": ""}
        versions = self._model.versions[::-1] if version is None else [version]
        return {
            "model_version_status": [
                {"version": v, "state": "AVAILABLE", "status": well} for v in versions
            ]
        }

    def _metadata(self, version: str) -> dict[str, Any]:
        definitions = {
            name: json_format.MessageToDict(
                definition,
                preserving_proto_field_name=True,
                always_print_fields_with_no_presence=True,
            )
            for name, definition in self._model.signatures(version).items()
        }
        spec = {"name": self._model.name, "signature_name": "", "version": version}
        signatures = {"signature_def": {"signature_def": definitions}}
        return {"model_spec": spec, "metadata": signatures}

    def _to_predict(self, version: str, body: bytes) -> tuple[Any, ...]:
        request = _rest.read_object(body)
        signature, inputs, by_rows = _rest.parse_object(request, *self._checks(version))
        stream = request.get("stream", False)
        if not isinstance(stream, bool):
            raise _rest.RestError("'stream' must be true or false")
        return signature, inputs, by_rows, stream

    def _predict(
        self,
        version: str,
        until: float,
        signature: str,
        inputs: _Outputs,
        by_rows: bool,
        stream: bool,
    ) -> Response:
        if not stream:
            outputs = self._model.run(version, signature, inputs, until)
            return _json(_formatted(outputs, by_rows))
        names = _stream.text_outputs(self._model, version, signature)
        requests = _stream.shorter(self._model, version, signature, inputs)

        def ask(inputs: _Outputs) -> _Outputs:
            return self._model.run(version, signature, inputs, until)

        # The first here, so that what is refused has its status.
        first = ask((requests or [inputs])[0])
        rest = [*requests[1:], inputs] if requests else []
        return _Stream(
            self._events(ask, names, first, rest, by_rows),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store"},
        )

    async def _events(
        self,
        ask: Callable[[_Outputs], _Outputs],
        names: list[str],
        answer: _Outputs,
        rest: list[_Outputs],
        by_rows: bool,
    ) -> AsyncIterator[bytes]:
        """What is new in an answer, then in those to the rest; the last is whole."""
        whole = self._begun(ask, rest.pop()) if rest else None
        shorter = None
        sent: dict[tuple[int, str], str] = {}
        try:
            while whole is not None:
                for new in _stream.news(sent, answer, names, last=False):
                    yield _stream.as_event(new)
                waited = {whole}
                if rest:
                    shorter = self._begun(ask, rest.pop(0))
                    waited.add(shorter)
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                if whole.done():
                    answer, whole = whole.result(), None
                else:
                    (other,) = waited - {whole}
                    answer = other.result()
            for new in _stream.news(sent, answer, names, last=True):
                yield _stream.as_event(new)
            yield _stream.as_event(_formatted(answer, by_rows), "done")
        except Exception as error:
            _, message, _ = _told(error)
            yield _stream.as_event({"error": message}, "error")
        finally:
            for begun in (whole, shorter):
                if begun is not None:
                    begun.cancel()

    def _begun(
        self, ask: Callable[[_Outputs], _Outputs], inputs: _Outputs
    ) -> "asyncio.Future[_Outputs]":
        begun = asyncio.ensure_future(self._in_thread(ask, inputs))
        # What nobody waits for any more may fail.
        begun.add_done_callback(lambda f: f.cancelled() or f.exception())
        return begun

    # Open Inference Protocol

    async def _server(self, request: Request) -> Response:
        return _json({"name": "keras-seq", "version": __version__, "extensions": []})

    async def _live(self, request: Request) -> Response:
        return _json({"live": True})

    async def _ready(self, request: Request) -> Response:
        return _json({"ready": True})

    def _version(self, request: Request) -> str:
        number = request.path_params.get("version")
        if number is not None and not re.fullmatch("[0-9]+", number):
            raise RefusedError(400, f"A version is a number; received {number[:40]}")
        return self._model.version(request.path_params["name"], number)

    async def _model_ready(self, request: Request) -> Response:
        self._version(request)
        return _json({"name": self._model.name, "ready": True})

    async def _described(self, request: Request) -> Response:
        definitions = self._model.signatures(self._version(request))
        definition = definitions.get("serving_default", SignatureDef())
        answer = {
            "name": self._model.name,
            "versions": self._model.versions,
            "platform": "tensorflow_savedmodel",
            "inputs": _inference.describe(definition.inputs),
            "outputs": _inference.describe(definition.outputs),
        }
        return _json(answer)

    async def _infer(self, request: Request) -> Response:
        version = self._version(request)
        if "inference-header-content-length" in request.headers:
            raise _inference.no_binary()

        return await self._worked(request, version, self._to_infer, self._inferred)

    def _to_infer(self, version: str, body: bytes) -> tuple[Any, ...]:
        request = _rest.read_object(body)
        signature, inputs = _inference.parse_request(request, *self._checks(version))
        definition = self._model.signatures(version)[signature]
        wanted = _inference.wanted_outputs(request, definition.outputs)
        told = {"id": request["id"]} if "id" in request else {}
        return signature, inputs, wanted, told

    def _inferred(
        self,
        version: str,
        until: float,
        signature: str,
        inputs: _Outputs,
        wanted: list[str],
        told: dict[str, Any],
    ) -> Response:
        outputs = self._model.run(version, signature, inputs, until)
        answer = {
            "model_name": self._model.name,
            "model_version": version,
            "outputs": [_inference.format_tensor(n, outputs[n]) for n in wanted],
        }
        return _json(told | answer)

    # All requests

    def _checks(self, version: str) -> Iterator[Callable[..., Any]]:
        for check in (self._model.input_dtypes, self._model.check_rows):
            yield functools.partial(check, version)

    async def _worked(
        self, request: Request, version: str, reading: _Reading, answering: _Answering
    ) -> Response:
        """Receives the body; in threads, reads what it says and answers it."""
        body = bytearray()
        with contextlib.ExitStack() as held:
            held.callback(self._let_go, body)
            await self._read(request, body)
            if self._waiting >= MOST_WAITING:
                message = f"More than {MOST_WAITING} requests are waiting"
                raise RefusedError(503, message, {"Retry-After": "1"})
            self._waiting += 1
            held.callback(self._answered)
            until = time.monotonic() + self._model.seconds
            # Large ones in turn: JSON makes much of them. Who waits holds no thread.
            async with self._large if len(body) > _LARGE else contextlib.nullcontext():
                read = await self._in_thread(reading, version, bytes(body))
            response = await self._in_thread(answering, version, until, *read)
            if isinstance(response, _Stream):
                response.held = held.pop_all()
            return response

    def _let_go(self, body: bytearray) -> None:
        self._held -= len(body)

    def _answered(self) -> None:
        self._waiting -= 1

    async def _in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, work, *arguments)

    async def _read(self, request: Request, body: bytearray) -> None:
        encoding = request.headers.get("content-encoding", "identity")
        if encoding.lower() != "identity":
            message = f"Content-Encoding {encoding[:40]} isn't read; send it plain"
            raise RefusedError(415, message)
        length = int(request.headers.get("content-length", "0"))
        if length and "transfer-encoding" in request.headers:  # a proxy may take either
            raise RefusedError(400, "Content-Length with Transfer-Encoding", _CLOSE)
        if length > self._most_bytes:
            raise self._too_large(f"{length}")
        try:
            await asyncio.wait_for(self._read_all(request, body), BODY_SECONDS)
        except asyncio.TimeoutError as error:
            message = f"The body did not come in {BODY_SECONDS:g} s"
            raise RefusedError(408, message, _CLOSE) from error

    async def _read_all(self, request: Request, body: bytearray) -> None:
        async for chunk in request.stream():
            if len(body) + len(chunk) > self._most_bytes:
                raise self._too_large("more")
            if self._held + len(chunk) > MOST_BODIES * self._most_bytes:
                message = "Too many large requests at a time"
                raise RefusedError(503, message, {"Retry-After": "1"})
            self._held += len(chunk)
            body += chunk

    def _too_large(self, received: str) -> RefusedError:
        return RefusedError(
            413, f"A body may have {self._most_bytes} bytes; received {received}"
        )


class _Stream(StreamingResponse):
    """An answer that counts as waiting until it has ended."""

    held = contextlib.ExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.held:
            await super().__call__(scope, receive, send)


def _route(
    address: str, endpoint: Callable[[Request], Awaitable[Response]], *methods: str
) -> Route:
    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ClientDisconnect:
            return Response(status_code=400)  # Nobody reads it.
        except Exception as error:
            status, message, headers = _told(error)
            return _json({"error": message}, status, headers)

    return Route(address, answered, methods=methods)


async def _http(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: addresses and methods."""
    assert isinstance(error, HTTPException)
    message = f"{error.detail}: {request.method} {request.scope['path'][:200]}"
    return _json({"error": message}, error.status_code, error.headers)


def _told(error: Exception) -> tuple[int, str, Mapping[str, str]]:
    """Status, message and headers for an error; one of ours is logged."""
    if isinstance(error, RefusedError):
        return error.status, str(error), error.headers
    if isinstance(error, ValueError):
        return 400, str(error), {}
    logging.getLogger(__name__).error("A request failed", exc_info=error)
    return 500, f"Internal error: {type(error).__name__}", {}


def _formatted(outputs: _Outputs, by_rows: bool) -> dict[str, Any]:
    try:
        return _rest.format_response(outputs, by_rows)
    except UnicodeDecodeError as error:
        message = "An output is no UTF-8: its name would have to end in '_bytes'"
        raise RefusedError(500, message) from error


def _json(
    answer: Mapping[str, Any],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    body = _rest.as_json(answer)
    return Response(body, status, headers, media_type="application/json")
