"""`unit_text`: the numbers, the HTML as a browser reads it, the picture."""

from html.parser import HTMLParser

import matplotlib.pyplot as plt
import numpy as np
import pytest

from keras_seq.diagnostics import UnitText, unit_text
from keras_seq.text import CharacterVocabulary, WordVocabulary
from tests.diagnostics.readers import cells, reader

RNG = np.random.default_rng(0)
NASTY = "a <b>&amp; \"q\" 'x'</div>\n\n\t日本e\u0301 \x1c$a_b$ é\u00a0\U0001f600"


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


class Fragment(HTMLParser):
    """Reads HTML, and fails where a tag isn't closed in its order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.spans, self.text = [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        if tag == "span":
            self.spans.append([dict(attributes), ""])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.open[-1:] == ["span"]:
            self.spans[-1][1] += data

    @property
    def pieces(self):
        """What is in the spans; the first is the scale."""
        return [text for _, text in self.spans[1:]]

    def colours(self):
        styles = [attributes["style"] for attributes, _ in self.spans[1:]]
        return [[int(style[-6:][i : i + 2], 16) for i in (0, 2, 4)] for style in styles]


def shown(text, **options):
    return UnitText(text, RNG.normal(size=len(text)), **options)


@pytest.mark.parametrize("unit", [0, 3])
def test_the_unit_behind_each_character(unit):
    vocabulary = CharacterVocabulary("ab \n")
    model = reader(vocabulary)
    found = unit_text(model, "ab\nxa b", unit, vocabulary=vocabulary)
    expected = cells(model, vocabulary, "ab\nxa b")[:, unit]
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-5)
    # What isn't in the vocabulary is shown as it stands in the text.
    assert found.pieces == tuple("ab\nxa b")
    assert found.title == f"cell of unit {unit} in reader"
    for wrong in (5, -1, 1.0, True):
        with pytest.raises(ValueError, match=r"an integer in \[0, 5\); received"):
            unit_text(model, "ab", wrong, vocabulary=vocabulary)


def test_words_are_set_apart():
    vocabulary = WordVocabulary(["the", "cat", "."])
    found = unit_text(reader(vocabulary), "the cat.", 1, vocabulary=vocabulary)
    page = Fragment(found.html())
    assert page.pieces == ["the", "cat", "."]
    assert page.text.endswith("the cat .")


def test_html_shows_every_character():
    page = Fragment(shown(NASTY, title="<unit> 7").html())
    assert len(page.pieces) == len(NASTY)
    known = {" ": "·", "\n": "↵", "\t": "\\t", "\x1c": "\\x1c", "\u00a0": "\\xa0"}
    assert page.pieces == [known.get(character, character) for character in NASTY]
    assert "<unit> 7" in page.text
    # Lines end where they did.
    assert page.text.count("↵\n") == NASTY.count("\n")


def test_pieces_that_look_like_html_are_text():
    pieces = ["<b>", "&amp;", '"x"', "<script>", "</div>", "·ed"]
    assert Fragment(shown(pieces, spaced=True).html()).pieces == pieces


def test_html_has_the_numbers_and_their_colours():
    page = Fragment(UnitText("abcde", [-2.0, -0.5, 0.0, 1.0, np.nan]).html())
    titles = [attributes["title"] for attributes, _ in page.spans[1:]]
    assert titles == ["-2", "-0.5", "0", "1", "nan"]
    strongest, weaker, white, red, grey = page.colours()
    assert strongest[2] > strongest[1] > strongest[0]  # blue
    assert red[0] > red[1]
    assert red[0] > red[2]
    assert white == [255, 255, 255]
    assert len(set(grey)) == 1
    # A quarter of the way from white to the strongest blue.
    expected = 255 + 0.25 * (np.array(strongest) - 255)
    np.testing.assert_allclose(weaker, expected, atol=0.5)
    assert "-2 " in page.text
    centred = Fragment(UnitText("ab", [1.0, 3.0]).html(centre=1, limit=4))
    assert centred.colours()[0] == [255, 255, 255]
    assert "-3 " in centred.text
    assert " 5" in centred.text


def text_of(figure):
    """The characters drawn, line by line from the top."""
    lines = {}
    for text in figure.axes[0].texts:
        x, y = text.get_position()
        lines.setdefault(y, []).append((x, text.get_text()))
    return ["".join(c for _, c in sorted(lines[y])) for y in sorted(lines)]


def test_figure_keeps_and_breaks_lines(tmp_path):
    figure = shown("abcdefg\n\nh i\n").figure(columns=4)
    assert text_of(figure) == ["abcd", "efg↵", "↵", "h·i↵"]
    # The mark of an end doesn't take a line of its own.
    assert text_of(shown("abcd\ne").figure(columns=4)) == ["abcd↵", "e"]
    words = shown(["one", "two", "three"], spaced=True).figure(columns=7)
    assert text_of(words) == ["onetwo", "three"]
    (first, _), (second, _) = (t.get_position() for t in words.axes[0].texts[:2])
    assert second - first == 4
    figure.savefig(tmp_path / "lines.png")


def test_figure_has_a_box_of_its_colour_for_each(tmp_path):
    found = shown("abc\nd")
    figure = found.figure()
    [boxes] = figure.axes[0].collections
    page = Fragment(found.html())
    drawn = boxes.get_facecolor()[:, :3] * 255
    np.testing.assert_allclose(drawn, page.colours(), atol=1e-6)
    corners = [path.get_extents().bounds for path in boxes.get_paths()]
    assert corners[2] == (2, 0, 1, 1)
    assert corners[4] == (0, 1, 1, 1)
    limits = [float(t.get_text()) for t in figure.axes[1].get_xticklabels()]
    largest = np.abs(found.values).max()
    np.testing.assert_allclose(limits, [-largest, 0, largest], rtol=1e-2)


def test_figure_of_any_text(tmp_path):
    """No warning, no formula; what the font lacks is a box."""
    figure = shown(NASTY, title="$x_y").figure(columns=12)
    figure.savefig(tmp_path / "nasty.png")
    assert "$a_b$" in "".join(text_of(figure))
    assert text_of(shown("日a").figure()) == ["□a"]


@pytest.mark.parametrize("text", ["a", "\n", " "])
def test_one_character(text, tmp_path):
    found = UnitText(text, [0.0])
    assert len(Fragment(found.html()).pieces) == 1
    found.figure().savefig(tmp_path / "one.png")


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"must have shape \(2,\), .*shape \(3,\)"):
        UnitText("ab", np.ones(3))
    with pytest.raises(ValueError, match="none 0"):
        UnitText("", [])
    found = shown("ab")
    with pytest.raises(ValueError, match="`columns` must be at least 1; received 0"):
        found.figure(columns=0)
    with pytest.raises(ValueError, match="`limit` must be above 0 and finite"):
        found.html(limit=0)
    with pytest.raises(ValueError, match="`centre` must be finite; received nan"):
        found.html(centre=float("nan"))
