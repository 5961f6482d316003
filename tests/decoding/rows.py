"""Comparing rows that are chosen token by token with the oracle's."""

import numpy as np

from keras_seq.decoding import FinishReason


def assert_row(result, reasons, row, found, padding=0, atol=1e-4):
    """Row `row` of a `Generation` is what `reference.endings.write` gives."""
    ids, cut, log_probs, reason = found
    missing = result.ids.shape[1] - len(ids)
    assert np.asarray(result.ids[row]).tolist() == ids + [padding] * missing
    assert int(result.lengths[row]) == len(ids) - cut
    assert FinishReason(int(reasons[row])).name == reason
    assert bool(result.finished[row]) == (cut > 0)
    np.testing.assert_allclose(
        result.log_probs[row], log_probs + [0.0] * missing, atol=atol
    )
