#!/usr/bin/env python3
"""Builds the site in an environment of its own, and runs the notebook of every guide.

    python3 .ci/docs.py                  the newest tools
    python3 .ci/docs.py --oldest         the oldest that setup.cfg takes
    python3 .ci/docs.py --here attention in this environment, and this guide alone

A broken link, a picture that no block draws, a notebook that fails or takes more than
three minutes, or a page that asks another machine for something ends it with 1. The
environment is made in .matrix/docs: three gigabytes and some minutes.
"""

import configparser
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def oldest():
    """The tools of the extra, at their lower bounds."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    asked = config["options.extras_require"]["docs"].split()
    bounds = [re.match(r"([\w\[\]-]+)>=([\d.]+)", each) for each in asked]
    return [f"{each[1]}=={each[2]}.*" for each in bounds if each and each[1] != "torch"]


def environment(*packages):
    """Makes the environment; its Python."""
    folder = ROOT / ".matrix" / "docs"
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    python = str(folder / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--upgrade", "pip"], check=True)
    subprocess.run([*pip, "--editable", f"{ROOT}[docs]", *packages], check=True)
    return python


def main():
    """Reads the command line; ends with the build's status."""
    given = sys.argv[1:]
    here, old = "--here" in given, "--oldest" in given
    guides = [each for each in given if not each.startswith("-")]
    if len(guides) + here + old != len(given) or (here and old):
        sys.exit(__doc__)
    python = sys.executable if here else environment(*(oldest() if old else ()))
    command = [python, str(ROOT / "docs" / "build.py"), *guides]
    print("$", *command, flush=True)
    sys.exit(subprocess.run(command, cwd=ROOT).returncode)


if __name__ == "__main__":
    main()
