"""Sets everything up in .venv and runs a recipe or the tests.

    python3 bootstrap.py recipe music_generation --quick
    python3 bootstrap.py test

Needs Python 3.10 to 3.13 and a network for the first run, and nothing else.
"""

import hashlib
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
BIN = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin")
PYTHON = os.path.join(BIN, "python")
CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    # In two parts, as workers don't give back the memory of graphs that were traced.
    ("pytest", "-n", "2", "--dist", "loadscope", "--ignore", "tests/recipes"),
    ("pytest", "-n", "2", "--dist", "loadscope", "tests/recipes"),
)


def is_usable():
    """Whether .venv is whole and made by this version of Python."""
    program = "import pip, sys; sys.exit(list(sys.version_info[:2]) != {})"
    version = list(sys.version_info[:2])
    try:
        return not subprocess.call(
            [PYTHON, "-c", program.format(version)], stderr=subprocess.DEVNULL
        )
    except OSError:
        return False


def install(extra):
    """Makes the virtual environment and installs the project with an extra."""
    if not is_usable():
        print("making a virtual environment in", VENV, flush=True)
        run([sys.executable, "-m", "venv", "--clear", VENV])
    digest = hashlib.sha256()
    for name in ("setup.cfg", "pyproject.toml"):
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    stamp = os.path.join(VENV, "installed-" + extra)
    if os.path.exists(stamp):
        with open(stamp) as file:
            if file.read() == digest.hexdigest():
                return
    print("installing keras-seq[" + extra + "]: a few minutes", flush=True)
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--upgrade", "pip"])
    run([*pip, "--editable", ROOT + "[" + extra + "]"])
    with open(stamp, "w") as file:
        file.write(digest.hexdigest())


def run(command):
    """Runs a command in the project's folder; ends with its status if it fails."""
    process = subprocess.Popen(command, cwd=ROOT)
    while process.poll() is None:
        try:
            process.wait()
        except KeyboardInterrupt:
            # The command was interrupted too; it has its own last words.
            continue
    if process.returncode:
        sys.exit(process.returncode)


def main():
    """Reads the command line."""
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        sys.exit(
            "keras-seq needs Python 3.10 to 3.13; this is {}.{}.".format(
                *sys.version_info[:2]
            )
        )
    verb = sys.argv[1] if len(sys.argv) > 1 else ""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if verb == "test" and len(sys.argv) == 2:
        install("test")
        for check in CHECKS:
            print("$", *check, flush=True)
            run([PYTHON, "-m", *check])
    elif verb == "recipe" and len(sys.argv) > 2:
        install("recipes")
        run([PYTHON, "-m", "recipes." + sys.argv[2], *sys.argv[3:]])
    else:
        sys.exit(__doc__.strip())


if __name__ == "__main__":
    main()
