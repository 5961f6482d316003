"""Checkpoints within an epoch: interrupted at any step, it ends as the whole."""

import json
import os
import resource
import shutil
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.layers import ExplicitGRU
from keras_seq.training import (
    EpochCheckpoint,
    ResetState,
    stream_dataset,
    stream_steps,
)
from tests.training.interrupted import (
    DATA,
    SIZE,
    STEPS,
    Seen,
    X,
    Y,
    build,
    endless,
    shuffled,
    train,
)
from tests.training.lines import assert_same_weights


def interrupted(folder, moments, **options):
    """As if each process ended at a moment, the last at none."""
    for moment in moments:
        with pytest.raises(KeyboardInterrupt):
            train(folder, moment=moment, **options)
    return train(folder, **options)


MODEL = build()  # where none is trained


@pytest.mark.parametrize("data", DATA)
def test_interrupted_at_any_step_it_ends_as_the_whole(tmp_path, data):
    moments = [4] if data != "arrays" else ["validation", STEPS + 4]
    model, whole, seen = train(tmp_path / "whole", data)
    got, parts, also = interrupted(tmp_path / "parts", moments, data=data)
    assert parts.history == whole.history
    assert_same_weights(got.get_weights(), model.get_weights())
    # Callbacks have the numbers of steps and the means of a whole epoch.
    assert also.seen == seen.seen
    assert [batch for batch, _ in seen.seen] == 2 * list(range(STEPS))
    one, other = (
        dict(np.load(tmp_path / n / "run/last.npz")) for n in ("whole", "parts")
    )
    for name in one.keys() - {"seconds"}:  # the optimizer's state, and the callbacks'
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    rest = json.loads(str(one["rest"]))["callbacks"]
    assert [entry["class"] for entry in rest] == [
        *("ReduceLROnPlateau", "EarlyStopping", "Seen")
    ]
    assert rest[1]["values"].keys() >= {"best", "best_epoch", "best_weights"}


def test_the_order_of_arrays_is_another_in_each_epoch(tmp_path):
    _, checkpoint, seen = train(tmp_path, epochs=2)
    first, second = (np.array([seen.seen[i : i + STEPS]]) for i in (0, STEPS))
    assert not np.array_equal(first, second)
    assert [row["epoch"] for row in checkpoint.history] == [1, 2]


def test_loss_scaling_goes_on(tmp_path):
    def model():
        return build(keras.optimizers.Adam(0.01), dtype="mixed_float16")

    expected, _, _ = train(tmp_path / "whole", model=model(), epochs=1)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "parts", moment=3, model=model(), epochs=1)
    got, _, _ = train(tmp_path / "parts", model=model(), epochs=1)
    assert_same_weights(got.get_weights(), expected.get_weights())


def test_states_that_are_carried_and_several_steps_at_once(tmp_path):
    """A stateful layer whose epochs begin at 0, in a compiled step."""
    documents = [[1, 5, 6, 7, 2], [1, 4, 2], [1, 3, 3, 3, 3, 5, 2]] * 4
    steps = stream_steps(documents, 2, 2)

    def fit(folder, moment=None):
        keras.utils.set_random_seed(0)
        ids = keras.Input(batch_shape=(2, 2), dtype="int32")
        x = keras.layers.Embedding(8, 4)(ids)
        x = ExplicitGRU(4, stateful=True, return_sequences=True, dropout=0.2)(x)
        model = keras.Model(ids, keras.layers.Dense(8)(x))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, steps_per_execution=3, jit_compile=False)
        checkpoint = EpochCheckpoint(
            folder, monitor="loss", save_steps=3, save_seconds=None, resume=True
        )
        first = checkpoint.first_epoch
        checkpoint.fit(
            model,
            stream_dataset(documents, 2, 2, seed=1, first_epoch=first),
            epochs=2,
            steps_per_epoch=steps,
            shuffle=False,
            callbacks=[ResetState(), Seen(moment)],
            verbose=0,
        )
        return model, checkpoint

    assert steps % 3 == 0
    expected, whole = fit(tmp_path / "whole")
    for moment in (2, steps // 3 + 1):
        with pytest.raises(KeyboardInterrupt):
            fit(tmp_path / "parts", moment)
    got, parts = fit(tmp_path / "parts")
    assert parts.history == whole.history
    assert_same_weights(got.get_weights(), expected.get_weights())


class Sends(keras.callbacks.Callback):
    """Sends this process a signal in a step, or while it is validated."""

    def __init__(self, number, step=None):
        super().__init__()
        self.number, self.step = number, step

    def send(self):
        os.kill(os.getpid(), self.number)

    def on_train_batch_end(self, batch, logs=None):
        if batch == self.step:
            self.send()

    def on_test_batch_begin(self, batch, logs=None):
        if self.step is None:
            self.send()


@pytest.mark.parametrize(
    ("number", "step", "error", "kept"),
    [
        (signal.SIGTERM, 2, SystemExit, (0, 3)),
        (signal.SIGTERM, None, SystemExit, (1, 0)),  # after validation
        (signal.SIGINT, 4, KeyboardInterrupt, (0, 5)),
    ],
)
def test_signals_wait_until_it_is_saved(tmp_path, number, step, error, kept):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    checkpoint = EpochCheckpoint(tmp_path / "run")  # nothing is due for 30 seconds
    options = {"epochs": 2, "validation_data": (X, Y), "verbose": 0}
    data = DATA["arrays"](0)
    with pytest.raises(error) as raised:
        checkpoint.fit(build(), **data, callbacks=[Sends(number, step)], **options)
    if error is SystemExit:
        assert raised.value.code == 143
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    again = EpochCheckpoint(tmp_path / "run", resume=True)
    assert (again.first_epoch, again.first_step) == kept
    # A handler of one's own is called in its turn, and training may go on.
    came = []
    signal.signal(signal.SIGTERM, lambda *_: came.append(len(again.history)))
    try:
        sends = Sends(signal.SIGTERM, 5)
        again.fit(build(), **data, callbacks=[sends], **options)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert len(again.history) == 2
    assert came == ([0, 1] if kept[0] == 0 else [1])


DAMAGES = {
    "flipped": lambda data: data[:99] + bytes([data[99] ^ 4]) + data[100:],
    "truncated": lambda data: data[: len(data) // 2],
    "zeros": lambda data: bytes(len(data)),
    "empty": lambda data: b"",
    "JSON": lambda data: b'{"step": 4}',
}


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A folder that is whole, and one that ends within its second epoch."""
    folder = tmp_path_factory.mktemp("begun")
    model, _, _ = train(folder / "whole", epochs=2)
    with pytest.raises(KeyboardInterrupt):
        train(folder / "parts", moment=STEPS + 4)
    return folder / "parts", model.get_weights()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_one_gives_way_to_the_step_before(begun, tmp_path, damage, capsys):
    shutil.copytree(begun[0], tmp_path, dirs_exist_ok=True)
    last = tmp_path / "run" / "last.npz"
    last.write_bytes(DAMAGES[damage](last.read_bytes()))
    checkpoint = EpochCheckpoint(tmp_path / "run", resume=True)
    (told,) = capsys.readouterr().err.splitlines()
    assert told.endswith("from previous.npz, after step 3 of 6 of epoch 2."), told
    assert (checkpoint.first_epoch, checkpoint.first_step) == (1, 3)
    if damage == "flipped":
        got, _, _ = train(tmp_path, epochs=2)
        assert_same_weights(got.get_weights(), begun[1])


@pytest.mark.parametrize("name", ["best.npz", "copy-0001.npz"])
def test_best_weights_that_no_generation_has_are_there_twice(begun, tmp_path, name):
    shutil.copytree(begun[0], tmp_path, dirs_exist_ok=True)
    (tmp_path / "run" / name).unlink()
    train(tmp_path, moment=0, epochs=1)  # nothing is left to do
    assert (tmp_path / "run" / name).is_file()
    for both in ("best.npz", "copy-0001.npz"):
        (tmp_path / "run" / both).unlink()
    with pytest.raises(ValueError, match="lacks the weights of epoch 1"):
        train(tmp_path)


class Full(keras.callbacks.Callback):
    """Lets no file grow in some steps, as on a full disk."""

    def __init__(self, *steps):
        super().__init__()
        self.steps = steps
        self.before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def on_train_batch_begin(self, batch, logs=None):
        size = 900 if batch in self.steps else self.before[0]
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, self.before[1]))

    def on_train_batch_end(self, batch, logs=None):
        if batch + 1 == STEPS and batch in self.steps:
            self.kept = EpochCheckpoint(self.folder, resume=True).first_step


def test_a_full_disk_leaves_what_was_there(tmp_path, capsys):
    expected = build()
    options = {**DATA["arrays"](0), "validation_data": (X, Y), "epochs": 1}
    EpochCheckpoint(tmp_path / "whole").fit(expected, **options, verbose=0)
    full = Full(2, 3, 5)  # in the last one the epoch's end can't be written either
    full.folder = folder = tmp_path / "run"
    try:
        with pytest.raises(OSError, match=r"epoch 1 can't be written to .*is kept: go"):
            EpochCheckpoint(folder, save_steps=1).fit(
                build(), **options, callbacks=[full], verbose=0
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, full.before)
    told = capsys.readouterr().err.splitlines()
    assert [line.split(" (")[0] for line in told] == [
        f"no checkpoint of step {step} can be written" for step in (3, 4, 6)
    ]
    assert not list(folder.glob(".*"))
    again = EpochCheckpoint(folder, resume=True)
    assert (again.first_epoch, again.first_step, full.kept) == (0, 5, 5)
    again.fit(model := build(), **options, verbose=0)
    assert_same_weights(model.get_weights(), expected.get_weights())


class Numbers(keras.utils.PyDataset):
    def __len__(self):
        return STEPS

    def __getitem__(self, index):
        return X[index : index + 2], Y[index : index + 2]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (lambda _: {"x": shuffled(seed=1).batch(SIZE)}, "another order each time"),
        (
            lambda _: {"x": shuffled(reshuffle_each_iteration=False).batch(SIZE)},
            "has no `seed`",
        ),
        (lambda _: {"x": Numbers()}, "Numbers"),
        (lambda _: {"x": endless(0).take(7), "steps_per_epoch": 3}, "of 7 batches"),
        (
            lambda _: {"x": X, "y": Y, "validation_split": 0.1},
            "arrays with `validation_split`",
        ),
        (lambda _: {"x": (batch for batch in [])}, "needs `steps_per_epoch`"),
    ],
)
def test_data_that_can_not_be_begun_within_an_epoch(begun, tmp_path, data, reason):
    tf.random.set_seed(None)  # else a shuffle has that one
    with pytest.raises(ValueError, match=f"need data that can be begun.*{reason}"):
        train(tmp_path, data, model=MODEL)
    # What was begun with other data isn't gone on with.
    shutil.copytree(begun[0], tmp_path, dirs_exist_ok=True)
    with pytest.raises(ValueError, match=f"of step 4 of an epoch of 6, .*{reason}"):
        train(tmp_path, data, model=MODEL)
    with pytest.raises(ValueError, match="and now it has 11: give the same data"):
        train(tmp_path, lambda _: {"x": X, "y": Y, "batch_size": 2}, model=MODEL)


def test_callbacks_that_are_others(tmp_path, capsys):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, moment=STEPS + 3)
    checkpoint = EpochCheckpoint(tmp_path / "run", resume=True)
    options = {"epochs": 2, "validation_data": (X, Y), "verbose": 0}
    checkpoint.fit(build(), X, Y, SIZE, callbacks=[Sends(0)], **options)
    told = capsys.readouterr().err.splitlines()
    assert "a callback Seen" in [line.split(" was ")[0] for line in told]


def test_one_that_was_stopped_early_stays_so(tmp_path):
    def fit(patience):
        stop = keras.callbacks.EarlyStopping("mae", patience=patience, mode="max")
        checkpoint = EpochCheckpoint(tmp_path / "run", monitor="loss", resume=True)
        checkpoint.fit(build(), X, Y, epochs=5, callbacks=[stop], verbose=0)
        return len(checkpoint.history)

    epochs = fit(1)
    assert epochs < 4
    assert fit(1) == epochs
    assert fit(3) > epochs  # who has more patience goes on


@pytest.mark.parametrize(
    "options",
    [
        {"save_seconds": 0},
        {"save_seconds": -1.0},
        {"save_steps": 0},
        {"save_steps": 1.5},
    ],
)
def test_arguments(tmp_path, options):
    (name,) = options
    with pytest.raises(ValueError, match=f"`{name}` must be "):
        EpochCheckpoint(tmp_path, **options)
