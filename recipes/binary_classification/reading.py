"""Tables from files: CSV, JSON Lines and Parquet, their fields as text."""

import contextlib
import csv
import gzip
import io
import itertools
import json
import re
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, TypeAlias

from keras_seq.extras import require
from keras_seq.text import decoded

Record: TypeAlias = tuple[int, list[str]]
"""A line's number, and its fields."""

DELIMITERS = ",;\t|"
SNIFFED = 20  # records that tell the delimiter
SNIFFED_CHARACTERS = 2**20
MOST_BYTES = 2**31  # of a file, unpacked
MOST_FIELDS = 2**28  # of objects with names of their own
PACKED = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json")


def read_table(
    path: str, delimiter: str | None = None, encoding: str | None = None
) -> tuple[list[str], list[Record]]:
    """The column names of a table, and its records with their line numbers.

    Args:
        path: CSV file, a byte order mark in front or not; fields may be quoted. Or
            JSON Lines (.jsonl, .ndjson), a list of objects (.json), or Parquet. It may
            be packed by gzip, or be alone in a .zip. Or "-" for standard input.
        delimiter: One character; None finds it among comma, semicolon, tab and bar.
        encoding: Of the file; None for UTF-8.

    Returns:
        List of names; list of (line, values), without those that have no value.

    Raises:
        ValueError: With the line, if the file can't be read as a table.
        ImportError: If it is Parquet, and pyarrow is missing.
    """
    place = name_of(path)
    inner, content = _content(path)
    if content.startswith(b"PAR1"):
        return _parquet_records(content, place)
    text = decoded(place, content, encoding)
    if inner.lower().endswith((".jsonl", ".ndjson", ".json")):
        return _json_records(text, place, lines=not inner.lower().endswith(".json"))
    return _csv_records(text, delimiter, place)


def _csv_records(
    text: str, delimiter: str | None, place: str
) -> tuple[list[str], list[Record]]:
    if named := re.match("sep=(.)\r?\n", text):  # as Excel names it
        delimiter = delimiter or named[1]
        text = "\n" + text[named.end() :]
    delimiter = "\t" if delimiter in ("\\t", "tab") else delimiter  # as shells pass it
    if delimiter is None:
        delimiter = _sniff(text[:SNIFFED_CHARACTERS])
    elif len(delimiter) != 1 or delimiter in '"\r\n':
        raise ValueError(f"`delimiter` must be one character; received {delimiter!r}.")
    records = list(_records(text, delimiter, place))
    if not records:
        raise ValueError(f"{place} is empty; expected a line of column names.")
    (line, header), *records = records
    _check_names(header, place, line)
    for line, values in records:
        if len(values) != len(header):
            raise ValueError(
                f"{place}:{line}: expected {len(header)} fields, as in the first line; "
                f"received {len(values)}."
            )
    return header, [record for record in records if any(record[1])]


def name_of(path: str) -> str:
    """What messages call a file."""
    return "standard input" if path == "-" else Path(path).name


def _opened(path: str) -> IO[bytes]:
    """A file, or all of standard input."""
    if path != "-":
        return open(path, "rb")
    return io.BytesIO(sys.stdin.buffer.read(MOST_BYTES + 1))


def _content(path: str) -> tuple[str, bytes]:
    """Name and bytes of a file, unpacked by what it is, whatever its name."""
    place = name_of(path)
    inner = place.removesuffix(".gz")
    try:
        with _opened(path) as file:
            start = file.read(4)
            file.seek(0)
            if start.startswith(b"\x1f\x8b"):
                with gzip.open(file) as packed:
                    content = packed.read(MOST_BYTES + 1)
            elif start == b"PK\x03\x04":
                inner, content = _packed(file, place)
            else:
                content = file.read(MOST_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        raise ValueError(f"{place}: can't be unpacked: {error}.") from error
    except RuntimeError as error:  # encrypted, or packed in a way not known
        raise ValueError(f"{place}: can't be unpacked: {error}.") from error
    if len(content) > MOST_BYTES:
        raise ValueError(f"{place}: expected {MOST_BYTES} bytes at most; it has more.")
    if path == "-" and inner == place and content.lstrip().startswith(b"{"):
        inner = "rows.jsonl"  # it has no name that says so
    return inner, content


def _packed(file: IO[bytes], place: str) -> tuple[str, bytes]:
    """The one table in a .zip."""
    with zipfile.ZipFile(file) as archive:
        names = [
            name
            for name in archive.namelist()
            if Path(name).suffix.lower() in PACKED and not name.startswith("__MACOSX/")
        ]
        if len(names) != 1:
            raise ValueError(
                f"{place}: expected one file of {', '.join(PACKED)} in it; it has "
                f"{archive.namelist()[:5]}. A workbook must be saved as CSV."
            )
        with archive.open(names[0]) as packed:
            return names[0], packed.read(MOST_BYTES + 1)


def _records(text: str, delimiter: str, place: str) -> Iterator[Record]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(f"{place}:{line}: {error}.") from error
        if values:  # an empty line has none
            yield line, [value.strip() for value in values]


def _sniff(text: str) -> str:
    """The delimiter that gives records of one width, the widest; else a comma."""

    def fit(delimiter: str) -> tuple[bool, int]:
        widths = []
        # A quote that isn't closed is for the reader to tell.
        with contextlib.suppress(ValueError):
            for _, values in itertools.islice(_records(text, delimiter, ""), SNIFFED):
                widths.append(len(values))
        # Where no delimiter fits every line, the names tell.
        return len(set(widths)) == 1 and widths[0] > 1, widths[0] if widths else 0

    return max(DELIMITERS, key=fit)


def _check_names(header: list[str], place: str, line: int) -> None:
    for number, name in enumerate(header, start=1):
        if not name:
            header[number - 1] = name = f"column {number}"
        first = header.index(name) + 1
        if first != number:
            raise ValueError(
                f"{place}:{line}: expected column names that differ; {name!r} is the "
                f"name of columns {first} and {number}."
            )


def _json_records(
    text: str, place: str, *, lines: bool
) -> tuple[list[str], list[Record]]:
    """Objects, one a line or in a list; a name that one lacks is missing in it."""

    def parsed(part: str) -> Any:
        # Numbers are read by their columns, as those of other files are.
        return json.loads(
            part,
            object_pairs_hook=once,
            parse_int=str,
            parse_float=str,
            parse_constant=str,
        )

    found: list[tuple[int, dict[str, str]]] = []
    number = 0
    try:
        objects = text.split("\n") if lines else parsed(text)
        if not isinstance(objects, list):
            raise TypeError(f"expected a list of objects; received {str(objects)[:60]}")
        for number, part in enumerate(objects, start=1):
            if lines and not part.strip():
                continue
            value = parsed(part) if lines else part
            if not isinstance(value, dict):
                raise TypeError(f"expected an object; received {str(value)[:60]!r}")
            found.append((number, {k.strip(): _field(k, v) for k, v in value.items()}))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{place}:{number or 1}: {error}.") from error
    header = list(dict.fromkeys(name for _, fields in found for name in fields))
    if not header:
        raise ValueError(f"{place} is empty; expected objects.")
    if len(header) * len(found) > MOST_FIELDS:
        raise ValueError(
            f"{place}: expected {MOST_FIELDS} fields at most; it has {len(found)} "
            f"objects with {len(header)} different names."
        )
    records = [(line, [f.get(name, "") for name in header]) for line, f in found]
    return header, [record for record in records if any(record[1])]


def _field(name: str, value: Any) -> str:
    if isinstance(value, (dict, list)):
        raise TypeError(
            f"expected text, a number, true, false or null for {name!r}; received "
            f"{str(value)[:60]}"
        )
    return "" if value is None else str(value).strip()


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of the pairs; ValueError if a name is there twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"expected names that differ; received {twice} twice")
    return found


def _parquet_records(content: bytes, place: str) -> tuple[list[str], list[Record]]:
    parquet = require("pyarrow.parquet", "tables")
    pyarrow = require("pyarrow", "tables")
    try:
        table = parquet.read_table(pyarrow.BufferReader(content))
    except (OSError, ValueError) as error:
        raise ValueError(f"{place}: is no whole Parquet file: {error}") from error
    header = list(table.column_names)
    _check_names(header, place, 1)
    columns = [
        [_field(name, value) for value in column.to_pylist()]
        for name, column in zip(header, table.columns, strict=True)
    ]
    rows = enumerate(map(list, zip(*columns, strict=True)), start=1)
    return header, [(number, values) for number, values in rows if any(values)]
