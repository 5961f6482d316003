"""What a module's functions ask, read from its source: nothing heavy is imported.

`python -m recipes.NAME --help` needs the signatures and docstrings of functions whose
module takes seconds to import. The statements that these hang on are run by
themselves, the functions without their bodies.
"""

import ast
import builtins
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any


def description(module: str) -> str:
    """The docstring of a module."""
    return ast.get_docstring(_tree(module)) or ""


def outline(module: str, name: str) -> Callable[..., Any]:
    """A function with the signature and the docstring of one in a module.

    Args:
        module: The module's dotted name. The packages that it is in are imported.
        name: Name of a function, or of the result of a call that makes one.

    Returns:
        Function; it does nothing.

    Raises:
        NameError: If the source doesn't say what its signature hangs on.
    """
    body = _tree(module).body
    found: dict[tuple[int, int], ast.stmt] = {}
    wanted, seen = [name], set(dir(builtins))
    while wanted:
        one = wanted.pop()
        if one in seen:
            continue
        seen.add(one)
        place, statement = _binding(body, one, module)
        found[place] = statement
        wanted += [n.id for n in ast.walk(statement) if isinstance(n, ast.Name)]
    # Two names may come of one import: each has its own copy, in the source's order.
    parts = [found[place] for place in sorted(found)]
    code = compile(ast.Module(parts, []), f"<what {module} asks>", "exec")
    names: dict[str, Any] = {"__name__": module}
    exec(code, names)
    return names[name]


def _tree(module: str) -> ast.Module:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no module named {module!r}", name=module)
    return ast.parse(Path(spec.origin).read_text("utf-8"))


def _binding(
    body: list[ast.stmt], name: str, module: str
) -> tuple[tuple[int, int], ast.stmt]:
    """The last statement of a module that gives a name its value, and its place."""
    for place, node in reversed(list(enumerate(body))):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            documented = ast.get_docstring(node, clean=False)
            node.body = [ast.Expr(ast.Constant(documented or ""))]
            node.returns = None
            return (place, 0), ast.fix_missing_locations(node)
        if isinstance(node, ast.Assign) and name in map(ast.unparse, node.targets):
            return (place, 0), node
        if isinstance(node, ast.Import | ast.ImportFrom):
            for number, alias in enumerate(node.names):
                if (alias.asname or alias.name.split(".")[0]) == name:
                    if isinstance(node, ast.Import):
                        alone: ast.stmt = ast.Import([alias])
                    else:
                        alone = ast.ImportFrom(node.module, [alias], node.level)
                    return (place, number), ast.copy_location(alone, node)
    raise NameError(f"{name!r} is not defined at the top of {module}")
