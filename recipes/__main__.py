"""Lists the recipes: `python -m recipes`; `python -m recipes NAME ...` runs one.

`python -m recipes --completion` prints what bash needs to complete their commands.
"""

import ast
import difflib
import os
import pkgutil
import runpy
import sys
from pathlib import Path

import recipes


def main() -> None:
    """Prints a line for each recipe, without importing it; or runs one by its name."""
    names = [found.name for found in pkgutil.iter_modules(recipes.__path__)]
    names = [name for name in names if Path(recipes.__path__[0], name).is_dir()]
    given = sys.argv[1].replace("-", "_") if len(sys.argv) > 1 else ""
    if given in names:
        del sys.argv[1]
        runpy.run_module(f"recipes.{given}", run_name="__main__", alter_sys=True)
        return
    if given == "__completion":
        file = Path(recipes.__path__[0], "completion.bash")
        print(file.read_text("utf-8"), end="")
        return
    if given.strip("_") not in ("", "h", "help"):
        nearest = difflib.get_close_matches(given.lower(), names, 1)
        hint = f" Did you mean {nearest[0]}?" if nearest else ""
        print(f"{sys.argv[1]!r} is not a recipe.{hint}\n", file=sys.stderr)
        print(*_lines(names), sep="\n", file=sys.stderr)
        raise SystemExit(2)
    try:
        print(*_lines(names), sep="\n", flush=True)
    except BrokenPipeError:  # nobody reads on, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None


def _lines(names: list[str]) -> list[str]:
    width = max(map(len, names), default=0)
    lines = []
    for name in names:
        file = Path(recipes.__path__[0], name, "recipe.py")
        summary = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "\n"
        lines.append(f"python -m recipes.{name:<{width}}  {summary.splitlines()[0]}")
    return [*lines, "", "Each has --help, and so has each of its commands."]


if __name__ == "__main__":
    main()
