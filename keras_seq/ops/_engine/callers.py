"""Who called, where it matters and nothing else tells."""

import sys


def called_from(*modules: str, depth: int | None = None) -> bool:
    """Whether one of the callers stands in one of the modules.

    Args:
        modules: Names of modules or packages, whose modules count too.
        depth: How many callers to look at, from that of the caller's caller on; None
            for all.
    """
    frame = sys._getframe(1).f_back
    while frame is not None and (depth is None or depth > 0):
        name = frame.f_globals.get("__name__", "")
        if any(name == module or name.startswith(f"{module}.") for module in modules):
            return True
        frame = frame.f_back
        depth = None if depth is None else depth - 1
    return False
