"""Where a training that goes on within an epoch is begun and ended."""

import keras
import numpy as np
import pytest

from keras_seq.training import EpochCheckpoint
from tests.training.interrupted import SIZE, STEPS, Seen, X, Y, build, train
from tests.training.lines import assert_same_weights

DATA = {"x": X, "y": Y, "batch_size": SIZE}


class Ends(keras.callbacks.Callback):
    """Makes in `on_epoch_begin` what `on_epoch_end` needs, and sees the end of all."""

    def __init__(self):
        super().__init__()
        self._begun, self.ended = object(), []

    def on_epoch_begin(self, epoch, logs=None):
        self._made = epoch

    def on_epoch_end(self, epoch, logs=None):
        assert self._made == epoch

    def on_train_end(self, logs=None):
        self.ended.append(sorted(logs))


@pytest.mark.parametrize(("epochs", "verbose"), [(1, 1), (2, 2)])
def test_an_epoch_that_only_has_to_end(tmp_path, epochs, verbose):
    def fit(folder, moment=None):
        ends = Ends()
        checkpoint = EpochCheckpoint(folder / "run", save_steps=1, resume=True)
        options = {"callbacks": [Seen(moment), ends], "validation_data": (X, Y)}
        checkpoint.fit(
            model := build(), **DATA, epochs=epochs, verbose=verbose, **options
        )
        return model, checkpoint.history, ends.ended

    expected = fit(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "parts", "validation")
    assert EpochCheckpoint(tmp_path / "parts/run", resume=True).first_step == STEPS
    got = fit(tmp_path / "parts")
    assert_same_weights(got[0].get_weights(), expected[0].get_weights())
    assert got[1:] == expected[1:]
    assert len(got[2]) == 1


def test_time_that_runs_out_within_an_epoch(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, moment=3, seconds=1e-9)
    _, checkpoint, seen = train(tmp_path, seconds=1e-9)
    assert len(checkpoint.history) == 1
    assert [batch for batch, _ in seen.seen] == list(range(STEPS))


def together(folder, steps, resume=False, **options):
    model = build()
    model.compile("sgd", "mse", steps_per_execution=steps)
    checkpoint = EpochCheckpoint(folder, monitor="loss", resume=resume, **options)
    return model, checkpoint


def test_steps_that_are_no_multiple_of_those_done_at_once(tmp_path):
    data = {**DATA, "shuffle": False, "epochs": 2, "verbose": 0}
    expected, _ = together(tmp_path, 4)
    history = expected.fit(**data).history["loss"]
    model, checkpoint = together(tmp_path, 4)
    checkpoint.fit(model, **data)
    assert int(model.optimizer.iterations) == 2 * STEPS
    np.testing.assert_array_equal([e["loss"] for e in checkpoint.history], history)
    model, checkpoint = together(tmp_path, 4, save_steps=1)
    with pytest.raises(ValueError, match="6 steps can't be done in 4s together"):
        checkpoint.fit(model, **data)


def test_a_step_that_others_at_once_do_not_reach(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, moment=4)
    for steps, why in ((3, "of which 4 is no multiple"), (4, "can't be done in 4s")):
        model, checkpoint = together(tmp_path / "run", steps, resume=True)
        with pytest.raises(ValueError, match=f"of step 4 of an epoch of 6, .*{why}"):
            checkpoint.fit(model, **DATA, epochs=2, verbose=0)


def test_arguments_without_a_name(tmp_path):
    checkpoint = EpochCheckpoint(tmp_path, monitor="loss")
    for more, why in (((SIZE, 2), "received 4 without one"), ((), "given x twice")):
        given = {"x": X} if not more else {}
        with pytest.raises(TypeError, match=why):
            checkpoint.fit(build(), X, Y, *more, epochs=1, verbose=0, **given)
