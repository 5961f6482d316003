"""The translation recipe, run as a user runs it."""

import csv
import dataclasses
import gzip
import io
import json
import re
import sys

import numpy as np
import pytest

from keras_seq.text import Translation, Translator
from recipes.translation import recipe
from recipes.translation.figures import (
    TranslationScore,
    by_length,
    by_style,
    figures_of,
    nearest_translations,
    token_accuracy,
)
from recipes.translation.recipe import load_data
from tests.recipes.resuming import assert_resumed_ends_as_whole
from tests.recipes.shell import Shell
from tests.text.translators import translator as letters_translator

VERBS = {
    "translate": recipe.translate_text,
    "evaluate": recipe.evaluate_run,
    "export": recipe.export_run,
}
NUMBERS = (
    "nul",
    "un",
    "deux",
    "trois",
    "quatre",
    "cinq",
    "six",
    "sept",
    "huit",
    "neuf",
)
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


shell = Shell(recipe, VERBS)
start, fails = shell.start, shell.fails


@pytest.fixture(scope="module")
def pairs_file(tmp_path_factory):
    """Numbers of three digits, in French words and in English ones."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("pairs") / "numbers.tsv.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        for digits in rng.permutation(1000)[:200]:
            digits = [int(d) for d in f"{digits:03d}"]
            french, english = (
                " ".join(words[d] for d in digits) for words in (NUMBERS, NAMES)
            )
            file.write(f"{french}\t{english}\n")
    return path


@pytest.fixture(scope="module")
def run(pairs_file, tmp_path_factory):
    """A finished run, whose export has been checked: the recipe stops if it fails."""
    out = tmp_path_factory.mktemp("translation") / "run"
    start(
        *("--data", pairs_file, "--out", out, "--quick", "--epochs", 2),
    )
    return out


@pytest.fixture(scope="module")
def translator(run):
    return recipe._finished(str(run))[2]


def test_run_directory_is_complete(run):
    names = {path.name for path in run.iterdir()}
    assert names == {
        *("config.json", "metrics.json", "history.csv", "model.keras"),
        *("checkpoints", "figures", "report.html", "saved_model"),
        *("vocabulary.json", "translations.tsv"),
    }


def test_metrics_have_what_the_contract_asks(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert set(metrics) == {
        *("recipe", "config", "data", "parameters", "train_seconds"),
        *("validation", "test", "baseline"),
    }
    data, test = metrics["data"], metrics["test"]
    assert data["train"] + data["validation"] + data["test"] == 200
    assert len(data["digest"]) == 64
    assert set(metrics["baseline"]) == {"copy", "nearest"}
    assert "version:" in test["signatures"]["bleu"]
    with open(run / "translations.tsv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) == data["test"]
    again = figures_of(
        [row["translation"] for row in rows], [row["reference"] for row in rows]
    )
    assert again["bleu"] == pytest.approx(test["bleu"])
    assert again["chrf"] == pytest.approx(test["chrf"])
    with open(run / "history.csv") as file:
        best = max(float(row["val_bleu"]) for row in csv.DictReader(file))
    validation = metrics["validation"]
    assert validation["val_bleu"] >= best
    assert validation["averaged"] == (validation["val_bleu"] > best)


def test_no_sentence_is_in_two_parts(pairs_file):
    config = recipe.Config(data=str(pairs_file)).complete()
    data = load_data(config)
    parts = [data.train, data.validation, data.test]
    assert data.shared == 0
    for side in (0, 1):
        sets = [{pair[side] for pair in part} for part in parts]
        assert sum(map(len, sets)) == len(set().union(*sets))


def test_validation_figures_are_those_of_the_model(run, pairs_file, translator):
    config = recipe.Config(data=str(pairs_file), quick=True)
    logs = {}
    score = TranslationScore(translator, load_data(config.complete()).validation)
    score.on_epoch_end(0, logs)
    validation = json.loads((run / "metrics.json").read_text())["validation"]
    assert logs["val_bleu"] == pytest.approx(validation["val_bleu"])
    assert logs["val_exact"] == validation["val_exact"]


def test_translate_shows_translations_and_the_alignment(run, tmp_path, capsys):
    picture = tmp_path / "seen.png"
    start("translate", "un deux trois", "--run", run, "--n-best", 2, "--out", picture)
    lines = capsys.readouterr().out.strip().splitlines()
    assert len(lines) == 3
    scores = [float(line.split()[0]) for line in lines[:2]]
    assert scores == sorted(scores, reverse=True)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_nothing_is_translated_to_nothing(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    start("translate", "\x07 ", "--run", run)
    assert capsys.readouterr().out.split() == ["0.000"]
    assert not list(tmp_path.iterdir())


def test_a_file_is_translated_line_by_line(
    run, translator, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    lines = ["un deux", "", "trois quatre cinq", " \t"]
    expected = [
        translator.translate([text], n_best=2)[0] if text.strip() else None
        for text in lines
    ]
    content = "\r\n".join(lines).encode()
    (tmp_path / "lines.txt").write_bytes(content)
    start("translate", "--file", "lines.txt", "--run", run)
    plain = capsys.readouterr().out
    # It may have learnt no more than to write bytes at random.
    assert plain.split("\n")[:-1] == [
        " ".join(one[0].text.splitlines()) if one else "" for one in expected
    ]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    start("translate", "--file", "-", "--run", run, "--out", "out.txt")
    assert (tmp_path / "out.txt").read_text("utf-8") == plain
    capsys.readouterr()
    start("translate", "--file", "lines.txt", "--json", "--n-best", 2, "--run", run)
    rows = list(map(json.loads, capsys.readouterr().out.split("\n")[:-1]))
    assert [(row["line"], row["text"]) for row in rows] == [*enumerate(lines, 1)]
    for row, one in zip(rows, expected, strict=True):
        if one is None:
            assert set(row) == {"line", "text"}
            continue
        best, other = one
        assert row["translation"] == best.text
        assert row["score"] == pytest.approx(best.score, rel=1e-4)
        assert [some["translation"] for some in row["others"]] == [other.text]
    assert {path.name for path in tmp_path.iterdir()} == {"lines.txt", "out.txt"}


def test_what_translate_refuses(run, tmp_path, capsys):
    def refused(*arguments):
        return fails(capsys, "translate", *arguments, "--run", run)

    assert "quote it, '12th of March'" in refused("12th", "of", "March")
    assert "either a sentence or `file`" in refused()
    path = tmp_path / "lines.txt"
    path.write_bytes(b"un\n\xff\n")
    assert "either a sentence or `file`" in refused("un", "--file", path)
    assert "lines.txt:2: expected UTF-8" in refused("--file", path)
    assert "or `json` be asked for" in refused("--file", path, "--n-best", 2)
    path.write_bytes(b"un\n")
    assert "`width` must be" in refused("--file", path, "--width", 0)


@pytest.mark.parametrize(("finished", "share"), [(True, 1.0), (False, 0.75)])
def test_what_is_cut_off_has_no_end(finished, share):
    letters = letters_translator()
    weights = np.zeros((4, 4))
    found = Translation("abc", -1.0, finished, list("abc■"), list("abc■"), weights)
    _, free = token_accuracy(letters, [("abc", "abc")], [[found]])
    assert free == share


@pytest.mark.parametrize("text", ["", "x" * 10_000, "\x00\x07\x1b", "日本語 😀"])
def test_any_text_is_translated(translator, text):
    [[translation]] = translator.translate([text])
    assert translation.alignment.shape[1] == len(translation.source)


def test_evaluate_gives_the_figures_of_the_run(run, tmp_path):
    start("evaluate", "--run", run, "--out", tmp_path / "figures.json")
    figures = json.loads((tmp_path / "figures.json").read_text())
    metrics = json.loads((run / "metrics.json").read_text())
    assert figures["test"]["bleu"] == metrics["test"]["bleu"]
    assert figures["baseline"] == metrics["baseline"]


def test_a_second_run_over_the_first_is_refused(run, pairs_file, capsys):
    before = (run / "metrics.json").read_bytes()
    message = fails(capsys, "--data", pairs_file, "--out", run, "--quick")
    assert "--resume" in message
    assert (run / "metrics.json").read_bytes() == before


def test_interrupted_and_resumed_it_ends_with_the_same_weights(
    pairs_file, tmp_path, monkeypatch
):
    def measured(self, epoch, logs=None):
        logs["val_bleu"] = logs["val_exact"] = float(epoch)

    monkeypatch.setattr(TranslationScore, "on_epoch_end", measured)
    config = recipe.Config(data=str(pairs_file), quick=True, epochs=2).complete()
    data = load_data(config)
    model = recipe.build_model(config, data)
    translator = Translator(model, data.source, data.target)

    def train(name, resume):
        resumed = dataclasses.replace(config, resume=resume)
        recipe.train(resumed, data, model, translator, tmp_path / name)

    assert_resumed_ends_as_whole(model, train, monkeypatch, TranslationScore)


def test_the_transformer_is_trained_and_translates(pairs_file, tmp_path):
    config = recipe.Config(
        data=str(pairs_file), quick=True, epochs=1, architecture="transformer"
    ).complete()
    data = load_data(config)
    model = recipe.build_model(config, data)
    translator = Translator(model, data.source, data.target)
    checkpoint = recipe.train(config, data, model, translator, tmp_path)
    [history] = checkpoint.history
    assert np.isfinite([history["val_loss"], history["val_bleu"]]).all()
    for [best] in translator.translate([source for source, _ in data.test]):
        assert best.alignment.shape == (len(best.target), len(best.source))
        np.testing.assert_allclose(best.alignment.sum(-1), 1, atol=1e-5)


def test_reverse(pairs_file):
    config = recipe.Config(data=str(pairs_file), reverse=True, quick=True)
    source, target = load_data(config.complete()).train[0]
    assert set(source.split()) <= set(NAMES)
    assert set(target.split()) <= set(NUMBERS)


def test_a_folder_keeps_its_own_split(tmp_path):
    for part, lines in {"train": 30, "validation": 2, "test": 3}.items():
        text = "".join(f"{part} {i}\t{i} {part}\n" for i in range(lines))
        (tmp_path / f"{part}.tsv").write_text(text, "utf-8")
    data = load_data(recipe.Config(data=str(tmp_path)).complete())
    assert [len(p) for p in (data.train, data.validation, data.test)] == [30, 2, 3]
    assert data.test[1] == ("test 1", "1 test")
    assert data.shared == 0


def test_a_folder_whose_test_is_in_training_says_so(tmp_path, capsys):
    lines = [f"{i} ein\t{i} one\n" for i in range(40)]
    parts = {
        "train": [*lines[:30], "x y\t31 ONE\n"],
        "validation": lines[33:35],
        "test": lines[29:33],  # the first whole, the third by its target
    }
    for part, chosen in parts.items():
        (tmp_path / f"{part}.tsv").write_text("".join(chosen), "utf-8")
    data = load_data(recipe.Config(data=str(tmp_path)).complete())
    assert data.shared == data.description()["test_shared"] == 2
    assert "2 of 4 test pairs have a sentence" in capsys.readouterr().out


def test_two_files(tmp_path, capsys):
    folder = tmp_path / "fr,en"
    folder.mkdir()
    french, english = folder / "some.fr", folder / "some.en"
    french.write_text("".join(f"un {i}\n" for i in range(60)), "utf-8")
    english.write_text("".join(f"one {i}\n" for i in range(60)), "utf-8")
    config = recipe.Config(data=f"{french},{english}").complete()
    source, target = load_data(config).train[0]
    assert (source[:3], target[:4]) == ("un ", "one ")
    english.write_text("one 0\n", "utf-8")
    message = fails(capsys, "--data", f"{french},{english}", "--out", tmp_path / "run")
    assert "60" in message
    assert "1" in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\tb\nc\n", "bad.tsv:2"),
        (b"a\tb\nc\xff\td\n", "bad.tsv:2: expected UTF-8"),
        (b"", "expected pairs"),
        (b"a\tb\n", "1 pairs can't be split"),
        (b"a\tb\nc\td\ne\tf\n" * 3, "3 pairs can't be split|20, 1 and 1 are needed"),
    ],
)
def test_bad_data(content, message, tmp_path, capsys):
    path = tmp_path / "bad.tsv"
    path.write_bytes(content)
    out = tmp_path / "run"
    assert re.search(message, fails(capsys, "--data", path, "--out", out))
    assert not out.exists()


def test_without_a_network(tmp_path, capsys, monkeypatch):
    def get_file(*_, **__):
        raise Exception("URL fetch failure")

    monkeypatch.setattr("keras.utils.get_file", get_file)
    message = fails(capsys, "--data", "tatoeba-fra-eng", "--out", tmp_path / "run")
    assert re.search("--data: .*can't be fetched: URL fetch failure.*--data", message)


def test_a_run_that_is_not_there(tmp_path, capsys):
    assert "nothing" in fails(capsys, "translate", "a", "--run", tmp_path / "nothing")


def test_nearest_sentence_is_found():
    train = [("the cat sat", "1"), ("a dog ran off", "2"), ("two birds", "3")]
    assert nearest_translations(train, ["a cat sat", "dogs ran"]) == ["1", "2"]


@pytest.mark.parametrize(
    ("translation", "reference", "tokens", "bleu"),
    [
        ("a b c d e x", "a b c d e f", "13a", (5 / 6 * 4 / 5 * 3 / 4 * 2 / 3)),
        ("我们去公园吗", "我们去公园吧", "zh", (5 / 6 * 4 / 5 * 3 / 4 * 2 / 3)),
        ("東京へ行くか", "東京へ行くよ", "char", (5 / 6 * 4 / 5 * 3 / 4 * 2 / 3)),
        ("ไปไหนมา", "ไปไหนมี", "char", (6 / 7 * 5 / 6 * 4 / 5 * 3 / 4)),
        ("a 我 b c d", "a 我 b c e", "13a", (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2)),
    ],
)
def test_bleu_counts_what_the_script_has_for_words(
    translation, reference, tokens, bleu
):
    figures = figures_of([translation], [reference])
    assert figures["bleu"] == pytest.approx(100 * bleu**0.25)
    assert f"tok:{tokens}" in figures["signatures"]["bleu"]


def test_figures_by_length_and_style():
    sources = ["a", "a b c", "a b c d e f", "a b c d e g"]
    texts = ["x", "y", "z", "w"]
    references = ["x", "n", "z", "n"]
    rows = by_length(sources, texts, references)
    assert [(row["words"], row["pairs"], row["exact"]) for row in rows] == [
        ("1-5", 2, 0.5),
        ("6-10", 2, 0.5),
    ]
    both = ["我们在家", "a b", "我们不在家里, 也不在学校"]
    rows = by_length(both, both, both)
    assert [(row["characters"], row["pairs"]) for row in rows] == [
        ("1-5", 2),
        ("11-20", 1),
    ]
    # One tokenizer for all: "a b" alone would be words, and have no BLEU of 100.
    assert [row["bleu"] for row in rows] == pytest.approx([100, 100])
    rows = by_style(["p", "q", "p", "p"], texts, references)
    assert [(row["style"], row["dates"]) for row in rows] == [("q", 1), ("p", 3)]
    assert rows[0]["exact"] == 0
    assert rows[1]["exact"] == pytest.approx(2 / 3)
