from collections import Counter

import numpy as np
import pytest

from keras_seq.music import compare_as_music, measure_tune
from keras_seq.music.measuring import _divergence, _wasserstein
from tests.music.abc.support import tune


def figure(name, body, **header):
    return measure_tune(tune(body, **header)).figures[name]


# Counted by hand: figure, music (4/4, quarter notes), value.
COUNTED = [
    ("ends_on_tonic", "CDEF|GEDC|]", 1.0),
    ("ends_on_tonic", "CDEF|GEDD|]", 0.0),
    ("ends_on_tonic", "CDEF|GEDC,|z4|]", 1.0),
    # Fine is where the music ends.
    ("ends_on_tonic", "CDEF|GEDC!fine!||CDEF|GEDD!D.C.!|]", 1.0),
    ("ends_on_tonic", "z4|", None),
    ("sections_of_four", "C4|C4|C4|C4|]", 1.0),
    ("sections_of_four", "|:C4|C4|C4|C4:|C4|C4|C4|]", 0.0),
    ("sections_of_four", "|:C4|C4|C4|1 C4:|2 C4||", 1.0),
    ("sections_of_four", "C|C4|C4|C4|C3:|", 1.0),
    ("sections_of_four", "[M:none]C4|C4|", None),
    ("distinct_bars", "CDEF|CDEF|C2E2|CDEF|", 0.5),
    # The upbeat is no bar.
    ("distinct_bars", "G|CDEF|CDE|", 1.0),
    # Of five phrases the fourth and the fifth were there.
    ("phrases_return", "CDEF|GGGG|AAAA|CDEF|GGGG|AAAA|", 0.4),
    # One that goes on doesn't return.
    ("phrases_return", "C4|C4|C4|", 0.0),
    ("phrases_return_transposed", "CDEF|GGGG|A4|DEFG|AAAA|", 0.25),
    ("phrases_return_transposed", "CDEF|GGGG|A4|DEFA|AAAA|", 0.0),
    ("phrases_return_transposed", "CDEC|GGGG|z4|FGAF|cccc|", 0.25),
    ("phrases_return_transposed", "CDEC|GGGG|z4|CDEC|GGGG|", 0.0),
    ("phrases_return_varied", "CDEF|GGGG|A4|CDEF|GGEC|", 0.25),
    ("phrases_return_varied", "CDEF|GGGG|A4|CDEF|GEEC|", 0.0),
    ("range", "CDEF|c2C,2|", 24.0),
    ("leaps", "CEGc|", 1 / 3),
    ("leaps", "C4|", None),
    ("rhythms_a_bar", "CDEF|GABc|C2E2|z2E2|", 0.75),
    ("tonal_stability", "CEGE|CEGE|CEGE|CEGE|" * 2, 1.0),
    ("tonal_stability", "CEGE|CEGE|CEGE|CEGE|", None),
]


@pytest.mark.parametrize(("name", "body", "value"), COUNTED)
def test_figures_counted_by_hand(name, body, value):
    assert figure(name, body) == (value if value is None else pytest.approx(value))


def test_stability_is_the_correlation_of_profiles():
    one, two = np.zeros(12), np.zeros(12)
    one[[0, 4, 7]] = [4, 8, 4]
    two[[1, 6]] = [8, 8]
    expected = [np.corrcoef(part, one + two)[0, 1] for part in (one, two)]
    body = "CEGE|" * 4 + "^C2^F2|" * 4
    assert figure("tonal_stability", body) == pytest.approx(np.mean(expected))


def test_distributions_counted_by_hand():
    counts = measure_tune(tune("D2F2|A2d2|d'4|z4|{c}A4-|A4|", key="D")).counts
    assert counts["pitches"] == {0: 384, 4: 96, 7: 480}
    assert counts["intervals"] == {4: 1, 3: 1, 5: 1, 12: 1, -13: 1}
    assert counts["rhythms"] == {("1/2", "1/2"): 2, ("1",): 3, ("z1",): 1}
    assert counts["contours"] == {(1, 1): 2}


def test_contours():
    shapes = {"CDEF|GABc|": (1, 1), "CEGE|GEDC|": (1, 0), "cBAG|FEDC|": (-1, -1)}
    for body, shape in shapes.items():
        assert measure_tune(tune(body)).counts["contours"] == {shape: 1}


def test_distances_are_those_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    spatial = pytest.importorskip("scipy.spatial.distance")
    chance = np.random.default_rng(1)
    for size in (1, 2, 7, 30):
        one, two = chance.normal(size=size), chance.normal(1, 2, size=9)
        expected = stats.wasserstein_distance(one, two)
        assert _wasserstein(list(one), list(two)) == pytest.approx(expected)
        p, q = (
            chance.integers(0, 5, size=(2, size + 3)) + np.eye(size + 3, dtype=int)[:2]
        )
        expected = spatial.jensenshannon(p, q, base=2) ** 2
        counted = [Counter(dict(enumerate(map(int, each)))) for each in (p, q)]
        assert _divergence(*counted) == pytest.approx(expected)


def test_people_are_as_far_from_people_as_their_halves():
    body = "CDEF|GABc|{0}4|E4|{0}2E2|GABc|E4|C4|"
    human = [tune(body.format(note)) for note in "CDEFGABc" * 3]
    compared = compare_as_music(human, human)
    for name, row in compared.items():
        assert row["distance"] == pytest.approx(0), name
    assert 0 < compared["pitches"]["distance_of_halves"] < 0.1
    assert compared["ends_on_tonic"] == {
        "value": 1.0,
        "human": 1.0,
        "distance": 0.0,
        "distance_of_halves": 0.0,
    }
    assert compare_as_music(human, human, seed=0) == compared


def test_what_is_malformed_is_not_measured():
    done = []
    compared = compare_as_music(
        [tune("C4|(3"), tune("C4|")],
        [tune("D4|")],
        progress=lambda *counts: done.append(counts),
    )
    assert compared["ends_on_tonic"]["value"] == 1.0
    assert compared["ends_on_tonic"]["human"] == 0.0
    assert compared["ends_on_tonic"]["distance"] == 1.0
    assert compared["ends_on_tonic"]["distance_of_halves"] is None
    assert done == [(1, 3), (2, 3), (3, 3)]


def test_without_tunes_there_is_nothing_to_tell():
    compared = compare_as_music([], [])
    assert {value for row in compared.values() for value in row.values()} == {None}
