"""Imports of libraries that may be missing, that take long, or that talk too much."""

import contextlib
import importlib
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any

# What TensorFlow writes as it is loaded, whatever its log level: notes, not warnings,
# and that libraries for a GPU, which it has linked twice, are registered already.
_NOTES = re.compile(
    rb"I\d{4} |WARNING: All log messages before absl::InitializeLog|"
    rb"To enable the following instructions:|"
    rb"[WE]\d{4} .*(?:Unable to register cu\w+ factory|already registered)"
)
_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def require(module: str, extra: str) -> ModuleType:
    """Imports `module`, which the optional dependency group `extra` brings.

    Args:
        module: Dotted module name, e.g. `"music21"`.
        extra: Name of the group in setup.cfg, e.g. `"music"`.

    Returns:
        The module.

    Raises:
        ImportError: If the module is missing; the message names the extra.

    Example:

    >>> plt = require("matplotlib.pyplot", "plots")
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{module} could not be imported ({error}). It comes with the "
            f"extra '{extra}': pip install 'keras-seq[{extra}]'"
        ) from error


def quiet_import(*modules: str) -> None:
    """Imports modules without the notes that TensorFlow's libraries write.

    They write them past Python, to the terminal itself. Everything else that is
    written there meanwhile is shown when the imports are done. A module that can't be
    imported is left to those who need it. Who wants the notes sets
    TF_CPP_MIN_LOG_LEVEL=0.

    Args:
        *modules: Dotted module names.

    Example:

    >>> quiet_import("tensorflow", "tensorflow_text")
    """
    with _without_notes():
        for module in modules:
            with contextlib.suppress(ImportError):
                importlib.import_module(module)


@contextlib.contextmanager
def _without_notes() -> Iterator[None]:
    try:
        terminal = None if os.environ.get(_LOG_LEVEL) == "0" else os.dup(2)
    except OSError:  # there is none
        terminal = None
    if terminal is None:
        yield
        return
    with tempfile.TemporaryFile() as file:
        _flush()
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            _flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            file.seek(0)
            shown = [line for line in file if not _NOTES.match(line)]
            os.write(2, b"".join(shown))


def _flush() -> None:
    if sys.stderr is not None:
        sys.stderr.flush()


def lazy_names(
    package: str, modules: Mapping[str, Iterable[str]], *, quiet: Iterable[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a package whose names are imported late.

    So that `python -m PACKAGE --help` doesn't wait for what only its work needs. None
    of the names may be that of a module in the package, which would take its place.

    Args:
        package: The package's `__name__`.
        modules: Dict from a module to the names that the package has of it.
        quiet: Modules that `quiet_import` imports before.

    Returns:
        Both functions (PEP 562).

    Example:

    A package's `__init__` has:

    >>> __getattr__, __dir__ = lazy_names("shapes", {"math": ["tau", "hypot"]})
    >>> __getattr__("hypot")(3, 4)
    5.0
    """
    home = {name: module for module, names in modules.items() for name in names}

    def get(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        quiet_import(*quiet)
        return getattr(importlib.import_module(home[name]), name)

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home})

    return get, names
