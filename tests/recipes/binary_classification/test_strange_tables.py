"""Tables of kinds that people bring: the right values, or a word that says why not."""

import bz2
import gzip
import io
import json
import lzma
import os
import re
import time
import tracemalloc

import numpy as np
import pytest

from keras_seq.text import read_documents
from recipes.binary_classification.hints import sentinel, spellings
from recipes.binary_classification.reading import read_table
from recipes.binary_classification.settings import Config
from recipes.binary_classification.sources import table_file
from recipes.binary_classification.table import Column, rows_from_csv

TABLES = "keras_seq.text.corpora.tables."
ROWS = [
    (str(20 + i % 30), ("Rom", "Bonn", "Graz")[i % 3], "yes" if i % 2 else "no")
    for i in range(40)
]
CSV = "age,city,y\n" + "".join(",".join(row) + "\n" for row in ROWS)


def table(tmp_path, content, name="x.csv", **settings):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return table_file(Config(data=str(path), label="y", **settings))


def same(found):
    """Whether a table is the one of ROWS, and what else is noted."""
    assert [column.name for column in found.columns] == ["age", "city"]
    np.testing.assert_array_equal(
        found.rows.numbers[:, 0], [int(a) for a, _, _ in ROWS]
    )
    assert found.rows.strings[:, 0].tolist() == [city for _, city, _ in ROWS]
    assert found.labels == [label for _, _, label in ROWS]
    return found.notes


OBJECTS = [dict(zip(("age", "city", "y"), row, strict=True)) for row in ROWS]
QUIET = {
    "mark.csv": CSV.encode("utf-8-sig"),
    "gzip.csv": gzip.compress(CSV.encode()),
    "x.csv.bz2": bz2.compress(CSV.encode()),
    "x.csv.xz": lzma.compress(CSV.encode()),
    "returns.csv": CSV.replace("\n", "\r"),
    "excel.csv": '"sep=;"\r\n' + CSV.replace(",", ";").replace("\n", "\r\n"),
    "blanks.csv": CSV + ",,\n\n   \n",
    "spaces.csv": CSV.replace("yes", " yes\u00a0").replace("no\n", "no\u200b\n"),
    "lines.json": "\n".join(map(json.dumps, OBJECTS)),
    "list.jsonl": json.dumps(OBJECTS),
    "around.json": json.dumps({"data": OBJECTS}),
    "columns.json": json.dumps({k: [o[k] for o in OBJECTS] for k in OBJECTS[0]}),
}


@pytest.mark.parametrize("name", QUIET)
def test_forms_of_a_table(tmp_path, name):
    assert same(table(tmp_path, QUIET[name], name)) == []


TOLD = {
    "utf16": (CSV.encode("utf-16"), "read as UTF-16"),
    "utf32": (CSV.encode("utf-32"), "UTF-32, as its byte order mark says"),
    "comments": ("# by me, today\n#\n" + CSV, 'the first 2 lines are left out: .* "#"'),
    "total": (CSV + "1180,Total,\n", "line 42, the last, is left out: .*'Total'"),
    "labelled total": (CSV + "Sum:,,yes\n", "line 42, the last, is left out: .*'Sum:'"),
    "two files in one": (
        CSV[: CSV.index("\n", 99) + 1] + CSV[:11] + CSV[CSV.index("\n", 99) + 1 :],
        r"1 rows are left out: .* names of the columns again \(line",
    ),
}


@pytest.mark.parametrize("name", TOLD)
def test_what_is_left_out_is_told(tmp_path, name):
    content, note = TOLD[name]
    [found] = same(table(tmp_path, content))
    with pytest.raises(AssertionError, match=note):
        assert not found, found


def test_a_category_that_is_called_total_stays(tmp_path):
    city = CSV.replace("Graz", "Total")
    assert table(tmp_path, city + "20,Total,yes\n").labels[-1] == "yes"


REFUSED = {
    "x.xls": (b"\xd0\xcf\x11\xe0" + bytes(99), "old office program"),
    "x.xlsx": (b"PK\x03\x04" + bytes(99), "can't be unpacked"),
    "x.7z": (b"7z\xbc\xaf\x27\x1c" + bytes(99), "7z"),
    "x.csv": (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
    "page.csv": (b"<!DOCTYPE html>\n<table>", "HTML"),
    "nul.csv": (CSV.replace("Bonn", "Bo\0n").encode(), r"nul\.csv:3: is no text"),
    "title.csv": (f"My table\n\n{CSV}".encode(), r"title\.csv:3: .* above the names"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_table_is_called_by_name(tmp_path, name):
    content, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        table(tmp_path, content, name)


def test_a_pipe_is_refused_and_a_bomb_too(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(ValueError, match="received a pipe or a device"):
            table_file(Config(data=str(path), label="y"))
    monkeypatch.setattr("recipes.binary_classification.reading.SMALL", 2**16)
    with pytest.raises(ValueError, match="at most 200 times its"):
        table(tmp_path, gzip.compress(b"a,y\n" + b"1,2\n" * 2**18))


def test_no_more_is_allocated_than_comes(tmp_path, monkeypatch):
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(CSV.encode()))
    tracemalloc.start()
    read_table(tmp_path / "x.csv.gz")
    for content in (CSV.encode(), gzip.compress(CSV.encode())):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
        assert len(read_table("-")[1]) == len(ROWS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**24


def test_a_bomb_on_standard_input_is_refused(monkeypatch):
    monkeypatch.setattr("recipes.binary_classification.reading.SMALL", 2**16)
    bomb = gzip.compress(b"a,y\n" + b"1,2\n" * 2**18)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(bomb)))
    with pytest.raises(ValueError, match=r"standard input: .* at most 200 times its"):
        read_table("-")


def test_parquet_is_bounded_before_it_is_read(tmp_path, monkeypatch):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "x.parquet"
    parquet.write_table(pyarrow.table({"text": ["a"] * 60, "label": [1] * 60}), path)
    assert len(read_table(path)[1]) == 60
    for module in ("recipes.binary_classification.reading.", TABLES + "_"):
        monkeypatch.setattr(f"{module}MOST_FIELDS", 119)
    for read in (read_table, read_documents):
        with pytest.raises(ValueError, match=r"119 fields .* it has 60 rows of 2\."):
            read(path)


def column(tmp_path, fields):
    """What a column of such fields, that come again and again, is read as."""
    rows = "".join(f"{fields[i % len(fields)]},{i % 7},{i % 2}\n" for i in range(60))
    found = table(tmp_path, f"v,x,y\n{rows}")
    return found.columns[0], found, " ".join(found.notes)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        (["01067", "04109", "10115"], "category"),  # postcodes
        (["067", "410", "101"], "category"),
        (["01067", "04109", "10115"] * 9 + ["unknown"], "category"),
        (["01067", "04109", "10115"] * 9 + ["02139-1234", "unknown"], "category"),
        (["1067", "4109", "10115"], "number"),
        (["123", "456", "712"] * 9 + ["012", "34", "5"], "number"),
        (["01", "02", "12"], "number"),  # months
        (["0.67", "0.41", "1.25"], "number"),
        (["0", "100", "250"], "number"),
    ],
)
def test_codes_keep_their_zeros(tmp_path, fields, kind):
    found, rows, notes = column(tmp_path, fields)
    assert (found.name, found.kind) == ("v", kind)
    if kind == "category":
        assert rows.rows.strings[:3, 0].tolist() == fields[:3]
        assert "of one width, with leading zeros" in notes


def test_days_in_eight_digits_are_dates(tmp_path):
    found, rows, notes = column(tmp_path, ["20200228", "20200229", "20200301", ""])
    assert (found.kind, found.form) == ("date", "YYYYMMDD")
    days = np.diff(rows.rows.numbers[:3, 0]) / 86_400
    np.testing.assert_array_equal(days, [1, 1])  # as numbers 1 and 72
    assert "dates written YYYYMMDD" in notes
    assert column(tmp_path, ["20201301", "20200299", "99999999"])[0].kind == "number"


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        (["Bonn", "BONN", "Rom"], "'Bonn' and 'BONN' are different categories"),
        (["Köln", "Ko\u0308ln", "Rom"], "accents' coding alone"),
        (["yes", "No", "Y", "1"], "words for yes and no"),
        (["3 cm", "4 cm", "5.5 cm"], "a number with 'cm'"),
        (["-999", "3", "4", "5"], "-999 comes 15 times, far from all others"),
        (["9999", "3", "4", "5"], "9999 comes 15 times, far from all others"),
        (["13/01/2020", "01/14/2020", "15/02/2020"], "'13/01/2020' .* as DD/MM/YYYY"),
        (["99", "99.0", "3", "4.5"], "99 comes 30 times, far from all others"),
        (["999.00001", "3", "4.5"], None),
        (["99", "98", "97"], None),
        (["Bonn", "Rom", "Graz"], None),
    ],
)
def test_what_a_column_hints_at_is_told(tmp_path, fields, note):
    _, _, notes = column(tmp_path, fields)
    if note is None:
        assert notes == ""
    else:
        with pytest.raises(AssertionError, match=note):
            assert not notes, notes


def test_numbers_with_a_unit_that_never_repeat_are_told(tmp_path):
    rows = [f"{i} kg,{i % 5},{'ab'[i % 2]}" for i in range(60)]
    notes = " ".join(table(tmp_path, "\n".join(["v,w,y", *rows])).notes)
    assert "column 'v' is left out" in notes
    assert "60 of its values are a number with 'kg'" in notes


def test_numbers_are_compared_in_one_pass():
    values = np.arange(400_000) / 7
    started = time.process_time()
    assert sentinel(values, [1] * len(values)) == ""
    assert time.process_time() - started < 3  # with each other they take minutes


ASKED = {
    "total.csv": ("x,c\n1,a\n2,b\n3,Total\n", ["a", "b", "Total"]),
    "names.csv": ("c\na\nc\nb\nc\n", ["a", "c", "b", "c"]),
    "empty.csv": ("x,c\n1,a\n,\n", ["a", ""]),
    "x.jsonl": ('{"c": "a"}\n{}\n{"c": null}\n', ["a", "", ""]),
}


@pytest.mark.parametrize("name", ASKED)
def test_each_row_that_is_asked_has_an_answer(tmp_path, name):
    content, expected = ASKED[name]
    (tmp_path / name).write_text(content)
    rows, lines = rows_from_csv(str(tmp_path / name), [Column("c", "category")])
    assert rows.strings[:, 0].tolist() == expected
    assert len(lines) == len(expected)


@pytest.mark.parametrize("above", ["", "\ufeff", "sep=,\n", "# by me\n"])
def test_a_large_table_is_not_held_many_times(tmp_path, above):
    """Bytes and the text that they are, then the text and its fields: two at a time."""
    path = tmp_path / "x.csv"
    with path.open("w") as file:
        file.write(f"{above}a,b\n")
        for i in range(4000):
            file.write(f"{i}{'x' * 1000},{i}\n")
    tracemalloc.start()
    header, records = read_table(str(path), notes=[])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (header, len(records), records[-1][1][1]) == (["a", "b"], 4000, "3999")
    assert peak < 2.6 * path.stat().st_size
    line = 4001 + (above[-1:] == "\n")
    assert records[-1][0] == line


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        (["1.5k", "2M", "900k"], "3 of its values are numbers with one of 'k', 'M': "),
        (["1,000+", "10,000,000+"], "2 of its values are a number with '\\+': "),
        (["1st", "2nd", "3rd"], None),
        (["1.5k", "2M", "varies", "none"], None),
    ],
)
def test_numbers_with_several_units(fields, note):
    notes = spellings(dict.fromkeys(fields, 1))
    assert len(notes) == (note is not None)
    assert not note or re.match(note, notes[0])
