"""Sets everything up in .venv and runs a recipe or the tests.

    python3 bootstrap.py recipe music_generation --quick
    python3 bootstrap.py test

Needs Python 3.10 to 3.13 and a network for the first run, and nothing else.
"""

import difflib
import hashlib
import os
import platform
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
BIN = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin")
PYTHON = os.path.join(BIN, "python")
PYTEST = ("pytest", "-n", "2", "--dist", "loadscope", "--no-loadscope-reorder")
CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    # In two parts, as `fit` doesn't give back the memory of what it has traced; each in
    # the order of tests/conftest.py, the longest files first.
    (*PYTEST, "--ignore", "tests/recipes"),
    (*PYTEST, "tests/recipes"),
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
        tell("making a virtual environment in " + VENV)
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
    if os.name == "nt":
        tell("without tensorflow-text, which Windows lacks: its exports of text too")
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    tell("bringing pip up to date")
    run_quietly([*pip, "--upgrade", "pip"])
    tell("installing keras-seq[" + extra + "]: up to 3 GB, a few minutes")
    run_quietly([*pip, "--editable", ROOT + "[" + extra + "]"])
    with open(stamp, "w") as file:
        file.write(digest.hexdigest())


def tell(what):
    """A line on what is done next; stdout is for what a recipe answers."""
    sys.stderr.write(what + "\n")
    sys.stderr.flush()


def run_quietly(command):
    """Runs pip; of what it says of itself and its mirrors, nothing if it succeeds."""
    with tempfile.TemporaryFile() as said:
        try:
            run(command, stderr=said)
        except SystemExit:
            said.seek(0)
            sys.stderr.write(said.read().decode("utf-8", "replace"))
            raise


def run(command, **options):
    """Runs a command in the project's folder; ends with its status if it fails."""
    process = subprocess.Popen(command, cwd=ROOT, **options)
    while process.poll() is None:
        try:
            process.wait()
        except KeyboardInterrupt:
            # The command was interrupted too; it has its own last words.
            continue
    if process.returncode:
        sys.exit(process.returncode)


def recipes():
    """The names of the recipes."""
    folder = os.path.join(ROOT, "recipes")
    names = os.listdir(folder)
    return sorted(
        n for n in names if os.path.exists(os.path.join(folder, n, "recipe.py"))
    )


def unfit():
    """Why nothing can be set up here; None if it can."""
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        return "keras-seq needs Python 3.10 to 3.13; this is {}.{}.".format(
            *sys.version_info[:2]
        )
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        return (
            "TensorFlow has no wheels for Macs with an Intel processor any more (nor "
            "for a Python for Intel on another Mac: take one for arm64)."
        )
    return None


def main():
    """Reads the command line."""
    if unfit():
        sys.exit(unfit())
    verb = sys.argv[1] if len(sys.argv) > 1 else ""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if verb == "test" and len(sys.argv) == 2:
        install("test")
        for check in CHECKS:
            tell(" ".join(("$", *check)))
            run([PYTHON, "-m", *check])
    elif verb == "recipe" and len(sys.argv) > 2:
        name = sys.argv[2]
        if name not in recipes():
            nearest = difflib.get_close_matches(name, recipes(), 1)
            hint = " Did you mean {}?".format(*nearest) if nearest else ""
            listed = ", ".join(recipes())
            sys.exit(f"{name!r} is none of {listed}.{hint}")
        install("recipes")
        run([PYTHON, "-m", "recipes." + name, *sys.argv[3:]])
    else:
        sys.exit(__doc__.strip())


if __name__ == "__main__":
    main()
