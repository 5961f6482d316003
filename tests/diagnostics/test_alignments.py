"""Alignments against sums written out, and links counted by hand."""

import math

import numpy as np
import pytest

from keras_seq.diagnostics import (
    alignment_agreement,
    attention_coverage,
    attention_entropy,
)


def entropy_of(row):
    """Of one distribution, term by term."""
    return -sum(p * math.log(p) for p in row if p > 0)


@pytest.fixture
def weights():
    """(B, H, T, S) = (2, 3, 4, 5), with some weights that are 0."""
    rng = np.random.default_rng(3)
    weights = rng.dirichlet(np.ones(5), size=(2, 3, 4))
    weights[0, 1, 2] = [0, 0.25, 0, 0.75, 0]
    return weights


@pytest.mark.parametrize("axes", [2, 3, 4])
def test_entropy_is_the_sum_of_its_terms(weights, axes):
    given = weights[(0,) * (4 - axes)]
    entropy = attention_entropy(given)
    assert entropy.shape == given.shape[:-1]
    for place in np.ndindex(entropy.shape):
        assert entropy[place] == pytest.approx(entropy_of(given[place]), rel=1e-12)


def test_entropy_with_masks(weights):
    source_mask = np.array([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1]], bool)
    target_mask = np.array([[1, 1, 1, 0], [0, 1, 1, 1]], bool)
    entropy = attention_entropy(weights, source_mask, target_mask)
    for batch, head, target in np.ndindex(2, 3, 4):
        seen = weights[batch, head, target][source_mask[batch]]
        if target_mask[batch, target]:
            expected = entropy_of(seen / seen.sum())
            assert entropy[batch, head, target] == pytest.approx(expected, rel=1e-12)
        else:
            assert np.isnan(entropy[batch, head, target])


def test_entropy_at_its_limits():
    entropy = attention_entropy([[0, 1, 0, 0], [0.25] * 4, [0, 0, 0, 0]])
    np.testing.assert_allclose(entropy, [0, math.log(4), np.nan], rtol=1e-15)
    assert math.copysign(1, entropy[0]) == 1  # not -0.0
    assert np.isnan(attention_entropy([[0.0, 1.0]], source_mask=[True, False])).all()


def test_coverage(weights):
    target_mask = np.array([[1, 0, 1, 1], [0, 1, 1, 0]], bool)
    whole = attention_coverage(weights)
    part = attention_coverage(weights, target_mask)
    for batch, head, source in np.ndindex(2, 3, 5):
        column = weights[batch, head, :, source]
        assert whole[batch, head, source] == pytest.approx(sum(column), rel=1e-12)
        expected = sum(
            w for w, on in zip(column, target_mask[batch], strict=True) if on
        )
        assert part[batch, head, source] == pytest.approx(expected, rel=1e-12)
    one = attention_coverage(weights[0, 0], target_mask[0])
    np.testing.assert_allclose(one, part[0, 0], rtol=1e-12)


def test_agreement_counted_by_hand():
    """Two pairs; beside each row the link that it gives."""
    first = [
        [0.7, 0.2, 0.1],  # (0, 0), sure
        [0.1, 0.5, 0.4],  # (1, 1), possible
        [0.6, 0.1, 0.3],  # (2, 0), wrong: (2, 2) is sure
        [0.0, 0.9, 0.1],  # (3, 1), wrong: no link in the reference
        [0.0, 0.0, 0.0],  # none
    ]
    second = [
        [0.1, 0.9],  # (0, 1), sure
        [0.5, 0.5],  # (1, 0), the first of equals: possible
    ]
    agreement = alignment_agreement(
        [first, second],
        [{(0, 0), (2, 2), (4, 1)}, {(0, 1)}],
        [{(1, 1), (0, 0)}, {(1, 0)}],
    )
    # |A| = 6, |S| = 4, |A ∩ S| = 2, |A ∩ P| = 4.
    assert agreement.error_rate == pytest.approx(1 - (2 + 4) / (6 + 4))
    assert agreement.precision == pytest.approx(4 / 6)
    assert agreement.recall == pytest.approx(2 / 4)
    # Targets with a link in P: 0, 1, 2, 4 of the first, 0, 1 of the second.
    assert agreement.pointing_accuracy == pytest.approx(4 / 6)


def test_links_above_a_threshold():
    weights = [[0.7, 0.3, 0.0], [0.3, 0.3, 0.4], [0.2, 0.2, 0.6]]
    agreement = alignment_agreement(
        [weights], [{(0, 0), (1, 0), (2, 0)}], threshold=0.3
    )
    # (0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 2): six links, two of them right.
    assert agreement.error_rate == pytest.approx(1 - 4 / 9)
    assert agreement.precision == pytest.approx(2 / 6)
    assert agreement.recall == pytest.approx(2 / 3)
    assert agreement.pointing_accuracy == pytest.approx(1 / 3)  # by the largest


@pytest.mark.parametrize("threshold", [None, 0.2])
def test_agreement_of_random_pairs_counted_link_by_link(threshold):
    rng = np.random.default_rng(8)
    weights, sure, possible = [], [], []
    links = certain = right = surely_right = pointing = pointed = 0
    for targets, sources in [(4, 6), (7, 3), (5, 5)]:
        array = rng.dirichlet(np.ones(sources), size=targets)
        known = rng.random((targets, sources)) < 0.2
        likely = rng.random((targets, sources)) < 0.3
        weights.append(array)
        sure.append({(t, s) for t, s in np.argwhere(known)})
        possible.append({(t, s) for t, s in np.argwhere(likely)})
        for t in range(targets):
            best = max(range(sources), key=lambda s, row=array[t]: row[s])
            pointing += any(known[t, s] or likely[t, s] for s in range(sources))
            pointed += known[t, best] or likely[t, best]
            for s in range(sources):
                link = s == best if threshold is None else array[t, s] >= threshold
                links += link
                certain += known[t, s]
                right += link and (known[t, s] or likely[t, s])
                surely_right += link and known[t, s]
    agreement = alignment_agreement(weights, sure, possible, threshold=threshold)
    assert agreement == pytest.approx(
        (
            1 - (surely_right + right) / (links + certain),
            right / links,
            surely_right / certain,
            pointed / pointing,
        )
    )


def test_the_reference_itself_has_no_error():
    links = {(0, 1), (1, 0), (2, 2)}
    weights = np.zeros((3, 3))
    for link in links:
        weights[link] = 1
    assert alignment_agreement([weights], [links]) == (0, 1, 1, 1)


def test_nothing_to_count_is_not_a_number():
    assert np.isnan(alignment_agreement([], [])).all()
    assert np.isnan(alignment_agreement([np.eye(2)], [set()]).recall)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (([1.0, 2.0],), r"`weights` must have shape \(..., T, S\)"),
        (([[1.0, -0.5]],), "`weights` must be finite and not negative"),
        (([[1.0, np.nan]],), "`weights` must be finite and not negative"),
        (([[1.0, 0.5]], [True]), r"`source_mask` must have shape \(2,\)"),
        (([[1.0, 0.5]], None, [True, True]), r"`target_mask` must have shape \(1,\)"),
        ((np.ones((2, 3, 4)), np.ones(4)), r"`source_mask` must have shape \(2, 4\)"),
    ],
)
def test_entropy_refuses(given, message):
    with pytest.raises(ValueError, match=message):
        attention_entropy(*given)


@pytest.mark.parametrize(
    ("given", "threshold", "message"),
    [
        (([np.eye(2)], []), None, "one entry for each pair; received 1, 0 and 0"),
        (([np.ones((1, 2, 2))], [set()]), None, r"`weights\[0\]` must have shape"),
        (([np.eye(2)], [{(2, 0)}]), None, r"`sure\[0\]` .* received \(2, 0\)"),
        (([np.eye(2)], [{(0, -1)}]), None, r"`sure\[0\]` .* received \(0, -1\)"),
        (([np.eye(2)], [{(0, 0.5)}]), None, r"`sure\[0\]` .* received \(0, 0.5\)"),
        (([np.eye(2)], [set()], [{(0, 0, 0)}]), None, r"`possible\[0\]` must be links"),
        (([np.eye(2)], [{(0, np.nan)}]), None, r"`sure\[0\]` must be links.*nan"),
        (([np.eye(2)], [[1]]), None, r"`sure\[0\]` must be links.*received 1\."),
        (([np.eye(2)], [set()]), 0, r"`threshold` must be in \(0, 1\]"),
        (([np.eye(2)], [set()]), 1.5, r"`threshold` must be in \(0, 1\]"),
        (([-np.eye(2)], [set()]), None, r"`weights\[0\]` must be finite"),
    ],
)
def test_agreement_refuses(given, threshold, message):
    with pytest.raises(ValueError, match=message):
        alignment_agreement(*given, threshold=threshold)
