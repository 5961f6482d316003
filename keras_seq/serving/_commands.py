"""What the commands of `python -m keras_seq.serving` do."""

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_seq.files import replacing
from keras_seq.serving import _rest
from keras_seq.serving._check import check as check_export
from keras_seq.serving._errors import ServingError
from keras_seq.serving._hostile import ask_hostile
from keras_seq.serving._native import check_without_python, find_compiler
from keras_seq.serving._ops import inspect
from keras_seq.serving._saved_model import EXTRA, newest_version, read_meta_graph
from keras_seq.serving._served import input_dtypes, plain
from keras_seq.serving._server import LocalServer
from keras_seq.serving._session import SessionModel, load_text_ops


def _directory(path: str) -> Path:
    directory = newest_version(path)
    if inspect(read_meta_graph(directory)).text_ops:
        load_text_ops()
    return directory


def _labelled(newest: Path, labels: dict[str, str]) -> list[Path]:
    """The folders of all versions that are served, the newest last."""
    folders = {newest.name: newest}
    for label, version in labels.items():
        folder = newest.parent / version
        if not (folder / "saved_model.pb").exists():
            raise ServingError(
                "Nothing is served", [f"--label {label}: there is no {folder}"]
            )
        folders.setdefault(version, folder)
    return sorted(folders.values(), key=lambda folder: int(folder.name))


def serve(given: argparse.Namespace) -> int:
    """Serves until it is stopped."""
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        labels = dict(given.label)
        folders = _labelled(_directory(given.path), labels)
        with LocalServer(
            folders,
            given.name,
            host=given.host,
            port=given.port,
            labels=labels,
            most_bytes=given.max_body,
            seconds=given.timeout,
        ) as server:
            # One line for programs; what else there is to say is for people.
            print(
                f"For trying out, not for production: POST to {server.url}:predict; "
                "stop with Ctrl+C",
                flush=True,
            )
            print(
                f"Signatures, with types: {server.url}/metadata. Open Inference "
                f"Protocol: {server.url.replace('/v1/', '/v2/')}/infer",
                file=sys.stderr,
            )
            if not server.is_local:
                print("Others on the network can reach it.", file=sys.stderr)
            threading.Event().wait()
    except KeyboardInterrupt:
        print("stopped", flush=True)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    return 0


def _interrupt(number: int, frame: Any) -> None:
    """SIGTERM ends as Ctrl+C does; a second signal ends at once."""
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_DFL)
    raise KeyboardInterrupt


def check(given: argparse.Namespace) -> int:
    """Prints what was proved; 1 if a hostile request did harm."""
    report = check_export(given.path)
    print(report)
    directory = report.directory
    size = sum(f.stat().st_size for f in directory.rglob("*") if f.is_file())
    if report.text_ops:
        load_text_ops()
    started = time.perf_counter()
    SessionModel(directory).close()
    print(f"  {size / 1e6:.1f} MB, loaded in {time.perf_counter() - started:.1f} s")
    if find_compiler():
        for name, found in check_without_python(given.path).items():
            print(
                f"  {name}: as recorded without Python too, in C, within "
                f"{found.difference:.1e}"
            )
    else:
        print("  not tried without Python: there is no C compiler here")
    file = directory / EXTRA / "signatures.json"
    told = json.loads(file.read_text("utf-8")) if file.exists() else {}
    for name, signature in told.items():
        limits = signature.get("limits") or "none told"
        print(f"  limits of {name}: {limits}")
    failed = False
    if given.hostile > 0:
        for hostile in ask_hostile(given.path, requests=given.hostile):
            print(f"  {hostile}")
            failed = failed or bool(hostile.problems)
    return int(failed)


def batch(given: argparse.Namespace) -> int:
    """Answers a file of rows; 1 if a row has an error."""
    if given.batch_size < 1:
        raise ServingError("Nothing was answered", ["--batch-size must be at least 1"])
    if os.path.exists(given.out) and os.path.samefile(given.rows, given.out):
        message = f"the answers would take the place of the rows in {given.rows}"
        raise ServingError("Nothing was answered", [message])
    model = SessionModel(_directory(given.path))
    failed = 0
    with (
        open(given.rows, encoding="utf-8-sig") as rows,
        replacing(Path(given.out)) as temporary,
        open(temporary, "wb") as out,
    ):
        for some in _batches(_decoded(rows, given.rows), given.batch_size):
            for answer in _answers(model, given.signature, some):
                failed += bool(isinstance(answer, dict) and answer.get("error"))
                out.write(_rest.as_json(answer) + b"\n")
    print(f"{given.out}: {failed} rows have an error" if failed else given.out)
    return int(failed > 0)


def _decoded(lines: Iterator[str], name: str) -> Iterator[str]:
    try:
        yield from lines
    except UnicodeDecodeError as error:
        raise ServingError(
            "Nothing was answered", [f"{name} is not UTF-8: {error}"]
        ) from error


def _batches(lines: Iterator[str], size: int) -> Iterator[list[str]]:
    some: list[str] = []
    for line in lines:
        some.append(line)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some


def _answers(model: SessionModel, name: str, lines: list[str]) -> list[Any]:
    """An answer to each line; of a batch that fails, to each line alone."""
    try:
        rows = [_rest.read_json(line) for line in lines]
        signature, inputs, _ = _rest.parse_object(
            {"signature_name": name, "instances": rows},
            lambda signature: input_dtypes(model, signature),
        )
        return _rest.format_response(model.run(signature, inputs), True)["predictions"]
    except (ValueError, tf.errors.OpError) as error:
        if len(lines) == 1:
            if isinstance(error, tf.errors.OpError):
                return [{"error": plain(error.message)}]
            return [{"error": str(error)}]
        return [answer for line in lines for answer in _answers(model, name, [line])]
