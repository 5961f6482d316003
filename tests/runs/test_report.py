"""`Report`: one valid page with everything inside."""

import base64
import re
from html.parser import HTMLParser

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
        report.picture(folder / name, NASTY)
    report.picture(str(folder / "picture.png"), scroll=True)
    report.audio(folder / "tune.wav", NASTY)
    return report


def test_the_page_is_valid_and_its_text_is_escaped(folder):
    text = full_report(folder).html()
    assert text.startswith("<!DOCTYPE html>\n<html lang=")
    assert text.endswith("</html>\n")
    page = Page(text)
    assert [tag for tag, *_ in page.found[:3]] == ["html", "head", "meta"]
    assert page.attributes("meta") == [{"charset": "utf-8"}]
    assert page.texts("title") == page.texts("h1") == page.texts("h2") == [NASTY]
    assert page.texts("h3") == ["Below"]
    assert page.texts("p") == [f"First {NASTY}\nstill first.", "Second."]
    assert page.texts("figcaption") == [NASTY] * 3 + ["", NASTY]
    assert [image["alt"] for image in page.attributes("img")] == [NASTY] * 3 + [""]
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
    (place,) = [
        i
        for i, (_, attributes, _) in enumerate(page.found)
        if attributes.get("class") == "scroll"
    ]
    assert tags[place - 1 : place + 2] == ["figure", "div", "img"]


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
    assert page.texts("th") == ["", "test"]
    assert page.texts("td")[1::2] == [
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
