"""Libraries that may be missing, take long or talk too much; what notebooks show."""

import contextlib
import html
import importlib
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
            f"{module} could not be imported ({error}). {how_to_install(module, extra)}"
        ) from error


def how_to_install(module: str, extra: str) -> str:
    """What brings a module that is missing.

    Args:
        module: Dotted module name.
        extra: Name of the group in setup.cfg.

    Returns:
        A sentence with the command, for a checkout too if this is one; or that there is
        none.

    Example:

    >>> "pip install 'keras-seq[music]'" in how_to_install("music21", "music")
    True
    """
    if module.startswith("tensorflow_text") and sys.platform == "win32":
        return (
            "tensorflow-text has no wheels for Windows; its Subsystem for Linux takes "
            "those for Linux."
        )
    quote = '"' if sys.platform == "win32" else "'"  # cmd.exe knows no other
    told = f"It comes with the extra '{extra}': pip install "
    checkout = Path(__file__).resolve().parents[1]
    if (checkout / "setup.cfg").is_file():
        told += f"-e {quote}.[{extra}]{quote} in {checkout}, or pip install "
    return f"{told}{quote}keras-seq[{extra}]{quote}"


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


def let_go(figure: "Figure") -> "Figure":
    """Has pyplot forget a figure that is returned to whoever asked for it.

    A notebook draws what a cell returns, and at the cell's end all figures that pyplot
    still holds: one that it holds is drawn twice, and none is ever freed. Where
    `plt.show()` can open windows, pyplot keeps it for that.

    Args:
        figure: A matplotlib figure.

    Returns:
        The same.

    Example:

    >>> plt = require("matplotlib.pyplot", "plots")
    >>> figure = let_go(plt.figure())
    >>> plt.fignum_exists(figure.number)
    False
    """
    plt = require("matplotlib.pyplot", "plots")
    name = plt.get_backend().lower()
    if name in _WITHOUT_WINDOWS or "inline" in name:
        canvas = type(figure.canvas)
        plt.close(figure)
        canvas(figure)  # which closing takes away, and who draws it needs
    return figure


_WITHOUT_WINDOWS = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")
_NAME = "text-align:left;font-weight:normal;opacity:.75;white-space:nowrap"
_MOST_ROWS = 20
_MOST_CHARACTERS = 200


def notebook_card(
    title: str, rows: Iterable[Iterable[object]], body: str = "", most: int = _MOST_ROWS
) -> str:
    """A small table for a notebook, to be given by `_repr_html_`.

    It has no colours of its own, so that it suits light and dark pages; text is
    escaped, and what is long is cut off and says so.

    Args:
        title: What it is.
        rows: What there is to say, each a name and values.
        body: HTML that follows, as it stands.
        most: Rows at most; more are counted.

    Returns:
        String: a `<div>`.

    Example:

    >>> card = notebook_card("A <tune>", [("key", "D"), ("bars", 16)])
    >>> "A &lt;tune&gt;" in card, "<td>16</td>" in card
    (True, True)
    """
    given = [list(row) for row in rows]
    lines = [
        f'<tr><th scope="row" style="{_NAME}">'
        f"{_shown(name)}</th>{''.join(f'<td>{_shown(v)}</td>' for v in values)}</tr>"
        for name, *values in given[:most]
    ]
    if len(given) > most:
        lines.append(f"<tr><td>and {len(given) - most:,} more</td></tr>")
    table = f'<table style="font:inherit">{"".join(lines)}</table>' if lines else ""
    return (
        '<div style="font:13px/1.5 system-ui,sans-serif;max-width:60em;'
        f'overflow-x:auto"><strong>{_shown(title)}</strong>{table}{body}</div>'
    )


def _shown(value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    if len(text) > _MOST_CHARACTERS:
        text = f"{text[:_MOST_CHARACTERS]}… ({len(text):,} characters)"
    return html.escape(text)


def notebook_curves(curves: Mapping[str, Iterable[float]], note: str = "") -> str:
    """Curves as a small SVG, to stand in a `notebook_card`.

    Each has a colour that is seen on white and on black. Of more than 200 values some
    are left out; of more than six curves the last, and it says how many. NaN leaves a
    gap.

    Args:
        curves: Dict from a name to the values, all on one scale.
        note: What the axes are.

    Returns:
        String: a `<figure>`; empty if there is nothing to draw.

    Example:

    >>> notebook_curves({"loss": [3.0, 2.0, 1.5]}).count("<polyline")
    1
    """
    names_shown = list(curves)[: len(_COLOURS)]
    given = {str(name): [float(v) for v in curves[name]] for name in names_shown}
    numbers = [v for values in given.values() for v in values if abs(v) < float("inf")]
    if not numbers:
        return ""
    low, high = min(numbers), max(numbers)
    longest = max(map(len, given.values()))
    every = -(-longest // 200)
    lines, names = [], []
    for (name, values), colour in zip(given.items(), _COLOURS, strict=False):
        parts: list[list[str]] = [[]]
        for place in range(0, len(values), every):
            if abs(values[place]) < float("inf"):
                x = 4 + 292 * place / max(longest - 1, 1)
                y = 66 - 60 * (values[place] - low) / ((high - low) or 1)
                parts[-1].append(f"{x:.1f},{y:.1f}")
            elif parts[-1]:
                parts.append([])
        lines += [
            f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" '
            f'points="{" ".join(part if len(part) > 1 else part * 2)}"/>'
            for part in parts
            if part
        ]
        names.append(f'<span style="color:{colour}">■</span> {_shown(name)}')
    if len(curves) > len(given):
        names.append(f"and {len(curves) - len(given)} more")
    scale = f"{low:.3g} to {high:.3g}{', ' if note else ''}{_shown(note)}"
    return (
        '<figure style="margin:.5em 0"><svg viewBox="0 0 300 72" width="300" '
        f'height="72" role="img">{"".join(lines)}</svg>'
        f"<figcaption>{' &nbsp; '.join(names)} ({scale})</figcaption></figure>"
    )


# Seen on white and on black; as many curves as can be told apart.
_COLOURS = ("#2f7fc1", "#c06a14", "#3a9a5b", "#b65fbf", "#c4473a", "#8a8a8a")
