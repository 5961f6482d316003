"""What the callbacks that look into a model now and then have in common."""

import os
import typing
from collections.abc import Callable, Iterable

import keras

from keras_seq.diagnostics._records import CsvTable, Summaries
from keras_seq.diagnostics._recurrent_layers import Names

if typing.TYPE_CHECKING:
    from matplotlib.figure import Figure

Row: typing.TypeAlias = dict[str, typing.Any]
"""Numbers and names by column."""

Found = typing.TypeVar("Found")


class Monitor(keras.callbacks.Callback, typing.Generic[Found]):
    """Looks before training and behind every `every`th epoch.

    A subclass names its `columns`, "epochs", "layer", what it looks at in a layer, and
    then numbers; and defines `prepared`, `rows` and `pictures`.

    Args:
        layers: Names of the layers that are wanted, or None for all.
        every: Epochs between two looks.
        filename: CSV file, or None.
        log_dir: Folder for TensorBoard, or None.
    """

    columns: tuple[str, ...]
    # Where TensorBoard shows it: the first part of each name.
    place: str

    def __init__(
        self,
        *,
        layers: Names | None,
        every: int,
        filename: str | os.PathLike[str] | None,
        log_dir: str | os.PathLike[str] | None,
    ) -> None:
        super().__init__()
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise ValueError(f"`every` must be a positive integer; received {every!r}.")
        self.layers, self.every = layers, every
        self.filename, self.log_dir = filename, log_dir
        self.table = CsvTable(filename, self.columns)
        self.history: list[Row] = []

    def prepared(self) -> Callable[[], dict[str, Found]]:
        """The function without arguments that looks: to dict by layer."""
        raise NotImplementedError

    def rows(self, found: dict[str, Found]) -> Iterable[Row]:
        """Dicts by column, without "epochs"."""
        raise NotImplementedError

    def pictures(self, found: dict[str, Found]) -> Iterable[tuple[str, "Figure"]]:
        """Pairs of a name and a matplotlib figure."""
        raise NotImplementedError

    def on_train_begin(self, logs: Row | None = None) -> None:
        self.table.check()
        self._look = self.prepared()
        self._summaries = Summaries(self.log_dir)
        self._trained: int | None = None

    def on_epoch_begin(self, epoch: int, logs: Row | None = None) -> None:
        if self._trained is None:
            self._record(epoch)

    def on_epoch_end(self, epoch: int, logs: Row | None = None) -> None:
        if (epoch + 1) % self.every == 0:
            self._record(epoch + 1)

    def on_train_end(self, logs: Row | None = None) -> None:
        del self._look
        self._summaries.close()

    def _record(self, epochs: int) -> None:
        """Looks at a model that has been trained for so many epochs."""
        self._trained = epochs
        found = self._look()
        rows = [{"epochs": epochs, **row} for row in self.rows(found)]
        self.history += rows
        self.table.add(rows)
        if not self._summaries:
            return
        names = [
            n for n in self.columns[2:] if any(isinstance(r[n], str) for r in rows)
        ]
        for row in rows:
            place = "/".join([self.place, row["layer"], *(row[name] for name in names)])
            values = {
                f"{place}/{name}": row[name]
                for name in self.columns[2:]
                if name not in names and row[name] is not None
            }
            self._summaries.scalars(values, epochs)
        for name, figure in self.pictures(found):
            self._summaries.image(f"{self.place}/{name}", figure, epochs)
        self._summaries.flush()
