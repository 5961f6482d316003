"""Tables as the classification recipe reads them, good and bad."""

import dataclasses
import re

import numpy as np
import pytest

from recipes.binary_classification import recipe
from recipes.binary_classification.inputs import served_names
from recipes.binary_classification.reading import read_table
from recipes.binary_classification.recipe import load_data
from recipes.binary_classification.table import Column
from recipes.binary_classification.training import Part
from tests.recipes.binary_classification.flowers import fails, flowers, write_flowers


@pytest.fixture(scope="module")
def flowers_file(tmp_path_factory):
    return write_flowers(tmp_path_factory.mktemp("flowers") / "flowers.csv")


def test_columns_are_read_as_what_they_are(flowers_file, capsys):
    config = recipe.Config(data=str(flowers_file), label="state").complete()
    data = load_data(config)
    assert data.columns == [
        Column("height (cm)", "number"),
        Column("petals", "number"),
        Column("water", "number"),
        Column("colour", "category"),
    ]
    records = flowers()
    assert (data.positive, data.negative) == ("ill", "well")
    assert data.labels.tolist() == [r["state"] == "ill" for r in records]
    assert data.rows.strings[:, 0].tolist() == [r["colour"] for r in records]
    expected = [np.nan if r["water"] == "NA" else float(r["water"]) for r in records]
    np.testing.assert_array_equal(data.rows.numbers[:, 2], np.float32(expected))
    assert data.lines.tolist() == list(range(2, len(records) + 2))
    notes = " ".join(data.notes)
    for name in ("'column 1' is left out: it numbers", "'name' is left out: no value"):
        assert name in notes
    assert "'Größe' is left out: it is 'groß' in every row" in notes
    assert "'empty' is left out: all its values are missing" in notes
    assert "colour" in capsys.readouterr().out
    both = dataclasses.replace(config, positive="well")
    assert load_data(both).labels.sum() == len(records) - data.labels.sum()


def test_equal_rows_stay_on_one_side(tmp_path):
    rng = np.random.default_rng(1)
    lines = ["x,y", *(f"{v:.3f},{'ab'[int(v > 0)]}" for v in rng.normal(size=60))]
    path = tmp_path / "twice.csv"
    path.write_text("\n".join([*lines, *lines[1:]]))
    data = load_data(recipe.Config(data=str(path), label="y").complete())
    sides = [set(data.groups[part].tolist()) for part in (data.train, data.test)]
    assert not sides[0] & sides[1]
    [note] = data.notes
    assert "60 rows repeat another; 0 of the repeated have both labels" in note
    part = Part.of(recipe.Config(), data, data.train)
    groups = data.groups[data.train]
    for group in set(groups.tolist()):
        assert len(set(part.held_out[groups == group].tolist())) == 1


def test_rows_of_few_categories_are_observations_of_their_own(tmp_path):
    path = tmp_path / "few.csv"
    rng = np.random.default_rng(5)
    lines = [f"{a}{b},{c},{y}" for a, b, c, y in rng.integers(0, 2, (100, 4))]
    path.write_text("\n".join(["x,z,y", *lines]).replace("1,0,", "b,0,"))
    data = load_data(recipe.Config(data=str(path), label="y").complete())
    assert len(data.test) == 20
    assert "may be on both sides" in data.notes[-1]
    assert data.description()["duplicate_rows"] == 100 - data.rows.different


def rows_of_labels(labels):
    return "".join(f"{i % 7}.{i},{label}\n" for i, label in enumerate(labels))


GOOD = rows_of_labels("ab" * 20)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "bad.csv is empty"),
        (b"x,y\n", "bad.csv has no rows"),
        (b"x,z\n1,2\n", r"a column 'y', the label; its columns are \['x', 'z'\]"),
        (b"x,y,x\n1,a,2\n", "bad.csv:1: .*'x' is the name of columns 1 and 3"),
        (b"x,y\n1,a\n2\n", "bad.csv:3: expected 2 fields.*received 1"),
        (b'x,y\n"1\n2",a\n3,b,4\n', "bad.csv:4: expected 2 fields.*received 3"),
        (b'x,y\n1,"a\n', "bad.csv:2: unexpected end of data"),
        (b"x,y\n1,\xff\n", "bad.csv:2: expected UTF-8"),
        (b"x,y\n1,a\n2,NA\n", "bad.csv:3: expected a label"),
        (b"x,y\n1,a\n1,b\n", "no column to predict from.* it is '1' in every row"),
        (b"x,y\ninf,a\n2,b\n3,a\n", "bad.csv:2: expected a number .* received 'inf'"),
        (b"x;y\n1e39;a\n2,5;b\n", "bad.csv:2: expected a number .* received '1e39'"),
        (f"x,y\n{rows_of_labels('a' * 40)}".encode(), "must have two values; it has 1"),
        (
            f"x,y\n{GOOD}5.5,A\n".encode(),
            r"it has 3, the rarest 'A' \(1, first in line",
        ),
        (f"x,y\n{rows_of_labels('ab' * 5)}".encode(), "at least 15 different rows"),
    ],
)
def test_bad_data(content, message, tmp_path, capsys):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    out = tmp_path / "run"
    line = fails(capsys, "--data", path, "--label", "y", "--out", out)
    assert re.search(message, line), line
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere.csv", "--label", "y"], "nowhere.csv"),
        (["--data", "FILE"], "`label` must name the column"),
        (["--label", "y"], "`label` is for a CSV file"),
        (["--positive", "sick"], "`positive` must be one of the labels"),
        (["--units", "0"], "`units` must be at least 1"),
        (["--l2", "0"], "`l2` must be above 0"),
        (["--false-negative-cost", "0"], "`false_negative_cost` must be above 0"),
        (
            ["--data", "FILE", "--label", "state", "--delimiter", "ab"],
            "`delimiter` must be one character",
        ),
    ],
)
def test_bad_settings(arguments, message, flowers_file, tmp_path, capsys):
    arguments = [str(flowers_file) if a == "FILE" else a for a in arguments]
    assert message in fails(capsys, *arguments, "--out", tmp_path / "run")


def test_delimiters_are_found(tmp_path):
    path = tmp_path / "table.csv"
    for delimiter in ",;\t|":
        path.write_text(delimiter.join(["a", "b c"]) + '\n"x,;|\t"' + f"{delimiter}1\n")
        header, [(line, values)] = read_table(path)
        assert (header, line, values) == (["a", "b c"], 2, ["x,;|", "1"])


def test_served_names_are_ascii_and_differ():
    names = ["mean radius", "mean_radius", "größe", "1st", "class", "温度"]
    found = served_names([Column(name, "number") for name in names])
    assert found[0] == "mean_radius"
    assert len(set(found)) == len(names)
    for name in found:
        assert re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name)
    assert "class" not in found
