"""The folder of a checkpoint: two generations, and the weights that they need."""

import contextlib
import itertools
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_seq.files import atomic_write, remove_leftovers, replacing
from keras_seq.training._checkpoint_files import Contents, DamagedError, packed, read
from keras_seq.training._checkpoint_history import (
    History,
    history_table,
    read_history,
)

_ADVICE = (
    "Put one of these files back from a backup, or start anew (--overwrite, or "
    "`resume=False`)."
)


class Needed(NamedTuple):
    """Indices of the epochs whose weights a history needs.

    Attributes:
        best: The best epoch; None if there is none.
        kept: Those whose mean is tried.
    """

    best: int | None
    kept: list[int]

    @property
    def all(self) -> set[int]:
        """Both."""
        return {*self.kept} | ({self.best} if self.best is not None else set())


class Generation(NamedTuple):
    """All of a training's state after an epoch."""

    arrays: list[np.ndarray]
    history: History
    seconds: float


class CheckpointFolder:
    """Writes the files of `EpochCheckpoint`, and reads what is left of them.

    last.npz is the newest generation, previous.npz the one before. The weights of an
    epoch that is among the best are in best.npz or epoch-N.npz, and in copy-N.npz
    for as long as one of the two generations needs them: so no one file can be
    lost with which anything else is lost than the last epoch.

    Args:
        path: The folder.
        needed: Function from a history to what it needs.
    """

    def __init__(self, path: Path, needed: Callable[[History], Needed]) -> None:
        self.path = path
        self.needed = needed
        self.last = path / "last.npz"
        self.previous = path / "previous.npz"
        self.best = path / "best.npz"

    def epoch_file(self, index: int) -> Path:
        """The weights of an epoch whose mean with others is tried."""
        return self.path / f"epoch-{index + 1:04d}.npz"

    def copy_file(self, index: int) -> Path:
        """The weights of an epoch once more."""
        return self.path / f"copy-{index + 1:04d}.npz"

    @property
    def is_begun(self) -> bool:
        """Whether there is anything to go on from, or was."""
        return any(map(os.path.lexists, (self.last, self.previous, self.best)))

    def clear(self) -> None:
        """Removes all generations, the newest first."""
        self.path.mkdir(parents=True, exist_ok=True)
        remove_leftovers(self.path)
        others = (*self.path.glob("epoch-*.npz"), *self.path.glob("copy-*.npz"))
        for path in (self.last, self.previous, *others, self.best):
            _make_room(path)
            path.unlink(missing_ok=True)

    def open(self) -> Generation:
        """The newest generation that is whole; mends the files, and says so.

        Raises:
            ValueError: If there is none, or if weights were not kept because the
                settings were others.
        """
        faults: list[DamagedError] = []
        for path in (self.last, self.previous):
            try:
                data, generation = self._read_generation(path)
                repairs = self._repairs(generation.history)
            except DamagedError as error:
                faults.append(error)
                continue
            break
        else:
            raise ValueError(
                f"no checkpoint in {os.fspath(self.path)!r} can be read: "
                f"{'; '.join(map(str, faults))}. {_ADVICE}"
            )
        if faults:
            self._replace(self.last, data)
            epochs = len(generation.history)
            _tell(f"{faults[0]}: going on from {path.name}, after epoch {epochs}.")
        for index, repair, content in repairs:
            self._replace(repair.path, content)
            # Version 0.1.0 made no copies; what only last.npz needed is told above.
            expected = bool(faults) or repair.path == self.copy_file(index)
            if not (repair.missing and expected):
                _tell(f"{repair}: written again from its copy.")
        return generation

    def save(
        self, arrays: Iterable[np.ndarray], history: History, seconds: float
    ) -> None:
        """Writes a new generation; the newest becomes the one before it."""
        data = packed(arrays, history=history_table(history), seconds=seconds)
        if self.last.is_file():
            _make_room(self.previous)
            with replacing(self.previous, durable=True) as temporary:
                try:
                    # A second name: at no moment is there no last.npz.
                    os.link(self.last.resolve(), temporary)
                except OSError:  # not every file system can
                    shutil.copyfile(self.last, temporary)
        self._replace(self.last, data)

    def write_what_follows(self, history: History, weights: list[np.ndarray]) -> None:
        """Writes what last.npz implies: a killed run may not have come to it.

        Args:
            history: That of last.npz.
            weights: Those of its newest epoch.
        """
        newest, needed = len(history) - 1, self.needed(history)
        before = self.needed(history[:-1]).all
        data = packed(weights, epoch=newest + 1) if newest in needed.all else b""
        if newest in needed.all:
            self._replace(self.copy_file(newest), data)
        if newest in needed.kept:
            self._replace(self.epoch_file(newest), data)
        self._prune("epoch-*.npz", map(self.epoch_file, needed.kept))
        self._prune("copy-*.npz", map(self.copy_file, needed.all | before))
        table = history_table(history)
        atomic_write(self.path.parent / "history.csv", table, durable=True)
        if newest == needed.best:
            self._replace(self.best, data)

    def weights(self, history: History, index: int) -> list[np.ndarray]:
        """The weights of an epoch that `history` needs."""
        contents, faults = self._find(self._places(history, index), index)
        if contents is None:
            raise ValueError(f"{self._lost(index, faults)}. {_ADVICE}")
        for fault in faults:
            self._replace(fault.path, contents.data)
            _tell(f"{fault}: written again from its copy.")
        return contents.arrays

    def _read_generation(self, path: Path) -> tuple[bytes, Generation]:
        contents = read(path)
        try:
            history = read_history(contents.named["history"])
            seconds = float(contents.named.get("seconds", 0.0))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DamagedError(path, "has no history") from error
        if not history:
            raise DamagedError(path, "has no history")
        return contents.data, Generation(contents.arrays, history, seconds)

    def _places(self, history: History, index: int) -> list[Path]:
        needed = self.needed(history)
        places = [self.best] if index == needed.best else []
        places += [self.epoch_file(index)] if index in needed.kept else []
        return [*places, self.copy_file(index)]

    def _find(
        self, places: Iterable[Path], index: int
    ) -> tuple[Contents | None, list[DamagedError]]:
        """What is in the first of the files that is good, and what others lack."""
        found, faults = None, []
        for place in places:
            try:
                contents = read(place)
                if contents.named.get("epoch", index + 1) != index + 1:
                    raise DamagedError(place, "is of another epoch", missing=True)
                found = found or contents
            except DamagedError as error:
                faults.append(error)
        return found, faults

    def _repairs(self, history: History) -> list[tuple[int, DamagedError, bytes]]:
        """What has to be written again, and with what, for a history to go on.

        Raises:
            DamagedError: If what it needs is damaged in all places.
            ValueError: If it was never kept.
        """
        repairs, lacking = [], []
        # The weights of the newest are in the generation itself.
        for index in sorted(self.needed(history).all - {len(history) - 1}):
            contents, faults = self._find(self._places(history, index), index)
            if contents is not None:
                repairs += [(index, fault, contents.data) for fault in faults]
            elif all(fault.missing for fault in faults):
                lacking.append(index)
            else:
                raise self._lost(index, faults)
        if lacking:
            raise ValueError(
                f"{os.fspath(self.path)!r} lacks the weights of epoch "
                f"{', '.join(str(index + 1) for index in lacking)}: it was made with "
                "another `monitor`, `mode` or `average`, or files were taken away."
            )
        return repairs

    def _lost(self, index: int, faults: list[DamagedError]) -> DamagedError:
        reasons = "; ".join(map(str, faults))
        return DamagedError(
            self.path, f"has lost the weights of epoch {index + 1}: {reasons}"
        )

    def _replace(self, path: Path, data: bytes) -> None:
        _make_room(path)
        atomic_write(path, data, durable=True)

    def _prune(self, pattern: str, kept: Iterable[Path]) -> None:
        names = {path.name for path in kept}
        for path in self.path.glob(pattern):
            if path.name not in names:
                _make_room(path)
                path.unlink(missing_ok=True)


def _make_room(path: Path) -> None:
    """Moves aside a folder that stands where a file is to be: it may be a user's."""
    if not path.is_dir():
        return
    with contextlib.suppress(OSError):
        path.rmdir()  # nothing is in it
        return
    numbers = itertools.chain([""], (f"-{n}" for n in itertools.count(2)))
    names = (path.with_name(f"{path.name}.folder{number}") for number in numbers)
    path.rename(next(name for name in names if not os.path.lexists(name)))


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
