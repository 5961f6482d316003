"""Parquet: rows as objects, their values as JSON would have them."""

import datetime
import itertools
from collections.abc import Iterator
from typing import Any

from keras_seq.extras import require
from keras_seq.runs import reading

_AT_ONCE = 4096  # rows


def parquet_objects(
    name: str, content: bytes, most: int = 2**28
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a Parquet file, each an object, with their numbers from 1.

    Text in bytes is UTF-8; bytes that aren't, as of pictures, stay bytes. A span of
    time is its seconds.

    Args:
        name: Of the file, for messages.
        content: All of it.
        most: Fields, rows times columns, that it may have.

    Returns:
        Iterator over the number and the object of each row.

    Raises:
        ImportError: If pyarrow is missing.
        ValueError: If it is no whole Parquet file, has too many fields, columns of one
            name, or values that Python hasn't; a damaged part is told when it comes.

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
    broken = (OSError, ValueError, OverflowError, pyarrow.ArrowException)
    try:
        file = parquet.ParquetFile(pyarrow.BufferReader(content))
    except broken as error:
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

    def batches() -> Iterator[list[dict[str, Any]]]:
        number = 0
        try:
            for batch in file.iter_batches(batch_size=_AT_ONCE):
                yield batch.to_pylist()
                number += len(batch)
        except broken as error:
            raise ValueError(
                f"{bad}: rows {number + 1} to {min(number + _AT_ONCE, count)}: {error}"
            ) from error

    numbers = itertools.count(1)
    return (
        (next(numbers), {column: _plain(value) for column, value in row.items()})
        for batch in reading(batches(), name, count, size=len)
        for row in batch
    )


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return value.decode().removeprefix("\ufeff")
        except UnicodeDecodeError:
            return value
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value.total_seconds() if isinstance(value, datetime.timedelta) else value
