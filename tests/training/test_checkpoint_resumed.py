"""Where a training that goes on within an epoch is begun and ended."""

import contextlib
import errno
import os
import resource
import shutil
import signal
import time

import keras
import numpy as np
import pytest

from keras_seq.training import EpochCheckpoint
from tests.training.interrupted import SIZE, STEPS, Seen, X, Y, build, train
from tests.training.lines import assert_same_weights, fit, line

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
    def ended(folder, moment=None):
        ends = Ends()
        checkpoint = EpochCheckpoint(folder / "run", save_steps=1, resume=True)
        options = {"callbacks": [Seen(moment), ends], "validation_data": (X, Y)}
        checkpoint.fit(
            model := build(), **DATA, epochs=epochs, verbose=verbose, **options
        )
        return model, checkpoint.history, ends.ended

    expected = ended(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        ended(tmp_path / "parts", "validation")
    assert EpochCheckpoint(tmp_path / "parts/run", resume=True).first_step == STEPS
    got = ended(tmp_path / "parts")
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


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A folder of two epochs, of which the first is the better."""
    folder = tmp_path_factory.mktemp("two")
    fit(folder, line(), 2, [1, 2])
    return folder / "run"


def test_what_only_weights_are_left_of_is_not_begun_anew(two, tmp_path):
    shutil.copytree(two, tmp_path / "run")
    for name in ("last.npz", "previous.npz", "best.npz"):
        (tmp_path / "run" / name).unlink()
    with pytest.raises(ValueError, match=r"last.npz' is missing.*delete the folder '"):
        fit(tmp_path, line(), 2, resume=True)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["copy-0001.npz"]


def test_names_that_are_like_ours(two, tmp_path):
    shutil.copytree(two, tmp_path / "run")
    mine = {"copy-of-best.npz", "epoch-good.npz", "epoch-001.npz", "copy-0001.npz.gz"}
    for name in mine:
        (tmp_path / "run" / name).touch()
    fit(tmp_path, line(), 3, [1, 2, 0], resume=True)
    fit(tmp_path, line(), 1)
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {*mine, "last.npz", "best.npz", "copy-0001.npz"}


def test_killed_between_the_names_of_the_two(two, tmp_path):
    shutil.copytree(two, tmp_path / "run")
    last, previous = tmp_path / "run/last.npz", tmp_path / "run/previous.npz"
    previous.unlink()
    os.link(last, previous)
    kept = last.read_bytes()
    fit(tmp_path, line(), 3, resume=True)
    assert previous.read_bytes() == kept
    assert not list((tmp_path / "run").glob(".*"))


def test_a_file_that_can_not_be_read_is_not_taken_for_damaged(two, tmp_path):
    shutil.copytree(two, tmp_path / "run")
    before = {path: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, limit[1]))
    try:
        with pytest.raises(OSError, match=r"can't be read now, so nothing") as raised:
            EpochCheckpoint(tmp_path / "run", monitor="loss", resume=True)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    assert raised.value.errno == errno.EMFILE
    assert before == {path: path.read_bytes() for path in (tmp_path / "run").iterdir()}


def test_what_is_damaged_stays_until_the_next_is_written(two, tmp_path):
    shutil.copytree(two, tmp_path / "run")
    last = tmp_path / "run" / "last.npz"
    damaged = last.read_bytes()[:-1]
    last.write_bytes(damaged)
    EpochCheckpoint(tmp_path / "run", monitor="loss", resume=True)
    assert (tmp_path / "run" / "last.npz.damaged").read_bytes() == damaged
    fit(tmp_path, line(), 2, resume=True)
    assert not (tmp_path / "run" / "last.npz.damaged").exists()


class Signals(keras.callbacks.Callback):
    """Sends signals in a step, or in the first batch of validation, and may wait."""

    def __init__(self, *numbers, step=None, seconds=0.0, error=None):
        super().__init__()
        self._numbers, self._step = numbers, step
        self._seconds, self._error = seconds, error

    def _send(self):
        numbers, self._numbers = self._numbers, ()
        for number in numbers:
            os.kill(os.getpid(), number)
        time.sleep(self._seconds if numbers else 0)
        if self._error:
            raise self._error

    def on_train_batch_end(self, batch, logs=None):
        if batch == self._step:
            self._send()

    def on_test_batch_begin(self, batch, logs=None):
        if self._step is None:
            self._send()


def signalled(folder, *numbers, data=None, **options):
    checkpoint = EpochCheckpoint(folder / "run")
    sends = Signals(*numbers, **options)
    more = {"epochs": 2, "validation_data": (X, Y), "callbacks": [sends], "verbose": 0}
    checkpoint.fit(build(), **{**DATA, **(data or {})}, **more)


@pytest.mark.parametrize(
    ("seconds", "times", "data", "kept"),
    [
        (0, 1, {}, (1, 0)),  # the epoch ends first
        (0, 2, {}, (0, STEPS)),  # at once
        (0.5, 1, {}, (0, STEPS)),  # when it lasts for too long
        (0, 1, {"validation_split": 0.1}, (1, 0)),
    ],
)
def test_interrupted_in_validation(tmp_path, monkeypatch, seconds, times, data, kept):
    if seconds:
        monkeypatch.setattr("keras_seq.training._checkpoint_signals.GRACE", 0.1)
    monkeypatch.setattr("keras_seq.training._checkpoint_loop.WORTH", 0.0)
    sent = times * [signal.SIGINT]
    with pytest.raises(KeyboardInterrupt):
        signalled(tmp_path, *sent, data=data, seconds=seconds)
    again = EpochCheckpoint(tmp_path / "run", resume=True)
    assert (again.first_epoch, again.first_step) == kept


@pytest.mark.parametrize("error", [None, RuntimeError("the callback's own")])
def test_no_signal_that_waits_is_lost(tmp_path, error):
    came, both = [], (signal.SIGINT, signal.SIGTERM)
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        with pytest.raises(SystemExit) as raised, contextlib.suppress(RuntimeError):
            signalled(tmp_path, *both, step=2, error=error)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (came, raised.value.code) == ([signal.SIGINT], 143)


class Remembers(keras.callbacks.Callback):
    """Has a folder and a clock of its own process; the rest is the training's."""

    def __init__(self, process):
        super().__init__()
        self.process = self.folder = self.clock = process
        self.first, self.rows, self.seen, self.last = [], {}, set(), ()

    def set_model(self, model):
        super().set_model(model)
        self.folder = f"folder {self.process}"

    def on_train_begin(self, logs=None):
        self.clock = 100 * self.process
        self.first = [np.full(2, self.process)]

    def on_train_batch_end(self, batch, logs=None):
        self.rows[batch] = (batch, float(logs["loss"]))
        self.seen.add(f"batch {batch}")
        self.last = ({"of": [batch]}, None)
        if (self.process, batch) == (1, 3):
            raise KeyboardInterrupt


def test_what_callbacks_remember_and_what_is_the_process_s_own(tmp_path):
    def fit(process):
        remembers = Remembers(process)
        checkpoint = EpochCheckpoint(
            tmp_path, monitor="loss", save_steps=1, resume=True
        )
        options = {"epochs": 1, "callbacks": [remembers], "verbose": 0}
        checkpoint.fit(build(), **DATA, **options)
        return remembers

    with pytest.raises(KeyboardInterrupt):
        fit(1)
    got = fit(2)
    assert (got.process, got.folder, got.clock) == (2, "folder 2", 200)
    np.testing.assert_array_equal(got.first, [[1, 1]])
    assert list(got.rows) == list(range(STEPS))
    assert got.seen == {f"batch {i}" for i in range(STEPS)}
    assert got.last == ({"of": [STEPS - 1]}, None)
