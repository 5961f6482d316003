"""The next-word recipe, run as a user runs it, on a few pages of Python's help."""

import csv
import dataclasses
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from pydoc_data.topics import topics

import keras
import numpy as np
import pytest

from keras_seq.text import END, UNKNOWN, split_words
from keras_seq.training import KneserNeyModel, NgramModel
from recipes.next_word import recipe
from recipes.next_word.baselines import spelling_nats, word_ids
from recipes.next_word.embeddings import nearest_words
from recipes.next_word.prompts import unknown_words
from recipes.next_word.recipe import Config, load_data
from tests.recipes.shell import Shell

VERBS = {
    "predict": recipe.predict_words,
    "evaluate": recipe.evaluate_run,
    "export": recipe.export_run,
}
ROOT = Path(__file__).parents[3]
shell = Shell(recipe, VERBS)
start, fails = shell.start, shell.fails


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Thirty short pages, one of them twice, one not UTF-8, one empty."""
    path = tmp_path_factory.mktemp("texts") / "pages"
    path.mkdir()
    pages = sorted(set(topics.values()), key=lambda text: (len(text), text))[10:40]
    for i, page in enumerate(pages):
        (path / f"{i:02d}.txt").write_text(page, "utf-8")
    (path / "again.txt").write_text(pages[3].upper(), "utf-8")
    (path / "old.txt").write_bytes("It cost 5 € – “dear”, they said.".encode("cp1252"))
    (path / "empty.txt").write_text("\n")
    return path


def flags(folder, out, *more):
    return ["--data", folder, "--out", out, "--quick", "--epochs", 3, *more]


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    """A finished run, whose export has been checked: the recipe stops if it fails."""
    out = tmp_path_factory.mktemp("next_word") / "run"
    start(*flags(folder, out))
    return out


@pytest.fixture(scope="module")
def data(run):
    return load_data(Config(**json.loads((run / "config.json").read_text())))


@pytest.fixture(scope="module")
def predictor(run):
    return recipe._finished(str(run))[2]


def test_run_directory_is_complete(run):
    names = {path.name for path in run.iterdir()}
    assert names == {
        *("config.json", "metrics.json", "history.csv", "model.keras"),
        *("checkpoints", "figures", "report.html", "saved_model"),
        *("vocabulary.json", "samples.txt"),
    }


def test_metrics_have_what_the_contract_asks(run, data):
    metrics = json.loads((run / "metrics.json").read_text())
    assert set(metrics) == {
        *("recipe", "config", "data", "parameters", "train_seconds"),
        *("validation", "test", "baseline"),
    }
    about = metrics["data"]
    assert len(about["digest"]) == 64
    assert about["train"] + about["validation"] + about["test"] <= 31
    assert about["duplicates"] == 1
    assert about["not_utf8"] == ["old.txt"]
    assert about["empty"] == ["empty.txt"]
    ids = np.concatenate([document[1:] for document in word_ids(data, data.test)])
    assert about["test_words"] == len(ids)
    assert about["test_unknown"] == pytest.approx((ids == UNKNOWN).mean())
    with open(run / "history.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert metrics["validation"]["val_perplexity"] <= min(
        float(row["val_perplexity"]) for row in rows
    )


def test_held_out_documents_have_no_part_in_the_vocabulary(data):
    train = {word for text in data.train for word in split_words(text)}
    assert set(data.words.words) - {"↵", "¶"} <= train
    assert not set(data.train) & {*data.validation, *data.test}


def test_perplexities_are_those_of_the_same_words(run, data, predictor):
    """The model's from its own softmax, Kneser-Ney's one word at a time."""
    metrics = json.loads((run / "metrics.json").read_text())
    test = word_ids(data, data.test)
    words = sum(len(document) - 1 for document in test)
    own = 0.0
    for document in test:
        logits = keras.ops.convert_to_numpy(predictor.model(np.array([document])))[0]
        logits = logits.astype("float64")
        logits -= np.log(np.exp(logits).sum(-1, keepdims=True))
        own -= sum(logits[t, word] for t, word in enumerate(document[1:]))
    found = metrics["test"]["perplexity"]
    assert found == pytest.approx(np.exp(own / words), rel=1e-4)
    counted = KneserNeyModel(3, len(data.words) - 2).fit(word_ids(data, data.train))
    nats = sum(
        -np.log(counted.probability(document[t], document[:t]))
        for document in test
        for t in range(1, len(document))
    )
    trigram = metrics["baseline"]["Kneser-Ney trigram"]["perplexity"]
    assert trigram == pytest.approx(np.exp(nats / words), rel=1e-6)
    assert metrics["test"]["of_kneser_ney"] == pytest.approx(found / trigram)


def test_the_words_of_a_baseline_have_probabilities_that_make_one(data):
    """Of all words that could come: the unknown one and the end mark among them."""
    counted = KneserNeyModel(3, len(data.words) - 2).fit(word_ids(data, data.train))
    possible = range(END, len(data.words))
    document = word_ids(data, data.test)[0]
    for t in (1, 2, 7):
        context = document[:t]
        total = sum(counted.probability(word, context) for word in possible)
        assert total == pytest.approx(1.0)


def test_unknown_words_are_spelled_and_others_are_not(data):
    known = set(data.words.words)
    spelling = spelling_nats(data, data.test)
    train = [w for t in data.train for w in split_words(t) if w not in known]
    model = NgramModel(5, 0x110000).fit(f"\n{word}\t" for word in train)
    for ids, nats in zip(word_ids(data, data.test), spelling, strict=True):
        assert len(nats) == len(ids) - 1
        assert ((nats > 0) == (np.array(ids[1:]) == UNKNOWN)).all()
    words = [w for w in split_words(data.test[0]) if w not in known]
    expected = [
        -sum(
            np.log(model.probability(c, f"\n{word}\t"[:i]))
            for i, c in enumerate(f"\n{word}\t")
            if i
        )
        for word in words
    ]
    found = spelling[0][spelling[0] > 0]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_evaluating_again_gives_the_same_figures(run, tmp_path):
    start("evaluate", "--run", run, "--out", tmp_path / "figures.json")
    metrics = json.loads((run / "metrics.json").read_text())
    figures = json.loads((tmp_path / "figures.json").read_text())
    for name, value in figures["test"].items():
        assert value == pytest.approx(metrics["test"][name], rel=1e-5)
    assert figures["baseline"] == metrics["baseline"]


def test_exporting_again_serves(run, capsys):
    start("export", "--run", run)
    assert "serves without Keras" in capsys.readouterr().out


def test_predict_prints_ten_words_and_what_is_left(run, predictor, capsys):
    start("predict", "I adore recurrent neural", "--run", run)
    first, *rows = capsys.readouterr().out.strip().splitlines()
    named = re.sub(r" \(known: [^)]*\)", "", first)
    assert named == "not in the vocabulary: I, adore, recurrent, neural"
    assert len(rows) == 12
    chances = [float(row.split()[0]) for row in rows]
    assert chances[:10] == sorted(chances[:10], reverse=True)
    assert sum(chances) <= 1.001
    [found] = predictor.predict(["I adore recurrent neural"])
    np.testing.assert_allclose(chances[:10], found.probabilities, atol=1e-4)
    assert "it doesn't know" in rows[10]
    assert not any("\ufffd" in row for row in rows)


def test_a_file_is_gone_on_with_line_by_line(
    run, predictor, tmp_path, capsys, monkeypatch
):
    texts = ["The class", "", "It is not"]
    (tmp_path / "texts.txt").write_text("\n".join(texts))
    start("predict", "--lines", tmp_path / "texts.txt", "--json", "--run", run)
    rows = list(map(json.loads, capsys.readouterr().out.splitlines()))
    assert [(row["line"], row["text"]) for row in rows] == [*enumerate(texts, 1)]
    assert set(rows[1]) == {"line", "text"}
    for row in (rows[0], rows[2]):
        [found] = predictor.predict([row["text"]])
        assert list(row["words"]) == found.words
        values = [*row["words"].values(), row["unknown"], row["end"]]
        expected = [*found.probabilities, found.unknown, found.end]
        np.testing.assert_allclose(values, expected, rtol=1e-4)
    content = io.BytesIO(b"The class\n\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(content))
    asked = ("--complete", 5, "--temperature", 0, "--run", run)
    start("predict", "--lines", "-", *asked)
    line, blank, rest = capsys.readouterr().out.split("\n")
    assert (blank, rest) == ("", "")
    start("predict", "The class", *asked)
    assert capsys.readouterr().out.split("\n\n")[1].split() == line.split()
    assert "quote it, 'The class'" in fails(
        capsys, "predict", "The", "class", "--run", run
    )


def test_predict_completes(run, tmp_path, capsys):
    def completed(*more):
        start("predict", "The class", "--run", run, "--complete", 20, *more)
        return capsys.readouterr().out.split("\n\n", 1)[1]

    text = completed("--seed", 4)
    assert text.startswith("The class")
    assert len(split_words(text)) <= 22
    assert text == completed("--seed", 4)
    greedy = completed("--temperature", 0, "--seed", 1)
    assert greedy == completed("--temperature", 0, "--seed", 2)
    start("predict", "The class", "--run", run, "--out", tmp_path / "words.txt")
    assert len((tmp_path / "words.txt").read_text().splitlines()) == 12
    capsys.readouterr()
    (tmp_path / "text").write_text("The class\n")
    start("predict", "--file", tmp_path / "text", "--run", run)
    assert capsys.readouterr().out == (tmp_path / "words.txt").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--count", "0"], "`count` must be at least 1"),
        (["--complete", "-1"], "`complete` must be in [0, 10000]"),
        (["--complete", "3000000000"], "`complete` must be in [0, 10000]"),
        (["--file", "text"], "either a text or `file`"),
        (["--complete", "5", "--temperature", "-1"], "`temperature` must be"),
        (["--complete", "5", "--top-p", "2"], "`top_p` must be"),
        (["--complete", "5", "--seed", "-1"], "`seed` must be in"),
    ],
)
def test_predict_refuses_in_one_line(run, capsys, arguments, message):
    line = fails(capsys, "predict", "The", "--run", run, *arguments)
    assert line.startswith("error: ")
    assert message in line


def test_report_stands_by_itself(run):
    page = (run / "report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "")
    figures = {path.stem for path in (run / "figures").iterdir()}
    assert figures == {
        *("baselines", "curves", "foreseen", "projection", "similarities"),
    }
    assert page.count('src="data:image/png;base64,') == 4
    metrics = json.loads((run / "metrics.json").read_text())
    for row in (metrics["test"], *metrics["baseline"].values()):
        assert f"<td>{row['perplexity']:.4g}</td>" in page
    assert "1 documents repeat another" in page
    assert "old.txt" in page


def test_nearest_words_are_nearest():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(40, 5))
    words = [(i, f"word{i}") for i in rng.permutation(40).tolist()]
    rows = matrix - matrix[[i for i, _ in words]].mean(axis=0)
    for word, neighbours in nearest_words(words, matrix):
        own = rows[int(word[4:])]
        others = {
            other: own @ rows[i] / np.linalg.norm(own) / np.linalg.norm(rows[i])
            for i, other in words
            if other != word
        }
        best = sorted(others, key=others.__getitem__, reverse=True)[:6]
        assert [name for name, _ in neighbours] == best
        np.testing.assert_allclose(
            [cosine for _, cosine in neighbours], [others[name] for name in best]
        )


def test_a_second_run_over_the_first_is_refused(run, folder, capsys):
    before = {p: p.stat().st_mtime_ns for p in run.rglob("*") if p.is_file()}
    line = fails(capsys, *flags(folder, run))
    assert "--resume" in line
    assert "--overwrite" in line
    assert before == {p: p.stat().st_mtime_ns for p in run.rglob("*") if p.is_file()}


@pytest.mark.parametrize("verb", ["evaluate", "export"])
def test_changed_texts_are_refused(run, folder, tmp_path, verb, capsys):
    moved, other = tmp_path / "run", tmp_path / "pages"
    shutil.copytree(run, moved)
    shutil.copytree(folder, other)
    (other / "05.txt").write_text("Something else.")
    settings = json.loads((moved / "config.json").read_text())
    (moved / "config.json").write_text(json.dumps({**settings, "data": str(other)}))
    assert "is not what the run was started with" in fails(capsys, verb, "--run", moved)


@pytest.mark.parametrize("verb", [["predict", "a"], ["evaluate"], ["export"]])
def test_a_run_that_is_not_there_or_not_finished_is_refused(
    run, tmp_path, verb, capsys
):
    assert "no run in" in fails(capsys, *verb, "--run", tmp_path)
    for name in ("config.json", "vocabulary.json"):
        shutil.copy(run / name, tmp_path)
    assert "has not finished" in fails(capsys, *verb, "--run", tmp_path)


def test_killed_and_resumed_ends_with_the_same_weights(run, folder, tmp_path):
    out = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-m", "recipes.next_word", *map(str, flags(folder, out))],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    deadline = time.monotonic() + 240
    while not (out / "history.csv").exists() and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / "model.keras").exists()
    config = Config(**json.loads((out / "config.json").read_text()))
    data = load_data(config)
    model = recipe.build_model(config, data)
    predictor = recipe.TextPredictor(model, data.vocabulary)
    directory = recipe.RunDirectory(out)
    resumed = dataclasses.replace(config, resume=True)
    checkpoint = recipe.train(resumed, data, model, predictor, directory)
    assert len(checkpoint.history) == 3
    straight = keras.models.load_model(run / "model.keras", compile=False)
    for ours, theirs in zip(
        model.trainable_weights, straight.trainable_weights, strict=True
    ):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (ours, theirs)))
    assert (out / "history.csv").read_text() == (run / "history.csv").read_text()


def test_subwords_know_every_word_and_are_counted_by_word(folder):
    """The same text, by word, as the baselines' with their unknown words spelled."""
    settings = {"data": str(folder), "level": "subword", "quick": True, "units": 16}
    config = Config(**settings).complete()
    data = load_data(config)
    model = recipe.build_model(config, data)
    predictor = recipe.TextPredictor(model, data.vocabulary)
    figures, _ = recipe.evaluate(config, data, predictor)
    own = 0.0
    for document in data.ids(data.test):
        logits = keras.ops.convert_to_numpy(model(np.array([document])))[0]
        logits = logits.astype("float64")
        logits -= np.log(np.exp(logits).sum(-1, keepdims=True))
        own -= sum(logits[t, piece] for t, piece in enumerate(document[1:]))
    words = sum(len(document) - 1 for document in word_ids(data, data.test))
    spelled = figures["test"]["perplexity_spelled"]
    assert spelled == pytest.approx(np.exp(own / words), rel=1e-4)
    assert set(figures["test"]) == {"perplexity_spelled", "of_kneser_ney"}
    trigram = figures["baseline"]["Kneser-Ney trigram"]["perplexity_spelled"]
    assert figures["test"]["of_kneser_ney"] == pytest.approx(spelled / trigram)
    assert unknown_words(predictor, "I adore recurrent neural") == []
