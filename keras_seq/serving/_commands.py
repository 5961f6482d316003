"""What the commands of `python -m keras_seq.serving` do."""

import argparse
import json
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from keras_seq.serving._batch import STANDARD, answer_file
from keras_seq.serving._check import check as check_export
from keras_seq.serving._errors import ServingError
from keras_seq.serving._hostile import ask_hostile
from keras_seq.serving._native import check_without_python, find_compiler
from keras_seq.serving._ops import inspect
from keras_seq.serving._saved_model import (
    EXTRA,
    is_version,
    newest_version,
    read_meta_graph,
)
from keras_seq.serving._server import LocalServer
from keras_seq.serving._session import SessionModel, load_text_ops


def _directory(path: str) -> Path:
    directory = newest_version(path)
    if inspect(read_meta_graph(directory)).text_ops:
        load_text_ops()
    return directory


def _labelled(newest: Path, labels: dict[str, int]) -> list[Path]:
    """The folders of all versions that are served, the newest last."""
    known = {int(f.name): f for f in newest.parent.iterdir() if is_version(f)}
    for label, version in labels.items():
        if version not in known or not (known[version] / "saved_model.pb").exists():
            message = f"--label {label}: there is no {newest.parent / str(version)}"
            raise ServingError("Nothing is served", [message])
    return [known[n] for n in sorted({int(newest.name), *labels.values()})]


def serve(given: argparse.Namespace) -> int:
    """Serves until it is stopped."""
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        labels = {label: int(version) for label, version in given.label}
        folders = _labelled(_directory(given.path), labels)
        with LocalServer(
            folders,
            given.name,
            host=given.host,
            port=given.port,
            labels={label: str(version) for label, version in labels.items()},
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
    failed = answer_file(
        *(_directory(given.path), given.rows, given.out),
        signature=given.signature,
        size=given.batch_size,
    )
    told = f"{given.out}: {failed} rows have an error" if failed else given.out
    print(told, file=sys.stderr if given.out == STANDARD else sys.stdout)
    return int(failed > 0)
