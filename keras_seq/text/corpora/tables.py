"""Tables of text: TSV, CSV, JSON Lines and Parquet, row by row."""

import csv
import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from keras_seq.files import named_delimiter
from keras_seq.text.corpora.encodings import cleaned, decoded
from keras_seq.text.corpora.objects import json_objects
from keras_seq.text.corpora.parquet import parquet_objects
from keras_seq.text.corpora.sources import Source

SUFFIXES = (".tsv", ".csv", ".jsonl", ".ndjson", ".json", ".parquet")
_QUOTED = re.compile('"(?:[^"]|"")*"')
_DELIMITERS = ",;\t|"
_LOOKED_AT = 50  # lines, to find the delimiter
_OBJECTS = 1000  # that tell the names of columns
_LONGEST_FIELD = 2**28  # characters
_HALF = re.compile("[\ud800-\udfff]")  # JSON's \u may write one alone
_FILE = {"bytes", "path"}  # a picture or a sound, as the library datasets has them
_MOST_FIELDS = 2**28  # of Parquet, whose size says little

Cells = list[str]


class Unreadable(str):
    """A field that is no text: why it is none. Who needs the field raises it."""

    __slots__ = ()


def readable(cell: str) -> str:
    """The field; ValueError if it is no text."""
    if isinstance(cell, Unreadable):
        raise ValueError(str(cell))
    return cell


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        line: Its line in the file, or its number, from 1.
        cells: Its fields; "" where one is missing.
    """

    line: int
    cells: Cells


class Table(NamedTuple):
    """A table that is being read.

    Attributes:
        name: Of the file.
        header: The names of its columns; None where the first row may be either.
        rows: The rows, to be read once.
    """

    name: str
    header: list[str] | None
    rows: Iterator[Row]


def read_table(source: Source, encoding: str | None = None) -> Table:
    """A table in the form that the ending of its name says; TSV where it says none.

    A field of a TSV is unquoted where the whole file is written so, as Python's `csv`
    writes it: quotes around fields that hold quotes, which are doubled, and around
    these (or around all of them).

    Args:
        source: The file.
        encoding: Its encoding; None for UTF-8.

    Raises:
        ImportError: If it is Parquet, and pyarrow is missing.
        ValueError: If it isn't what its name says, with the line.
    """
    if source.table is not None:
        return _object_table(source.name, enumerate(source.table()[1], start=1))
    if source.suffix == ".csv":
        rows = _csv_rows(source, encoding)
    elif source.suffix in (".jsonl", ".ndjson", ".json"):
        return _json_table(source, encoding)
    elif source.suffix == ".parquet":
        return _parquet_table(source)
    else:
        rows = _tsv_rows(source, encoding)
    return Table(source.name, None, rows)


def is_csv(table: Table) -> bool:
    """Whether a table is CSV by its name, packed or not."""
    return ".csv" in Path(table.name.lower()).suffixes[-2:]


def with_header(table: Table) -> Table:
    """The table with its first row as the header, if it has none yet."""
    if table.header is not None:
        return table
    first = next(table.rows, Row(1, []))
    header = [cleaned(cell) for cell in first.cells]
    return table._replace(header=header, rows=_within(table, len(header)))


def _within(table: Table, columns: int) -> Iterator[Row]:
    for row in table.rows:
        if len(row.cells) > columns:
            raise ValueError(
                f"{table.name}:{row.line}: expected {columns} columns, as the header "
                f"has; received {len(row.cells)}."
            )
        yield row


def peeked(table: Table, count: int) -> tuple[list[Row], Table]:
    """The first rows, and the table with all of them still to be read."""
    start = list(itertools.islice(table.rows, count))
    return start, table._replace(rows=itertools.chain(start, table.rows))


def _tsv_rows(source: Source, encoding: str | None) -> Iterator[Row]:
    quoted: bool | None = None
    for number, line in enumerate(source.lines(encoding), start=1):
        cells = line.split("\t")
        if len(cells) > 1 and "\r" in line:
            raise ValueError(
                f"{source.name}:{number}: expected lines that end alike; received a "
                "carriage return within one."
            )
        if '"' in line:
            if quoted is None:  # looks through the file once more, if it must
                quoted = _is_quoted(source.lines(encoding))
            if quoted:
                cells = [_unquoted(cell) for cell in cells]
        yield Row(number, cells)


def _is_quoted(lines: Iterable[str]) -> bool:
    """Whether all fields are written as Python's `csv` writes them."""
    doubled = everywhere = False
    bare = 0
    for line in lines:
        if '"' not in line:
            bare += bool(line.strip())
            continue
        for cell in line.split("\t"):
            if not cell.startswith('"'):
                if '"' in cell:
                    return False
                bare += 1
            elif not _QUOTED.fullmatch(cell):
                return False
            elif '""' in cell[1:-1]:
                doubled = True
            else:
                everywhere = True
    # Quotes that nothing made needful are the text's own, unless all are quoted.
    return not bare if everywhere else doubled


def _unquoted(cell: str) -> str:
    return cell[1:-1].replace('""', '"') if cell.startswith('"') else cell


def _csv_rows(source: Source, encoding: str | None) -> Iterator[Row]:
    start = list(itertools.islice(source.lines(encoding), _LOOKED_AT))
    named = named_delimiter(start[0]) if start else ""
    delimiter = named or _delimiter(start)
    # With the ends of lines, which may be in a field.
    lines = (line + "\n" for line in source.lines(encoding))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    line = 1
    try:
        while (cells := _next(reader)) is not None:
            if line == 1 and named:
                line = 2
                continue
            yield Row(line, [cell.removesuffix("\n") for cell in cells] or [""])
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"{source.name}:{line}: is no CSV: {error}.") from error


def _next(reader: Iterator[list[str]]) -> list[str] | None:
    # The limit is the process's, and 128 KiB is too short for a text: it is raised
    # for this row alone, since others who read CSV rely on it.
    before = csv.field_size_limit(_LONGEST_FIELD)
    try:
        return next(reader, None)
    finally:
        csv.field_size_limit(before)


def _delimiter(lines: list[str]) -> str:
    """What parts the columns: what gives most of them in every one of the rows."""

    def columns(delimiter: str) -> int:
        try:
            reader = csv.reader(lines, delimiter=delimiter)
            found = [len(cells) for cells in iter(lambda: _next(reader), None)]
        except csv.Error:
            return 0
        found = [count for count in found[: len(found) - 1 or 1] if count]
        return min(found, default=0)

    return max(_DELIMITERS, key=columns)


def _json_table(source: Source, encoding: str | None) -> Table:
    lines = source.suffix != ".json"
    objects = json_objects(source.name, source.lines(encoding), lines_apart=lines)
    return _object_table(source.name, objects)


def _object_table(name: str, objects: Iterator[tuple[int, dict[str, Any]]]) -> Table:
    start = list(itertools.islice(objects, _OBJECTS))
    first = [_flat(value, f"{name}:{number}") for number, value in start]
    known = dict.fromkeys(key for fields in first for key in fields)
    texts = {
        key
        for fields in first
        for key, cell in fields.items()
        if not isinstance(cell, Unreadable)
    }
    header = [key for key in known if key in texts]
    if start and not header:
        number, value = start[0]
        kinds = {type(part).__name__ for part in value.values()} or {"nothing"}
        raise ValueError(
            f"{name}:{number}: expected text, numbers, true, false or null in the "
            f"fields; received {' and '.join(sorted(kinds))} alone, in "
            f"{', '.join(map(repr, list(value)[:20])) or 'an object'}."
        )

    def rows() -> Iterator[Row]:
        for number, value in itertools.chain(start, objects):
            fields = _flat(value, f"{name}:{number}")
            if not known.keys() >= fields.keys():
                new = [key for key in fields if key not in known]
                raise ValueError(
                    f"{name}:{number}: expected the names that the first {_OBJECTS:,} "
                    f"objects have; received {', '.join(map(repr, new[:20]))} too. One "
                    "of those objects must have them, null if there is no value."
                )
            yield Row(number, [fields.get(key, "") for key in header])

    return Table(name, header, rows())


def _flat(value: dict[str, Any], place: str) -> dict[str, str]:
    """The fields of an object; of one within it by their own names, where it is alone,
    but for those that the outer one has.

    So pairs are given: {"translation": {"en": "Go.", "fr": "Va !"}}.
    """
    inside = [
        part
        for part in value.values()
        if isinstance(part, dict) and part.keys() != _FILE
    ]
    fields = _cells(value, place)
    if len(inside) == 1:
        fields = {**fields, **_cells(inside[0], place), **fields}
    return fields


def _cells(value: dict[str, Any], place: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for key, part in value.items():
        if isinstance(part, (dict, list)):
            continue  # no text: who names it is told that there is no such column
        if (name := cleaned(key)) in fields:
            raise ValueError(
                f"{place}: expected names that differ in more than space; received "
                f"{key!r} again."
            )
        if isinstance(part, bytes):
            fields[name] = _undecoded(f"{place}, column {name!r}", part)
        else:
            fields[name] = "" if part is None else _whole(place, name, str(part))
    return fields


def _whole(place: str, name: str, text: str) -> str:
    if not text.isascii() and (half := _HALF.search(text)):
        return Unreadable(
            f"{place}, column {name!r}: expected text; received U+{ord(half[0]):04X}, "
            "half of a character."
        )
    return text


def _undecoded(place: str, data: bytes) -> str:
    try:
        return decoded(place, data)
    except ValueError as error:
        return Unreadable(error)


def _parquet_table(source: Source) -> Table:
    # In memory: a packed one can't be read from its end.
    objects = parquet_objects(source.name, source.content(), _MOST_FIELDS)
    return _object_table(source.name, objects)
