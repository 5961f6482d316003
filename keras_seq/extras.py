"""Imports of libraries that may be missing, or that talk too much."""

import importlib
import os
import re
import sys
import tempfile
from types import ModuleType

# What TensorFlow writes as it is loaded, whatever its log level: notes, not warnings.
_NOTES = re.compile(
    rb"I\d{4} |WARNING: All log messages before absl::InitializeLog|"
    rb"To enable the following instructions:"
)


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
    imported is left to those who need it.

    Args:
        *modules: Dotted module names.

    Example:

    >>> quiet_import("tensorflow", "tensorflow_text")
    """
    try:
        terminal = os.dup(2)
    except OSError:  # there is none
        return
    with tempfile.TemporaryFile() as file:
        sys.stderr.flush()
        os.dup2(file.fileno(), 2)
        try:
            for module in modules:
                try:
                    importlib.import_module(module)
                except ImportError:
                    continue
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            file.seek(0)
            shown = [line for line in file if not _NOTES.match(line)]
            os.write(2, b"".join(shown))
