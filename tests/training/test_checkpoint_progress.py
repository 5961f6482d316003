"""`EpochCheckpoint` goes on while a loss falls, whatever the monitored value does."""

import numpy as np
import pytest

from keras_seq.training import EpochCheckpoint
from tests.training.lines import LogAs, X, Y, line


@pytest.mark.parametrize(
    ("scores", "losses", "start", "epochs_run", "best"),
    [
        # The loss falls while the score stays at 0; of equal scores the last is best.
        ([0, 0, 0, 0, 0, 0], [6, 5, 4, 3, 2, 1], 0, 6, 5),
        ([0, 0, 0, 0, 0, 0], [6, 5, 4, 4, 4, 4], 0, 5, 2),
        ([0, 0, 1, 2, 1, 1], [6, 5, 9, 9, 9, 9], 0, 6, 3),  # the score decides
        ([0, 0, 0, 7, 1, 1], [1, 2, 2, 2, 2, 2], 0, 3, 0),
        ([0, 0, 0, 7, 1, 1], [1, 2, 2, 2, 2, 2], 3, 6, 3),  # the rate still rose
        ([0, 0, 0, 0, 0, 0], [1, 2, 2, 2, 2, 2], 3, 5, 0),
        ([0, 1, 1, 1, 1, 1], [np.nan, np.nan, 2, 2, 2, 2], 0, 5, 2),
        ([1, 0, 0, 0, 0, 0], [np.nan] * 6, 0, 3, 0),
    ],
)
def test_progress_that_another_value_shows(
    tmp_path, scores, losses, start, epochs_run, best
):
    options = {"monitor": "score", "mode": "max", "progress": "slow", "patience": 2}
    logs = [LogAs(scores, "score"), LogAs(losses, "slow")]
    for resume in (False, True):
        checkpoint = EpochCheckpoint(
            tmp_path / "run", start_from_epoch=start, resume=resume, **options
        )
        checkpoint.fit(line(), X, Y, epochs=6, callbacks=logs, verbose=0)
        assert (len(checkpoint.history), checkpoint.best_epoch) == (epochs_run, best)
    with pytest.raises(ValueError, match=r"`progress` must be one of .*'b'"):
        EpochCheckpoint(tmp_path / "run", monitor="score", progress="b", resume=True)
    with pytest.raises(ValueError, match="`start_from_epoch` must be at least 0"):
        EpochCheckpoint(tmp_path / "run", start_from_epoch=-1)
