"""The translation recipe's settings, and its dates as it reads them."""

import re

import pytest

from keras_seq.text import UNKNOWN
from recipes import translation as recipe
from recipes._translation_data import load_data
from tests.recipes.shell import Shell

shell = Shell(recipe, {})
fails = shell.fails


@pytest.fixture
def pairs_file(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"{i} un\t{i} one\n" for i in range(60)), "utf-8")
    return path


@pytest.fixture(scope="module")
def few_dates():
    return load_data(recipe.Config(quick=True).complete())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere.tsv"], "nowhere.tsv"),
        (["--reverse"], "`reverse` is not for dates"),
        (["--units", "0"], "`units` must be at least 1"),
        (["--label-smoothing", "1"], "`label_smoothing` must be in"),
        (["--units", "7"], "`units` must be a multiple of 2 .*received 7"),
        (
            ["--architecture", "transformer", "--units", "20"],
            "`units` must be a multiple of 8 .*received 20",
        ),
        (
            ["--data", "FILE", "--vocabulary-size", "260"],
            "`vocabulary_size` must be at least 261.*received 260",
        ),
    ],
)
def test_bad_settings(arguments, message, pairs_file, tmp_path, capsys):
    arguments = [pairs_file if a == "FILE" else a for a in arguments]
    out = tmp_path / "run"
    assert re.search(message, fails(capsys, *arguments, "--out", out))
    assert not out.exists()


def test_settings_that_the_model_refuses_leave_no_run(
    pairs_file, tmp_path, capsys, monkeypatch
):
    def refuses(*_):
        raise ValueError("no such model")

    monkeypatch.setitem(recipe.ARCHITECTURES, "attention", refuses)
    out = tmp_path / "run"
    assert "no such" in fails(capsys, "--data", pairs_file, "--quick", "--out", out)
    assert not out.exists()


@pytest.mark.parametrize("name", ["dates", "tatoeba-fra-eng"])
def test_a_folder_of_that_name_is_not_meant(name, tmp_path, monkeypatch):
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    assert recipe.Config(data=name).complete().data == name
    there = recipe.Config(data=f"./{name}").complete().data
    assert there == str(tmp_path / name)


def test_layers():
    for architecture in recipe.ARCHITECTURES:
        options = {"architecture": architecture, "quick": True, "units": 16}
        config = recipe.Config(**options, layers=3).complete()
        model = recipe.ARCHITECTURES[architecture](config, 20, 20, False)
        model.build({"source": (None, None), "target": (None, None)})
        parts = [getattr(model.encoder, name, ()) for name in ("readers", "blocks")]
        assert len([*parts[0], *parts[1]]) == 3


def test_quick_does_not_overrule_what_is_given():
    config = recipe.Config(quick=True, units=64, vocabulary_size=900).complete()
    assert (config.units, config.vocabulary_size) == (64, 900)
    assert recipe.Config(quick=True).complete().units == 128


def test_the_case_of_dates_means_nothing(few_dates):
    data = few_dates
    assert any(text != text.lower() for text, _ in data.train)
    upper, lower = (
        data.ids((f"5. {may}. 2001", "2001-05-05")) for may in ("MAI", "mai")
    )
    assert upper == lower
    assert UNKNOWN not in upper[0]


def test_dates_have_no_day_in_two_parts(few_dates):
    data = few_dates
    days = [
        {iso for _, iso in part} for part in (data.train, data.validation, data.test)
    ]
    assert sum(map(len, days)) == len(set().union(*days))
    assert len(data.styles) == len(data.test)
    assert data.monitor == "val_exact"
