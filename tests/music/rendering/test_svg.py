import re
from itertools import accumulate
from xml.etree import ElementTree

import pytest

from keras_seq.music import AbcError, load_corpus, parse, render_svg, render_svgs
from tests.music.data import irish_tunes, music21_corpus

SVG = "{http://www.w3.org/2000/svg}"
HEADER = "X:1\nT:Test\nM:4/4\nL:1/8\nK:C\n"


def groups(page, name):
    """The groups of an SVG page that Verovio has given a class."""
    return [
        group
        for group in ElementTree.fromstring(page).iter(f"{SVG}g")
        if name in group.get("class", "").split()
    ]


def count(page, *names):
    found = tuple(len(groups(page, name)) for name in names)
    return found[0] if len(names) == 1 else found


def words(page):
    """All text on a page, each run of text on its own."""
    texts = ElementTree.fromstring(page).iter(f"{SVG}text")
    return [" ".join("".join(text.itertext()).split()) for text in texts]


@pytest.fixture(scope="module")
def draw():
    """Draws many small pieces of music in one process."""
    bodies = {
        "beams": "AB cd (3efg a2|A B c>d e/f/g/a/ b z|A`B c[ce][df] {g}ab|",
        "endings": "|:ABcd efga|1 b8:|2 a8|]",
        "more endings": "A8|[1,3 B8:|[2-4 c8:|[5 d8|]",
        "ties": "A4- A4-|A8|[CE]4-[CE]4|A5 B3|",
        "slurs": "(AB) (cd(ef)g)a|(A8|B8)|(C",
        "tuplets": "(3ABc (3A2B2c2|(5:4:5ABcde A/3B/3c/3 d3|",
        "accidentals": "^^A2 ^B2 =c2 _d2|__e8|",
        "decorations": "TA ~B Hc .d ue vf !mf!g !segno!a|",
        "words": '"Gm7/Bb"A2 "^slower"B2 "_p dolce"c2 "3"d2|"<<&>"A8|',
        "graces": "{cd}e2 {/g}f2 {e}[eg]4|",
        "afterthoughts": "A4 T(B4{AB})|c8{d}|",
        "chords": "[CEG]4 [CEG]2[DF]2|",
        "rests": "A2 z2 x2 z2|Z|Z4|",
        "keys": "A8|[K:D]A8|[K:Eb]A4[K:C]A4|",
        "meters": "A8|[M:3/4]A6|[M:C|]A8|",
        "bars": "|:A8:|:A8:|A8||A8|]A8.|A8[|]A8|",
        "repeats": "A8|\n|:B8:|\n|:c8:|d8|1e8::f8:|",
        "overlay": "e4 f4 & C8|",
        "line": "A8|B8|\nc8|d8|",
        "continued": "A8|B8|\\\nc8|d8|",
    }
    pages = render_svgs([HEADER + body for body in bodies.values()])
    drawn = dict(zip(bodies, pages, strict=True))
    assert all(isinstance(page, str) for page in pages)
    return drawn


def test_beams_join_what_the_text_writes_together(draw):
    # AB, cd, the triplet; c>d, e/f/g/a/; A`B, the three from c, the two at the
    # end: a grace note does not part them.
    assert count(draw["beams"], "beam") == 8


def test_endings_have_brackets(draw):
    assert count(draw["endings"], "ending", "voltaBracket") == (2, 2)
    assert {"1.", "2."} <= set(words(draw["endings"]))
    assert {"1, 3.", "2, 3, 4.", "5."} <= set(words(draw["more endings"]))


def test_ties_and_slurs(draw):
    # The last bar's length of 5 takes two tied notes.
    assert count(draw["ties"], "tie", "note") == (2 + 2 + 1, 10)
    assert count(draw["slurs"], "slur", "tie") == (4, 0)


def test_tuplets_also_where_only_lengths_tell(draw):
    assert count(draw["tuplets"], "tuplet") == 4
    numbers = [group.get("class") for group in groups(draw["tuplets"], "tupletNum")]
    assert len(numbers) == 4


def test_accidentals_are_those_written(draw):
    assert count(draw["accidentals"], "accid") == 5
    # Names in SMuFL: double sharp, sharp, natural, flat, double flat.
    for glyph in ("E263", "E262", "E261", "E260", "E264"):
        assert f"#{glyph}-" in draw["accidentals"]


def test_decorations(draw):
    page = draw["decorations"]
    assert count(page, "trill", "turn", "fermata", "artic") == (1, 1, 1, 3)
    assert count(page, "dynam", "repeatMark") == (1, 1)


def test_chord_symbols_and_annotations(draw):
    page = draw["words"]
    assert count(page, "harm", "dir", "fing") == (1, 3, 1)
    assert {"slower", "p dolce", "3", "<&>"} <= set(words(page))
    assert "Gm7/B" in " ".join(words(page))


def test_grace_notes_and_chords(draw):
    assert count(draw["graces"], "graceGrp", "note", "chord") == (
        3,
        2 + 1 + 1 + 1 + 1 + 2,
        1,
    )
    assert count(draw["afterthoughts"], "graceGrp", "note") == (2, 6)
    assert count(draw["chords"], "chord", "note") == (3, 8)


def test_rests(draw):
    assert count(draw["rests"], "rest", "space", "mRest", "multiRest") == (2, 1, 1, 1)


def test_changes_of_key_and_meter(draw):
    # Two sharps; two naturals or none, then three flats; three naturals.
    assert count(draw["keys"], "keySig") >= 3
    assert count(draw["meters"], "meterSig") == 3


def test_repeat_signs_have_dots(draw):
    # Two to a sign; `::` is two signs.
    dots = draw["repeats"].count('xlink:href="#E044-')
    assert dots == 2 * 7


def test_bar_lines_and_voices(draw):
    assert count(draw["bars"], "measure") == 7
    assert count(draw["overlay"], "layer", "note") == (2, 3)


def test_lines_break_where_the_text_does(draw):
    assert count(draw["continued"], "system") == 1
    assert count(draw["line"], "measure", "note") == (4, 4)


def test_page_shows_title_composer_rhythm_and_tempo():
    text = (
        "X:1\nT:Caf\\'e & <Bar>\nT:Other Name\nC:Trad.\nR:jig\nQ:3/8=116\nM:6/8\nK:G\n"
        "P:A\nG3 A3|"
    )
    shown = words(render_svg(text))
    assert {"Café & <Bar>", "Other Name", "Trad.", "jig", "A"} <= set(shown)
    assert any("= 116" in each for each in shown)


def test_special_keys_are_signed():
    tunes = {"Hp": 2, "HP": 0, "D exp _b ^f": 2, "Ephr ^g": 1, "F#": 6, "Cb": 7}
    pages = render_svgs([f"X:1\nT:Key\nM:4/4\nK:{key}\nA4|" for key in tunes])
    for page, accidentals in zip(pages, tunes.values(), strict=True):
        assert count(page, "keyAccid") == accidentals


def test_voices_have_staves_and_clefs():
    text = (
        "X:1\nT:Duet\nM:4/4\nL:1/4\nV:1\nV:2 clef=bass\nK:C\n"
        "V:1\nCDEF|GABc|\nV:2\nC,4|\n"
    )
    page = render_svg(text)
    assert count(page, "measure", "staff", "note") == (2, 4, 9)
    assert "#E050-" in page  # G clef
    assert "#E062-" in page  # F clef


def test_tunes_without_music_give_a_page():
    assert "Nothing" in words(render_svg("X:1\nT:Nothing\nK:C\n"))


def real_tunes():
    tunes = irish_tunes()[30:700:40]
    for file in ("oneills1850/0201-0300.abc", "airdsAirs/book4.abc"):
        tunes += load_corpus(music21_corpus() / file).texts[::12]
    ryans = sorted((music21_corpus() / "ryansMammoth").glob("B*.abc"))[:8]
    return tunes + [load_corpus(path).texts[0] for path in ryans]


def test_real_tunes_show_every_note_bar_and_ending():
    tunes = real_tunes()
    assert len(tunes) > 40
    for text, page in zip(tunes, render_svgs(tunes), strict=True):
        tune = parse(text)
        assert count(page, "measure") == len(tune.bars)
        # A length that no note value writes takes several, which are tied.
        heads = sum(len(note.pitches) for note in tune.notes)
        assert heads <= count(page, "note") <= heads + count(page, "tie")
        body = text.partition("\nK:")[2]
        endings = re.findall(r"(?:\[|\||:)\s*[12](?=[^/\d])", body.split('"')[0])
        assert count(page, "ending") >= len(endings)
        assert any(tune.title[:12] in each for each in words(page))


def test_signs_before_a_bar_line_are_drawn():
    bodies = {
        '|:CDEF"_D.C.":|': ("dir", "D.C."),
        'CDEF"Fine"||GABc!D.C.!|]': ("dir", "Fine"),
        "CDEF!D.C.alfine!|]": ("dir", "D.C. al Fine"),
        'CDEF|]"D.S. al Coda"': ("dir", "D.S. al Coda"),
        "CDE2H|]": ("fermata", None),
        'CDEF"Segno"|]': ("dir", "Segno"),
        "CDEF!segno!|CDEF|]": ("repeatMark", None),
    }
    pages = render_svgs([HEADER + body for body in bodies])
    for page, (name, text) in zip(pages, bodies.values(), strict=True):
        assert count(page, name) >= 1
        assert text is None or text in words(page)


def test_long_scores_are_drawn_to_their_end():
    voices = "".join(f"V:{voice}\n{'x8|' * 200}\n" for voice in range(1, 21))
    page = render_svg(HEADER + voices)
    assert count(page, "measure", "staff") == (200, 20 * 200)
    root = ElementTree.fromstring(page)
    pages = root.findall(f"{SVG}svg")
    heights = [int(each.get("height")[:-2]) for each in pages]
    assert len(pages) > 1
    assert [int(each.get("y")) for each in pages] == [0, *accumulate(heights[:-1])]
    assert int(root.get("height")[:-2]) == sum(heights)
    names = [each.get("id") for each in root.iter() if each.get("id")]
    assert len(names) == len(set(names))


def test_same_tune_same_page():
    tune = irish_tunes()[3]
    assert render_svg(tune) == render_svg(tune)


def test_malformed_tunes_cost_no_other():
    good = HEADER + "ABcd efga|"
    first, bad, last = render_svgs([good, HEADER + "[AB|", good])
    assert first.startswith("<svg")
    assert last == first
    assert isinstance(bad, AbcError)
    assert (bad.line, bad.column) == (6, 1)
    with pytest.raises(AbcError, match="6:1"):
        render_svg(HEADER + "[AB|")


def test_nothing_to_draw():
    assert render_svgs([]) == []


def test_wrong_arguments_are_refused():
    with pytest.raises(TypeError, match="`tunes` must be a sequence"):
        render_svgs("X:1\nK:C\nC|")
    with pytest.raises(
        ValueError, match="`time_limit` must be positive seconds; 0 came"
    ):
        render_svgs([], time_limit=0)
