"""Who imports whom, read from the source alone; what is found is what is wrong.

Every check takes the folder in which `keras_seq/` and `recipes/` stand, so that it
can be shown a tree that is wrong, and returns lines that say where and what.
"""

import ast
import dataclasses
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# What each room may import beside itself. What a line doesn't name it may not.
_LOW = ("typing",)
_AIDS = ("_folders", "_version", "extras", "files", "typing")
_CORE = ("ops", "layers")
_MIDDLE = ("serving", "training", "runs", "diagnostics")
MAY_IMPORT = {
    **dict.fromkeys(_AIDS, ()),
    "ops": _LOW,
    "layers": ("ops", *_LOW),
    "decoding": _LOW,
    **dict.fromkeys(_MIDDLE, (*_CORE, *_AIDS)),
    "text": (*_MIDDLE, *_CORE, "decoding", *_AIDS),
    "music": ("text", *_MIDDLE, *_CORE, "decoding", *_AIDS),
    "vision": ("text", *_MIDDLE, *_CORE, "decoding", *_AIDS),
}
# Rooms that stand on Keras and the backend in use, which they import when called.
LEAN = ("ops", "layers", "decoding")
LEAN_IMPORTS = {"keras", "numpy", "keras_seq", *sys.stdlib_module_names}
BACKENDS = {"tensorflow", "jax", "torch"}
# Modules beside the rooms whose names without an underscore are public.
PUBLIC_MODULES = ("keras_seq.extras", "keras_seq.files", "keras_seq.typing")
LONGEST = 400
LECTURE = 300  # lines of a recipe.py, whose `train` ends by the line TRAINED
TRAINED = 120
# Benchmarks time these, apart from what makes and calls them.
TIMED = {
    "keras_seq.diagnostics.gate_activity.ActivityFunction",
    "keras_seq.diagnostics.gradient_flow.FlowFunction",
}


@dataclasses.dataclass(frozen=True)
class Import:
    """One name that a file imports.

    Attributes:
        file: The file's path, from the root.
        line: Where.
        module: The dotted module, absolute.
        name: What is taken from it; None for `import module`.
        local: What it is called in the file.
        inside: Whether it stands inside a function.
    """

    file: str
    line: int
    module: str
    name: str | None
    local: str
    inside: bool

    @property
    def dotted(self):
        return f"{self.module}.{self.name}" if self.name else self.module

    def __str__(self):
        return f"{self.file}:{self.line} imports {self.dotted}"


def _module_of(file):
    parts = Path(file).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _is_for_checkers(node):
    """Whether a statement is `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports_in(source, file) -> Iterator[Import]:
    """The imports of a source; those for type checkers alone count as none."""

    def walk(nodes, inside):
        for node in nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    local = alias.asname or alias.name.split(".")[0]
                    yield Import(file, node.lineno, alias.name, None, local, inside)
            elif isinstance(node, ast.ImportFrom):
                module = node.module or ""
                if node.level:
                    above = Path(file).parts[: -node.level]
                    module = ".".join([*above, *filter(None, [module])])
                for alias in node.names:
                    local = alias.asname or alias.name
                    yield Import(file, node.lineno, module, alias.name, local, inside)
            elif _is_for_checkers(node):
                yield from walk(node.orelse, inside)
            else:
                function = isinstance(
                    node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
                )
                yield from walk(ast.iter_child_nodes(node), inside or function)

    yield from walk(ast.parse(source).body, False)


def sources(root, *folders):
    """The path from the root and the text of every Python file in the folders."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            yield path.relative_to(root).as_posix(), path.read_text("utf-8")


def exported(root, module):
    """The names in the `__all__` of a package or module; None where it has none."""
    path = root.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not file.exists():
        return None
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return ast.literal_eval(node.value)
    return None


def rooms(root):
    """The packages that have public names, as dotted names, private ones left out."""
    for path in sorted((root / "keras_seq").rglob("__init__.py")):
        module = _module_of(path.relative_to(root))
        if "._" not in module and exported(root, module):
            yield module


def upward_imports(root):
    """Imports between rooms that the chain doesn't allow."""
    for file, source in sources(root, "keras_seq", "recipes"):
        package, here = Path(file).with_suffix("").parts[:2]
        above = ("tests", "benchmarks")
        if package == "keras_seq":
            above += ("recipes",)
        for each in imports_in(source, file):
            first, *rest = each.dotted.split(".")
            below = first == "keras_seq" and package == first and here != "__init__"
            # `import keras_seq` alone could reach every room.
            if first in above or (
                below and (not rest or rest[0] not in (here, *MAY_IMPORT[here]))
            ):
                yield str(each)


def imports_between_recipes(root):
    """Imports of one recipe by another."""
    for file, source in sources(root, "recipes"):
        here = Path(file).parts
        for each in imports_in(source, file) if len(here) > 2 else ():
            parts = each.dotted.split(".")
            if parts[0] == "recipes" and parts[1:2] != [here[1]]:
                yield str(each)


def heavy_imports(root):
    """What the lean rooms import beside Keras, or too soon."""
    for file, source in sources(root, *(f"keras_seq/{room}" for room in LEAN)):
        for each in imports_in(source, file):
            package = each.module.split(".")[0]
            allowed = LEAN_IMPORTS | BACKENDS if each.inside else LEAN_IMPORTS
            if package not in allowed:
                yield str(each)


def import_graph(root):
    """For every file, the files that it imports."""
    files = dict(sources(root, "keras_seq", "recipes"))
    file_of = {_module_of(file): file for file in files}
    return {
        file: {
            file_of.get(each.dotted) or file_of.get(each.module)
            for each in imports_in(source, file)
        }
        - {None}
        for file, source in files.items()
    }


def cycles(root):
    """A line for each group of files that import each other (Tarjan's algorithm)."""
    graph = import_graph(root)
    order, low, stack, found = {}, {}, [], []

    def visit(file):
        order[file] = low[file] = len(order)
        stack.append(file)
        for other in sorted(graph[file]):
            if other not in order:
                visit(other)
                low[file] = min(low[file], low[other])
            elif other in stack:
                low[file] = min(low[file], order[other])
        if low[file] == order[file]:
            group = [stack.pop()]
            while group[-1] != file:
                group.append(stack.pop())
            if len(group) > 1 or file in graph[file]:
                found.append(" <-> ".join(sorted(group)))

    for file in graph:
        if file not in order:
            visit(file)
    return found


def _attributes(tree):
    """Every `a.b.c` in a tree, longest only, as its line and its parts."""
    inner = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node not in inner:
            parts, line, here = [], node.lineno, node
            while isinstance(here, ast.Attribute):
                parts.append(here.attr)
                here = here.value
                inner.add(here)
            if isinstance(here, ast.Name):
                yield line, (here.id, *reversed(parts))


class Public:
    """What outsiders may take of the package in a folder."""

    def __init__(self, root):
        self._names = {room: exported(root, room) for room in rooms(root)}
        self.modules = {"keras_seq", *PUBLIC_MODULES, *self._names}

    def has(self, module, name):
        """Whether a name of a module, or the module itself, is public."""
        dotted = f"{module}.{name}" if name else module
        if any(part.startswith("_") for part in dotted.split(".")):
            return False
        return (
            dotted in self.modules
            or module in PUBLIC_MODULES
            or name in self._names.get(module, ())
        )


def private_names_in(public, source, file):
    """What a source takes of `keras_seq` that isn't public."""
    bound = {}
    for each in imports_in(source, file):
        parts = each.dotted.split(".")
        if parts[0] == "recipes" and any(part.startswith("_") for part in parts):
            yield str(each)
        elif parts[0] == "keras_seq":
            if not public.has(each.module, each.name):
                yield str(each)
            # A module's attributes are names that are taken from it too.
            bound[each.local] = each.dotted if each.name else each.local
    for line, (first, *rest) in _attributes(ast.parse(source)):
        module = bound.get(first, "")
        while rest and f"{module}.{rest[0]}" in public.modules:
            module = f"{module}.{rest.pop(0)}"
        if rest and module in public.modules and not public.has(module, rest[0]):
            yield f"{file}:{line} uses {module}.{rest[0]}"


def private_names(root):
    """What recipes, pages and benchmarks take of the package that isn't public."""
    public = Public(root)
    for file, source in sources(root, "recipes"):
        yield from private_names_in(public, source, file)
    for file, source in sources(root, "benchmarks"):
        for line in private_names_in(public, source, file):
            if line.split()[-1] not in TIMED:
                yield line
    for page in pages(root):
        file = page.relative_to(root).as_posix()
        for source in python_blocks(page):
            yield from private_names_in(public, source, file)


def pages(root):
    """The pages for users that hold Python."""
    found = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    found += sorted((root / "recipes").glob("*/README.md"))
    return [p for p in found if p.exists() and "```python" in p.read_text("utf-8")]


def python_blocks(page):
    """The sources of a page's Python, each with the page's line numbers.

    As many empty lines come before the code as the page has, so that a traceback
    shows the page's line.
    """
    text = page.read_text("utf-8")
    for block in re.finditer(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        yield "\n" * text.count("\n", 0, block.start(1)) + block.group(1)


def long_files(root):
    """Files with more lines than anybody reads."""
    for file, source in sources(root, "keras_seq", "recipes", "tests", "benchmarks"):
        lines = source.count("\n")
        if lines > LONGEST:
            yield f"{file} has {lines} lines"


def hidden_lectures(root):
    """What keeps a recipe from being read from top to bottom in its recipe.py."""
    for file, source in sources(root, "recipes"):
        tree = ast.parse(source)
        if not file.endswith("/recipe.py"):
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    owner, name = ast.unparse(node.func.value), node.func.attr
                    if name == "compile" and owner != "re":
                        yield f"{file}:{node.lineno} compiles a model"
            continue
        if (lines := source.count("\n")) > LECTURE:
            yield f"{file} has {lines} lines"
        for node in tree.body:
            if getattr(node, "name", "") == "train" and node.end_lineno > TRAINED:
                yield f"{file}: train ends at line {node.end_lineno}"
