"""A run's report: one page that stands by itself."""

import base64
import datetime
import html
import mimetypes
import os
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from keras_seq.extras import notebook_card

_STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --faint: #555;
        --line: #ddd; --shade: #f5f5f5; --link: #0b57d0; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e8; --paper: #16181c; --faint: #b0b4ba; --line: #3a3d42;
          --shade: #23262b; --link: #8ab4f8; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink);
       background: var(--paper); max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       overflow-wrap: break-word; }
a { color: var(--link); }
h1, h2, h3 { line-height: 1.2; } h2 { margin-top: 2.5rem; }
table { border-collapse: collapse; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .8rem;
         text-align: right; font-weight: normal; }
th:first-child, td:first-child { text-align: left; }
thead th { font-weight: bold; }
pre { background: var(--shade); padding: .8rem; overflow-x: auto; font-size: 14px; }
figure { margin: 1.5rem 0; } figcaption { color: var(--faint); font-size: 14px; }
img, .paper { background: #fff; color: #1a1a1a; } .paper { padding: .5rem; }
img { max-width: 100%; height: auto; }
.scroll { overflow-x: auto; margin: 1rem 0; } .scroll img { max-width: none; }
.notice { border: 2px solid #c77700; padding: .6rem 1rem; }
nav ul { columns: 18rem; padding-left: 1.2rem; } audio { width: 100%; }
"""
_NAMED = ("keras-seq", "keras", "tensorflow")
_LARGEST_SHOWN = 5_000_000  # characters of a page in a notebook
QUICK = "A quick run: it shows that everything works, and not what the recipe can do."


class Report:
    """Collects headings, words, tables, pictures and sounds into one HTML page.

    Everything is inside the file: it can be mailed or kept. Text is escaped.

    Args:
        title: Title of the page.
        metrics: What the run's metrics.json will hold, of which the page ends with
            the settings, beside the machine and the versions; and begins with a notice
            where the run was `quick`. None for a page that is of no run.

    Example:

    >>> report = Report("A run")
    >>> report.heading("Figures")
    >>> report.table([["", "test"], ["loss", 1.0312]])
    >>> "<td>1.031</td>" in report.html()
    True
    """

    def __init__(self, title: str, metrics: Mapping[str, Any] | None = None) -> None:
        self.title = title
        self._metrics = metrics
        self._parts: list[str] = []
        self._headings: list[str] = []

    def __repr__(self) -> str:
        return f"Report({self.title!r}, {len(self._parts)} parts)"

    def _repr_html_(self) -> str:
        page = self.html()
        if len(page) > _LARGEST_SHOWN:
            size = f"{len(page) / 1e6:.1f} MB: write `html()` to a file, and open that"
            return notebook_card(repr(self), [("too large to be shown", size)])
        # By itself: its style is not the notebook's, and nothing in it can run.
        return (
            f'<iframe sandbox="" srcdoc="{html.escape(page)}" '
            f'title="{html.escape(self.title)}" '
            'style="width:100%;height:36em;border:1px solid #888"></iframe>'
        )

    def heading(self, text: str, level: Literal[2, 3] = 2) -> None:
        """Adds a heading; `level` is 2 or 3."""
        if level not in (2, 3):
            raise ValueError(f"`level` must be 2 or 3; received {level!r}.")
        place = ""
        if level == 2:
            self._headings.append(html.escape(text))
            place = f' id="part-{len(self._headings)}"'
        self._parts.append(f"<h{level}{place}>{html.escape(text)}</h{level}>")

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
        columns = "".join(f'<th scope="col">{cell}</th>' for cell in head)
        lines = [f"<thead><tr>{columns}</tr></thead>"]
        for first, *others in body:
            cells = "".join(f"<td>{cell}</td>" for cell in others)
            lines.append(f'<tr><th scope="row">{first}</th>{cells}</tr>')
        self._parts.append(
            '<div class="scroll" tabindex="0"><table>\n'
            + "\n".join(lines)
            + "\n</table></div>"
        )

    def picture(
        self,
        path: str | os.PathLike[str],
        caption: str = "",
        *,
        alt: str = "",
        scroll: bool = False,
    ) -> None:
        """Adds a PNG, JPEG or SVG file.

        Args:
            path: The file.
            caption: What stands under it.
            alt: What is to be seen, for those who can't see it; not the caption again.
            scroll: Whether a picture wider than the page keeps its size and is
                moved under a scroll bar, instead of shrinking to the page.
        """
        picture = f'<img src="{_inline(path, "image")}" alt="{html.escape(alt)}">'
        if scroll:
            picture = f'<div class="scroll" tabindex="0">{picture}</div>'
        self._figure(picture, caption)

    def audio(self, path: str | os.PathLike[str], caption: str = "") -> None:
        """Adds a player for a sound file."""
        source = _inline(path, "audio")
        label = html.escape(caption or Path(path).name)
        player = f'<audio controls aria-label="{label}" src="{source}"></audio>'
        self._figure(player, caption)

    def fragment(self, fragment: str, caption: str = "") -> None:
        """Adds HTML as it stands, such as `UnitText.html` gives; it isn't escaped.

        Args:
            fragment: HTML with every tag closed.
            caption: What stands under it.
        """
        self._figure(f'<div class="paper">{fragment}</div>', caption)

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
                '<meta name="viewport" content="width=device-width, initial-scale=1">',
                f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>",
                f"<h1>{title}</h1>",
                *self._notice(),
                *self._contents(),
                *self._parts,
                *self._provenance(),
                "</body>\n</html>\n",
            ]
        )

    def _notice(self) -> list[str]:
        if self._metrics is None or not self._metrics["config"].get("quick"):
            return []
        return [f'<p class="notice">{QUICK}</p>']

    def _contents(self) -> list[str]:
        if len(self._headings) < 3:
            return []
        links = [
            f'<li><a href="#part-{number}">{heading}</a></li>'
            for number, heading in enumerate(self._headings, 1)
        ]
        return ['<nav aria-label="Contents"><ul>', *links, "</ul></nav>"]

    def _provenance(self) -> list[str]:
        """How the run was made: its command, settings, versions and machine."""
        if self._metrics is None:
            return []
        made = Report("")
        given = self._metrics["config"]
        recipe = self._metrics.get("recipe", "NAME")
        made.text(
            f"python -m recipes.{recipe}, {datetime.date.today().isoformat()}; "
            f"{self._metrics.get('train_seconds', 0):.0f} s of training, "
            f"{os.cpu_count()} cores ({platform.machine()}, {platform.system()}); "
            f"Python {platform.python_version()}{''.join(map(_version, _NAMED))}."
        )
        made.table([["setting", "value"], *sorted(given.items())])
        return [
            "<details>\n<summary>How this was made</summary>",
            *made._parts,
            "</details>",
        ]

    def _figure(self, content: str, caption: str) -> None:
        self._parts.append(
            f"<figure>{content}<figcaption>{html.escape(caption)}</figcaption></figure>"
        )


def _version(package: str) -> str:
    try:
        return f", {package} {version(package)}"
    except PackageNotFoundError:  # as TensorFlow may have another name
        return ""


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
