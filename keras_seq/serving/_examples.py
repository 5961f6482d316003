"""A client that uses only Python's standard library, and what it printed."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_seq.serving import _rest
from keras_seq.serving._errors import ServingError
from keras_seq.serving._saved_model import EXTRA
from keras_seq.serving._server import LocalServer
from keras_seq.serving._warmup import Record

SCRIPT = "client_rest.py"
PRINTED = "client_rest.json"

_TEMPLATE = '''"""Asks the served model over REST; needs nothing but Python.

    python {script} [URL of the model]

What it printed when it was run on the exported model is in {printed}.
"""

import json
import sys
import urllib.error
import urllib.request

URL = "http://localhost:8501/v1/models/{name}"

# One request for each signature.
REQUESTS = json.loads(
    r"""
{requests}
"""
)


def predict(url, request):
    body = json.dumps(request).encode()
    try:
        with urllib.request.urlopen(f"{{url}}:predict", body) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        sys.exit(f"{{error}}: {{error.read().decode()}}")


if __name__ == "__main__":
    url = sys.argv[1] if len(sys.argv) > 1 else URL
    print(
        json.dumps(
            [{{"request": r, "response": predict(url, r)}} for r in REQUESTS], indent=2
        )
    )
'''


def requests_of(records: Sequence[Record]) -> list[dict[str, Any]]:
    """The first record of each signature as a REST request, by rows."""
    firsts: dict[str, Record] = {}
    for record in records:
        firsts.setdefault(record.signature, record)
    return [
        {"signature_name": name, "instances": _instances(record)}
        for name, record in firsts.items()
    ]


def write_and_run(
    directory: Path, name: str, records: Sequence[Record]
) -> list[dict[str, Any]]:
    """Writes the client, runs it on the exported model, keeps what it printed.

    Returns:
        The pairs of `"request"` and `"response"` that were printed.
    """
    requests = json.dumps(requests_of(records), indent=2, ensure_ascii=False)
    script = directory / EXTRA / SCRIPT
    script.write_text(
        _TEMPLATE.format(script=SCRIPT, printed=PRINTED, name=name, requests=requests),
        "utf-8",
    )
    with LocalServer(directory, name) as server:
        ran = subprocess.run(
            [sys.executable, script, server.url],
            capture_output=True,
            text=True,
            env={**os.environ, "no_proxy": "127.0.0.1"},
        )
    if ran.returncode:
        raise ServingError(
            "The client example failed on the exported model",
            [ran.stderr.strip().splitlines()[-1]],
        )
    answers = json.loads(ran.stdout)
    text = json.dumps(answers, indent=2, ensure_ascii=False) + "\n"
    (directory / EXTRA / PRINTED).write_text(text, "utf-8")
    return answers


def _instances(record: Record) -> list[dict[str, Any]]:
    return [
        {name: _json_input(value[row]) for name, value in record.inputs.items()}
        for row in range(record.rows)
    ]


def _json_input(value: Any) -> Any:
    try:
        return _rest.format_tensor("text", value)
    except UnicodeDecodeError:
        return _rest.format_tensor("_bytes", value)
