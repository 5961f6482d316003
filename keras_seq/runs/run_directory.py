"""Where a run keeps its results, so that no other run overwrites them."""

import dataclasses
import json
import os
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from keras_seq.extras import require
from keras_seq.files import (
    atomic_write,
    is_leftover,
    remove_leftovers,
    replacing,
)
from keras_seq.runs._lock import RunLock
from keras_seq.runs._run_folder import differs, no_run
from keras_seq.runs._streams import tell
from keras_seq.runs.report import QUICK

if TYPE_CHECKING:
    import keras
    from _typeshed import DataclassInstance
    from matplotlib.figure import Figure

_Config = TypeVar("_Config", bound="DataclassInstance")

# What says how to run, not what is trained: free to change on resuming.
NOT_COMPARED = ("out", "resume", "overwrite")


class RunDirectory:
    """The folder of one training run.

    ```
    config.json  metrics.json  history.csv  model.keras  checkpoints/  figures/
    report.html  saved_model/
    ```

    and what the recipe adds. Every file is written whole or not at all, and is on
    the device before the run goes on; what a killed process has left half-written
    is removed by the next `start`.

    What `start` returns holds the run locked for as long as it lives: another
    process is refused by name. A process that has ended holds nothing, however it
    ended. Runs that are only read, as `RunDirectory(path)`, aren't locked.

    Args:
        path: The folder of a run that exists.

    Raises:
        FileNotFoundError: If there is no run in `path`.

    Example:

    >>> import tempfile
    >>> Config = dataclasses.make_dataclass("Config", [("units", int)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = RunDirectory.start(folder + "/run", Config(units=8))
    ...     _ = run.write_json("metrics.json", {"loss": 1.5})
    ...     RunDirectory(folder + "/run").metrics
    {'loss': 1.5}
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: Path = Path(path)
        self._lock: RunLock | None = None
        if not self._config_path.is_file():
            raise FileNotFoundError(no_run(self.path))

    @classmethod
    def start(
        cls,
        path: str | os.PathLike[str],
        config: "DataclassInstance",
        *,
        resume: bool = False,
        overwrite: bool = False,
        results: Iterable[str] = (),
    ) -> "RunDirectory":
        """Makes the folder of a new run, or opens that of an unfinished one.

        Args:
            path: The folder. A new or empty one starts a run.
            config: Dataclass, kept as config.json.
            resume: Whether to go on with the run in `path`; if there is none
                yet, a new one starts.
            overwrite: Whether to replace the run in `path`.
            results: Files and folders which the recipe adds to those above;
                `overwrite` removes them, and nothing that it doesn't know.

        Returns:
            The run directory.

        Raises:
            FileExistsError: If `path` isn't empty and neither `resume` nor
                `overwrite` is given, or if what is in it is not a run.
            BlockingIOError: If another process writes to the run in `path`.
            ValueError: If `resume` and `overwrite` are both given, or if the
                run in `path` was configured differently.
        """
        path = Path(path)
        occupied = cls.check(path, resume=resume, overwrite=overwrite)
        settings = _as_json(dataclasses.asdict(config))
        lock = RunLock.of(path) if occupied else None
        if lock and resume:
            run = cls(path)
            run._check_same(json.loads(settings))
            remove_leftovers(path)
            return run._held(lock, settings)
        remove_leftovers(path)
        if lock:
            _remove(path, (*_CONTENTS, *results))
            # It says that this is a run: the old one stays until it is replaced.
            lock.replace(settings)
        else:
            path.mkdir(parents=True, exist_ok=True)
            lock = RunLock(path, settings)
        return cls(path)._held(lock, settings)

    def _held(self, lock: RunLock, settings: str) -> "RunDirectory":
        self._lock = lock
        if json.loads(settings).get("quick"):
            tell(QUICK)
        return self

    @staticmethod
    def check(
        path: str | os.PathLike[str], *, resume: bool = False, overwrite: bool = False
    ) -> bool:
        """Tells, before any work is done, whether `start` would refuse.

        Args:
            path: As for `start`.
            resume: As for `start`.
            overwrite: As for `start`.

        Returns:
            Whether `path` holds a run.

        Raises:
            FileExistsError: As `start` does.
            BlockingIOError: As `start` does.
            ValueError: If `resume` and `overwrite` are both given.
        """
        path = Path(path)
        if resume and overwrite:
            raise ValueError("`resume` and `overwrite` exclude each other; got both.")
        if os.path.lexists(path) and not path.is_dir():
            raise FileExistsError(f"`out` must be a folder; {str(path)!r} is none.")
        if not path.is_dir() or all(is_leftover(item) for item in path.iterdir()):
            return False
        if not (path / "config.json").is_file():
            raise FileExistsError(
                f"{str(path)!r} is not empty and holds no run: nothing is written "
                "there. Name another folder with --out."
            )
        if not resume and not overwrite:
            raise FileExistsError(
                f"{str(path)!r} holds a run already: --resume continues it, "
                "--overwrite replaces it, --out names another folder."
            )
        RunLock.of(path)
        return True

    def locked(self) -> RunLock:
        """Locks the run, as `start` does, for as long as the result lives.

        Raises:
            BlockingIOError: If another process writes to it.
        """
        return RunLock.of(self.path)

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    @property
    def _config_path(self) -> Path:
        return self.path / "config.json"

    @property
    def config(self) -> dict[str, Any]:
        """The configuration of the run, as config.json holds it.

        Raises:
            ValueError: If config.json is not that of a run.
        """
        try:
            settings = json.loads(self._config_path.read_text("utf-8"))
        except ValueError as error:
            settings = error
        if not isinstance(settings, dict):
            raise ValueError(
                f"{str(self._config_path)!r} is not the configuration of a run; "
                f"received {settings!r}."
            )
        return settings

    def read_config(self, config_class: type[_Config]) -> _Config:
        """The configuration of the run as a `config_class`.

        Raises:
            ValueError: If config.json has other fields than `config_class`, as
                that of another version or another recipe has.
        """
        settings = self.config
        names = {field.name for field in dataclasses.fields(config_class)}
        settings = _of_today(settings, names)
        if settings.keys() != names:
            raise ValueError(differs(self.path, settings, config_class, names))
        return config_class(**settings)

    @property
    def metrics(self) -> dict[str, Any]:
        """The metrics of the finished run.

        Raises:
            FileNotFoundError: If the run hasn't finished.
        """
        return self.read_json("metrics.json")

    def read_json(self, name: str) -> Any:
        """Reads a JSON file of the run.

        Raises:
            FileNotFoundError: If the run hasn't come to write it.
            ValueError: If it is damaged.
        """
        path = self._written(name)
        try:
            return json.loads(path.read_text("utf-8"))
        except ValueError as error:  # bytes that are no UTF-8 among them
            raise ValueError(
                f"{os.fspath(path)!r} is damaged: it is no JSON ({error}). Remove it, "
                "and let --resume write it again."
            ) from error

    def write_json(self, name: str, value: Any) -> Path:
        """Writes `value` as indented JSON and returns the path."""
        return self.write(name, _as_json(value))

    def keep_known(self, name: str, known: dict[str, Any], data: str) -> Path:
        """Writes what a run knows of its data; later it must be the same.

        Args:
            name: Name of the JSON file.
            known: What is written, the "digest" of the data among it.
            data: Name of the data, for the message.

        Raises:
            ValueError: If the file is there and has another digest, or something
                else in it differs.
        """
        if not (self.path / name).is_file():
            return self.write_json(name, known)
        before = self.read_json(name)
        if before["digest"] != known["digest"]:
            raise ValueError(
                f"--data {data!r} is not what the run was started with: its "
                f"digest was {before['digest'][:12]} and is {known['digest'][:12]}."
            )
        now = json.loads(_as_json(known))
        changed = [key for key in {**before, **now} if before.get(key) != now.get(key)]
        if changed:
            raise ValueError(
                f"--data {data!r} has the digest that it had, but what is made of it "
                f"differs from {name} in {changed}: the model was trained with that. "
                "Another version of a package, or of this one?"
            )
        return self.path / name

    def write(self, name: str, data: bytes | str) -> Path:
        """Writes a file, making its folders, and returns its path."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return atomic_write(path, data, durable=True)

    def save_model(self, model: "keras.Model", name: str = "model.keras") -> Path:
        """Saves a Keras model and returns the path."""
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        with replacing(self.path / name, durable=True) as temporary:
            model.save(temporary)
        return self.path / name

    def load_model(self, name: str = "model.keras") -> "keras.Model":
        """Loads a Keras model that `save_model` wrote; it isn't compiled.

        Raises:
            FileNotFoundError: If the run hasn't come to write it.
        """
        import keras

        return keras.models.load_model(self._written(name), compile=False)

    def save_figure(self, figure: "Figure", name: str) -> Path:
        """Saves a matplotlib figure as figures/`name`.png and closes it."""
        plt = require("matplotlib.pyplot", "plots")
        path = self.path / "figures" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            figure.savefig(temporary, dpi=120, bbox_inches="tight")
        plt.close(figure)
        return path

    def _written(self, name: str) -> Path:
        """The path of a file that the run has come to write."""
        path = self.path / name
        if not path.is_file():
            raise FileNotFoundError(
                f"the run in {str(self.path)!r} has not finished: it has no {name}. "
                "Continue it with --resume."
            )
        return path

    def _check_same(self, settings: dict[str, Any]) -> None:
        stored = _of_today(self.config, settings)
        differing = [
            f"{name} was {stored.get(name)!r} and is {settings.get(name)!r}"
            for name in sorted(stored.keys() | settings.keys())
            if name not in NOT_COMPARED and stored.get(name) != settings.get(name)
        ]
        if differing:
            raise ValueError(
                f"the run in {str(self.path)!r} cannot be resumed with other "
                f"settings: {'; '.join(differing)}."
            )


# Settings that came after 0.1.0, as runs were made that don't name them.
_ADDED = {"dtype_policy": "float32", "memory": 0}

# Without config.json, which is replaced.
_CONTENTS = (
    *("metrics.json", "history.csv", "model.keras", "report.html"),
    *("checkpoints", "figures", "saved_model"),
)


def _of_today(settings: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Stored settings, with those of these names that a run of before doesn't name."""
    return {**{n: v for n, v in _ADDED.items() if n in names}, **settings}


def _remove(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _as_json(value: Any) -> str:
    text = json.dumps(value, indent=2, ensure_ascii=False, default=_plain)
    return text + "\n"


def _plain(value: Any) -> Any:
    """What JSON has no word for: paths as strings, NumPy's numbers as numbers."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} can't be written as JSON: {value!r}")
