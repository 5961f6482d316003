"""Pages lead to what there is, and every guide becomes a notebook."""

import importlib.util
import re
import subprocess
import sys

import pytest

from tests import house
from tests.house import ROOT

WEBSITE = ROOT / "docs" / "website"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *ROOT.glob("docs/*.md"),
    *ROOT.glob("recipes/*/*.md"),
    ROOT / "benchmarks" / "README.md",
]


def module(name):
    spec = importlib.util.spec_from_file_location(name, WEBSITE / f"{name}.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


notebooks, pages = module("notebooks"), module("pages")
GUIDES = pages.guides()
WITH_CODE = [g for g in GUIDES if "```python" in (ROOT / f"docs/{g}.md").read_text()]


def prose(text):
    """A page without its code."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", lambda m: m[0].replace("](", "] ("), text)


def anchors(text):
    """The anchors of a page's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.*)$", prose(text), re.MULTILINE)
    return {
        re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", each.lower()).strip())
        for each in headings
    }


def broken(page, text):
    """The links of a page that lead nowhere."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
        if re.match("https?:", target):
            continue
        name, _, anchor = target.partition("#")
        to = (page.parent / name).resolve() if name else page
        if name and not to.is_file():
            yield target
        elif anchor:
            whole = to.read_text("utf-8") if name else text
            if anchor not in anchors(whole):
                yield target


def test_no_link_is_broken():
    bad = "# A: b\n[c](#a-b) [d](#d) [e](README.md#guides) [f](g.md) `[h](i)`"
    assert list(broken(ROOT / "x.md", bad)) == ["#d", "g.md"]
    found = {p.relative_to(ROOT): list(broken(p, p.read_text("utf-8"))) for p in PAGES}
    assert {page: links for page, links in found.items() if links} == {}


def test_the_site_leads_to_every_page_and_room():
    yaml = pytest.importorskip("yaml")
    settings = yaml.safe_load((WEBSITE / "mkdocs.yml").read_text("utf-8"))

    def leaves(node):
        if isinstance(node, str):
            return [node]
        nodes = node.values() if isinstance(node, dict) else node
        return [leaf for each in nodes for leaf in leaves(each)]

    linked = leaves(settings["nav"])
    assert len(linked) == len(set(linked))
    assert {f"docs/{guide}.md" for guide in GUIDES} <= set(linked)
    assert {p.parent.name for p in ROOT.glob("recipes/*/README.md")} == {
        each.split("/")[1] for each in linked if each.startswith("recipes/")
    }
    rooms = {room.partition(".")[2] for room in house.rooms(ROOT)} - {""}
    rooms |= {name.partition(".")[2] for name in house.PUBLIC_MODULES}
    assert set(pages.ROOMS) == rooms
    assert {f"api/{room}.md" for room in rooms} <= set(linked)


@pytest.mark.parametrize("guide", WITH_CODE)
def test_a_guide_becomes_a_notebook(guide):
    page = ROOT / "docs" / f"{guide}.md"
    made = notebooks.notebook(page.read_text("utf-8"), guide, GUIDES)
    code = [each["source"] for each in made["cells"] if each["cell_type"] == "code"]
    words = [
        each["source"] for each in made["cells"] if each["cell_type"] == "markdown"
    ]
    # Every block that the tests run, but those of folded solutions, is a cell.
    whole = page.read_text("utf-8")
    folded = "".join(re.findall(r"<details>.*?</details>", whole, re.DOTALL))
    blocks = [each.strip("\n") for each in house.python_blocks(page)]
    expected = [each for each in blocks if f"```python\n{each}" not in folded]
    assert [each.removesuffix(";") for each in code[1:]] == expected
    assert "%pip install" in code[0]
    assert "![" not in "".join(words)  # it draws its own
    for target in re.findall(r"\]\(([^)\s]+)\)", prose("\n".join(words))):
        assert re.fullmatch(r"https://.*|\w+\.ipynb", target), target
    assert len({each["id"] for each in made["cells"]}) == len(made["cells"])


def test_what_a_page_takes_of_a_notebook_that_ran(tmp_path):
    text = (
        "# T\n\nWords.\n\n```python\nprint(1)\n```\n\n```sh\nls\n```\n\n"
        "```python\nplot()\n```\n\n![A line](pictures/old.png)\n\nMore "
        "[there](other.md#x), [here](#t).\n\n<details><summary>S</summary>\n\n"
        "```python\nsecret()\n```\n\n</details>\n"
    )
    made = notebooks.notebook(text, "t", ["t", "other"])
    kinds = [each["cell_type"] for each in made["cells"]]
    assert kinds == ["markdown", "code"] * 3 + ["markdown"]
    assert "```sh\nls" in made["cells"][4]["source"]
    last = made["cells"][6]["source"]
    assert last.startswith("More [there](other.ipynb), here.")
    assert "secret()" in last
    made["cells"][3]["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": ["1\n"]}
    ]
    drawn = {"image/png": "aGk=", "text/plain": "<Figure>"}
    made["cells"][5]["outputs"] = [{"output_type": "display_data", "data": drawn}]
    (tmp_path / "pictures").mkdir()
    page, renewed = notebooks.page(text, notebooks.shown(made), tmp_path, "t")
    assert renewed == {"pictures/old.png": b"hi"}
    (picture,) = (tmp_path / "pictures").iterdir()
    assert picture.read_bytes() == b"hi"
    assert f"![A line](pictures/{picture.name})" in page
    assert "old.png" not in page
    assert "print(1)\n```\n\n``` { .text .shown }\n1\n```\n" in page
    with pytest.raises(
        ValueError, match=r"docs/t.md: no block .* draws pictures/a.png"
    ):
        notebooks.notebook("# T\n\n![A](pictures/a.png)\n", "t", [])


def test_a_fit_that_ends_a_cell_shows_nothing():
    text = "# T\n\n```python\nmodel.fit(x)\n```\n\n```python\nx = model.fit(x)\n```\n"
    made = notebooks.notebook(text, "t", [])
    code = [each["source"] for each in made["cells"] if each["cell_type"] == "code"]
    assert code[1:] == ["model.fit(x);", "x = model.fit(x)"]


def test_what_pages_would_fetch_is_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<link rel="canonical" href="https://x"><a href="https://y">y</a>'
        '<script async src="https://cdn/a.js"></script><img src=b.png>'
        "<link href=//fonts/c.css rel=stylesheet>"
    )
    (tmp_path / "a.css").write_text("a { background: url(//img/d.png), url(e.png) }")
    assert list(pages.asks_outside(tmp_path)) == [
        "a.html: https://cdn/a.js",
        "a.html: //fonts/c.css",
        "a.css: //img/d.png",
    ]


def test_a_notebook_runs():
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    text = "# T\n\n```python\nprint(6 * 7)\n1 + 1\n```\n"
    made = notebooks.notebook(text, "t", [])
    made["cells"][1]["source"] = ""  # which would load TensorFlow
    ran, seconds = notebooks.run(made)
    assert 0 < seconds < 60
    assert notebooks.shown(ran) == [[("text", "42\n"), ("text", "2")]]


def test_docstrings_become_markdown():
    pytest.importorskip("griffe")
    text = (
        "Adds.\n\nArgs:\n    x: A number.\n\nReturns:\n    The sum.\n\n"
        "Call arguments:\n    a, b: Two.\n        And more.\n\n"
        "Example:\n\nText:\n\n>>> add(1,\n...     2)\n3\n\n>>> add(2, 2)\n4\n\nEnd."
    )
    made = module("docstrings").as_markdown(text)
    assert made.startswith("Adds.\n\nArgs:\n    x: A number.\n")
    assert "**Returns**\n\nThe sum.\n" in made
    assert "**Call arguments**\n\n- `a, b`: Two.\n    And more.\n" in made
    assert "```pycon\n>>> add(1,\n...     2)\n3\n```\n" in made
    assert "```pycon\n>>> add(2, 2)\n4\n```\n" in made
    assert "Example:" not in made


def test_formulas_become_mathml(monkeypatch):
    pytest.importorskip("latex2mathml")
    page = '<p>a</p><div class="arithmatex">\\[a &lt; b\\]</div>'
    made = module("hooks").on_page_content(page)
    assert "arithmatex" not in made
    assert re.search(
        r'<math.* display="block".*>a<.*<mo>(<|&lt;|&#x0003C;)<.*>b<', made
    )


def test_the_extra_names_bounds():
    sys.modules.pop("docs", None)
    spec = importlib.util.spec_from_file_location("ci_docs", ROOT / ".ci" / "docs.py")
    checks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(checks)
    assert "mkdocs==1.6.1.*" in checks.oldest()
    assert all(
        re.fullmatch(r"[\w\[\]-]+==[\d.]+\.\*", each) for each in checks.oldest()
    )


@pytest.mark.parametrize("out", [".", "docs"])
def test_what_is_no_site_is_not_written_over(out):
    ran = subprocess.run(
        [sys.executable, "docs/build.py", "--without-running", "--out", out],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 2
    assert "holds something that is no site" in ran.stderr
