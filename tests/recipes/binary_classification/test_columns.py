"""What is made of columns as other people's files have them."""

import datetime
import gzip
import json
import zipfile

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from recipes.binary_classification import recipe
from recipes.binary_classification.leaks import giveaways, warnings_of
from recipes.binary_classification.recipe import load_data
from recipes.binary_classification.table import Column, Rows, rows_from_csv

COUNT = 400
INCOME = np.round(np.random.default_rng(0).normal(5000, 900, COUNT), 2)
CHANCE = 1 / (1 + np.exp(-(INCOME - 5000) / 400))
LABELS = np.where(np.random.default_rng(1).random(COUNT) < CHANCE, "rich", "poor")


@pytest.fixture
def read(tmp_path):
    """Reads a table of one column, made of a function of the row's number."""

    def load(field, header="x;y", content=None, **settings):
        lines = [f"{field(i)};{LABELS[i]}" for i in range(COUNT)] if field else []
        path = tmp_path / "table.csv"
        path.write_text(content or "\n".join([header, *lines]), "utf-8")
        label = settings.pop("label", "y")
        return load_data(recipe.Config(data=str(path), label=label, **settings))

    return load


def german(number):
    return f"{number:,.2f}".translate(str.maketrans(",.", ".,"))


def every(number, word, field):
    return lambda i: word if i % number == 0 else field(i)


@pytest.mark.parametrize(
    ("field", "missing", "note"),
    [
        (
            lambda i: "unknown" if i == 7 else INCOME[i],
            [7],
            "1 of its 400 values are no numbers, and count as missing: 'unknown' "
            "(line 9)",
        ),
        (lambda i: f"{INCOME[i]:,.2f}", [], ""),
        (lambda i: german(INCOME[i]), [], ""),
        (lambda i: f"{INCOME[i]:.2f}".replace(".", ","), [], ""),
        (lambda i: f"${INCOME[i]:,.2f}", [], ""),
        (lambda i: f"{INCOME[i]:.2f} %", [], ""),
        (every(8, "#N/A", lambda i: INCOME[i]), range(0, COUNT, 8), ""),
        (every(8, "-", lambda i: INCOME[i]), range(0, COUNT, 8), ""),
        (
            every(10, "a lot", lambda i: INCOME[i]),
            range(0, COUNT, 10),
            "40 of its 400 values are no numbers",
        ),
        (every(200, "$3", lambda i: f"€{INCOME[i]}"), [0, 200], "'$3' (lines 2, 202)"),
    ],
)
def test_numbers_with_strays_are_numbers(field, missing, note, read):
    data = read(field)
    expected = INCOME.astype("float32")
    expected[list(missing)] = np.nan
    np.testing.assert_array_equal(data.rows.numbers[:, 0], expected)
    assert note in " ".join(data.notes)


def test_fewer_than_nine_in_ten_are_categories_and_said_so(read):
    words = {0: "x", 1: "y"}
    data = read(lambda i: words.get(i % 10, int(INCOME[i] / 500)))
    assert [column.kind for column in data.columns] == ["category"]
    assert "320 of its 400 values are numbers" in data.notes[0]
    assert "line 2 has 'x'" in data.notes[0]


def test_thousands_that_nothing_tells_are_told(read):
    data = read(lambda i: f"{int(INCOME[i]):,}")
    expected = INCOME.astype(int).astype("float32")
    np.testing.assert_array_equal(data.rows.numbers[:, 0], expected)
    assert "though they could be" in data.notes[0]
    # Other columns of the file have decimal commas, and so has this.
    rows = [
        f"{int(x):,};0,{i % 100:02};{y}"
        for i, (x, y) in enumerate(zip(INCOME, LABELS, strict=True))
    ]
    data = read(None, content="\n".join(["x;z;y", *rows]))
    np.testing.assert_array_equal(
        data.rows.numbers[:, 0], (expected / 1000).astype("float32")
    )
    assert "though they could be" in data.notes[0]


def test_dates_are_times_whose_parts_are_known(read):
    start = datetime.datetime(2023, 1, 1)
    moments = [start + datetime.timedelta(hours=7 * i) for i in range(COUNT)]
    data = read(every(100, "soon", lambda i: moments[i].strftime("%d.%m.%Y %H:%M")))
    assert data.columns == [
        Column("x", "date", form="DD.MM.YYYY", strays=("soon",)),
    ]
    expected = np.array(
        [m.replace(tzinfo=datetime.timezone.utc).timestamp() for m in moments]
    )
    expected[::100] = np.nan
    np.testing.assert_array_equal(data.rows.numbers[:, 0], expected)
    data = read(lambda i: f"0{1 + i % 9}/0{1 + i % 7}/2024")
    assert "MM/DD/YYYY, though they could be DD/MM/YYYY" in data.notes[0]
    data = read(lambda i: f"{1 + i % 28}/0{1 + i % 7}/2024")
    assert data.columns[0].form == "DD/MM/YYYY"


def test_what_float32_would_lose_is_read_in_64_bits(read):
    stamps = 1_700_000_000_000 + (INCOME * 10).astype("int64")
    data = read(lambda i: stamps[i])
    assert data.columns[0].exact
    assert data.rows.numbers.dtype == "float64"
    assert data.rows.numbers[:, 0].tolist() == stamps.tolist()
    assert "is read in 64 bits" in data.notes[0]
    data = read(lambda i: 2**60 + int(INCOME[i]))
    assert "has more digits than a number keeps" in data.notes[0]
    assert not read(lambda i: INCOME[i]).columns[0].exact


@pytest.mark.parametrize("word", ["none", "None", "NA", "-"])
def test_a_label_may_be_called_as_what_is_missing(word, read):
    lines = [
        f"{x};{word if y == 'poor' else y}" for x, y in zip(INCOME, LABELS, strict=True)
    ]
    data = read(None, content="\n".join(["x;y", *lines]), positive=word)
    np.testing.assert_array_equal(data.labels, LABELS == "poor")
    assert f"{word!r} is read as a label" in data.notes[0]


def test_labels_that_are_missing_are_no_class(read):
    lines = [
        f"{x};{'' if i == 5 else y}"
        for i, (x, y) in enumerate(zip(INCOME, LABELS, strict=True))
    ]
    with pytest.raises(ValueError, match=r"table.csv:7: expected a label"):
        read(None, content="\n".join(["x;y", *lines]))
    lines = [f"{x};{['NA', 'a', 'b'][i % 3]}" for i, x in enumerate(INCOME)]
    with pytest.raises(ValueError, match=r"table.csv:2: expected a label .* 'NA'"):
        read(None, content="\n".join(["x;y", *lines]))


def test_other_targets_are_refused_with_what_to_do(read):
    with pytest.raises(ValueError, match=r"it has 3, .*: classes, or several labels"):
        read(
            None,
            content="x;y\n" + "".join(f"{i % 7};{'abc'[i % 3]}\n" for i in range(99)),
        )
    with pytest.raises(ValueError, match=r"it has 99, .*: classes, or a number"):
        read(None, content="x;y\n" + "".join(f"{i % 7};{i / 2}\n" for i in range(99)))


def test_the_labels_column_is_found_whatever_its_spaces(read):
    data = read(lambda i: INCOME[i], header="x;  in\u00a0the  end ", label="in the end")
    assert data.labels.sum() == (data.positive == LABELS).sum()


def test_rows_without_a_value_are_none(read):
    lines = [f"{x};{y}\n;\n\n" for x, y in zip(INCOME, LABELS, strict=True)]
    data = read(None, content="x;y\n" + "".join(lines))
    assert data.lines.tolist() == list(range(2, 2 + 3 * COUNT, 3))


def test_one_huge_field_doesnt_widen_all(read):
    lines = [
        f"{x};{'z' * 100_000 if i == 3 else 'ab'[i % 2]};{y}"
        for i, (x, y) in enumerate(zip(INCOME, LABELS, strict=True))
    ]
    data = read(None, content="\n".join(["x;z;y", *lines]))
    assert data.rows.strings.nbytes < 10_000
    assert len(data.rows.strings[3, 0]) == 100_000
    with pytest.raises(ValueError, match=r"table.csv:5: field larger than"):
        read(None, content="\n".join(["x;z;y", *lines]).replace("z" * 9, "z" * 14))


def test_files_that_are_packed(tmp_path):
    content = "sep=;\nx;y\n" + "".join(
        f"{x};{y}\n" for x, y in zip(INCOME, LABELS, strict=True)
    )
    packed = tmp_path / "table.csv.gz"
    packed.write_bytes(gzip.compress(content.encode("utf-8-sig")))
    data = load_data(recipe.Config(data=str(packed), label="y"))
    np.testing.assert_array_equal(data.rows.numbers[:, 0], INCOME.astype("float32"))
    assert data.lines[0] == 3
    with zipfile.ZipFile(tmp_path / "table.zip", "w") as archive:
        archive.writestr("folder/table.csv", content)
    again = load_data(recipe.Config(data=str(tmp_path / "table.zip"), label="y"))
    np.testing.assert_array_equal(again.rows.numbers, data.rows.numbers)
    for name, bad in (("cut.gz", packed.read_bytes()[:-9]), ("no.zip", b"PK\3\4zip")):
        (tmp_path / name).write_bytes(bad)
        with pytest.raises(ValueError, match=f"{name}: can't be unpacked"):
            load_data(recipe.Config(data=str(tmp_path / name), label="y"))


def test_a_table_known_by_name_is_no_folder(tmp_path, monkeypatch):
    (tmp_path / "breast-cancer").mkdir()
    monkeypatch.chdir(tmp_path)
    assert recipe.Config().complete().data == "breast-cancer"
    config = recipe.Config(data="./breast-cancer", label="y").complete()
    assert config.data == str(tmp_path / "breast-cancer")


def test_a_column_that_gives_the_label_away_is_a_warning(read):
    data = read(lambda i: INCOME[i])
    area = roc_auc_score(data.labels, INCOME)
    assert 0.5 < max(area, 1 - area) < 0.99
    assert data.warnings == []
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 2, 500)
    noise = rng.normal(size=500)
    numbers = np.stack(
        [
            noise,
            labels + 0.2 * noise,  # nearly in order
            np.where(labels, noise, 4 + noise**2),  # in no order, but told by bins
            np.where(labels, noise, np.nan),
        ],
        axis=1,
    )
    numbers[:, 2] *= rng.choice([-1, 1], 500)
    strings = np.stack(
        [rng.choice(["p", "q"], 500), np.where(labels, "sent", ""), np.arange(500)],
        axis=1,
    ).astype(object)
    strings[:, 2] = [f"id {i // 2}" for i in range(500)]
    columns = [Column(f"n{i}", "number") for i in range(4)]
    columns += [Column(f"s{i}", "category") for i in range(3)]
    warned = " ".join(warnings_of(giveaways(columns, Rows(numbers, strings), labels)))
    area = roc_auc_score(labels, numbers[:, 1])
    assert area > 0.99
    assert (
        f"'n1' alone gives the label away: by it the classes are told "
        f"apart with an AUC of {area:.4f}" in warned
    )
    assert "'n3' alone gives the label away: by what is missing in it" in warned
    assert "'s1' alone gives the label away: by what is missing in it" in warned
    assert not any(f"'{name}'" in warned for name in ("n0", "s0", "s2"))


def objects():
    return [
        {
            "x": float(x),
            "y": str(y),
            "town": None if i % 9 == 0 else "Rom",
            "old": i > 200,
        }
        for i, (x, y) in enumerate(zip(INCOME, LABELS, strict=True))
    ]


@pytest.mark.parametrize("name", ["table.jsonl", "table.json", "table.ndjson.gz"])
def test_objects_are_rows(name, tmp_path):
    some = objects()
    del some[3]["town"]
    content = "\n\n".join(map(json.dumps, some))
    if name == "table.json":
        content = json.dumps(some)
    packed = (
        gzip.compress(content.encode()) if name.endswith("gz") else content.encode()
    )
    (tmp_path / name).write_bytes(packed)
    data = load_data(recipe.Config(data=str(tmp_path / name), label="y"))
    np.testing.assert_array_equal(data.rows.numbers[:, 0], INCOME.astype("float32"))
    town = ["" if o.get("town") is None else "Rom" for o in some]
    assert data.rows.strings[:, 0].tolist() == town
    assert data.rows.strings[:, 1].tolist() == [str(o["old"]) for o in some]
    every = 1 if name == "table.json" else 2
    assert data.lines.tolist() == list(range(1, 1 + every * COUNT, every))


def test_parquet_is_read_where_pyarrow_is(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "table.parquet"
    start = datetime.datetime(2024, 1, 1)
    days = [start + datetime.timedelta(hours=i) for i in range(COUNT)]
    some = [{**o, "day": day} for o, day in zip(objects(), days, strict=True)]
    parquet.write_table(pyarrow.Table.from_pylist(some), path)
    data = load_data(recipe.Config(data=str(path), label="y"))
    np.testing.assert_array_equal(data.rows.numbers[:, 0], INCOME)
    epoch = datetime.datetime(1970, 1, 1)
    seconds = [(day - epoch).total_seconds() for day in days]
    np.testing.assert_array_equal(data.rows.numbers[:, 1], seconds)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match="is no whole Parquet file"):
        load_data(recipe.Config(data=str(path), label="y"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.jsonl", '{"x": 1}\n{"x": [1]}', r"t.jsonl:2: expected text, a number"),
        (
            "t.jsonl",
            '{"x": 1}\n7',
            r"t.jsonl:2: expected an object, .* '7'",
        ),
        ("t.jsonl", '{"x": 1, "x": 2}', r"t.jsonl:1: .*received \['x'\] twice"),
        ("t.jsonl", "\n{", r"t.jsonl:2: is no JSON: Expecting property name"),
        ("t.json", '{"x": 1}', r"t.json:1: expected a list of objects"),
        ("t.json", "[" * 100_000, r"t.json:1: "),
        ("t.jsonl", "", "t.jsonl is empty"),
        (
            "t.jsonl",
            "\n".join(f'{{"{i}": 0}}' for i in range(20_000)),
            "268435456 fields at most; it has 20000 objects with 20000 different",
        ),
    ],
)
def test_objects_that_are_no_table(name, content, message, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        load_data(recipe.Config(data=str(tmp_path / name), label="y"))


def test_other_encodings_are_named(tmp_path):
    some = zip(INCOME, LABELS, strict=True)
    lines = [f"{x};{'größer' if y == 'rich' else 'kleiner'}" for x, y in some]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["Höhe;y", *lines]), "cp1252")
    with pytest.raises(ValueError, match=r"table.csv:1: .* 0xF6"):
        load_data(recipe.Config(data=str(path), label="y"))
    config = recipe.Config(data=str(path), label="y", encoding="cp1252")
    data = load_data(config)
    assert data.columns[0].name == "Höhe"
    assert {data.positive, data.negative} == {"größer", "kleiner"}
    rows, _ = rows_from_csv(str(path), data.columns, encoding="cp1252")
    np.testing.assert_array_equal(rows.numbers, data.rows.numbers)


def test_what_is_no_date_is_missing_in_a_column_of_dates(read):
    start = datetime.datetime(2023, 1, 1)
    days = [start + datetime.timedelta(days=i) for i in range(COUNT)]
    data = read(every(200, "inf", lambda i: days[i].date()))
    assert np.isnan(data.rows.numbers[:, 0]).nonzero()[0].tolist() == [0, 200]
    assert data.columns[0].strays == ("inf",)
