"""Tables from files: CSV, JSON Lines and Parquet, their fields as text."""

import contextlib
import csv
import gzip
import io
import itertools
import lzma
import os
import re
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from keras_seq.files import (
    MARKUP_START,
    foreign_kind,
    markup_kind,
    named_delimiter,
    open_unpacked,
)
from keras_seq.files import SMALL_UNPACKED as SMALL
from keras_seq.files import TIMES_UNPACKED as TIMES
from keras_seq.runs import reading
from keras_seq.text import decoded, hub_rows, parquet_objects
from recipes.binary_classification.objects import (
    MOST_FIELDS,
    Record,
    json_records,
    object_records,
)

DELIMITERS = ",;\t|"
SEP = 20  # characters that a line with the delimiter may have
SNIFFED = 20  # records that tell the delimiter
SNIFFED_CHARACTERS = 2**20
MOST_BYTES = 2**31  # of a file, unpacked
PIECE = 2**20  # bytes
COMMENTS = 100  # lines
TITLE = 20  # lines that may stand above the names of columns
TOTALS = {
    *("total", "totals", "grand total", "sum", "subtotal", "average", "mean"),
    *("summe", "gesamt", "gesamtsumme", "insgesamt", "totale", "suma", "somme"),
}
INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
AROUND = f"{INVISIBLE} \t"  # names and labels
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
_MARKS = {b"\xff\xfe": "UTF-16 or UTF-32", b"\xfe\xff": "UTF-16", b"\0\0": "UTF-32"}
PACKED = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json")


def read_table(
    path: str | os.PathLike[str],
    delimiter: str | None = None,
    encoding: str | None = None,
    notes: list[str] | None = None,
) -> tuple[list[str], list[Record]]:
    """The column names of a table, and its records with their line numbers.

    Args:
        path: CSV file, a byte order mark in front or not; fields may be quoted. Or
            JSON Lines (.jsonl, .ndjson), a list of objects (.json), or Parquet. It may
            be packed by gzip, bzip2 or xz, or be alone in a .zip. Or "-" for standard
            input.
        delimiter: One character; None finds it among comma, semicolon, tab and bar.
        encoding: Of the file; None for UTF-8, or UTF-16 or UTF-32 with a byte order
            mark.
        notes: List that gets notes of what was left out: rows without a value, the
            names of columns again, a last row that sums up. With None no row is left
            out, since an answer to each is expected.

    Returns:
        List of names; list of (line, values).

    Raises:
        ValueError: With the line, if the file can't be read as a table.
        ImportError: If it is Parquet, and pyarrow is missing.
    """
    path = os.fspath(path)
    place = name_of(path)
    if (objects := hub_rows(path)) is not None:
        header, records = object_records(enumerate(objects, start=1), place, notes)
    else:
        header, records = _file_records(path, place, delimiter, encoding, notes)
    if notes is None:
        return header, records
    return header, [record for record in records if any(record[1])]


def _file_records(
    path: str,
    place: str,
    delimiter: str | None,
    encoding: str | None,
    notes: list[str] | None,
) -> tuple[list[str], list[Record]]:
    inner, content = _content(path)
    if content.startswith(b"PAR1"):
        objects = parquet_objects(place, content, MOST_FIELDS)
        return object_records(objects, place, notes)
    if foreign := foreign_kind(content[:600]):
        raise ValueError(f"{place}: is no table of text: it is {foreign}.")
    text, mark = decoded(place, content, encoding), _MARKS.get(content[:2])
    if notes is not None and encoding is None and mark:
        notes.append(f"{place} is read as {mark}, as its byte order mark says.")
    del content  # a large file is held once
    kind = markup_kind(text[:MARKUP_START])
    if kind and not inner.lower().endswith(".json"):
        raise ValueError(f"{place}: is {kind}, which isn't read: save it as CSV.")
    if (end := text.find("\0")) >= 0:
        line = text.count("\n", 0, end) + 1
        raise ValueError(f"{place}:{line}: is no text: it has NUL bytes in it.")
    if inner.lower().endswith((".jsonl", ".ndjson", ".json")):
        lines = not inner.lower().endswith(".json")
        return json_records(text, place, notes, lines=lines)
    return _csv_records(text, delimiter, place, notes)


def _csv_records(
    text: str, delimiter: str | None, place: str, notes: list[str] | None
) -> tuple[list[str], list[Record]]:
    start = text.find("\n", 0, SEP) + 1
    if start and (named := named_delimiter(text[: start - 1].removesuffix("\r"))):
        delimiter = delimiter or named
    else:
        start = 0
    start = _behind_comments(text, start, [] if notes is None else notes)
    delimiter = "\t" if delimiter in ("\\t", "tab") else delimiter  # as shells pass it
    if delimiter is None:
        delimiter = _sniff(text[start : start + SNIFFED_CHARACTERS])
    elif len(delimiter) != 1 or delimiter in '"\r\n':
        raise ValueError(f"`delimiter` must be one character; received {delimiter!r}.")
    lines = text.count("\n")
    records = list(reading(_records(text, delimiter, place, start), place, lines))
    if not records:
        raise ValueError(f"{place} is empty; expected a line of column names.")
    (line, header), *records = records
    header = [name.strip(AROUND) for name in header]
    _check_names(header, place, line)
    for line, values in records:
        if len(values) != len(header):
            hint = ""
            if len(header) == 1 and line <= TITLE:
                hint = " If what stands above the names of columns is none, remove it."
            raise ValueError(
                f"{place}:{line}: expected {len(header)} fields, as in the first line; "
                f"received {len(values)}.{hint}"
            )
    if notes is None:
        return header, records
    records = [record for record in records if any(record[1])]
    return header, _without_totals(_without_headers(records, header, notes), notes)


def _behind_comments(text: str, start: int, notes: list[str]) -> int:
    """Where a table begins: behind its first lines where they begin with "#" and the
    first that doesn't has more commas, semicolons, tabs and bars than any of them.
    """
    found = itertools.islice(_lines(text, start), COMMENTS + 1)
    comments = list(itertools.takewhile(lambda line: line.startswith("#"), found))
    behind = start + sum(map(len, comments))
    first = next(_lines(text, behind), "")
    if not 0 < len(comments) <= COMMENTS or not first:
        return start

    def marks(line: str) -> int:
        return max(map(line.count, DELIMITERS))

    if max(map(marks, comments)) >= marks(first):
        return start
    notes.append(f'the first {len(comments)} lines are left out: they begin with "#".')
    return behind


def _lines(text: str, start: int = 0) -> Iterator[str]:
    """The lines from a place on, each with its end. An `io.StringIO` would hold the
    whole text again, four bytes for a character.
    """
    return (found.group() for found in _LINE.finditer(text, start))


def _without_headers(
    records: list[Record], header: list[str], notes: list[str]
) -> list[Record]:
    """The records but for those that are the names of the columns again."""
    again = [line for line, values in records if values == header]
    if not again:
        return records
    shown = ", ".join(map(str, again[:5])) + (", ..." if again[5:] else "")
    notes.append(
        f"{len(again)} rows are left out: they have the names of the columns again "
        f"(line {shown})."
    )
    return [record for record in records if record[1] != header]


def _without_totals(records: list[Record], notes: list[str]) -> list[Record]:
    """The records without a last one that sums up the others: it alone says "Total"."""
    if len(records) < 3:
        return records
    line, values = records[-1]
    for column, value in enumerate(values):
        if value.casefold().rstrip(":") in TOTALS and not any(
            others[column].casefold() == value.casefold() for _, others in records[:-1]
        ):
            notes.append(
                f"line {line}, the last, is left out: it says {value!r}, as what sums "
                "up the others does."
            )
            return records[:-1]
    return records


def name_of(path: str) -> str:
    """What messages call a file."""
    if path.startswith("hf://"):
        return path
    return "standard input" if path == "-" else Path(path).name or path


def _content(path: str) -> tuple[str, bytes]:
    """Name and bytes of a file, unpacked by what it is, whatever its name."""
    place = inner = name_of(path)
    try:
        if path == "-":
            content = _bounded(sys.stdin.buffer, place)
        elif Path(path).exists() and not Path(path).is_file():
            kind = "folder" if Path(path).is_dir() else "pipe or a device"
            raise ValueError(f"{place}: expected a file; received a {kind}.")
        else:
            size = Path(path).stat().st_size
            with open_unpacked(path) as file:
                content = _bounded(file, place, size)
        if content.startswith(b"\x1f\x8b"):  # of standard input
            with gzip.open(io.BytesIO(content)) as packed:
                content = _bounded(cast("IO[bytes]", packed), place, len(content))
        if content.startswith(b"PK\x03\x04"):
            inner, content = _packed(io.BytesIO(content), place)
    except (EOFError, zlib.error, lzma.LZMAError) as error:
        raise ValueError(f"{place}: can't be unpacked: {error}.") from error
    except (gzip.BadGzipFile, zipfile.BadZipFile) as error:
        raise ValueError(f"{place}: can't be unpacked: {error}.") from error
    except RuntimeError as error:  # encrypted, or packed in a way not known
        raise ValueError(f"{place}: can't be unpacked: {error}.") from error
    if len(content) > MOST_BYTES:
        raise ValueError(f"{place}: expected {MOST_BYTES} bytes at most; it has more.")
    if path == "-" and inner == place and content.lstrip().startswith(b"{"):
        inner = "rows.jsonl"  # it has no name that says so
    for ending in (".gz", ".bz2", ".xz"):
        inner = inner.lower().removesuffix(ending)
    return inner, content


def _bounded(file: IO[bytes], place: str, packed: int = 0) -> bytes:
    """All of a file, or of what unpacks from so many bytes, if that isn't too much.

    In pieces: at once a buffer of the most would be made first.
    """
    most = min(max(SMALL, TIMES * packed), MOST_BYTES) if packed else MOST_BYTES
    found = io.BytesIO()
    pieces = iter(lambda: file.read(PIECE), b"")
    for piece in reading(pieces, place, packed, unit="bytes", size=len):
        found.write(piece)
        if found.tell() > most:
            break
    if found.tell() > most < MOST_BYTES:
        raise ValueError(
            f"{place}: expected at most {TIMES} times its {packed:,} packed bytes, as "
            "tables have; received more."
        )
    return found.getvalue()


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
        member = archive.getinfo(names[0])
        if member.file_size > max(SMALL, TIMES * member.compress_size):
            raise ValueError(
                f"{place}: expected at most {TIMES} times its {member.compress_size:,} "
                f"packed bytes, as tables have; {names[0]!r} has more."
            )
        with archive.open(member) as packed:
            return names[0], _bounded(packed, place, max(1, member.compress_size))


def _records(text: str, delimiter: str, place: str, start: int = 0) -> Iterator[Record]:
    reader = csv.reader(_lines(text, start), delimiter=delimiter, strict=True)
    above = sum(1 for _ in _lines(text[:start]))
    while True:
        line = above + reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(f"{place}:{line}: {error}.") from error
        values = [value.strip() for value in values]
        if values and values != [""]:  # an empty line has none
            yield line, values


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
    known: dict[str, int] = {}
    for number, name in enumerate(header, start=1):
        if not name:
            header[number - 1] = name = f"column {number}"
        first = known.setdefault(name, number)
        if first != number:
            raise ValueError(
                f"{place}:{line}: expected column names that differ; {name!r} is the "
                f"name of columns {first} and {number}."
            )
