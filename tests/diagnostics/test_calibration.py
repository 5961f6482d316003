"""Whether probabilities are what they say, by counting."""

import numpy as np
import pytest

from keras_seq.diagnostics import calibration_error, reliability


def test_against_counting_one_by_one():
    rng = np.random.default_rng(0)
    p = np.concatenate([rng.random(300), [0.0, 1.0, 0.1, 0.9]])
    y = rng.random(304) < p**2
    groups = {}
    for probability, outcome in zip(p, y, strict=True):
        groups.setdefault(min(int(probability * 10), 9), []).append(
            (float(probability), bool(outcome))
        )
    rows = reliability(p, y)
    assert [row["rows"] for row in rows] == [len(groups[b]) for b in sorted(groups)]
    error = 0.0
    for row, (_, pairs) in zip(rows, sorted(groups.items()), strict=True):
        predicted = sum(pair[0] for pair in pairs) / len(pairs)
        observed = sum(pair[1] for pair in pairs) / len(pairs)
        assert row["predicted"] == pytest.approx(predicted)
        assert row["observed"] == pytest.approx(observed)
        error += len(pairs) / 304 * abs(predicted - observed)
    assert calibration_error(p, y) == pytest.approx(error)


def test_right_on_the_average_is_no_error():
    assert calibration_error([0.25] * 4, [True, False, False, False]) == 0


@pytest.mark.parametrize(
    ("p", "y", "message"),
    [
        ([], [], "must have values"),
        ([0.5], [True, False], "of one shape"),
        ([[0.5]], [[True]], "of one shape"),
    ],
)
def test_refused(p, y, message):
    with pytest.raises(ValueError, match=message):
        calibration_error(p, y)
