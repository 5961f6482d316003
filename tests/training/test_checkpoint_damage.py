"""Checkpoints that are damaged: the training ends as if they weren't, or says why."""

import random
import shutil

import numpy as np
import pytest

from keras_seq.training import EpochCheckpoint
from keras_seq.training._checkpoint_files import DamagedError, packed, read
from tests.training.lines import LogAs, X, Y, assert_same_weights, line

# Of four epochs the second and the third are the best, of six the last.
VALUES = [5, 3, 4, 6, 7, 2]


def train(folder, epochs, **options):
    """Trains, and gives the checkpoint, the model, and each epoch's weights."""
    model, log = line(), LogAs(VALUES, "val_score")
    checkpoint = EpochCheckpoint(folder / "run", monitor="val_score", **options)
    checkpoint.fit(
        model, X, Y, epochs=epochs, callbacks=[log], shuffle=False, verbose=0
    )
    return checkpoint, model, log.weights


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    _, model, weights = train(tmp_path_factory.mktemp("whole"), 6)
    return model.get_weights(), weights


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """Folders after four epochs, without `average` and with it."""
    folder = tmp_path_factory.mktemp("begun")
    train(folder / "plain", 4)
    train(folder / "mean", 4, average=2)
    return folder


def flipped(path, place=None):
    data = bytearray(path.read_bytes())
    data[random.randrange(len(data)) if place is None else place] ^= 0x40
    path.write_bytes(data)


def in_a_folder(path):
    path.unlink()
    path.mkdir()
    (path / "mine.txt").write_text("mine")


DAMAGES = {
    "flipped": flipped,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "half": lambda path: path.write_bytes(
        path.read_bytes()[: len(path.read_bytes()) // 2]
    ),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "empty": lambda path: path.write_bytes(b""),
    "missing": lambda path: path.unlink(),
    "folder": in_a_folder,
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_newest_is_damaged(begun, whole, tmp_path, capsys, damage):
    shutil.copytree(begun / "plain", tmp_path, dirs_exist_ok=True)
    DAMAGES[damage](tmp_path / "run" / "last.npz")
    opened = EpochCheckpoint(tmp_path / "run", monitor="val_score", resume=True)
    (told,) = capsys.readouterr().err.splitlines()
    assert "last.npz' is " in told
    assert told.endswith(": going on from previous.npz, after epoch 3.")
    assert (opened.first_epoch, opened.best_epoch) == (3, 1)
    checkpoint, model, weights = train(tmp_path, 6, resume=True)
    assert capsys.readouterr().err == ""  # it was mended
    assert len(weights) == 3
    assert [row["epoch"] for row in checkpoint.history] == [1, 2, 3, 4, 5, 6]
    for got, expected in zip(weights, whole[1][3:], strict=True):
        assert_same_weights(got, expected)
    assert_same_weights(model.get_weights(), whole[0])
    table = (tmp_path / "history.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in table] == ["epoch", *"123456"]
    if damage == "folder":  # what was in it was not ours
        aside = tmp_path / "run" / "last.npz.folder" / "mine.txt"
        assert aside.read_text() == "mine"


@pytest.mark.parametrize("damage", ["flipped", "empty", "missing", "folder"])
def test_the_best_weights_are_damaged(begun, whole, tmp_path, capsys, damage):
    shutil.copytree(begun / "plain", tmp_path, dirs_exist_ok=True)
    DAMAGES[damage](tmp_path / "run" / "best.npz")
    for epochs in (4, 5):
        _, model, _ = train(tmp_path, epochs, resume=True)
        assert_same_weights(model.get_weights(), whole[1][1])
    (told,) = capsys.readouterr().err.splitlines()
    assert "best.npz' is " in told
    assert told.endswith(": written again from its copy.")


def test_folders_that_stand_in_the_way(begun, tmp_path, capsys):
    shutil.copytree(begun / "plain", tmp_path, dirs_exist_ok=True)
    for epochs in (5, 6):
        for name in ("last.npz", "best.npz"):
            in_a_folder(tmp_path / "run" / name)
        train(tmp_path, epochs, resume=True)
    (tmp_path / "run" / "previous.npz").unlink()
    (tmp_path / "run" / "previous.npz").mkdir()
    train(tmp_path, 6, resume=False)
    folders = {path.name for path in (tmp_path / "run").iterdir() if path.is_dir()}
    numbers = ("", "-2")
    assert folders == {
        f"{name}.npz.folder{number}" for name in ("last", "best") for number in numbers
    }
    assert capsys.readouterr().err.count("\n") == 4


def test_all_but_one_of_each_are_damaged(begun, whole, tmp_path, capsys):
    shutil.copytree(begun / "plain", tmp_path, dirs_exist_ok=True)
    for name in ("last.npz", "best.npz"):
        flipped(tmp_path / "run" / name)
    _, model, weights = train(tmp_path, 5, resume=True)
    assert len(weights) == 2
    assert_same_weights(model.get_weights(), whole[1][1])
    assert capsys.readouterr().err.count("\n") == 2


def test_epochs_whose_mean_is_taken_are_damaged(begun, tmp_path, capsys):
    shutil.copytree(begun / "mean", tmp_path, dirs_exist_ok=True)
    names = {path.name for path in (tmp_path / "run").iterdir()}
    kept = {"epoch-0002.npz", "epoch-0003.npz", "copy-0002.npz", "copy-0003.npz"}
    assert names == {"last.npz", "previous.npz", "best.npz", *kept}
    before = {name: (tmp_path / "run" / name).read_bytes() for name in names}
    for name in ("epoch-0002.npz", "copy-0003.npz"):
        flipped(tmp_path / "run" / name)
    options = {"monitor": "val_score", "average": 2, "resume": True}
    EpochCheckpoint(tmp_path / "run", **options)
    told = capsys.readouterr().err.splitlines()
    assert [line.rpartition(": ")[2] for line in told] == [
        "written again from its copy."
    ] * 2
    assert before == {name: (tmp_path / "run" / name).read_bytes() for name in names}
    # Nor is more lost than an epoch when all weights of the one before it are.
    for name in ("epoch-0003.npz", "copy-0003.npz"):
        flipped(tmp_path / "run" / name)
    assert EpochCheckpoint(tmp_path / "run", **options).first_epoch == 3
    assert "has lost the weights of epoch 3" in capsys.readouterr().err


def test_nothing_can_be_read(begun, tmp_path):
    shutil.copytree(begun / "plain", tmp_path, dirs_exist_ok=True)
    run = tmp_path / "run"
    for name in ("last.npz", "previous.npz"):
        flipped(run / name)
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    both = "last.npz' is damaged.*previous.npz' is damaged.*from a backup, or start"
    with pytest.raises(ValueError, match=f"no checkpoint in .*{both} anew"):
        train(tmp_path, 6, resume=True)
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    for name in ("last.npz", "previous.npz"):
        (run / name).unlink()
    with pytest.raises(ValueError, match=r"last.npz' is missing; .*previous.npz' is"):
        EpochCheckpoint(run, monitor="val_score", resume=True)
    shutil.copytree(begun / "plain", tmp_path, dirs_exist_ok=True)
    for name in ("best.npz", "copy-0002.npz"):
        flipped(run / name)
    with pytest.raises(ValueError, match=r"weights of epoch 2: .*best.npz.*copy-0002"):
        EpochCheckpoint(run, monitor="val_score", resume=True)
    # Anew it starts all the same.
    assert len(train(tmp_path, 1)[2]) == 1


def test_damaged_after_it_was_opened(begun, tmp_path):
    shutil.copytree(begun / "plain", tmp_path, dirs_exist_ok=True)
    opened = EpochCheckpoint(tmp_path / "run", monitor="val_score", resume=True)
    flipped(tmp_path / "run" / "last.npz")
    # The data were to begin with the fifth epoch.
    with pytest.raises(ValueError, match="had 4 epochs when it was opened, and has 3"):
        opened.fit(line(), X, Y, epochs=6, verbose=0)


def test_files_of_version_0_1_0_are_read(begun, whole, tmp_path, capsys):
    shutil.copytree(begun / "plain", tmp_path, dirs_exist_ok=True)
    for name in ("previous.npz", "copy-0002.npz"):
        (tmp_path / "run" / name).unlink()
    for name in ("last.npz", "best.npz"):
        path = tmp_path / "run" / name
        np.savez(path, **dict(np.load(path)))
    _, model, weights = train(tmp_path, 6, resume=True)
    assert len(weights) == 2
    assert_same_weights(model.get_weights(), whole[0])
    assert capsys.readouterr().err == ""


def test_no_byte_can_be_changed_and_none_left_out(tmp_path):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(3, 1)).astype("float32"), np.array(7)]
    path, old = tmp_path / "file.npz", tmp_path / "old.npz"
    whole = packed(arrays, history="epoch,loss\n1,0.5\n", seconds=1.5)
    path.write_bytes(whole)
    named = {"history": "epoch,loss\n1,0.5\n", "seconds": 1.5}
    assert read(path).named == named
    with np.load(path) as file:  # as anybody reads it
        assert_same_weights([file["0"], file["1"]], arrays)
    for place in range(len(whole)):
        bit = [whole[place] ^ 1 << random.randrange(8)]
        changed = random.choice([bit, [0 if whole[place] else 0xFF], []])
        path.write_bytes(bytes([*whole[:place], *changed, *whole[place + 1 :]]))
        with pytest.raises(DamagedError):
            read(path)
    # Without a checksum, what matters is covered by the archive's own.
    np.savez(old, **{"0": arrays[0], "1": arrays[1]}, **named)
    whole = old.read_bytes()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << random.randrange(8)
        old.write_bytes(damaged)
        try:
            found = read(old)
        except DamagedError:
            continue
        assert_same_weights(found.arrays, arrays)
        assert found.named == named
    for place in range(0, len(whole), 7):
        old.write_bytes(whole[:place])
        with pytest.raises(DamagedError):
            read(old)


def test_the_files_stay_few(tmp_path):
    model = line()
    checkpoint = EpochCheckpoint(tmp_path / "run", monitor="score", average=2)
    values = np.random.default_rng(0).permutation(13).tolist()
    for epochs in (5, 12):
        options = {"callbacks": [LogAs(values, "score")], "verbose": 0}
        checkpoint.fit(model, X, Y, epochs=epochs, **options)
        names = {path.name for path in (tmp_path / "run").iterdir()}
        best = sorted(range(epochs), key=values.__getitem__)[:2]
        before = sorted(range(epochs - 1), key=values.__getitem__)[:2]
        assert names == {
            *("last.npz", "previous.npz", "best.npz"),
            *(f"epoch-{i + 1:04d}.npz" for i in best),
            *(f"copy-{i + 1:04d}.npz" for i in {*best, *before}),
        }
