"""Requests that make no sense: each gets its error, and the next its answer."""

import contextlib
import json
import os
import socket
import struct
import threading
import time
import urllib.parse

import pytest

from keras_seq.serving import _rest
from keras_seq.serving._server import LocalServer


@pytest.fixture(scope="module")
def server(exported):
    with LocalServer(exported.directory, "chars", most_bytes=200_000) as running:
        yield running


def connect(server):
    address = urllib.parse.urlsplit(server.url)
    return socket.create_connection((address.hostname, address.port), timeout=20)


def read(connection, count):
    """The answers that come: so many, or those until the server closes."""
    data, found = b"", []
    with contextlib.suppress(ConnectionError):
        while len(found) < count and (part := connection.recv(65_536)):
            data += part
            found, _ = answers(data)
    found, rest = answers(data)
    assert rest == b""
    return found


def exchange(server, data, count=1):
    """Sends bytes, and reads what is answered: statuses, headers, bodies."""
    with connect(server) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
        return read(connection, count)


def answers(data):
    """Those that are whole, and what is left."""
    found = []
    while b"\r\n\r\n" in data:
        head, _, rest = data.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        size = int(headers["content-length"])
        if len(rest) < size:
            break
        found.append((int(lines[0].split()[1]), headers, rest[:size]))
        data = rest[size:]
    return found, data


def request(body, path=":predict", method="POST", headers=""):
    if isinstance(body, str):
        body = body.encode()
    if "Length" not in headers and "Transfer" not in headers:
        headers += f"Content-Length: {len(body)}\r\n"
    head = f"{method} /v1/models/chars{path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n"
    return head.encode() + body


GOOD = request('{"instances": ["hello"]}')


def assert_well(server):
    ((status, _, body),) = exchange(server, GOOD)
    assert status == 200, body
    assert json.loads(body)["predictions"][0].startswith("hello")


def of_score(value):
    return '{"signature_name": "score", "instances": [' + value + "]}"


def of_generate(name, value):
    row = {"prompt": '"a"', "temperature": "1", "seed": "1", "length": "1"}
    row[name] = value
    text = ", ".join(f'"{key}": {each}' for key, each in row.items())
    return '{"signature_name": "generate", "instances": [{' + text + "}]}"


BODIES = {
    "nothing": ("", "Parse error"),
    "400 digits": (of_generate("seed", "9" * 400), "expected type: int64"),
    "400 digits of a float": (of_generate("temperature", "9" * 400), "type: float32"),
    "5000 digits": (of_generate("seed", "9" * 5000), "Parse error"),
    "a float too large": (of_generate("temperature", "1e39"), "type: float32"),
    "a number too large": (of_generate("temperature", "1e400"), "type: float32"),
    "NaN": (of_generate("temperature", "NaN"), "NaN is no number"),
    "Infinity": (of_generate("temperature", "-Infinity"), "-Infinity is no number"),
    "no integer": (of_generate("seed", "1.0"), "expected type: int64"),
    "brackets": ("[" * 100_000, "brackets"),
    "closed brackets": ("[" * 99_000 + "]" * 99_000, "brackets"),
    "objects": ('{"a":' * 30_000, "brackets"),
    "brackets in rows": (of_score("[" * 100 + "]" * 100), "32 deep"),
    "twice": ('{"instances": ["a"], "instances": ["b"]}', "stands twice"),
    "twice, of many": (
        "{" + "".join(f'"k{i}": 0, ' for i in range(9_000)) + '"z": 0, "z": 0}',
        '"z" stands twice',
    ),
    "twice, deep": (of_score('{"text": "a", "text": "b"}'), "stands twice"),
    "invalid UTF-8": (b'{"instances": ["\xff\xfe"]}', "utf-8"),
    "UTF-16": ('{"instances": ["a"]}'.encode("utf-16"), "utf-8"),
    "half a pair": (of_score('"\\ud800"'), "surrogate"),
    "half a pair in a name": ('{"signature_name": "\\udfff", "instances": [1]}', "not"),
    "half a pair in a key": ('{"instances": [{"\\ud800": 1}]}', "must be"),
    "an empty key": ('{"instances": [{"": 1}]}', "must be"),
    "no Base64": (of_score('{"b64": "a b!"}'), "base64 decode"),
    "Base64 of odd length": (of_score('{"b64": "abcde"}'), "base64 decode"),
    "Base64 in unicode": (of_score('{"b64": "é"}'), "base64 decode"),
    "Base64 and more": (of_score('{"text": {"b64": "YQ==", "c": 1}}'), "base64 data"),
    "null": (of_score("null"), "expected type: string"),
    "ranks": (of_score('["a"]'), "text must be string (batch); received shape (1, 1)"),
    "lengths": ('{"signature_name": "generate", "inputs": {"prompt": ["a", "b"]}}', ""),
    "a name": ('{"signature_name": null, "instances": ["a"]}', "must be a string"),
    "stream": ('{"stream": 1, "instances": ["a"]}', "must be true or false"),
    "a stream": ('{"stream": true, "instances": ["a"]}', "can't be streamed"),
    "two values": ('{"instances": ["a"]} {}', "Parse error"),
    "control": ('{"instances": ["\x00"]}', "Parse error"),
}


@pytest.mark.parametrize("case", BODIES)
def test_a_malformed_body_is_told(server, case):
    body, message = BODIES[case]
    ((status, headers, answer),) = exchange(server, request(body))
    assert (status, headers["content-type"]) == (400, "application/json")
    (error,) = json.loads(answer).items()
    assert error[0] == "error"
    assert message in error[1]
    assert len(error[1]) < 400
    assert "Traceback" not in error[1]
    assert_well(server)


CHUNKED = "Transfer-Encoding: chunked\r\n"
LINES = {
    "no HTTP": (b"hello\r\n\r\n", [400]),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), [400]),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [404, 400]),
    "no host": (b"GET /v2 HTTP/1.1\r\n\r\n", [400]),
    "old": (b"GET /v2 HTTP/1.0\r\n\r\n", [200]),
    "a length that is none": (request("", headers="Content-Length: x\r\n"), [400]),
    "a negative one": (request("", headers="Content-Length: -1\r\n"), [400]),
    "two lengths": (
        request("a", headers="Content-Length: 1\r\nContent-Length: 2\r\n"),
        [400],
    ),
    "an endless one": (
        request("", headers=f"Content-Length: {'9' * 40}\r\n"),
        [400],
    ),
    "too long": (request("", headers="Content-Length: 99999999999\r\n"), [413]),
    "really too long": (request("[" + " " * 2_000_000 + "]"), [413]),
    "chunks": (
        request(
            "18\r\n" + '{"instances": ["hello"]}' + "\r\n0\r\n\r\n", headers=CHUNKED
        ),
        [200],
    ),
    "chunks too long": (
        request("50000\r\n" + " " * 0x50000 + "\r\n0\r\n\r\n", headers=CHUNKED),
        [413],
    ),
    "no chunks": (request("xyz\r\n", headers=CHUNKED), [400]),
    "both lengths": (request("", headers=CHUNKED + "Content-Length: 2\r\n"), [400]),
    "another coding": (request("", headers="Transfer-Encoding: gzip\r\n"), [501]),
    "gzip": (request("{}", headers="Content-Encoding: gzip\r\n"), [415]),
    "a huge line": (b"GET /" + b"a" * 500_000 + b" HTTP/1.1\r\n\r\n", [431]),
    "huge headers": (request("", headers=f"A: {'b' * 500_000}\r\n"), [431]),
    "many headers": (request("", headers="A: b\r\n" * 200_000), [431]),
    "a header of no text": (b"GET /v2 HTTP/1.1\r\nHost: x\r\na\x00b: c\r\n\r\n", [400]),
    "pipelined": (GOOD + request("{") + GOOD, [200, 400, 200]),
    "less length than body": (
        request(
            '{"instances": ["hello"]}rest\r\n\r\n', headers="Content-Length: 24\r\n"
        ),
        [200, 400],
    ),
    "another method": (request("", method="PUT"), [405]),
    "deletion": (request("", path="", method="DELETE"), [405]),
    "options": (request("", method="OPTIONS"), [405]),
    "a tunnel": (b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", [404]),
    "a path": (b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", [404]),
    "the root": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", [404]),
    "odd bytes": (b"GET /v1/models/%ff%00%0d%0a HTTP/1.1\r\nHost: x\r\n\r\n", [404]),
    "a version too large": (
        request("", path=f"/versions/{'9' * 9999}", method="GET"),
        [400],
    ),
    "a version in other digits": (
        request("", path="/versions/%D9%A1", method="GET"),
        [400],
    ),
    "websocket": (
        request(
            "",
            path="",
            method="GET",
            headers="Connection: upgrade\r\nUpgrade: websocket\r\n",
        ),
        [200],
    ),
}


@pytest.mark.parametrize("case", LINES)
def test_malformed_lines_are_told(server, case):
    data, statuses = LINES[case]
    found = exchange(server, data, len(statuses))
    assert [status for status, _, _ in found] == statuses
    for status, headers, body in found:
        assert headers["content-type"] == "application/json"
        assert ("error" in json.loads(body)) == (status != 200)
    assert_well(server)


def test_head_has_no_body(server):
    with connect(server) as connection:
        connection.sendall(request("", path="", method="HEAD"))
        head = connection.recv(65_536)
    assert head.startswith(b"HTTP/1.1 200")
    assert head.endswith(b"\r\n\r\n")
    assert_well(server)


def test_a_connection_is_kept(server):
    with connect(server) as connection:
        for data, status in [(GOOD, 200), (request("{"), 400), (GOOD, 200)]:
            connection.sendall(data)
            ((found, _, _),) = read(connection, 1)
            assert found == status


def test_who_sends_half_may_still_read(server):
    with connect(server) as connection:
        connection.sendall(GOOD)
        connection.shutdown(socket.SHUT_WR)
        ((status, _, _),) = read(connection, 1)
    assert status == 200
    with connect(server) as connection:
        connection.sendall(request("{", headers="Content-Length: 100\r\n"))
        connection.shutdown(socket.SHUT_WR)
        ((status, _, body),) = read(connection, 1)
    assert status == 400
    assert b"ended before its length" in body
    assert_well(server)


@pytest.mark.parametrize(
    "data", [GOOD[:30], request("{", headers="Content-Length: 100\r\n")]
)
def test_who_is_slow_is_told_so(server, data, monkeypatch):
    monkeypatch.setattr("keras_seq.serving._http.HEAD_SECONDS", 0.2)
    monkeypatch.setattr("keras_seq.serving._app.BODY_SECONDS", 0.2)
    began = time.monotonic()
    ((status, headers, body),) = exchange(server, data)
    assert status == 408
    assert headers["connection"] == "close"
    assert b"did not come in 0.2 s" in body
    assert time.monotonic() - began < 5
    assert_well(server)


def test_drops_do_not_prolong_it(server, monkeypatch):
    monkeypatch.setattr("keras_seq.serving._http.HEAD_SECONDS", 0.3)
    with connect(server) as connection:
        connection.sendall(GOOD[:20])
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - began < 3:
                connection.sendall(b"a")
                time.sleep(0.05)
                connection.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    if connection.recv(10):
                        break
                connection.setblocking(True)
    assert time.monotonic() - began < 2
    assert_well(server)


def test_who_goes_away_leaves_nothing_behind(server):
    for size in (10, 60, len(GOOD)):
        with connect(server) as connection:
            connection.sendall(GOOD[:size])
    assert_well(server)


def test_a_reset_is_no_error_of_the_server(server, caplog):
    """Whether it comes before, in or after what is told."""
    for data in (GOOD[:30], GOOD, request("{"), b"hello\r\n\r\n", GOOD + b"\0\r\n\r\n"):
        for wait in (0.0, 0.02):
            connection = connect(server)
            linger = struct.pack("ii", 1, 0)  # closing resets
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.sendall(data)
            time.sleep(wait)
            connection.close()
    assert_well(server)
    assert [each.getMessage() for each in caplog.records] == []


def test_too_many_connections_are_told(server, monkeypatch):
    monkeypatch.setattr("keras_seq.serving._http.MOST_CONNECTIONS", 3)
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connect(server)) for _ in range(6)]
        time.sleep(0.2)
        found = [read(each, 1) for each in idle[-2:]]
    assert [[status for status, _, _ in each] for each in found] == [[503], [503]]
    monkeypatch.undo()
    time.sleep(0.1)
    assert_well(server)


@pytest.mark.parametrize(
    ("bound", "most", "message"),
    [
        ("MOST_WAITING", 0, "More than 0 requests are waiting"),
        ("MOST_BODIES", 0, "Too many large requests at a time"),
    ],
)
def test_who_is_too_much_is_told_to_come_again(
    server, monkeypatch, bound, most, message
):
    monkeypatch.setattr(f"keras_seq.serving._app.{bound}", most)
    ((status, headers, body),) = exchange(server, GOOD)
    assert (status, headers["retry-after"]) == (503, "1")
    assert json.loads(body) == {"error": message}
    monkeypatch.undo()
    for _ in range(3):  # Nothing is counted that has gone.
        assert_well(server)


def test_large_bodies_that_wait_hold_nobody_up(server, monkeypatch):
    monkeypatch.setattr("keras_seq.serving._app._LARGE", 1_000)
    started, go_on, read_object = threading.Semaphore(0), threading.Event(), None

    def slow(body):
        if len(body) > 1_000:
            started.release()
            assert go_on.wait(20)
        return read_object(body)

    read_object = _rest.read_object
    monkeypatch.setattr(_rest, "read_object", slow)
    large = request(json.dumps({"instances": ["x"], "more": [[]] * 2_000}))
    with contextlib.ExitStack() as stack:
        # More than there are threads.
        count = (os.cpu_count() or 1) + 4
        waiting = [stack.enter_context(connect(server)) for _ in range(count)]
        for connection in waiting:
            connection.sendall(large)
        assert started.acquire(timeout=20)
        assert_well(server)
        assert not started.acquire(timeout=0.2), "one at a time"
        go_on.set()
        for connection in waiting:
            ((status, _, body),) = read(connection, 1)
            assert status == 200, body


def test_an_answer_that_takes_too_long(exported):
    row = {"prompt": "a", "temperature": 1.0, "seed": 1, "length": 10_000_000}
    body = json.dumps({"signature_name": "generate", "instances": [row]})
    with LocalServer(exported.directory, "chars", seconds=0.3) as server:
        began = time.monotonic()
        with connect(server) as connection:
            connection.sendall(request(body))
            ((status, _, answer),) = read(connection, 1)
        assert (status, json.loads(answer)) == (504, {"error": "No answer in 0.3 s"})
        assert time.monotonic() - began < 10
        assert_well(server)


def test_it_ends_while_it_works(exported, monkeypatch):
    monkeypatch.setattr("keras_seq.serving._server.ENDING_SECONDS", 0.5)
    row = {"prompt": "a", "temperature": 1.0, "seed": 1, "length": 10_000_000}
    body = json.dumps({"signature_name": "generate", "instances": [row]})
    before = set(threading.enumerate())
    with LocalServer(exported.directory, "chars") as server:
        connection = connect(server)
        connection.sendall(request(body))
        time.sleep(0.3)
        began = time.monotonic()
    connection.close()
    assert time.monotonic() - began < 20
    assert set(threading.enumerate()) <= before
