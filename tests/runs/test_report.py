"""`Report`: one valid page with everything inside."""

import base64
import os
import re
from html.parser import HTMLParser

import keras
import numpy as np
import pytest

from keras_seq.runs import Report

VOID = {"meta", "img", "br"}
# The smallest pictures and sounds will do: they are copied, not read.
FILES = {
    "picture.png": (b"\x89PNG\r\n\x1a\n\x00\xff", "image/png"),
    "photo.jpg": (b"\xff\xd8\xff", "image/jpeg"),
    "score.svg": (b"<svg><script>alert(1)</script></svg>", "image/svg+xml"),
}


class Page(HTMLParser):
    """Reads a page, and fails where a tag isn't closed in its order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.found = [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.found.append([tag, dict(attributes), ""])
        if tag not in VOID:
            self.open.append(self.found[-1])

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        if self.open:
            self.open[-1][2] += data

    def texts(self, tag):
        return [text.strip("\n") for name, _, text in self.found if name == tag]

    def attributes(self, tag):
        return [attributes for name, attributes, _ in self.found if name == tag]


NASTY = "<b>&amp; \"quoted\" 'single' </pre></td><script>alert(1)</script> é \U0001f600"


@pytest.fixture
def folder(tmp_path):
    for name, (data, _) in FILES.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "tune.wav").write_bytes(b"RIFF....WAVE")
    return tmp_path


def full_report(folder):
    report = Report(NASTY)
    report.heading(NASTY)
    report.heading("Below", level=3)
    report.text(f"First {NASTY}\nstill first.\n\n  Second.  ")
    report.code(f"\n  {NASTY}\n")
    report.table([[NASTY, "b"], ["row", 0.123456], [3, None]])
    for name in FILES:
        report.picture(folder / name, NASTY, alt=f"alt {NASTY}")
    report.picture(str(folder / "picture.png"), scroll=True)
    report.audio(folder / "tune.wav", NASTY)
    return report


def test_the_page_is_valid_and_its_text_is_escaped(folder):
    text = full_report(folder).html()
    assert text.startswith("<!DOCTYPE html>\n<html lang=")
    assert text.endswith("</html>\n")
    page = Page(text)
    assert [tag for tag, *_ in page.found[:3]] == ["html", "head", "meta"]
    charset, viewport = page.attributes("meta")
    assert charset == {"charset": "utf-8"}
    assert viewport["content"] == "width=device-width, initial-scale=1"
    assert page.texts("title") == page.texts("h1") == page.texts("h2") == [NASTY]
    assert page.texts("h3") == ["Below"]
    assert page.texts("p") == [f"First {NASTY}\nstill first.", "Second."]
    assert page.texts("figcaption") == [NASTY] * 3 + ["", NASTY]
    assert [image["alt"] for image in page.attributes("img")] == (
        [f"alt {NASTY}"] * 3 + [""]
    )
    # A reader drops the first newline in <pre>; the text's own must stay.
    (code,) = [text for tag, _, text in page.found if tag == "pre"]
    assert code == f"\n\n  {NASTY}\n"
    assert "script" not in [tag for tag, *_ in page.found]


def test_pictures_and_sounds_are_inside(folder):
    page = Page(full_report(folder).html())
    sources = [image["src"] for image in page.attributes("img")]
    for source, name in zip(sources, [*FILES, "picture.png"], strict=True):
        data, kind = FILES[name]
        assert source == f"data:{kind};base64,{base64.b64encode(data).decode()}"
    (audio,) = page.attributes("audio")
    assert "controls" in audio
    assert audio["aria-label"] == NASTY
    head, data = audio["src"].split(",")
    assert re.fullmatch(r"data:audio/[\w.-]+;base64", head)
    assert base64.b64decode(data) == b"RIFF....WAVE"


def test_nothing_outside_is_referred_to(folder):
    text = full_report(folder).html()
    page = Page(text)
    references = [
        value
        for _, attributes, _ in page.found
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "data", "action", "style")
    ]
    assert references
    assert all(value.startswith("data:") for value in references)
    (style,) = page.texts("style")
    assert "url(" not in style
    assert "@import" not in style
    assert "http" not in text


def test_a_wide_picture_may_scroll(folder):
    page = Page(full_report(folder).html())
    tags = [tag for tag, *_ in page.found]
    scrolled = [
        tags[i - 1 : i + 2]
        for i, (_, attributes, _) in enumerate(page.found)
        if attributes.get("class") == "scroll"
    ]
    assert [tags[-1] for tags in scrolled] == ["table", "img"]
    assert scrolled[1] == ["figure", "div", "img"]


def test_the_table():
    report = Report("A run")
    report.table(
        [
            ["", "test"],
            ["float", 1.03125],
            ["float32", np.float32(0.123456)],
            ["large", 123456.0],
            ["small", 1.5e-7],
            ["integer", 1234567],
            ["int64", np.int64(7)],
            ["nothing", None],
            ["no number", float("nan")],
            ["truth", True],
            ["text", "a < b"],
        ]
    )
    page = Page(report.html())
    head, rows = page.texts("th")[:2], page.texts("th")[2:]
    assert head == ["", "test"]
    assert rows[:2] == ["float", "float32"]
    scopes = [th["scope"] for th in page.attributes("th")]
    assert scopes == ["col"] * 2 + ["row"] * len(rows)
    assert page.texts("td") == [
        *("1.031", "0.1235", "1.235e+05", "1.5e-07", "1234567", "7", "", "nan"),
        *("True", "a < b"),
    ]


def test_a_fragment_stands_as_it_is():
    report = Report("A run")
    report.fragment('<p title="1">a &lt; <b>b</b></p>', "a < b")
    page = Page(report.html())
    assert page.attributes("p") == [{"title": "1"}]
    assert page.texts("b") == ["b"]
    assert page.texts("p") == ["a < "]
    assert page.texts("figcaption") == ["a < b"]


def test_an_empty_report():
    page = Page(Report("").html())
    assert page.texts("h1") == [""]


def test_what_is_refused(folder):
    report = Report("A run")
    before = report.html()
    for level in (1, 4, 0):
        with pytest.raises(ValueError, match="`level` must be 2 or 3; received"):
            report.heading("Text", level=level)
    for rows in ([], [["a", "b"], ["c"]]):
        with pytest.raises(ValueError, match="`rows` must be rows of one length"):
            report.table(rows)
    for name in ("tune.wav", "notes.txt", "no suffix"):
        with pytest.raises(ValueError, match="`path` must be an image file; received"):
            report.picture(folder / name)
    with pytest.raises(ValueError, match="`path` must be an audio file; received"):
        report.audio(folder / "picture.png")
    with pytest.raises(FileNotFoundError):
        report.picture(folder / "missing.png")
    assert report.html() == before


def test_contents_lead_to_the_headings():
    report = Report("A run")
    for name in ("One", "Two", "a < b"):
        report.heading(name)
        report.heading("Below", level=3)
    page = Page(report.html())
    places = [heading["id"] for heading in page.attributes("h2")]
    assert [link["href"] for link in page.attributes("a")] == [f"#{p}" for p in places]
    assert page.texts("a") == page.texts("h2") == ["One", "Two", "a < b"]
    assert len(set(places)) == 3


@pytest.mark.parametrize("quick", [False, True])
def test_a_run_says_how_it_was_made_and_whether_it_was_quick(quick):
    settings = {"seed": 7, "out": "runs/a & b", "quick": quick}
    metrics = {"recipe": "next_word", "config": settings, "train_seconds": 12.3}
    page = Page(Report("A run", metrics).html())
    [made] = [text for text in page.texts("p") if "python -m" in text]
    assert made.startswith("python -m recipes.next_word, 20")
    assert f"12 s of training, {os.cpu_count()} cores" in made
    assert f"keras {keras.__version__}" in made
    rows = dict(zip(page.texts("th")[2:], page.texts("td"), strict=True))
    assert rows == {"seed": "7", "out": "runs/a & b", "quick": str(quick)}
    notices = [p for p in page.attributes("p") if p.get("class") == "notice"]
    assert len(notices) == quick
