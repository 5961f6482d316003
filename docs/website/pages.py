"""Lays the site's Markdown out in a folder, as it lies in the project."""

import ast
import functools
import importlib
import inspect
import re
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GUIDES = "docs"
ALONE = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")
# Not a guide: the page of a package index.
LEFT_OUT = ("package.md",)
LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")
# Rooms in the order in which a reader meets them.
ROOMS = (
    *("layers", "diagnostics", "decoding", "text", "text.corpora", "vision", "music"),
    *("music.abc", "music.grammar", "music.rendering", "serving", "training", "runs"),
    *("ops", "files", "extras", "typing"),
)


def guides():
    """The names of the guides, without `.md`."""
    found = (path for path in sorted((ROOT / GUIDES).glob("*.md")))
    return [p.stem for p in found if p.name not in ("README.md", *LEFT_OUT)]


def public_names(room):
    """The names of a room's `__all__`; none of a module that has no such list."""
    path = ROOT.joinpath("keras_seq", *room.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return ast.literal_eval(node.value)
    return []


def lay_out(folder):
    """Copies and makes all pages but the guides, which come as they are.

    Args:
        folder: An empty folder.
    """
    for name in ALONE:
        shutil.copy(ROOT / name, folder / name)
    for page in (ROOT / "benchmarks" / "README.md", *ROOT.glob("recipes/*/*.md")):
        _copy(page, folder)
    for picture in ROOT.glob("recipes/*/*.png"):
        _copy(picture, folder)
    shutil.copytree(ROOT / GUIDES / "pictures", folder / GUIDES / "pictures")
    for page in (ROOT / GUIDES).glob("*.md"):
        if page.name not in LEFT_OUT:
            _copy(page, folder)
    shutil.copy(Path(__file__).with_name("style.css"), folder / "style.css")
    (folder / "api").mkdir()
    for room in ROOMS:
        (folder / "api" / f"{room}.md").write_text(reference(room), "utf-8")


def _copy(path, folder):
    to = folder / path.relative_to(ROOT)
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, to)


def reference(room):
    """A room's page: its docstring, and each public name's."""
    module, names = importlib.import_module(f"keras_seq.{room}"), public_names(room)
    members = "false" if names else "true"
    lines = [f"# keras_seq.{room}", "", f"::: keras_seq.{room}", "    options:"]
    lines += [f"      members: {members}", "      show_root_heading: false"]
    lines += ["      show_root_toc_entry: false", ""]
    for name in names:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            lines += [f"::: keras_seq.{room}.{name}", ""]
        else:
            lines += [f"## `{name}`", "", f"```python\n{name} = {value!r}\n```", ""]
    return "\n".join(lines)


def finish(folder):
    """Has links to sources lead to pages that show them; opens folds to Markdown."""
    for page in sorted(folder.rglob("*.md")):
        text = page.read_text("utf-8")
        made = LINK.sub(functools.partial(_to_source, page=page, folder=folder), text)
        made = made.replace("<details>", '<details markdown="1">')
        if made != text:
            page.write_text(made, "utf-8")


def _to_source(match, page, folder):
    target = match[2]
    if re.match(r"[a-z]+:", target) or not target.endswith(".py"):
        return match[0]
    file = (ROOT / page.parent.relative_to(folder) / target).resolve()
    shown = folder / file.relative_to(ROOT).with_name(f"{file.stem}_source.md")
    fence = f"``` {{ .python title='{file.name}' }}\n{file.read_text('utf-8')}```\n"
    # Found by a search for what it does, it would hide the page that tells.
    head = "---\nsearch:\n  exclude: true\n---\n"
    title = file.relative_to(ROOT).as_posix()
    shown.write_text(f"{head}# {title}\n\n{fence}", "utf-8")
    return f"{match[1]}{target[:-3]}_source.md{match[3]}"


def asks_outside(site):
    """What the built pages would fetch from other machines, as lines."""
    fetched = re.compile(
        r"<(?:script|img|iframe|source|link(?! rel=.?canonical))\b[^>]*?"
        r"(?:src|href)=[\"']?((?:https?:)?//[^\"'\s>]+)"
    )
    in_styles = re.compile(r"(?:url\(|@import )[\"']?((?:https?:)?//[^\"')]+)")
    for kind, pattern in (("html", fetched), ("css", in_styles)):
        for file in sorted(Path(site).rglob(f"*.{kind}")):
            for target in pattern.findall(file.read_text("utf-8")):
                yield f"{file.relative_to(site)}: {target}"
