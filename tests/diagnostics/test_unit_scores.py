"""Unit search: against NumPy and scikit-learn, on planted units and on noise."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from keras_seq.diagnostics import (
    find_units,
    inside_quotes,
    line_position,
    text_activity,
    unit_scores,
)
from keras_seq.text import CharacterVocabulary
from tests.diagnostics.readers import UNITS, reader

LENGTHS = (30, 41, 22, 35, 28)


def noise(units, seed=0, lengths=LENGTHS):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(length, units)) for length in lengths]


def halves(arrays):
    return np.concatenate(arrays[::2]), np.concatenate(arrays[1::2])


def test_numbers_against_corrcoef():
    """Two units follow the number, one against it, and the rest is noise."""
    rng = np.random.default_rng(1)
    activities = noise(70)
    numbers = [rng.integers(0, 9, length) * 0.5 for length in LENGTHS]
    for values, known in zip(activities, numbers, strict=True):
        values[:, 3] = 2 * known + values[:, 3]
        values[:, 69] = 5 - known + 0.3 * values[:, 69]
    scores = unit_scores(activities, numbers)
    assert scores.measure == "squared correlation"
    assert scores.counts == (80, 76)
    for half, found in enumerate((scores.ranked_by, scores.held_out)):
        values, known = halves(activities)[half], halves(numbers)[half]
        r = np.array([np.corrcoef(column, known)[0, 1] for column in values.T])
        np.testing.assert_allclose(found, r**2, rtol=1e-9)
        if half == 0:
            np.testing.assert_array_equal(scores.direction, np.sign(r))
    assert scores.best(2).tolist() == [69, 3]
    places = [np.arange(length) for length in LENGTHS]
    r = np.corrcoef(halves(places)[1], halves(numbers)[1])[0, 1]
    assert scores.baselines["position in the text"] == pytest.approx(r**2)


def test_labels_against_scikit_learn():
    rng = np.random.default_rng(2)
    # Few values, so many are tied.
    activities = [values.round(0) for values in noise(70)]
    labels = [rng.random(length) < 0.3 for length in LENGTHS]
    for values, known in zip(activities, labels, strict=True):
        values[:, 5] += 2 * known
        values[:, 66] -= 4 * known
    scores = unit_scores(activities, labels)
    assert scores.measure == "area under the ROC curve"
    assert scores.best(2).tolist() == [66, 5]
    first, second = (
        np.array([roc_auc_score(known, column) for column in values.T])
        for values, known in zip(halves(activities), halves(labels), strict=True)
    )
    falls = first < 0.5
    np.testing.assert_array_equal(scores.direction, np.where(falls, -1, 1))
    np.testing.assert_allclose(scores.ranked_by, np.where(falls, 1 - first, first))
    np.testing.assert_allclose(scores.held_out, np.where(falls, 1 - second, second))


def test_what_does_not_count_is_left_out():
    """NaN in the property: as if the characters weren't there."""
    activities, rng = noise(4), np.random.default_rng(3)
    numbers = [rng.normal(size=length) for length in LENGTHS]
    counts = [rng.random(length) < 0.7 for length in LENGTHS]
    holed = [
        np.where(count, known, np.nan)
        for count, known in zip(counts, numbers, strict=True)
    ]
    for values, count in zip(activities, counts, strict=True):
        values[~count] = 1e6
    scores = unit_scores(activities, holed)
    kept, known = (
        halves([array[c] for array, c in zip(arrays, counts, strict=True)])[1]
        for arrays in (activities, numbers)
    )
    r = np.array([np.corrcoef(column, known)[0, 1] for column in kept.T])
    np.testing.assert_allclose(scores.held_out, r**2, rtol=1e-8)


def test_a_planted_unit_is_found_among_noise_and_noise_alone_is_not():
    lengths = [200] * 20
    properties = [np.arange(200) % 7 for _ in lengths]
    activities = noise(512, lengths=lengths)
    alone = unit_scores(activities, properties)
    # The best of 512 looks better where it was picked than where it was not.
    best = alone.best(3)
    assert alone.held_out[best].max() < 0.002 < alone.ranked_by[best].min()
    for values, known in zip(activities, properties, strict=True):
        values[:, 300] = -known
    scores = unit_scores(activities, properties)
    assert scores.best(1) == [300]
    assert scores.held_out[300] == pytest.approx(1)
    assert str(scores).splitlines()[1] == "  unit 300: 1.000"


def test_labels_are_not_found_in_noise():
    lengths = [200] * 20
    properties = [np.arange(200) % 7 < 3 for _ in lengths]
    scores = unit_scores(noise(512, lengths=lengths), properties)
    assert np.abs(scores.held_out[scores.best(3)] - 0.5).max() < 0.03
    assert scores.ranked_by.min() >= 0.5


def test_a_unit_that_does_nothing():
    rng = np.random.default_rng(4)
    activities = [np.full((length, 2), 0.1, "float32") for length in LENGTHS]
    numbers = [rng.normal(size=length) for length in LENGTHS]
    assert unit_scores(activities, numbers).held_out.tolist() == [0, 0]
    labels = [known > 0 for known in numbers]
    assert unit_scores(activities, labels).held_out.tolist() == [0.5, 0.5]


def test_what_the_current_piece_alone_tells():
    """The mean of the property at each piece, found on the first half, by hand."""
    pieces = ["abca", "bbcd"]
    numbers = [np.array([1.0, 5.0, 2.0, 3.0]), np.array([4.0, 6.0, 0.0, 2.5])]
    scores = unit_scores(noise(2, lengths=(4, 4)), numbers, pieces=pieces)
    # "d" is new: the mean of all.
    means = [5.0, 5.0, 2.0, 2.75]
    r = np.corrcoef(means, numbers[1])[0, 1]
    assert scores.baselines["current piece alone"] == pytest.approx(r**2)
    labels = [
        np.array([True, False, False, False]),
        np.array([True, False, True, False]),
    ]
    scores = unit_scores(noise(2, lengths=(4, 4)), labels, pieces=["abca", "abbd"])
    expected = roc_auc_score(labels[1], [0.5, 0, 0, 0.25])
    assert scores.baselines["current piece alone"] == pytest.approx(expected)


TEXTS = ['a "b" a\nb', 'bb\n"a a"', '"a" b\n\nab', "b a\nab"]
VOCABULARY = CharacterVocabulary('ab "\n')


def test_find_units_scores_what_the_model_does():
    model = reader(VOCABULARY)
    properties = {"quotes": inside_quotes, "place": line_position}
    found = find_units(model, TEXTS, properties, vocabulary=VOCABULARY)
    assert list(found) == ["quotes", "place"]
    activities = text_activity(model, TEXTS, vocabulary=VOCABULARY).values
    known = halves([line_position(text) for text in TEXTS])[1]
    values = halves(activities)[1]
    r = np.array([np.corrcoef(column, known)[0, 1] for column in values.T])
    np.testing.assert_allclose(found["place"].held_out, r**2, rtol=1e-6)
    assert found["quotes"].held_out.shape == (UNITS,)
    assert list(found["quotes"].baselines) == [
        "position in the text",
        "current piece alone",
    ]


def test_find_units_says_which_property_is_wrong():
    model = reader(VOCABULARY)
    for texts in ("ab ab", TEXTS[:1], []):
        with pytest.raises(ValueError, match="`texts` must be two strings at least"):
            find_units(model, texts, {}, vocabulary=VOCABULARY)
    short = {"short": lambda text: np.zeros(3, bool)}
    with pytest.raises(ValueError, match=r"`properties\['short'\]` must give a value"):
        find_units(model, TEXTS, short, vocabulary=VOCABULARY)
    same = {"same": lambda text: np.zeros(len(text))}
    with pytest.raises(ValueError, match=r"`properties\['same'\]`: .*18 char.*all 0.0"):
        find_units(model, TEXTS, same, vocabulary=VOCABULARY)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"activities": noise(3)[:1]}, "two at least; received 1 and 5"),
        ({"activities": [*noise(3)[:4], np.ones((28, 2))]}, r"\(30, 3\) and \(28, 2\)"),
        ({"activities": [*noise(3)[:4], np.full((28, 3), np.inf)]}, "must be finite"),
        ({"properties": [np.ones(9)] * 5}, r"received shape \(9,\), float64"),
        ({"properties": [np.array(["a"] * n) for n in LENGTHS]}, "<U1"),
        ({"properties": [np.full(n, np.nan) for n in LENGTHS]}, "0 characters that"),
        ({"properties": [np.full(n, np.inf) for n in LENGTHS]}, "received infinity"),
        (
            {"properties": [np.arange(n) > 3 for n in LENGTHS[:4]] + [np.arange(28)]},
            "all booleans, or all numbers",
        ),
        ({"pieces": ["a"] * 5}, "`pieces` must be as many as"),
    ],
)
def test_bad_arguments(changed, message):
    given = {"activities": noise(3), "properties": [np.arange(n) for n in LENGTHS]}
    with pytest.raises(ValueError, match=message):
        unit_scores(**{**given, **changed})
    with pytest.raises(ValueError, match="`count` must be at least 1; received 0"):
        unit_scores(**given).best(0)
