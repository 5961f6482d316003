"""`EpochCheckpoint`: a training that was killed ends as one that was not."""

import csv
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_seq.layers import ExplicitGRU, RecurrentLanguageModel
from keras_seq.training import EpochCheckpoint
from tests.training import killed_child
from tests.training.lines import LogAs, X, Y, assert_same_weights, fit, line

ROOT = Path(__file__).parents[2]


# Just before the n-th file of a checkpoint is opened or takes its name.
MOMENTS = {
    1: [
        "os.rename 2",  # last.npz is there, history.csv and best.npz are not
        "open 3",  # at the next last.npz, after both were made good
    ],
    3: [
        "os.rename 2",  # last.npz is there, epoch-0001.npz and the rest are not
        "open 8",  # after these three and the next last.npz, at epoch-0002.npz
        "os.rename 7",  # in the second epoch after that
    ],
}


@pytest.mark.parametrize("average", MOMENTS)
def test_killed_at_many_moments_it_ends_with_the_same_weights(tmp_path, average):
    moments = [
        *MOMENTS[average],
        "batch 7",  # in the second epoch after that
        "damage last.npz",
        f"after {random.uniform(0, 1):.4f}",  # anywhere
        "damage best.npz",
        "never",
    ]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    runs = [f"{whole}:never", *(f"{killed}:{moment}" for moment in moments)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.killed_child", str(average), *runs],
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, (runs, done.stderr[-4000:])
    expected = dict(np.load(whole / "result.npz"))
    result = dict(np.load(killed / "result.npz"))
    assert sorted(result) == sorted(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(result[name], value, err_msg=name)
    # It came to its end early, after more epochs than one.
    assert 3 < len(expected["epoch"]) < killed_child.EPOCHS
    assert expected["best_epoch"] == len(expected["epoch"]) - 4
    assert ("mean_val_score" in expected) == (average > 1)
    assert (whole / "history.csv").read_text() == (killed / "history.csv").read_text()
    assert "last.npz' is damaged (" in done.stderr
    assert "going on from previous.npz, after epoch " in done.stderr
    left = {path.name for path in (killed / "checkpoints").iterdir()}
    assert {"best.npz", "last.npz", "previous.npz"} <= left
    # Those with the best weights are there twice, and nothing else.
    assert len(left) == 4 + (2 * average if average > 1 else 0) - (average > 1)
    assert left == {path.name for path in (whole / "checkpoints").iterdir()}


@pytest.mark.parametrize(
    ("values", "patience", "epochs_run", "best"),
    [
        ([5, 4, 3, 2, 1, 0], 2, 6, 5),
        ([5, 4, 4, 4, 1, 0], 2, 4, 1),  # as good is not better
        ([5, 4, 4.5, 3, 9, 8], 2, 6, 3),
        ([1, 2, 3, 4, 5, 6], 1, 2, 0),
        ([1, 2, 3, 4, 5, 6], 5, 6, 0),
        ([1, 2, 3, 4, 5, 6], None, 6, 0),
        ([5, np.nan, 3, 4, 2, 6], None, 6, 4),
        ([np.nan, 5, 4, np.nan, np.nan, 0], 2, 5, 2),
        ([np.nan, np.inf, np.nan, 7, 8, 9], 3, 6, 3),
        ([np.inf, np.inf, np.inf, 1, 1, 1], 2, 3, 0),
        ([3, -np.inf, 1, 1, 1, 1], 3, 5, 1),
    ],
)
def test_patience_and_best_weights(tmp_path, values, patience, epochs_run, best):
    model = line()
    checkpoint, weights = fit(tmp_path, model, 6, values, patience=patience)
    assert len(checkpoint.history) == len(weights) == epochs_run
    assert checkpoint.best_epoch == best
    assert checkpoint.best_values is checkpoint.history[best]
    assert checkpoint.stopped == (
        patience is not None and epochs_run - 1 - best >= patience
    )
    assert_same_weights(model.get_weights(), weights[best])
    # Resumed, there is nothing to do but to restore the best weights.
    resumed = line(kernel_initializer="ones")
    again, _ = fit(
        tmp_path, resumed, epochs_run, values, patience=patience, resume=True
    )
    assert json.dumps(again.history) == json.dumps(checkpoint.history)
    assert again.best_epoch == best
    assert_same_weights(resumed.get_weights(), weights[best])


def test_a_value_that_was_never_a_number(tmp_path):
    with pytest.raises(ValueError, match="'loss' was not a number in any of 2 epochs"):
        fit(tmp_path, line(), 5, [np.nan] * 5, patience=2)
    # Not even when it is resumed.
    with pytest.raises(ValueError, match="'loss' was not a number in any of 2 epochs"):
        fit(tmp_path, line(), 5, [np.nan] * 5, patience=2, resume=True)


def test_a_training_that_really_diverges_ends_with_the_best_weights(tmp_path):
    with np.errstate(all="ignore"):
        model = line(optimizer=keras.optimizers.SGD(1e6))
        checkpoint, _ = fit(tmp_path, model, 60, patience=12)
    values = [row["loss"] for row in checkpoint.history]
    assert np.isnan(values[-1])
    assert checkpoint.best_epoch == 0
    assert all(np.isfinite(weights).all() for weights in model.get_weights())


def test_the_history(tmp_path):
    checkpoint, _ = fit(tmp_path, line(), 3)
    assert [row["epoch"] for row in checkpoint.history] == [1, 2, 3]
    with open(tmp_path / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == [
        row["loss"] for row in checkpoint.history
    ]
    assert checkpoint.first_epoch == 3
    # A value that isn't logged in every epoch leaves its place empty.
    checkpoint = EpochCheckpoint(tmp_path / "run", monitor="loss")
    options = {"validation_data": (X, Y), "validation_freq": 2, "verbose": 0}
    checkpoint.fit(line(), X, Y, epochs=3, **options)
    assert [len(row) for row in checkpoint.history] == [2, 3, 2]
    text = (tmp_path / "history.csv").read_text()
    assert text.splitlines()[0] == "epoch,loss,val_loss"
    assert text.splitlines()[1].endswith(",")
    again = EpochCheckpoint(tmp_path / "run", monitor="loss", resume=True)
    assert again.history == checkpoint.history
    assert again.first_epoch == 3


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "adam"},
        {"dtype": "bfloat16"},
        {"dtype": "mixed_float16"},
        {"optimizer": keras.optimizers.AdamW(0.01, use_ema=True)},
    ],
    ids=["adam", "bfloat16", "loss scaling", "moving average"],
)
def test_resumed_it_equals_the_whole(tmp_path, options):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    config = None
    optimizer = options.get("optimizer")
    if isinstance(optimizer, keras.optimizers.Optimizer):
        config = optimizer.get_config()

    def model():
        fresh = {"optimizer": type(optimizer).from_config(config)} if config else {}
        return line(**{**options, **fresh})

    first = model()
    expected, _ = fit(whole, first, 5)
    for epochs in (1, 2, 5):
        last = model()
        if epochs > 1:  # where it starts is of no account
            last.set_weights([weight + 3 for weight in last.get_weights()])
        got, _ = fit(parts, last, epochs, resume=True)
    assert got.history == expected.history
    assert_same_weights(last.get_weights(), first.get_weights())
    assert [v.dtype for v in last.variables] == [v.dtype for v in first.variables]


def test_states_that_are_carried_go_on(tmp_path):
    """Of stateful layers, and of a model that carries its state from call to call."""
    tokens = np.random.default_rng(0).integers(1, 9, (8, 5))

    def stateful():
        keras.utils.set_random_seed(0)
        layer = ExplicitGRU(3, stateful=True, return_sequences=True)
        embedding = keras.layers.Embedding(9, 2)
        ids = keras.Input(batch_shape=(2, 5), dtype="int32")
        return keras.Model(ids, keras.layers.Dense(9)(layer(embedding(ids))))

    def carrying():
        keras.utils.set_random_seed(0)
        model = RecurrentLanguageModel(9, dim=2, units=3, batch_size=2)
        model.build((2, 5))
        return model

    for name, make in (("stateful", stateful), ("carrying", carrying)):

        def trained(folder, epochs, make=make):
            model = make()
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile(keras.optimizers.SGD(0.5), loss)
            checkpoint = EpochCheckpoint(folder, monitor="loss", resume=True)
            options = {"batch_size": 2, "shuffle": False, "verbose": 0}
            checkpoint.fit(model, tokens, tokens, epochs=epochs, **options)
            return model

        expected = trained(tmp_path / name / "whole", 3)
        for epochs in (1, 2, 3):
            got = trained(tmp_path / name / "parts", epochs)
        assert_same_weights(got.get_weights(), expected.get_weights())
        one, other = (
            np.load(tmp_path / name / part / "last.npz") for part in ("whole", "parts")
        )
        # Weights, optimizer, and states of two rows that aren't 0.
        states = [array for array in one.values() if array.shape == (2, 3)]
        assert len(states) == (1 if name == "stateful" else 2)
        assert all(np.abs(state).min() > 0 for state in states)
        for key in one.keys() - {"seconds"}:
            np.testing.assert_array_equal(one[key], other[key])


def test_fit_again_goes_on_from_the_last_epoch(tmp_path):
    values = [1, 2, 3, 4]
    whole = line()
    _, expected = fit(tmp_path / "whole", whole, 4, values)
    model, log = line(), LogAs(values)
    checkpoint = EpochCheckpoint(tmp_path / "run", monitor="loss")
    for epochs in (2, 4):
        checkpoint.fit(
            model, X, Y, epochs=epochs, callbacks=[log], shuffle=False, verbose=0
        )
        assert_same_weights(model.get_weights(), expected[0])
    assert len(log.weights) == 4
    assert_same_weights(log.weights[3], expected[3])


def test_an_interrupt_keeps_the_last_epoch(tmp_path):
    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.iterations > 5:
                raise KeyboardInterrupt

    whole, model = line(), line()
    fit(tmp_path / "whole", whole, 4)
    checkpoint = EpochCheckpoint(tmp_path / "run", monitor="loss")
    options = {"batch_size": 16, "shuffle": False, "verbose": 0}
    with pytest.raises(KeyboardInterrupt):
        checkpoint.fit(model, X, Y, epochs=4, callbacks=[Interrupt()], **options)
    assert len(checkpoint.history) == 2
    expected = EpochCheckpoint(tmp_path / "other", monitor="loss")
    reference = line()
    expected.fit(reference, X, Y, epochs=4, **options)
    checkpoint.fit(model, X, Y, epochs=4, **options)
    assert checkpoint.history == expected.history
    assert_same_weights(model.get_weights(), reference.get_weights())


def test_a_new_training_forgets_the_old(tmp_path):
    fit(tmp_path, line(), 3, [0.1, 0.2, 0.3])

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            raise KeyboardInterrupt

    checkpoint = EpochCheckpoint(tmp_path / "run", monitor="loss")
    with pytest.raises(KeyboardInterrupt):
        checkpoint.fit(line(), X, Y, epochs=3, callbacks=[Stop()], verbose=0)
    assert list((tmp_path / "run").iterdir()) == []
    resumed = EpochCheckpoint(tmp_path / "run", monitor="loss", resume=True)
    assert resumed.first_epoch == 0


def test_a_model_that_is_not_that_of_the_checkpoint(tmp_path):
    fit(tmp_path, line(), 1)
    others = {
        r"'.*kernel' has shape \(3, 2\) and had \(3, 1\)": line(2),
        "holds 6 variables, the model and its optimizer have 4": line(use_bias=False),
        "holds 6 variables, .* have 8": line(optimizer="adam"),
    }
    for message, model in others.items():
        before = model.get_weights()
        with pytest.raises(ValueError, match=f"another model: .*{message}"):
            fit(tmp_path, model, 2, resume=True)
        assert_same_weights(model.get_weights(), before)


def test_arguments(tmp_path):
    with pytest.raises(ValueError, match=r"one of .*\['loss'\]; received 'val_loss'"):
        EpochCheckpoint(tmp_path / "run").fit(line(), X, Y, epochs=2, verbose=0)
    assert not (tmp_path / "run" / "last.npz").exists()
    fit(tmp_path, line(), 1)
    with pytest.raises(ValueError, match=r"`monitor` must be one of .*received 'acc'"):
        EpochCheckpoint(tmp_path / "run", monitor="acc", resume=True)
    for patience in (0, -1):
        with pytest.raises(ValueError, match="`patience` must be at least 1"):
            EpochCheckpoint(tmp_path / "run", patience=patience)
    with pytest.raises(ValueError, match="`epochs` must be at least 1; received 0"):
        fit(tmp_path, line(), 0)
    with pytest.raises(ValueError, match="`model` must be compiled and built"):
        fit(tmp_path, keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]), 1)
    unbuilt = keras.Sequential([keras.layers.Dense(1)])
    unbuilt.compile("sgd", "mse")
    with pytest.raises(ValueError, match="`model` must be compiled and built"):
        fit(tmp_path, unbuilt, 1)


def test_more_is_better(tmp_path):
    values = [1, 4, 4, np.nan, 3, -np.inf]
    model, log = line(), LogAs(values, "val_bleu")
    checkpoint = EpochCheckpoint(
        tmp_path / "run", monitor="val_bleu", mode="max", patience=3
    )
    options = {"callbacks": [log], "shuffle": False, "verbose": 0}
    checkpoint.fit(model, X, Y, epochs=6, **options)
    assert checkpoint.best_epoch == 1
    assert len(checkpoint.history) == 5
    assert_same_weights(model.get_weights(), log.weights[1])
    # What the callback logged is in the table, and read from there on resuming.
    with open(tmp_path / "history.csv", newline="") as file:
        rows = [float(row["val_bleu"]) for row in csv.DictReader(file)]
    np.testing.assert_array_equal(rows, values[:5])
    again = EpochCheckpoint(
        tmp_path / "run", monitor="val_bleu", mode="max", patience=3, resume=True
    )
    assert (again.best_epoch, again.stopped) == (1, True)


class Slow(keras.callbacks.Callback):
    """Makes an epoch last a given time at least."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds

    def on_epoch_begin(self, epoch, logs=None):
        time.sleep(self.seconds)


def test_time_that_runs_out(tmp_path):
    def train(folder, epochs=4, pause=0.06, **options):
        model = line()
        checkpoint = EpochCheckpoint(tmp_path / folder, monitor="loss", **options)
        checkpoint.fit(model, X, Y, epochs=epochs, callbacks=[Slow(pause)], verbose=0)
        return checkpoint

    assert len(train("enough", seconds=1e6).history) == 4
    at_once = train("at once", seconds=1e-9)
    assert (len(at_once.history), at_once.stopped) == (1, True)
    # Each epoch takes 0.06 s or more: two are enough.
    assert len(train("two", seconds=0.12).history) <= 2
    # The time of earlier runs counts; that of one that had no limit, too.
    first = train("parts", epochs=2)
    assert first.seconds_trained >= 0.12
    resumed = train("parts", seconds=0.12, resume=True)
    assert (len(resumed.history), resumed.stopped) == (2, True)
    assert resumed.seconds_trained == first.seconds_trained
    longer = train("parts", seconds=first.seconds_trained + 0.05, resume=True)
    assert len(longer.history) == 3
    assert longer.seconds_trained >= first.seconds_trained + 0.06
    # The file of an earlier version knows no time.
    last = tmp_path / "parts" / "last.npz"
    kept = {name: value for name, value in np.load(last).items() if name != "seconds"}
    np.savez(last, **kept)
    old = EpochCheckpoint(tmp_path / "parts", monitor="loss", resume=True)
    assert (old.first_epoch, old.seconds_trained) == (3, 0)


def test_new_arguments(tmp_path):
    for options, message in {
        ("mode", "auto"): "`mode` must be 'min' or 'max'; received 'auto'",
        ("average", 0): "`average` must be at least 1 or None; received 0",
        ("seconds", 0): "`seconds` must be above 0 or None; received 0",
        ("seconds", float("nan")): "`seconds` must be above 0 or None; received nan",
    }.items():
        with pytest.raises(ValueError, match=message):
            EpochCheckpoint(tmp_path / "run", **dict([options]))
