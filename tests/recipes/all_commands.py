"""Asks every command of every recipe, in one process; run by test_commands.py.

Usage: python -m tests.recipes.all_commands. Prints as JSON what each has answered,
and, last, the modules that take long and were imported all the same.
"""

import contextlib
import io
import json
import os
import runpy
import sys
import tempfile

HEAVY = ("keras", "tensorflow", "matplotlib", "sklearn", "scipy", "music21", "nltk")
VERBS = {
    "binary_classification": "classify",
    "image_captioning": "caption",
    "long_term_memory": "add",
    "music_generation": "generate",
    "next_word": "predict",
    "sentiment": "classify",
    "translation": "translate",
}
POSITIONAL = {"long_term_memory": ["0.5", "0.25"]}


def ask(module, *arguments):
    """Exit status, stdout and stderr of `python -m MODULE ARGUMENTS`."""
    sys.argv = ["python", *arguments]
    out, error = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as stopped:
        status = stopped.code
    return status, out.getvalue(), error.getvalue()


def main():
    """Prints what each command answers."""
    found = {}
    os.chdir(tempfile.mkdtemp())
    for name, verb in VERBS.items():
        module = f"recipes.{name}"
        given = POSITIONAL.get(name, [])
        found[name] = {
            "help": ask(module, "--help"),
            **{f"help {v}": ask(module, v, "--help") for v in (verb, "evaluate")},
            "help export": ask(module, "export", "--help"),
            "verb": ask(module, verb[:-1] + verb[-1] * 2),
            "option": ask(module, "--no-such-flag"),
            "value": ask(module, "--epochs", "many"),
            "range": ask(module, "--epochs", "0"),
            "encoding": ask(module, "--encoding", "utf-9"),
            "columns": ask(module, "--columns", "1,1"),
            "run": ask(module, verb, *given),
            "export run": ask(module, "export"),
        }
        if name != "music_generation":  # which can do without, so it looks later
            found[name]["evaluate run"] = ask(module, "evaluate")
    found["listing"] = ask("recipes")
    found["heavy"] = [name for name in HEAVY if name in sys.modules]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
