"""What a notebook shows of our objects: small, escaped, and in a line elsewhere."""

import html.parser
import re

import keras
import numpy as np
import pytest

from keras_seq import decoding, diagnostics, runs, text
from keras_seq.extras import let_go, notebook_card, notebook_curves, require
from keras_seq.music import Corpus, CorpusTune, WrittenTune, parse, validate

EVIL = '<script>alert("1")</script>'
TUNE = f"X:1\nT:{EVIL}\nM:2/4\nL:1/8\nK:D\nD>E FG|A2 z2|]\n"


class Tags(html.parser.HTMLParser):
    """The tags of a fragment; each must be closed in its turn."""

    VOID = ("img", "br", "meta", "hr")

    def __init__(self, fragment):
        super().__init__()
        self.seen, self.open, self.words = set(), [], ""
        self.feed(fragment)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.seen.add(tag)
        assert not any(name.startswith("on") for name, _ in attributes)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data


def lstm():
    rng = np.random.default_rng(0)
    names = ("input", "forget", "candidate", "output", "cell", "hidden")
    values = {name: rng.uniform(0.1, 0.9, (2, 500, 3)) for name in names}
    mask = np.ones((2, 500), bool)
    mask[1, 100:] = False
    return diagnostics.GateActivity(f"lstm {EVIL}", values, mask)


def flow():
    gradient = 0.5 ** np.arange(30.0)[::-1, None] * np.ones((1, 30, 4))
    mask = np.ones((1, 30), bool)
    return diagnostics.GradientFlow(f"lstm {EVIL}", {"hidden": gradient}, mask)


def report():
    made = runs.Report(EVIL)
    made.heading(EVIL)
    made.text(EVIL)
    return made


def generation(rows=20):
    ids = keras.ops.convert_to_tensor(np.arange(rows * 40).reshape(rows, 40))
    lengths = keras.ops.convert_to_tensor(np.full(rows, 40, "int32"))
    zeros = keras.ops.zeros((rows,))
    return decoding.Generation(ids, lengths, ids, zeros > 1, None, zeros)


SHOWN = {
    "tune": lambda: parse(TUNE),
    "of a corpus": lambda: CorpusTune(TUNE, EVIL, "a.abc", 3, 1),
    "corpus": lambda: Corpus(EVIL, (CorpusTune(TUNE, EVIL, "a", 3, 1),) * 999, (), ""),
    "written": lambda: WrittenTune(TUNE, True),
    "not a tune": lambda: WrittenTune(f"X:1\nK:{EVIL}\n{EVIL * 5000}", False),
    "validation": lambda: validate(TUNE + f"{EVIL}\n" * 100),
    "activity": lstm,
    "flow": flow,
    "report": report,
    "generation": generation,
    "characters": lambda: text.CharacterVocabulary(
        "<>&ab\n" + "".join(map(chr, range(400, 900)))
    ),
    "words": lambda: text.WordVocabulary(["<", ">", "b" * 5000]),
    "unit": lambda: diagnostics.UnitText(EVIL * 1000, np.zeros(len(EVIL) * 1000), EVIL),
}


def luminance(colour):
    """Relative luminance of WCAG 2.1."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts
    ]
    return np.dot(linear, (0.2126, 0.7152, 0.0722))


def contrast(ink, paper):
    dark, light = sorted(map(luminance, (ink, paper)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_shown_is_small_and_escaped(name):
    shown = SHOWN[name]()
    page = shown._repr_html_() if hasattr(shown, "_repr_html_") else ""
    tags = Tags(page)
    assert "script" not in tags.seen
    assert len(page) < (600_000 if name == "unit" else 60_000)
    line = repr(shown)
    assert "\n" not in line
    assert len(line) < 250
    assert type(shown).__name__ in line
    # Who sets ink sets paper, or the ink is seen on white and on black.
    for style in re.findall(r'style="([^"]*)"', page):
        ink = re.search(r"(?:^|;)\s*color:#([0-9a-f]+)", style)
        if ink and "background:" not in style:
            assert min(contrast(ink[1], "ffffff"), contrast(ink[1], "000000")) > 3


def test_what_the_cards_say():
    page = Tags(lstm()._repr_html_()).words
    assert "forget gate" in page
    expected = np.median(lstm().half_life())
    assert f"{expected:.3g} steps" in page
    assert "× 0.5 with each step back" in Tags(flow()._repr_html_()).words
    words = Tags(validate("X:1\nK:D\nD3 Q D|\n")._repr_html_()).words
    assert "line 3, column 4" in words
    assert "2 bars, 6 notes" in repr(parse(TUNE))
    words = Tags(generation()._repr_html_()).words
    assert "and 12 more" in words
    assert "0 of 20 finished" in words


def test_a_written_tune_is_engraved():
    require("verovio", "music")
    page = WrittenTune(TUNE, True)._repr_html_()
    assert "data:image/svg+xml;base64," in page
    assert "<svg" not in page  # where its words could be markup


def test_a_generation_that_is_being_traced():
    import tensorflow as tf

    seen = []

    @tf.function
    def traced():
        made = generation(2)
        seen.extend([repr(made), made._repr_html_()])
        return made.ids

    traced()
    assert seen == ["Generation(ids of shape (2, 40))", None]


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (decoding.Greedy(), "Greedy()"),
        (decoding.Sample(), "Sample()"),
        (decoding.Sample(0.5, top_p=0.9), "Sample(temperature=0.5, top_p=0.9)"),
        (
            decoding.Sample(np.array([0.5, 1.0])),
            "Sample(temperature=<(2,)>)",
        ),
        (decoding.Beam(5, length_penalty=0.6), "Beam(width=5, length_penalty=0.6)"),
        (decoding.Contrastive(6), "Contrastive(top_k=6)"),
        (decoding.RepetitionPenalty(1.2), "RepetitionPenalty(penalty=1.2)"),
    ],
)
def test_strategies_show_how_they_were_made(made, line):
    assert repr(made) == line


def test_figures_are_pyplots_no_longer():
    plt = require("matplotlib.pyplot", "plots")
    before = plt.get_fignums()
    gates = {"forget": np.random.default_rng(0).uniform(size=(5, 8))}
    figures = [
        diagnostics.plot_gates(gates, "C D E"),
        diagnostics.plot_attention(np.eye(2), ["a", "b"], ["c", "d"]),
        runs.plot_bars([("a", [("b", 1.0)])], "nats"),
        diagnostics.UnitText("ab", [0.0, 1.0]).figure(),
    ]
    assert plt.get_fignums() == before
    for figure in figures:
        figure.canvas.draw()  # it can be drawn all the same


def test_pyplot_keeps_what_a_window_can_show(monkeypatch):
    plt = require("matplotlib.pyplot", "plots")
    figure = plt.figure()
    monkeypatch.setattr(plt, "get_backend", lambda: "TkAgg")  # there is no screen
    let_go(figure)
    assert plt.fignum_exists(figure.number)
    monkeypatch.setattr(plt, "get_backend", lambda: "module://matplotlib_inline")
    let_go(figure)
    assert not plt.fignum_exists(figure.number)


def test_cards_are_bounded():
    card = notebook_card("x" * 9999, [("a", "y" * 10**6)] * 1000)
    assert len(card) < 12_000
    assert "and 980 more" in card
    assert "1,000,000 characters" in card
    nan = float("nan")
    drawn = notebook_curves({"a": [1.0, nan, 2.0, 3.0], "b": [nan]}, "<x>")
    assert (drawn.count("<polyline"), "&lt;x&gt;" in drawn) == (2, True)
    assert notebook_curves({"a": [nan]}) == ""
    many = notebook_curves({str(i): [i, 1.0] for i in range(9)})
    assert many.count("<polyline") == 6
    assert "and 3 more (0 to 5)" in many
    assert len(notebook_curves({"a": np.arange(1e5)})) < 6000
    Tags(drawn)
