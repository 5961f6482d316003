#!/usr/bin/env python3
"""Builds the source archive and the wheel, and uses them outside the checkout.

    python3 .ci/package.py [FOLDER]

leaves both in FOLDER (default: dist). In an empty environment with nothing but the
wheel and what it asks for, the README's Python is run, the recipes are listed, and
one of them is trained, `--quick`.
"""

import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IN_SOURCE = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
    "LICENSE",
    "bootstrap.py",
    "benchmarks/README.md",
    "docs/package.md",
    "docs/pictures/music.png",
    "docs/recurrence_by_hand.md",
    "keras_seq/py.typed",
    "recipes/translation/README.md",
    "tests/public_names.txt",
    "tests/test_house.py",
)
IN_WHEEL = (
    "keras_seq/py.typed",
    "keras_seq/_version.py",
    "keras_seq/serving/replay.c",
    "recipes/completion.bash",
    "recipes/next_word/on_sequences.md",
    "recipes/sentiment/recipe.py",
)
BLOCKS = """
import pathlib, re, sys
text = pathlib.Path(sys.argv[1]).read_text("utf-8")
for block in re.findall(r"^```python\\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
    exec(block)
import keras_seq
print(keras_seq.__version__, keras_seq.__file__)
assert sys.prefix in keras_seq.__file__
"""


def require(names, expected, kind):
    """Ends if an archive lacks a file."""
    missing = [name for name in expected if name not in names]
    if missing:
        sys.exit(f"{kind} lacks {missing}")


def tracked():
    """The files that git knows, but for its own; none outside a checkout."""
    git = ["git", "-C", str(ROOT), "ls-files"]
    try:
        done = subprocess.run(git, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return [name for name in done.stdout.splitlines() if name != ".gitignore"]


def environment(folder, *packages):
    """Makes an environment with packages; its Python."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = str(folder / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--upgrade", "pip"], check=True)
    subprocess.run([*pip, *packages], check=True)
    return python


def main():
    """Builds, looks inside, installs, uses."""
    archives = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "dist").resolve()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        builder = environment(folder / "builder", "build")
        # The wheel is built from the source archive, so that this is whole.
        build = [builder, "-m", "build", "--outdir", str(archives), str(ROOT)]
        subprocess.run(build, check=True)
        source = max(archives.glob("keras_seq-*.tar.gz"), key=os.path.getmtime)
        wheel = max(archives.glob("keras_seq-*.whl"), key=os.path.getmtime)
        with tarfile.open(source) as archive:
            names = {name.partition("/")[2] for name in archive.getnames()}
        require(names, (*IN_SOURCE, *tracked()), source.name)
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
        require(names, IN_WHEEL, wheel.name)
        strange = [name for name in names if name.startswith(("tests/", "benchmarks/"))]
        if strange:
            sys.exit(f"{wheel.name} holds {strange[:3]}")

        python = environment(folder / "user", f"{wheel}[recipes]")
        clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        clean["TF_CPP_MIN_LOG_LEVEL"] = "2"
        quick = ("recipes.binary_classification", "--quick", "--out", "run")
        for command in (
            (python, "-c", BLOCKS, str(ROOT / "README.md")),
            (python, "-m", "recipes"),
            (python, "-m", *quick),
        ):
            print("$", *command[1:3], flush=True)
            subprocess.run(command, cwd=folder, env=clean, check=True)
    print(f"{source.name} and {wheel.name} are whole, in {archives}")


if __name__ == "__main__":
    main()
