"""Comparing beams with the oracle's."""

import numpy as np

from tests.reference import beam as reference


def expected(
    model,
    row,
    start,
    length,
    width,
    end=0,
    allowed=None,
    process=None,
    groups=None,
    diversity=0.0,
    **penalties,
):
    """The oracle's n-best list of a row; of all there are if `width` is None."""
    penalties.setdefault("mask", model.mask[row])

    def score(hypothesis):
        return hypothesis.score(**penalties)

    state = model.state[row].astype("float64")
    arguments = (model.row_step(row), state, start, length)
    if groups is not None:
        found = reference.diverse(
            *arguments, width, end, score, groups, diversity, allowed, process
        )
    elif width is None:
        found = reference.exhaustive(*arguments, end, score, allowed)
    else:
        found = reference.beam(*arguments, width, end, score, allowed, process)
    return [(hypothesis, score(hypothesis)) for hypothesis in found]


def assert_beams(result, row, found, start, end=0, atol=2e-4):
    """Row `row` of a `Generation` holds these hypotheses and no more."""
    ids, lengths, log_probs, finished = (
        np.asarray(getattr(result, name)[row])
        for name in ("ids", "lengths", "log_probs", "finished")
    )
    scores = np.asarray(result.scores[row])
    attention = np.asarray(result.kept["attention"][row])
    read = np.asarray(result.kept["read"][row])
    places, longest = ids.shape
    padding = 0 if end is None else end
    np.testing.assert_allclose(scores[: len(found)], [s for _, s in found], atol=atol)
    for place, (hypothesis, _) in enumerate(found):
        count = len(hypothesis.ids)
        missing = longest - count
        assert ids[place].tolist() == [*hypothesis.ids, *[padding] * missing]
        assert lengths[place] == count - hypothesis.cut
        assert finished[place] == hypothesis.finished
        np.testing.assert_allclose(
            log_probs[place], [*hypothesis.log_probs, *[0.0] * missing], atol=atol
        )
        np.testing.assert_allclose(
            attention[place, :count], hypothesis.attention, atol=atol
        )
        assert not attention[place, count:].any()
        expected = [start, *hypothesis.ids[:-1]] if count else []
        assert read[place].tolist() == expected + [0] * missing
    for place in range(len(found), places):
        assert scores[place] == -np.inf
        assert not lengths[place]
        assert not finished[place]
        assert (ids[place] == padding).all()
        assert not log_probs[place].any()
        assert not attention[place].any()
