"""Import of optional libraries, with an error that says what to install."""

import importlib
from types import ModuleType


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
