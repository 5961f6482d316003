"""What every recipe's commands answer before TensorFlow is imported, and their names.

A test that measured time would fail where the machine is busy; that nothing heavy is
imported is what makes it short.
"""

import ast
import importlib
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from keras_seq.runs import _outline
from tests.recipes.all_commands import POSITIONAL, VERBS

ROOT = Path(__file__).parents[2]


def program(*arguments, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
    return subprocess.run(
        [sys.executable, *arguments],
        **{"capture_output": True, "text": True, "env": environment, **options},
    )


@pytest.fixture(scope="module")
def answered():
    done = program("-m", "tests.recipes.all_commands")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_nothing_heavy_is_imported(answered):
    assert answered["heavy"] == []


def test_a_heavy_import_would_be_seen():
    child = (
        "import sys, types; sys.modules['keras'] = types.ModuleType('keras')\n"
        "from tests.recipes import all_commands; all_commands.VERBS = {}\n"
        "all_commands.main()"
    )
    assert json.loads(program("-c", child).stdout)["heavy"] == ["keras"]


@pytest.mark.parametrize("recipe", VERBS)
def test_help(answered, recipe):
    found, verb = answered[recipe], VERBS[recipe]
    status, out, error = found["help"]
    shown = " ".join(out.replace("│", " ").split())
    assert (status, error) == (0, "")
    settings = importlib.import_module(f"recipes.{recipe}.settings")
    for flag in settings.Config.__dataclass_fields__:
        assert f"--{flag.replace('_', '-')}" in shown
    source = Path(settings.__file__).with_name("recipe.py").read_text("utf-8")
    about = ast.get_docstring(ast.parse(source))
    assert " ".join(about.split()) in shown
    assert f"python -m recipes.{recipe} {verb}" in shown
    assert "--quiet" in shown
    for each in (verb, "evaluate", "export"):
        status, out, error = found[f"help {each}"]
        assert (status, error) == (0, "")
        assert out.startswith(f"usage: python -m recipes.{recipe} {each} ")
        said = " ".join(out.replace("│", "").split())
        assert f"(default: runs/{recipe})" in said or f"default runs/{recipe}." in said


@pytest.mark.parametrize("recipe", VERBS)
def test_mistakes(answered, recipe):
    found, verb = answered[recipe], VERBS[recipe]
    assert not any(out for name, (_, out, _) in found.items() if "help" not in name)
    status, _, error = found["verb"]
    assert status == 2
    assert error.endswith(
        f"is not one of train, {verb}, evaluate, export. Did you mean {verb}?\n"
    )
    status, _, error = found["option"]
    assert (status, "--no-such-flag" in error) == (2, True)
    status, _, error = found["value"]
    assert status == 2
    assert "--epochs: expected a whole number; received 'many'" in error
    assert "NoneType" not in error
    assert found["range"][0] == 1
    assert found["range"][2] == "error: `epochs` must be at least 1; received 0.\n"
    for setting in ("encoding", "columns"):
        status, _, error = found[setting]
        if status != 2:  # there is none
            assert status == 1
            assert error.startswith(f"error: `{setting}` must be ")
    for name in ("run", "evaluate run", "export run"):
        if name not in found:
            continue
        status, _, error = found[name]
        assert status == 1
        assert error.count("\n") == 1
        assert error.startswith(f"error: no run in 'runs/{recipe}': it has no config")


def named(recipe):
    """The references in a recipe's `__main__`, as (verb, module, function)."""
    source = (ROOT / "recipes" / recipe / "__main__.py").read_text("utf-8")
    strings = (
        n.value
        for n in ast.walk(ast.parse(source))
        if isinstance(n, ast.Constant) and isinstance(n.value, str)
    )
    return [each.split(":") for each in strings if ".recipe:" in each]


@pytest.mark.parametrize("recipe", VERBS)
def test_what_is_read_from_the_source_is_what_there_is(recipe):
    references = named(recipe)
    assert len(references) == 4
    for module, name in references:
        real = getattr(importlib.import_module(module), name)
        if name == "main":
            continue
        read = _outline.outline(module, name)
        assert inspect.getdoc(read) == inspect.getdoc(real)
        ours, theirs = (inspect.signature(f).parameters for f in (read, real))
        assert list(ours.values()) == list(theirs.values())
    assert len(POSITIONAL) == 1


def test_the_listing(answered):
    status, out, error = answered["listing"]
    assert (status, error) == (0, "")
    listed = [line.split()[2] for line in out.splitlines() if " -m " in line]
    assert listed == [f"recipes.{recipe}" for recipe in VERBS]


def test_recipes_by_name_and_misspelt():
    done = program("-m", "recipes", "translatoin", "train")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'translatoin' is not a recipe. Did you mean translation?" in done.stderr
    done = program("-m", "recipes", "sentiment", "classify", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: python -m recipes.sentiment classify ")
    # A module that isn't there is Python's to tell; one that is there is run.
    done = program("-m", "recipes", "--help")
    assert done.returncode == 0
    assert "python -m recipes.translation" in done.stdout


@pytest.mark.parametrize(
    ("words", "expected", "unexpected"),
    [
        (["-m", "recipes.tr"], {"recipes.translation"}, {"recipes.sentiment"}),
        (
            ["-m", "recipes.sentiment", ""],
            {"train", "classify", "evaluate", "export"},
            {"--out"},
        ),
        (
            ["-m", "recipes.sentiment", "classify", "--f"],
            {"--file"},
            {"--epochs", "classify"},
        ),
        (["-m", "recipes.sentiment", "--ep"], {"--epochs"}, {"--file"}),
        (["-c", ""], set(), {"recipes.sentiment", "train"}),
    ],
)
def test_completion(words, expected, unexpected):
    script = program("-m", "recipes", "--completion").stdout
    array = " ".join(f"'{word}'" for word in [sys.executable, *words])
    asked = f"COMP_WORDS=({array}); COMP_CWORD={len(words)}; _keras_seq_recipes"
    line = f'{script}\n{asked}; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(
        ["/bin/bash", "-c", line],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = set(done.stdout.split())
    assert expected <= found
    assert not unexpected & found


def test_a_narrow_terminal_and_one_without_unicode(tmp_path):
    narrow = {"COLUMNS": "40", "PYTHONIOENCODING": "ascii", "NO_COLOR": "1"}
    done = program("-m", "recipes.long_term_memory", "--help", env=narrow)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--clipnorm" in done.stdout
    assert "\x1b" not in done.stdout
    done = program("-m", "recipes", env=narrow)
    assert (done.returncode, done.stderr) == (0, "")


def test_who_stops_reading_is_told_nothing():
    for module in ("recipes", "recipes.translation --help"):
        command = f"{sys.executable} -m {module} | head -1; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(
            ["/bin/bash", "-c", command],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert done.stderr == ""
        assert done.returncode in (0, 141)  # it may have ended before `head` did


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        (
            "jxa",
            "KERAS_BACKEND: 'jxa' is not one of tensorflow, jax, torch. "
            "Did you mean jax?",
        ),
        ("mxnet", "KERAS_BACKEND: 'mxnet' is not one of tensorflow, jax, torch."),
    ],
)
def test_a_backend_that_is_not_there(backend, said, tmp_path):
    done = program(
        "-m", "recipes.sentiment", cwd=tmp_path, env={"KERAS_BACKEND": backend}
    )
    assert (done.returncode, done.stderr) == (1, f"error: {said}\n")


def test_a_backend_that_is_not_installed(tmp_path):
    """`jax` is hidden, as where it isn't installed."""
    child = (
        "import sys; sys.modules['jax'] = None; sys.argv[1:] = []\n"
        "import runpy; runpy.run_module('recipes.sentiment', run_name='__main__')"
    )
    done = program("-c", child, cwd=tmp_path, env={"KERAS_BACKEND": "jax"})
    assert done.returncode == 1
    assert done.stderr == (
        "error: KERAS_BACKEND is jax, which is not installed: pip install jax, or "
        "unset KERAS_BACKEND, for TensorFlow.\n"
    )
