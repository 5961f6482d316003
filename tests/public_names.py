"""The public names of the package: `python -m tests.public_names` writes the list.

It is committed, so that a name that comes, goes or changes is seen as a difference.
"""

import ast

from tests.house import PUBLIC_MODULES, ROOT, exported, rooms

FILE = ROOT / "tests" / "public_names.txt"


def _defined(root, module):
    """The names that a module without `__all__` defines for others."""
    path = root.joinpath(*module.split(".")).with_suffix(".py")
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            yield ast.unparse(target)


def listed(root=ROOT):
    """One `room.name` a line, sorted."""
    names = [f"{room}.{name}" for room in rooms(root) for name in exported(root, room)]
    for module in PUBLIC_MODULES:
        names += [f"{module}.{name}" for name in _defined(root, module)]
    return sorted(name for name in names if not name.split(".")[-1].startswith("_"))


if __name__ == "__main__":
    FILE.write_text("".join(f"{name}\n" for name in listed()), "utf-8")
    print("wrote", FILE)
