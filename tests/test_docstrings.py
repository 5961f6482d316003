"""Every example in a docstring, in README.md and in docs/ is run.

A public function, or class that a user makes, without an example fails.
"""

import ast
import dataclasses
import doctest
import importlib
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("keras_seq", "recipes")
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def modules():
    """Dotted name and file of every module, found without importing any."""
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            if parts[-1] != "__main__":
                yield ".".join(p for p in parts if p != "__init__"), file


def public_names(file):
    """The names in a file's `__all__`, without importing it."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "__all__"
            for target in node.targets
        ):
            return ast.literal_eval(node.value)
    return []


WITH_EXAMPLES = [m for m, file in modules() if ">>>" in file.read_text("utf-8")]
ROOMS = {
    module: names
    for module, file in modules()
    if file.name == "__init__.py"
    and "._" not in module  # a private room is for the package itself
    and (names := public_names(file))
}
PAGES = [
    page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if page.exists() and "```python" in page.read_text(encoding="utf-8")
]


def is_missing_library(error):
    """Whether an ImportError comes from a library that is not installed."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError):
            return error.name.split(".")[0] not in PACKAGES
        error = error.__cause__
    return False


def imported(module):
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if is_missing_library(error):
            pytest.skip(f"{module}: {error}")
        raise


def is_made_or_called(value):
    """Whether users call it or make it: results and errors they only meet."""
    if inspect.isclass(value):
        result = dataclasses.is_dataclass(value) or hasattr(value, "_fields")
        return not (
            result or issubclass(value, BaseException) or inspect.isabstract(value)
        )
    return inspect.isfunction(value)


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples_in_docstrings(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runner = doctest.DebugRunner(optionflags=FLAGS)
    found = doctest.DocTestFinder().find(imported(module), module)
    ran = 0
    for example in found:
        try:
            ran += runner.run(example).attempted
        except doctest.DocTestFailure as failure:
            pytest.fail(
                f"{example.filename}, {example.name}:\n"
                f">>> {failure.example.source}"
                f"expected: {failure.example.want}received: {failure.got}",
                pytrace=False,
            )
        except doctest.UnexpectedException as failure:
            error = failure.exc_info[1]
            if is_missing_library(error):
                pytest.skip(f"{example.name}: {error}")
            raise error from None
    assert ran > 0


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_has_an_example(room):
    module = imported(room)
    missing = [
        name
        for name in ROOMS[room]
        if is_made_or_called(value := getattr(module, name))
        and ">>>" not in (value.__doc__ or "")
    ]
    assert missing == [], f"no example in the docstring of {missing}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_of_a_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    blocks = re.finditer(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    namespace = {"__name__": "__main__"}
    for block in blocks:
        # As many empty lines before the code as the page has: a traceback then
        # shows the page's line.
        line = text.count("\n", 0, block.start(1))
        code = compile("\n" * line + block.group(1), str(page), "exec")
        exec(code, namespace)
