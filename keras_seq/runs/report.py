"""A run's report: one page that stands by itself."""

import base64
import html
import mimetypes
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff;
       max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; } h2 { margin-top: 2.5rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { border-bottom: 1px solid #ddd; padding: .3rem .8rem; text-align: right; }
th:first-child, td:first-child { text-align: left; }
pre { background: #f5f5f5; padding: .8rem; overflow-x: auto; font-size: 14px; }
figure { margin: 1.5rem 0; } figcaption { color: #555; font-size: 14px; }
img { max-width: 100%; height: auto; }
.scroll { overflow-x: auto; } .scroll img { max-width: none; } audio { width: 100%; }
"""


class Report:
    """Collects headings, words, tables, pictures and sounds into one HTML page.

    Everything is inside the file: it can be mailed or kept. Text is escaped.

    Args:
        title: Title of the page.

    Example:

    >>> report = Report("A run")
    >>> report.heading("Figures")
    >>> report.table([["", "test"], ["loss", 1.0312]])
    >>> "<td>1.031</td>" in report.html()
    True
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._parts: list[str] = []

    def heading(self, text: str, level: Literal[2, 3] = 2) -> None:
        """Adds a heading; `level` is 2 or 3."""
        if level not in (2, 3):
            raise ValueError(f"`level` must be 2 or 3; received {level!r}.")
        self._parts.append(f"<h{level}>{html.escape(text)}</h{level}>")

    def text(self, text: str) -> None:
        """Adds paragraphs, parted by empty lines."""
        for paragraph in text.split("\n\n"):
            self._parts.append(f"<p>{html.escape(paragraph.strip())}</p>")

    def code(self, text: str) -> None:
        """Adds preformatted text."""
        self._parts.append(f"<pre>\n{html.escape(text)}</pre>")

    def table(self, rows: Iterable[Iterable[object]]) -> None:
        """Adds a table; the first row is its head. Floats get 4 digits."""
        given = [list(row) for row in rows]
        if not given or len({len(row) for row in given}) > 1:
            raise ValueError(
                f"`rows` must be rows of one length, at least one; received {given!r}."
            )
        head, *body = [[_cell(value) for value in row] for row in given]
        lines = ["<tr>" + "".join(f"<th>{c}</th>" for c in head) + "</tr>"]
        lines += ["<tr>" + "".join(f"<td>{c}</td>" for c in r) + "</tr>" for r in body]
        self._parts.append("<table>\n" + "\n".join(lines) + "\n</table>")

    def picture(
        self, path: str | os.PathLike[str], caption: str = "", *, scroll: bool = False
    ) -> None:
        """Adds a PNG, JPEG or SVG file.

        Args:
            path: The file.
            caption: What stands under it.
            scroll: Whether a picture wider than the page keeps its size and is
                moved under a scroll bar, instead of shrinking to the page.
        """
        picture = f'<img src="{_inline(path, "image")}" alt="{html.escape(caption)}">'
        if scroll:
            picture = f'<div class="scroll">{picture}</div>'
        self._figure(picture, caption)

    def audio(self, path: str | os.PathLike[str], caption: str = "") -> None:
        """Adds a player for a sound file."""
        source = _inline(path, "audio")
        self._figure(f'<audio controls src="{source}"></audio>', caption)

    def fragment(self, fragment: str, caption: str = "") -> None:
        """Adds HTML as it stands, such as `UnitText.html` gives; it isn't escaped.

        Args:
            fragment: HTML with every tag closed.
            caption: What stands under it.
        """
        self._figure(fragment, caption)

    def serving(self, name: str, about: str = "") -> None:
        """Adds the part that says how the run's export is tried out.

        Args:
            name: Name of the model, the recipe's.
            about: What goes in and what comes out, where there is more to say than
                that saved_model/ is ready.
        """
        about = about or "saved_model/ is ready for TensorFlow Serving."
        self.heading("Serving it")
        self.text(f"{about} To try it, in this folder:")
        self.code(
            f"python -m keras_seq.serving saved_model --name {name}\n"
            "python saved_model/1/assets.extra/client_rest.py"
        )

    def html(self) -> str:
        """The page."""
        title = html.escape(self.title)
        return "\n".join(
            [
                '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
                f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>",
                f"<h1>{title}</h1>",
                *self._parts,
                "</body>\n</html>\n",
            ]
        )

    def _figure(self, content: str, caption: str) -> None:
        self._parts.append(
            f"<figure>{content}<figcaption>{html.escape(caption)}</figcaption></figure>"
        )


def _cell(value: object) -> str:
    if isinstance(value, (float, np.floating)):
        return f"{value:.4g}"
    return "" if value is None else html.escape(str(value))


def _inline(path: str | os.PathLike[str], expected: str) -> str:
    path = Path(path)
    kind = mimetypes.guess_type(path.name)[0] or "unknown"
    if not kind.startswith(f"{expected}/"):
        raise ValueError(f"`path` must be an {expected} file; received {str(path)!r}.")
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
