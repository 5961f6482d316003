"""From a guide to a notebook, and from a notebook that has run to what it showed.

A guide is Markdown; its Python blocks are the notebook's cells. Shell commands and
answers stay text, as does all that is folded away (`<details>`). A picture in a guide
is what the block above it draws: the notebook draws it anew.
"""

import ast
import base64
import json
import re
import subprocess
import tempfile
import time
from pathlib import Path

# What a guide needs beside the package itself, as extras of it or other packages.
NEEDS = {
    "from_pytorch": ("plots,text", "torch"),
    "sequences_and_words": ("plots,text",),
    "serve_it": ("plots,serving,text",),
    "text_and_music": ("music,plots,text",),
}
LIMIT = 180  # seconds that a notebook may take on two cores
INSTALL = """\
# Installs what this notebook needs where it is missing, as on Colab. A wheel that lies
# beside the notebook (`pip wheel --no-deps .` in a checkout makes one) comes first.
import glob, importlib.util, os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # none of TensorFlow's own notes
if importlib.util.find_spec("keras_seq") is None:
    package = next(iter(sorted(glob.glob("keras_seq-*.whl"))), "keras-seq")
    %pip install --quiet "{{package}}[{extras}]"{others}
from keras_seq.extras import quiet_import

quiet_import("tensorflow")"""
FENCE = re.compile(r"^```python\n(.*?)^```\n?", re.DOTALL | re.MULTILINE)
FOLDED = re.compile(r"^<details>.*?^</details>\n?", re.DOTALL | re.MULTILINE)
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)\n?")
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def parts(text):
    """A page in its order, as pairs of "text" or "code" and the source.

    Code that is folded away, as in a solution, is text: a fold can't hold a cell.
    """
    folds = [match.span() for match in FOLDED.finditer(text)]
    end = 0
    for match in FENCE.finditer(text):
        if any(start < match.start() < stop for start, stop in folds):
            continue
        yield "text", text[end : match.start()]
        yield "code", match[1].rstrip("\n")
        end = match.end()
    yield "text", text[end:]


def notebook(text, name, guides):
    """A guide as a notebook, in nbformat 4.5, with a first cell that installs.

    Args:
        text: The guide's Markdown.
        name: The guide's name, without `.md`.
        guides: Names of all guides; links to them lead to their notebooks. Of other
            links within the project, which a notebook can't follow, the words stay.

    Returns:
        Dict, to be written as JSON.

    Raises:
        ValueError: If a picture follows no code that could draw it.
    """
    extras, *others = NEEDS.get(name, ("plots",))
    title, _, rest = text.partition("\n")
    first = (
        f"{title}\n\nMade from the guide `docs/{name}.md`. The first cell installs "
        "what is missing; then run the cells from top to bottom."
    )
    install = INSTALL.format(
        extras=extras, others="".join(f" {each}" for each in others)
    )
    cells = [_cell("markdown", first), _cell("code", install)]
    for kind, source in parts(rest):
        if kind == "code":
            cells.append(_cell("code", _quiet(source)))
            continue
        match = PICTURE.match(source.lstrip("\n"))
        if match and cells[-1]["cell_type"] == "code" and len(cells) > 2:
            source = source.lstrip("\n")[match.end() :]
        if match := PICTURE.search(FENCE.sub("", source)):
            raise ValueError(f"docs/{name}.md: no block just above draws {match[2]}")
        if source.strip():
            cells.append(_cell("markdown", LINK.sub(_link(guides), source).strip()))
    for number, cell in enumerate(cells):
        cell["id"] = f"{name}-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _cell(kind, source):
    cell = {"cell_type": kind, "metadata": {}, "source": source}
    return (
        cell if kind == "markdown" else cell | {"execution_count": None, "outputs": []}
    )


def _quiet(source):
    """A `fit` that ends a cell would show an object that says nothing."""
    last = ast.parse(source).body[-1:]
    called = [each.value.func for each in last if _is_call(each)]
    if called and isinstance(called[0], ast.Attribute) and called[0].attr == "fit":
        return source + ";"
    return source


def _is_call(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)


def _link(guides):
    def follow(match):
        words, target = match.groups()
        if target.startswith(("https://", "http://")):
            return match[0]
        name = target.partition("#")[0].removesuffix(".md")
        return f"[{words}]({name}.ipynb)" if name in guides else words

    return follow


def run(made, environment=None):
    """Runs a notebook from top to bottom in an empty folder.

    Args:
        made: The notebook's dict.
        environment: Variables of its process; None for those of this one.

    Returns:
        The same with what its cells showed, and the seconds that it took, its start
        included.

    Raises:
        nbclient.exceptions.CellExecutionError: If a cell fails.
    """
    import nbclient
    import nbformat

    node = nbformat.from_dict(made)
    nbformat.validate(node)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        client = nbclient.NotebookClient(
            node,
            timeout=LIMIT,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
        )
        # What TensorFlow says to the terminal is of this machine, not of the guide.
        quiet = {"stderr": subprocess.DEVNULL}
        client.execute(**quiet, **({"env": environment} if environment else {}))
    for cell in node.cells:
        cell.metadata.pop("execution", None)  # when, which changes with every run
        if cell.cell_type == "code":
            cell.outputs = [
                each for each in cell.outputs if each.get("name") != "stderr"
            ]
    return json.loads(nbformat.writes(node)), time.monotonic() - started


def shown(made):
    """What each of a guide's blocks showed, as a list of texts, pictures and HTML.

    The first code cell, which installs, is none of the guide's.
    """
    code = [cell for cell in made["cells"] if cell["cell_type"] == "code"][1:]
    return [list(_outputs(cell)) for cell in code]


def _outputs(cell):
    for output in cell["outputs"]:
        data = output.get("data", {})
        if output["output_type"] == "stream" and output["name"] == "stdout":
            yield "text", "".join(output["text"])
        elif "image/png" in data:
            yield "picture", base64.b64decode("".join(data["image/png"]))
        elif "text/html" in data:
            yield "html", "".join(data["text/html"])
        elif " at 0x" not in (text := "".join(data.get("text/plain", ""))) and text:
            yield "text", text


def page(text, outputs, folder, name):
    """A guide's Markdown with what its blocks showed below each, and its pictures.

    Args:
        text: The guide's Markdown.
        outputs: `shown` of its notebook, which ran.
        folder: Where the guide lies; pictures are written to `pictures/` in it.
        name: The guide's name.

    Returns:
        Markdown, in which a picture of the guide's is replaced by the one drawn; and a
        dict from the file of each such picture to what was drawn.
    """
    remaining = iter(outputs)
    made, drawn, renewed = [], [], {}
    for kind, source in parts(text):
        if kind == "text":
            match = PICTURE.match(source.lstrip("\n"))
            if match and drawn:
                source = "\n" + source.lstrip("\n")[match.end() :]
                file = drawn[-1].partition("(")[2]
                drawn[-1] = f"![{match[1]}]({file}"
                renewed[match[2]] = Path(folder, file.rstrip(")")).read_bytes()
            made += [f"\n{each}\n" for each in drawn]
            drawn = []
            made.append(source)
            continue
        made.append(f"```python\n{source}\n```\n")
        for what, value in next(remaining):
            if what == "picture":
                file = Path(folder, "pictures", f"{name}_{len(made)}.png")
                file.write_bytes(value)
                drawn.append(f"![What the block above draws](pictures/{file.name})")
            elif what == "html":
                made.append(f'\n<div class="shown">{_one_line(value)}</div>\n')
            else:
                made.append(f"\n``` {{ .text .shown }}\n{value.rstrip()}\n```\n")
    return "".join(made), renewed


def _one_line(markup):
    return re.sub(r"\s*\n\s*", " ", markup)
