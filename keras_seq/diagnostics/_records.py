"""Where the callbacks write what they measure: a CSV file, TensorBoard."""

import csv
import io
import os
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path

from keras_seq.extras import require
from keras_seq.files import atomic_write

if typing.TYPE_CHECKING:
    from matplotlib.figure import Figure


class CsvTable:
    """A CSV file that grows, and is written whole or not at all.

    Args:
        filename: The file, or None for none. What it has stays, and must have the
            same columns.
        columns: Names of the columns.
    """

    def __init__(
        self, filename: str | os.PathLike[str] | None, columns: Iterable[str]
    ) -> None:
        self.filename, self.columns = filename, tuple(columns)

    def check(self) -> None:
        """Refuses a file in no folder, or one with other columns."""
        if self.filename is not None:
            self._read(self.filename)

    def add(self, rows: Iterable[Mapping[str, object]]) -> None:
        """Writes dicts by column, as lines."""
        if self.filename is not None:
            lines = [_line(row[name] for name in self.columns) for row in rows]
            atomic_write(self.filename, self._read(self.filename) + "".join(lines))

    def _read(self, filename: str | os.PathLike[str]) -> str:
        path, header = Path(filename), _line(self.columns)
        if not path.parent.is_dir():
            raise FileNotFoundError(
                "`filename` must be in a folder that exists; received "
                f"{str(filename)!r}."
            )
        if not path.exists():
            return header
        with open(path, encoding="utf-8", newline="") as file:
            content = file.read()
        if not content.startswith(header):
            raise ValueError(
                f"`filename` must be new, or start with the line {header.strip()!r}; "
                f"received {str(filename)!r}, which starts with {content[:60]!r}."
            )
        # A line that was written by hand may lack its end.
        return content if content.endswith("\n") else content + "\n"


def _line(values: Iterable[object]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(values)
    return buffer.getvalue()


class Summaries:
    """Numbers and pictures for TensorBoard.

    Args:
        log_dir: Folder of the event files, or None for none.
    """

    def __init__(self, log_dir: str | os.PathLike[str] | None) -> None:
        self.writer: typing.Any = None
        if log_dir is not None:
            require("tensorboard", "tensorboard")
            import tensorflow as tf

            self.writer = tf.summary.create_file_writer(str(log_dir))

    def __bool__(self) -> bool:
        return self.writer is not None

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Writes a dict of numbers."""
        import tensorflow as tf

        with self.writer.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(name, value)

    def image(self, name: str, figure: "Figure", step: int) -> None:
        """Writes a matplotlib figure, and closes it."""
        import matplotlib.pyplot as plt
        import tensorflow as tf

        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=100)
        plt.close(figure)
        image = tf.io.decode_png(buffer.getvalue(), channels=4)
        with self.writer.as_default(step=step):
            tf.summary.image(name, image[None])

    def flush(self) -> None:
        """Writes what waits, so that a training cut short leaves all of it."""
        self.writer.flush()

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
