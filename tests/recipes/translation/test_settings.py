"""The translation recipe's settings, and its dates as it reads them."""

import dataclasses
import random
import re

import pytest

from keras_seq.text import SubwordVocabulary, normalise
from recipes.translation import recipe
from recipes.translation.recipe import load_data
from tests.recipes.shell import Shell

ARCHITECTURES = ("attention", "transformer")

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
    "options", [{}, {"quick": True}, {"architecture": "transformer", "units": 64}]
)
def test_complete_settings_are_complete(options, pairs_file):
    for data in ("dates", str(pairs_file)):
        config = recipe.Config(data=data, **options).complete()
        assert config.complete() == config
        assert None not in (config.units, config.layers, config.dropout)


def test_settings_need_not_be_complete(pairs_file):
    config = recipe.Config(data=str(pairs_file), quick=True, epochs=1)
    data = load_data(config)
    assert data.train == load_data(config.complete()).train
    sizes = [recipe.build_model(c, data).count_params() for c in (config, data.config)]
    assert sizes[0] == sizes[1] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere.tsv"], "nowhere.tsv"),
        (["--reverse"], "`reverse` is not for dates"),
        (["--units", "0"], "`units` must be at least 1"),
        (["--layers", "0"], "`layers` must be at least 1"),
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
        (["--vocabulary-size", "260"], "`vocabulary_size` must be at least 261"),
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

    monkeypatch.setattr(recipe, "build_model", refuses)
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


def test_layers(few_dates):
    for architecture in ARCHITECTURES:
        options = {"architecture": architecture, "quick": True, "units": 16}
        config = recipe.Config(**options, layers=3).complete()
        model = recipe.build_model(config, few_dates)
        if architecture == "attention":
            assert len(model.encoder.readers) == 3
        else:
            assert len(model.encoder.blocks) == len(model.decoder.blocks) == 3


def test_quick_does_not_overrule_what_is_given():
    config = recipe.Config(quick=True, units=64, vocabulary_size=900).complete()
    assert (config.units, config.vocabulary_size) == (64, 900)
    config = recipe.Config(quick=True).complete()
    assert (config.units, config.vocabulary_size) == (128, 600)


def test_the_case_of_dates_means_nothing(few_dates):
    texts = [text for part in (few_dates.train, few_dates.test) for text, _ in part]
    assert any(text != text.casefold() for text in texts)
    entries = few_dates.source.entries
    assert entries == [normalise(entry, casefold=True) for entry in entries]
    config = few_dates.config
    vocabularies = few_dates.source, few_dates.target
    model = recipe.build_model(config, few_dates)
    translator = recipe.build_translator(config, model, *vocabularies)
    lengths = []
    for text in ["5. MAI 2001", "5. mai 2001", *texts[:20]]:
        read, _ = few_dates.ids((text, "2001-05-05"))
        assert translator.source_ids([text])[0].numpy().tolist() == [read]
        lengths.append(len(read))
    assert lengths[0] == lengths[1]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_words_of_dates_are_split_at_random(architecture, few_dates):
    config = recipe.Config(architecture=architecture, quick=True).complete()
    texts = [config.as_read(text) for text, _ in few_dates.train]
    source = SubwordVocabulary.fit(texts, size=4000)  # 600 ids are little but letters
    data = dataclasses.replace(few_dates, config=config, source=source)
    pairs = data.train[:50]
    still = [data.ids(pair) for pair in pairs]
    chance = random.Random(0)
    moved = [data.ids(pair, chance) for pair in pairs]
    assert [written for _, written in moved] == [written for _, written in still]
    assert (moved != still) == (config.defaults.subword_dropout > 0)
    for (source, _), (read, _) in zip(pairs, moved, strict=True):
        assert data.source.decode(read[:-1]) == config.as_read(source)


def test_dates_have_no_day_in_two_parts(few_dates):
    data = few_dates
    days = [
        {iso for _, iso in part} for part in (data.train, data.validation, data.test)
    ]
    assert sum(map(len, days)) == len(set().union(*days))
    assert len(data.styles) == len(data.test)
    assert data.monitor == "val_exact"
