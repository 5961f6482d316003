#!/usr/bin/env python3
"""Tests the library with the oldest and the newest Keras and Python it says it takes.

    python3 .ci/matrix.py               every environment whose Python is found
    python3 .ci/matrix.py 3.13-newest   those named
    python3 .ci/matrix.py tests/layers  these tests and no others

Each environment is made in .matrix/NAME: a gigabyte or two and some minutes each.
Keras's other backends are left out, and their tests skip. A Python is looked for as
`pythonX.Y` on the PATH, then among pyenv's.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = {
    # Keras 3.13 and later don't install on Python 3.10.
    "3.10-oldest": ("3.10", "keras==3.12.*"),
    "3.13-oldest": ("3.13", "keras==3.12.*"),
    "3.13-newest": ("3.13", "keras"),
}
EXTRAS = "plots,tensorboard,text"
TOOLS = ("Pillow>=11", "pytest>=9.0", "scikit-learn>=1.7")
TESTS = [
    f"tests/{room}"
    for room in ("ops", "decoding", "layers", "diagnostics", "training", "text")
]


def interpreter(version):
    """The path of a Python of a version, or None."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    found = [shutil.which(f"python{version}")]
    found += sorted(map(str, pyenv.glob(f"{version}.*/bin/python")), reverse=True)
    # A pyenv shim is on the PATH for every version, active or not.
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    for path in filter(None, found):
        done = subprocess.run([path, "-c", program], capture_output=True, text=True)
        if done.stdout.strip() == version:
            return path
    return None


def test(name, python, keras, tests):
    """Makes an environment and runs the tests there; whether they passed."""
    folder = ROOT / ".matrix" / name
    subprocess.run([python, "-m", "venv", folder], check=True)
    inside = str(folder / "bin" / "python")
    pip = [inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--upgrade", "pip"], check=True)
    subprocess.run([*pip, f"{ROOT}[{EXTRAS}]", keras, *TOOLS], cwd=folder, check=True)
    # The tests run on the checkout, which comes before what is installed.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [inside, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    print("$", *command, flush=True)
    return not subprocess.run(command, cwd=ROOT, env=environment).returncode


def main():
    """Reads the command line; ends with 1 if an environment failed."""
    tests = [each for each in sys.argv[1:] if each.startswith("tests/")]
    names = [each for each in sys.argv[1:] if each not in tests]
    if unknown := set(names) - set(ENVIRONMENTS):
        sys.exit(f"no such environment: {sorted(unknown)}\n{__doc__}")
    outcomes = {}
    for name in names or ENVIRONMENTS:
        version, keras = ENVIRONMENTS[name]
        python = interpreter(version)
        if python is None:
            outcomes[name] = f"skipped: no Python {version} was found"
            continue
        print(f"== {name}: {python}, {keras}", flush=True)
        passed = test(name, python, keras, tests or TESTS)
        outcomes[name] = "passed" if passed else "FAILED"
    for name, outcome in outcomes.items():
        print(f"{name:<14} {outcome}")
    sys.exit("FAILED" in outcomes.values())


if __name__ == "__main__":
    main()
