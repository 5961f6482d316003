"""Parquet: rows as objects, their values as JSON would have them."""

import datetime
from collections.abc import Iterator
from typing import Any

from keras_seq.extras import require
from keras_seq.runs import reading
from keras_seq.text.corpora.encodings import decoded


def parquet_objects(
    name: str, content: bytes, most: int = 2**28
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a Parquet file, each an object, with their numbers from 1.

    Text in bytes is UTF-8, and a span of time is its seconds.

    Args:
        name: Of the file, for messages.
        content: All of it.
        most: Fields, rows times columns, that it may have.

    Returns:
        Iterator over the number and the object of each row.

    Raises:
        ImportError: If pyarrow is missing.
        ValueError: If it is no whole Parquet file, has too many fields, or columns of
            one name.

    Example:

    >>> import io, pyarrow, pyarrow.parquet
    >>> file = io.BytesIO()
    >>> pyarrow.parquet.write_table(pyarrow.table({"a": ["x", "y"]}), file)
    >>> list(parquet_objects("few.parquet", file.getvalue()))
    [(1, {'a': 'x'}), (2, {'a': 'y'})]
    """
    parquet, pyarrow = (
        require("pyarrow.parquet", "tables"),
        require("pyarrow", "tables"),
    )
    bad = f"{name}: is no Parquet, or is no whole Parquet file"
    try:
        file = parquet.ParquetFile(pyarrow.BufferReader(content))
    except (OSError, ValueError) as error:
        raise ValueError(f"{bad}: {error}") from error
    count, width = file.metadata.num_rows, file.metadata.num_columns
    if count * max(1, width) > most:
        raise ValueError(
            f"{name}: expected {most} fields at most; it has {count} rows of {width}."
        )
    names = file.schema_arrow.names
    if twice := [one for one in dict.fromkeys(names) if names.count(one) > 1]:
        raise ValueError(
            f"{name}: expected column names that differ; received {twice[:20]} twice."
        )

    def rows() -> Iterator[tuple[int, dict[str, Any]]]:
        number = 0
        try:
            for batch in reading(
                file.iter_batches(batch_size=4096), name, count, size=len
            ):
                for row in batch.to_pylist():
                    number += 1
                    yield number, {k: _plain(name, number, k, row[k]) for k in row}
        except OSError as error:
            raise ValueError(f"{bad}: {error}") from error

    return rows()


def _plain(name: str, number: int, column: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return decoded(f"{name}:{number}, column {column!r}", value)
    return value.total_seconds() if isinstance(value, datetime.timedelta) else value
