"""The folder of a checkpoint: two generations, and the weights that they need."""

import contextlib
import dataclasses
import itertools
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_seq.files import atomic_write, remove_leftovers, replacing
from keras_seq.training._checkpoint_files import Contents, DamagedError, pack, read
from keras_seq.training._checkpoint_history import (
    History,
    history_table,
    read_history,
)

_WEIGHTS = re.compile(r"(epoch|copy)-\d{4,}\.npz")


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


@dataclasses.dataclass(frozen=True)
class Generation:
    """All of a training's state at some moment.

    Attributes:
        contents: The file, with all variables.
        history: What was logged in the epochs that are done.
        seconds: Duration of the training so far.
        step: Steps done of the epoch that follows these; 0 at an epoch's end.
        steps: Steps of an epoch; 0 if `step` is.
        rest: What else there is to remember, as JSON has it.
        arrays: Arrays by name, beside the variables.
    """

    contents: Contents
    history: History
    seconds: float
    step: int = 0
    steps: int = 0
    rest: dict[str, Any] = dataclasses.field(default_factory=dict)
    arrays: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)

    @property
    def moment(self) -> str:
        """When it was, in words."""
        if self.step:
            epoch = len(self.history) + 1
            return f"after step {self.step} of {self.steps} of epoch {epoch}"
        return f"after epoch {len(self.history)}"


class CheckpointFolder:
    """Writes the files of `EpochCheckpoint`, and reads what is left of them.

    last.npz is the newest generation, previous.npz the one before; either may be of
    an epoch's end, or of a moment within an epoch. The weights of an
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
        self.damaged = path / "last.npz.damaged"

    def epoch_file(self, index: int) -> Path:
        """The weights of an epoch whose mean with others is tried."""
        return self.path / f"epoch-{index + 1:04d}.npz"

    def copy_file(self, index: int) -> Path:
        """The weights of an epoch once more."""
        return self.path / f"copy-{index + 1:04d}.npz"

    @property
    def is_begun(self) -> bool:
        """Whether there is anything to go on from, or was."""
        names = (self.last, self.previous, self.best)
        return any(map(os.path.lexists, names)) or bool(self._weights_files())

    def _weights_files(self, kind: str = "") -> list[Path]:
        """The files of epochs' weights; others may have names like them."""
        found = self.path.iterdir() if self.path.is_dir() else ()
        return sorted(
            path
            for path in found
            if path.name.startswith(kind) and _WEIGHTS.fullmatch(path.name)
        )

    @property
    def _advice(self) -> str:
        return (
            "Put one of these files back from a backup, or start anew: delete the "
            f"folder {os.fspath(self.path)!r}, or give `resume=False`."
        )

    def clear(self) -> None:
        """Removes all generations, the newest first."""
        self.path.mkdir(parents=True, exist_ok=True)
        remove_leftovers(self.path)
        others = (self.damaged, *self._weights_files(), self.best)
        for path in (self.last, self.previous, *others):
            _make_room(path)
            path.unlink(missing_ok=True)

    def open(self) -> Generation:
        """The newest generation that is whole; mends the files, and says so.

        Raises:
            ValueError: If there is none, or if weights were not kept because the
                settings were others.
            OSError: If a file is there and can't be read now: it may be whole.
        """
        faults: list[DamagedError] = []
        for path in (self.last, self.previous):
            try:
                generation = self._read_generation(path)
                repairs = self._repairs(generation)
            except DamagedError as error:
                faults.append(error)
                continue
            break
        else:
            raise ValueError(
                f"no checkpoint in {os.fspath(self.path)!r} can be read: "
                f"{'; '.join(map(str, faults))}. {self._advice}"
            )
        if faults:
            if self.last.is_file() and not self.last.is_symlink():
                _make_room(self.damaged)
                self.last.replace(self.damaged)  # until the next one is written
            self._copy(path, self.last)
            tell(f"{faults[0]}: going on from {path.name}, {generation.moment}.")
        for index, repair, source in repairs:
            self._copy(source, repair.path)
            # Version 0.1.0 made no copies; what only last.npz needed is told above.
            expected = bool(faults) or repair.path == self.copy_file(index)
            if not (repair.missing and expected):
                tell(f"{repair}: written again from its copy.")
        return generation

    def save(
        self,
        variables: Iterable[np.ndarray],
        history: History,
        seconds: float,
        *,
        step: int = 0,
        steps: int = 0,
        rest: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray],
    ) -> None:
        """Writes a new generation; the newest becomes the one before it.

        The arguments are those of `Generation`.
        """
        known: dict[str, Any] = {"history": history_table(history), "seconds": seconds}
        if step:
            known |= {"step": step, "steps": steps}
        _make_room(self.last)
        with replacing(self.last, durable=True) as temporary:
            with open(temporary, "xb") as file:
                pack(file, variables, **known, rest=json.dumps(dict(rest)), **arrays)
                file.flush()
                os.fsync(file.fileno())
            # Not before: a full disk must leave two generations.
            if self.last.is_file():
                self._keep_last()

    def _keep_last(self) -> None:
        _make_room(self.previous)
        _make_room(self.damaged)
        self.damaged.unlink(missing_ok=True)
        # Killed just before last.npz got its new name; nothing comes of renaming
        # one name of a file to another.
        if self.previous.is_file() and self.previous.samefile(self.last):
            return
        with replacing(self.previous, durable=True) as temporary:
            try:
                # A second name: at no moment is there no last.npz.
                os.link(self.last.resolve(), temporary)
            except OSError:  # not every file system can
                shutil.copyfile(self.last, temporary)

    def write_what_follows(
        self, history: History, weights: Iterable[np.ndarray]
    ) -> None:
        """Writes what last.npz implies: a killed run may not have come to it.

        Args:
            history: That of last.npz.
            weights: Those of its newest epoch, as often as they are asked for.
        """
        newest, needed = len(history) - 1, self.needed(history)
        before = self.needed(history[:-1]).all
        places = [self.copy_file(newest)] if newest in needed.all else []
        places += [self.epoch_file(newest)] if newest in needed.kept else []
        for place in places:
            self._write(place, weights, epoch=newest + 1)
        self._prune("epoch", map(self.epoch_file, needed.kept))
        self._prune("copy", map(self.copy_file, needed.all | before))
        self.write_table(history)
        if newest == needed.best:
            self._write(self.best, weights, epoch=newest + 1)

    def write_table(self, history: History) -> None:
        """Writes history.csv."""
        table = history_table(history)
        atomic_write(self.path.parent / "history.csv", table, durable=True)

    def weights(self, history: History, index: int) -> list[np.ndarray]:
        """The weights of an epoch that `history` needs."""
        contents, faults = self._find(self._places(history, index), index)
        if contents is None:
            raise ValueError(f"{self._lost(index, faults)}. {self._advice}")
        for fault in faults:
            self._copy(contents.path, fault.path)
            tell(f"{fault}: written again from its copy.")
        return contents.arrays

    def _read_generation(self, path: Path) -> Generation:
        contents = read(path)
        named = dict(contents.named)
        try:
            history = read_history(named.pop("history"))
            seconds = float(named.pop("seconds", 0.0))
            step, steps = int(named.pop("step", 0)), int(named.pop("steps", 0))
            rest = json.loads(named.pop("rest", "{}"))
            if not history and not step:
                raise ValueError
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DamagedError(path, "has no history") from error
        arrays = {name: np.asarray(value) for name, value in named.items()}
        return Generation(contents, history, seconds, step, steps, rest, arrays)

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

    def _repairs(self, found: Generation) -> list[tuple[int, DamagedError, Path]]:
        """What has to be written again, and from what, for a training to go on.

        Raises:
            DamagedError: If what it needs is damaged in all places.
            ValueError: If it was never kept.
        """
        history = found.history
        repairs, lacking = [], []
        # At an epoch's end the generation itself has the weights of the newest.
        own = set() if found.step else {len(history) - 1}
        for index in sorted(self.needed(history).all - own):
            contents, faults = self._find(self._places(history, index), index)
            if contents is not None:
                repairs += [(index, fault, contents.path) for fault in faults]
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

    def _write(self, path: Path, arrays: Iterable[np.ndarray], **named: Any) -> None:
        _make_room(path)
        with (
            replacing(path, durable=True) as temporary,
            open(temporary, "xb") as file,
        ):
            pack(file, arrays, **named)

    def _copy(self, source: Path, target: Path) -> None:
        _make_room(target)
        with replacing(target, durable=True) as temporary:
            shutil.copyfile(source, temporary)

    def _prune(self, kind: str, kept: Iterable[Path]) -> None:
        names = {path.name for path in kept}
        for path in self._weights_files(kind):
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


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
