import random

import pytest

from keras_seq.music import (
    Match,
    Neighbour,
    NeighbourIndex,
    NgramIndex,
    SubstringIndex,
    intervals,
    longest_common_substring,
    parse,
    validate,
)
from tests.music.data import irish_tunes


def brute_force(query, texts):
    """Length, place in the query, text and place in it, by trying everything."""
    best = (0, 0, None, 0)
    for start in range(len(query)):
        for end in range(start + best[0] + 1, len(query) + 1):
            piece = query[start:end]
            text = next((i for i, text in enumerate(texts) if piece in text), None)
            if text is None:
                break
            best = (end - start, start, text, texts[text].index(piece))
    return Match(*best)


@pytest.mark.parametrize("seed", range(60))
def test_longest_match_is_that_of_brute_force(seed):
    generator = random.Random(seed)
    letters = generator.choice(["ab", "abcd|", "aé♯\U0001d11e"])

    def text(longest):
        return "".join(generator.choices(letters, k=generator.randrange(longest)))

    texts = [text(30) for _ in range(generator.randrange(1, 6))]
    index = SubstringIndex(texts)
    for _ in range(20):
        query = text(25)
        assert index.longest_match(query) == brute_force(query, texts)


def test_match_does_not_run_across_texts():
    assert SubstringIndex(["abc", "def"]).longest_match("abcdef").length == 3
    assert SubstringIndex(["abc", "def"]).longest_match("abc\0def").length == 3


def test_nothing_in_common():
    assert SubstringIndex(["abc"]).longest_match("xyz") == Match(0, 0, None, 0)
    assert SubstringIndex([]).longest_match("xyz").length == 0
    assert SubstringIndex([""]).longest_match("").length == 0


def test_real_tunes_find_themselves_and_what_they_hide():
    tunes = irish_tunes()
    index = SubstringIndex(tunes)
    for number in (0, 17, 400, len(tunes) - 1):
        match = index.longest_match(tunes[number])
        assert match == Match(len(tunes[number]), 0, number, 0)
    piece = tunes[300][40:100]
    match = index.longest_match("%%%%" + piece + "%%%%")
    assert (match.length, match.query_start) == (60, 4)
    assert tunes[match.text][match.start : match.start + 60] == piece


def test_longest_common_substring_is_symmetric():
    one, other = irish_tunes()[:2]
    assert longest_common_substring(one, other) == brute_force(one, [other]).length
    assert longest_common_substring(other, one) == brute_force(one, [other]).length


def test_single_string_is_refused():
    with pytest.raises(TypeError, match="`texts` must be a sequence"):
        SubstringIndex("abc")
    with pytest.raises(TypeError, match="`tunes` must be a sequence"):
        NgramIndex("X:1\nK:C\nCDE|")


SCALE = "X:1\nM:4/4\nL:1/8\nK:C\nCDEF GABc|"


def test_overlap_of_a_copy_in_another_key_and_rhythm_is_one():
    index = NgramIndex([SCALE], n=4)
    assert index.overlap("X:9\nM:3/4\nL:1/4\nK:Eb\nE>F {G}G A|zBcde|") == 1.0


def test_overlap_counts_different_runs():
    # Steps 2 2 1 2 2 2 1 of the scale; the tune's are 2 2 1 -1, of which the
    # runs of two are (2 2), (2 1), (1 -1).
    index = NgramIndex([SCALE], n=2)
    assert index.overlap("X:1\nK:C\nCDEFE|") == pytest.approx(2 / 3)
    assert index.overlap(parse("X:1\nK:C\nCDEFE|")) == pytest.approx(2 / 3)


def test_overlap_of_a_short_tune_is_zero():
    assert NgramIndex([SCALE], n=8).overlap("X:1\nK:C\nCDEF|") == 0.0


def test_real_tunes_overlap_with_their_corpus_only():
    tunes = irish_tunes()
    tunes = [tune for tune in tunes[:100] + tunes[400:430] if validate(tune).valid]
    index = NgramIndex(tunes[:-30])
    assert index.overlap(tunes[50]) == 1.0
    others = [index.overlap(tune) for tune in tunes[-30:]]
    assert max(others) < 1.0
    assert sum(others) / len(others) < 0.2


def test_n_out_of_range_is_refused():
    with pytest.raises(ValueError, match="`n` must be at least 1; 0 came"):
        NgramIndex([], n=0)


def test_the_nearest_tune_is_named():
    tunes = {
        "Scale": "X:1\nK:C\nCDEF GABc|",
        "Chords": "X:1\nK:C\nCEGc EGce|",
    }
    melodies = [intervals(parse(text)) for text in tunes.values()]
    index = NeighbourIndex(melodies, list(tunes), n=2)
    # The query's steps are 4 3 5 2; of its runs 43, 35 and 52 Chords has two.
    nearest = index.nearest("X:1\nK:G\nGBdga|")
    assert (nearest.name, nearest.share) == ("Chords", pytest.approx(2 / 3))
    assert index.nearest("X:1\nK:C\nC|") == Neighbour("", 0.0)
    assert NeighbourIndex([], []).nearest(tunes["Scale"]) == Neighbour("", 0.0)
    # Of two that have as much, the first.
    twice = NeighbourIndex([melodies[0], melodies[0]], ["A", "B"], n=2)
    assert twice.nearest(tunes["Scale"]).name == "A"


def test_neighbours_need_names():
    with pytest.raises(ValueError, match="one for each melody, 1; 2 came"):
        NeighbourIndex([(1, 2)], ["A", "B"])
    with pytest.raises(ValueError, match="`n` must be at least 1"):
        NeighbourIndex([], [], n=0)
