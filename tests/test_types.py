"""A user's type checker accepts what is documented and finds mistakes.

`tests/types/*_calls.py` hold calls that must pass. In `*_mistakes.py` each statement
with `# wrong: why` at its end must be reported, and nothing else.
"""

import ast
import functools
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = [
    file
    for kind in ("calls", "mistakes")
    for file in sorted((ROOT / "tests" / "types").glob(f"*_{kind}.py"))
]


def run(*command):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    # It would look for a newer release of itself.
    environment["PYRIGHT_PYTHON_IGNORE_WARNINGS"] = "1"
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )


def mypy(*files):
    """The lines with errors, by file, each with its message."""
    done = run("mypy", "--no-error-summary", *map(str, files))
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = {}
    for line in done.stdout.splitlines():
        place = re.match(r"(.+?):(\d+): error: (.*)", line)
        if place:
            file = (ROOT / place[1]).resolve()
            found.setdefault(file, {})[int(place[2])] = place[3]
    return found


def pyright(*files):
    """The same."""
    if importlib.util.find_spec("pyright") is None:
        pytest.skip("pyright is not installed")
    if run("pyright", "--version").returncode:
        pytest.skip("pyright finds no Node.js to run on")
    python = ("--pythonpath", sys.executable)
    done = run("pyright", "--outputjson", *python, *map(str, files))
    found = {}
    for each in json.loads(done.stdout)["generalDiagnostics"]:
        if each["severity"] == "error":
            line = each["range"]["start"]["line"] + 1
            file = Path(each["file"]).resolve()
            found.setdefault(file, {})[line] = each["message"]
    return found


CHECKERS = {"mypy": mypy, "pyright": pyright}


@functools.cache
def errors(checker):
    """All that a checker finds in all files, looked for once."""
    return CHECKERS[checker](*FILES)


def marked(source):
    """For each statement that is marked wrong: its lines."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    marks = [
        token.start[0]
        for token in tokens
        if token.type == tokenize.COMMENT and token.string.startswith("# wrong")
    ]
    statements = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.stmt)]
    for mark in marks:
        around = [s for s in statements if s.lineno <= mark <= s.end_lineno]
        innermost = max(around, key=lambda s: s.lineno)
        yield range(innermost.lineno, innermost.end_lineno + 1)


def disagreements(source, found):
    """Where a checker's findings, by line, are not those that are marked."""
    wrong = list(marked(source))
    lines = source.splitlines()
    for statement in wrong:
        if not any(line in found for line in statement):
            yield f"not found: {lines[statement.start - 1]}"
    for line, message in found.items():
        if not any(line in statement for statement in wrong):
            yield f"not wrong: {lines[line - 1]}: {message}"


@pytest.mark.parametrize("checker", CHECKERS)
def test_what_is_marked_amiss_is_seen(checker, tmp_path):
    file = tmp_path / "amiss.py"
    file.write_text(
        # mypy keeps what it found in a file of this name and content, elsewhere too.
        f"# {file}\n"
        "from keras_seq.layers import ExplicitLSTM\n"
        "ExplicitLSTM(4)  # wrong: no, it is right\n"
        "ExplicitLSTM(\n"
        "    '4',\n"
        "    name='a',\n"
        ")  # wrong: a string\n"
        "ExplicitLSTM(unit=4)\n"
    )
    found = CHECKERS[checker](file)[file.resolve()]
    first, second = disagreements(file.read_text(), found)
    assert first.startswith("not found: ExplicitLSTM(4)")
    assert second.startswith("not wrong: ExplicitLSTM(unit=4): ")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
@pytest.mark.parametrize("checker", CHECKERS)
def test_calls_pass_and_mistakes_are_found(checker, file):
    source = file.read_text("utf-8")
    assert len(list(marked(source))) >= (10 if "mistakes" in file.stem else 0)
    found = errors(checker).get(file, {})
    assert list(disagreements(source, found)) == []
