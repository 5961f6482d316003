"""How strategies, processors and results show themselves, in a line or a notebook."""

import html
import inspect
from typing import Any

import numpy as np
from keras import ops

_MOST = 60  # characters of an argument
_MISSING = object()


def with_arguments(instance: object) -> str:
    """An object as it is made: `Sample(temperature=0.5)`; what is default is left out.

    Arguments that it doesn't keep under their names aren't told.
    """
    told = []
    for name, parameter in inspect.signature(
        type(instance).__init__
    ).parameters.items():
        value = getattr(instance, name, _MISSING)
        if name == "self" or value is _MISSING or _is_default(value, parameter.default):
            continue
        follows = getattr(instance, name.removeprefix("max_"), _MISSING)
        if name.startswith("max_") and _is_default(value, follows):
            continue
        told.append(f"{name}={_short(value)}")
    return f"{type(instance).__name__}({', '.join(told)})"


def _is_default(value: Any, default: Any) -> bool:
    plain = (bool, int, float, str, type(None))
    return value is default or (
        isinstance(value, plain) and isinstance(default, plain) and value == default
    )


def _short(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if shape is not None and len(shape):
        return f"<{tuple(shape)}>"
    if shape is not None:
        value = as_array(value)
        return "<a tensor>" if value is None else f"{value.item()!r}"
    if callable(value):
        return f"<{getattr(value, '__name__', type(value).__name__)}>"
    text = repr(value)
    return text if len(text) <= _MOST else f"{text[:_MOST]}…"


def as_array(value: Any) -> np.ndarray | None:
    """A tensor's values; None of one that has none yet, as while a graph is traced."""
    try:
        return np.asarray(ops.convert_to_numpy(value))
    except Exception:  # each backend has its own error for a symbolic tensor
        return None


def table(title: str, head: list[str], rows: list[list[object]], more: int) -> str:
    """A table for a notebook, without colours of its own, escaped."""

    def line(cells: list[object], kind: str) -> str:
        shown = (f"<{kind}>{html.escape(str(cell))}</{kind}>" for cell in cells)
        return f"<tr>{''.join(shown)}</tr>"

    lines = [line(list(head), "th"), *(line(row, "td") for row in rows)]
    if more:
        lines.append(line([f"and {more:,} more"], "td"))
    return (
        '<div style="font:13px/1.5 system-ui,sans-serif;overflow-x:auto">'
        f"<strong>{html.escape(title)}</strong><table>{''.join(lines)}</table></div>"
    )
