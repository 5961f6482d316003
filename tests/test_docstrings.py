"""Every example in a docstring, in a README and in docs/ is run.

A public function, or class that a user makes, without an example fails.
"""

import dataclasses
import doctest
import importlib
import inspect

import pytest

from tests import house
from tests.house import ROOT

PACKAGES = ("keras_seq", "recipes")
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def modules():
    """Dotted name and file of every module, found without importing any."""
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            if parts[-1] != "__main__":
                yield ".".join(p for p in parts if p != "__init__"), file


WITH_EXAMPLES = [m for m, file in modules() if ">>>" in file.read_text("utf-8")]
ROOMS = {room: house.exported(ROOT, room) for room in house.rooms(ROOT)}
PAGES = {page.relative_to(ROOT).as_posix(): page for page in house.pages(ROOT)}


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


@pytest.mark.parametrize("page", PAGES)
def test_python_blocks_of_a_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    for block in house.python_blocks(PAGES[page]):
        exec(compile(block, str(PAGES[page]), "exec"), namespace)
