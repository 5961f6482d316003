"""What goes into the archives, and the program that sets everything up."""

import ast
import configparser
import importlib.util
import platform
import re
import subprocess
import sys

import pytest

from keras_seq.extras import how_to_install, require
from tests.house import ROOT

CONFIG = configparser.ConfigParser()
CONFIG.read(ROOT / "setup.cfg")


@pytest.fixture
def bootstrap():
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "bootstrap.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def broken_on_an_index(page):
    """Pictures, and links to what lies beside the page: an index has neither."""
    links = re.findall(r"\]\(([^)\s]*)", page) + re.findall(
        r'(?:src|href)="([^"]*)', page
    )
    return [link for link in links if not link.startswith(("https://", "#"))]


def test_the_page_on_an_index_has_no_broken_links():
    assert broken_on_an_index("![a](b.png) [c](https://d) [e](#f) [g](docs/h.md)") == [
        "b.png",
        "docs/h.md",
    ]
    name = CONFIG["metadata"]["long_description"].removeprefix("file: ")
    page = (ROOT / name).read_text("utf-8")
    assert broken_on_an_index(page) == []
    assert CONFIG["metadata"]["long_description_content_type"] == "text/markdown"
    # It names the extras that there are.
    extras = set(CONFIG["options.extras_require"])
    told = page[page.index("Extras:") : page.index("Python 3.10")]
    assert set(re.findall("`([a-z]+)`", told)) == extras


def test_every_extra_that_messages_name_is_there():
    extras = set(CONFIG["options.extras_require"])
    named = set()
    for folder in ("keras_seq", "recipes"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                called = isinstance(node, ast.Call) and ast.unparse(node.func)
                if called in ("require", "extras.require"):
                    named.add(ast.literal_eval(node.args[1]))
    assert {"plots", "music", "recipes"} <= named <= extras


def test_messages_for_a_checkout_and_for_an_index(monkeypatch, tmp_path):
    from keras_seq import extras

    told = how_to_install("music21", "music")
    assert "pip install 'keras-seq[music]'" in told
    assert f"pip install -e '.[music]' in {ROOT}" in told
    with pytest.raises(ImportError, match=r"no_such.*\.\[plots\].*keras-seq\[plots\]"):
        require("no_such", "plots")
    installed = tmp_path / "site-packages" / "keras_seq" / "extras.py"
    monkeypatch.setattr(extras, "__file__", str(installed))
    told = how_to_install("music21", "music")
    assert told == "It comes with the extra 'music': pip install 'keras-seq[music]'"
    monkeypatch.setattr(sys, "platform", "win32")
    assert 'pip install "keras-seq[music]"' in how_to_install("music21", "music")
    assert "no wheels for Windows" in how_to_install("tensorflow_text", "text")


def test_bootstrap_says_a_line_and_passes_warnings_by(bootstrap, capfd, tmp_path):
    python = [sys.executable, "-c"]
    noise = "import sys; print('WARNING: mirror', file=sys.stderr)"
    bootstrap.run_quietly([*python, noise])
    assert capfd.readouterr() == ("", "")
    with pytest.raises(SystemExit) as stopped:
        bootstrap.run_quietly([*python, f"{noise}; sys.exit(3)"])
    assert stopped.value.code == 3
    assert capfd.readouterr() == ("", "WARNING: mirror\n")
    bootstrap.tell("making")
    assert capfd.readouterr() == ("", "making\n")


def test_bootstrap_knows_the_recipes_before_it_installs(bootstrap, tmp_path):
    for name in bootstrap.recipes():
        assert (ROOT / "recipes" / name / "__main__.py").exists()
    assert "translation" in bootstrap.recipes()
    command = [sys.executable, str(ROOT / "bootstrap.py"), "recipe", "translatoin"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("'translatoin' is none of binary_classification, ")
    assert done.stderr.endswith("Did you mean translation?\n")


def test_bootstrap_says_where_it_cannot_work(bootstrap, monkeypatch):
    assert bootstrap.unfit() is None
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert "Intel" in bootstrap.unfit()
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert bootstrap.unfit() is None
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    assert bootstrap.unfit() == "keras-seq needs Python 3.10 to 3.13; this is 3.9."
