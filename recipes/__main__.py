"""Lists the recipes: `python -m recipes`."""

import ast
import pkgutil
from pathlib import Path

import recipes


def main() -> None:
    """Prints a line for each recipe, without importing it."""
    for module in pkgutil.iter_modules(recipes.__path__):
        if module.ispkg:
            file = Path(recipes.__path__[0], module.name, "recipe.py")
            source = ast.parse(file.read_text("utf-8"))
            summary = (ast.get_docstring(source) or "").splitlines()[0]
            print(f"python -m recipes.{module.name:<20} {summary}")


if __name__ == "__main__":
    main()
