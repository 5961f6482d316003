"""The sentiment recipe, run as a user runs it."""

import csv
import io
import json
import re
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.training import EpochCheckpoint
from recipes.sentiment import recipe
from recipes.sentiment.combination import seconds_trained
from recipes.sentiment.explaining import _batches, integrated_gradients
from recipes.sentiment.pieces import Pieces
from recipes.sentiment.recipe import build_model, load_data, train_all
from tests.recipes.sentiment.reviews import BAD, GOOD, reviews
from tests.recipes.shell import Shell

VERBS = {
    "classify": recipe.classify,
    "evaluate": recipe.evaluate_run,
    "export": recipe.export_run,
}

shell = Shell(recipe, VERBS)
start, fails = shell.start, shell.fails


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "reviews.tsv"
    path.write_text("".join(reviews(240, 0)))
    return path


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    """A finished run, whose export has been checked: the recipe stops if it fails."""
    out = tmp_path_factory.mktemp("sentiment") / "run"
    options = ("--units", 8, "--epochs", 1, "--members", 1)
    start("--data", table, "--out", out, "--quick", *options)
    return out


@pytest.fixture(scope="module")
def classifier(run):
    return recipe._finished(str(run))[2]


def test_run_directory_is_complete(run):
    assert {path.name for path in run.iterdir()} == {
        *("config.json", "metrics.json", "history.csv", "model.keras"),
        *("checkpoints", "figures", "report.html", "saved_model"),
        *("reader.json", "data.json", "predictions.tsv", "plain.keras"),
    }
    names = {path.stem for path in (run / "figures").iterdir()}
    assert {"accuracy", "members", "words", "text_1", "confusion"} <= names


def test_metrics_have_what_the_contract_asks(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert set(metrics) == {
        *("recipe", "config", "data", "parameters", "train_seconds"),
        *("validation", "test", "baseline"),
    }
    assert (metrics["data"]["train"], metrics["data"]["test"]) == (216, 24)
    assert set(metrics["baseline"]) == {
        *("majority", "logistic_regression", "nb_logistic_regression", "nb_svm"),
    }
    assert metrics["test"]["accuracy"] > 0.9
    assert 0 <= metrics["test"]["contributions_gap"] < 2e-5
    assert set(metrics["test"]["parts"]) == {
        *("LSTM", "n-grams of words", "n-grams of characters"),
    }
    with open(run / "predictions.tsv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for name, found in metrics["test"]["confusion"].items():
        answers = [row["predicted"] for row in rows if row["label"] == name]
        assert found == {answer: answers.count(answer) for answer in set(answers)}
    right = [row["label"] == row["predicted"] for row in rows]
    assert np.mean(right) == pytest.approx(metrics["test"]["accuracy"])
    with open(run / "history.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["lstm"] for row in rows] == ["1"]


@pytest.mark.parametrize(
    "text", ["a fine, fine film", "", "?!", "日本語 😀", "dull " * 700, "\x00", "▁▁ a"]
)
def test_contributions_sum_to_the_score(classifier, text):
    [one] = classifier.explained([text])
    assert one.base + one.contributions.sum() == pytest.approx(one.score, abs=2e-5)
    odds = np.log(one.probabilities[1] / one.probabilities[0])
    assert one.score == pytest.approx(odds, rel=1e-4, abs=1e-5)
    assert one.contributions.shape == one.attention.shape == (len(one.words),)
    assert one.attention.sum() == pytest.approx(float(len(one.words) > 0), abs=1e-5)
    assert bool(one.unread) == (len(text) > 3000)
    [probabilities], *_ = classifier.predict([text])
    np.testing.assert_allclose(one.probabilities, probabilities, rtol=1e-5)


def test_a_text_alone_and_among_others(classifier):
    texts = ["witty", "cast▁▁ " * 50, "", "a limp and sour end"]
    together = classifier.explained(texts)
    for text, one in zip(texts, together, strict=True):
        [alone] = classifier.explained([text])
        assert alone.words == one.words
        np.testing.assert_allclose(alone.contributions, one.contributions, atol=1e-5)


def test_long_texts_are_read_alone():
    texts = ["x" * 10, "x" * 600_000, "", "x" * 200_000, *["x" * 20] * 4, "x" * 260_000]
    assert _batches(texts, 4) == [[2, 0, 4, 5], [6, 7], [3], [8], [1]]


def test_words_that_tell_add_most(classifier):
    [one] = classifier.explained(["the plot is witty but the end is dull"])
    added = dict(zip(one.words, one.contributions, strict=True))
    assert max(added, key=added.get) == "witty"
    assert min(added, key=added.get) == "dull"


def test_integrated_gradients_of_a_known_function():
    """Of Σ_t u·x_t + (Σ_t v·x_t)², whose parts can be written down."""
    rng = np.random.default_rng(1)
    u, v = rng.normal(size=(2, 3)).astype("float32")
    x = rng.normal(size=(2, 4, 3)).astype("float32")

    def body(inputs, training=False):
        vectors, mask = inputs
        score = tf.reduce_sum(vectors @ u[:, None], (1, 2))
        score += tf.reduce_sum(vectors @ v[:, None], (1, 2)) ** 2
        return tf.stack([score, -score], 1), tf.cast(mask, "float32")

    direction = tf.constant([[1.0, 0.0], [0.0, 2.0]])
    found, base, attention = integrated_gradients(
        body, tf.constant(x), tf.ones((2, 4), bool), direction
    )
    inner = (x @ v).sum(axis=1, keepdims=True)
    exact = (x @ u + (x @ v) * inner) * np.array([[1], [-2]])
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(base, 0, atol=1e-6)
    assert attention.shape == (2, 4)


def test_classify_prints_and_writes(run, tmp_path, capsys):
    start("classify", "a warm and lovely film", "trite", "--run", run)
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"good  p = (0\.[5-9]\d{3}|1\.0000)", lines[0])
    assert any(line.endswith(" lovely") for line in lines)
    file = tmp_path / "texts.txt"
    file.write_text("warm\n\nsour and\u2028limp\n", "utf-8")
    start("classify", "--file", file, "--run", run, "--out", tmp_path / "out.tsv")
    with open(tmp_path / "out.tsv", encoding="utf-8") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    assert len(rows) == 3
    for row in rows:
        parts = sum(map(float, row["contributions"].split()))
        assert parts + float(row["base"]) == pytest.approx(
            float(row["score"]), abs=1e-3
        )
    start("classify", "warm <b>", "--run", run, "--out", tmp_path / "out.html")
    page = (tmp_path / "out.html").read_text("utf-8")
    assert "warm" in page
    assert "<b>" not in page


def test_a_file_is_classified_line_by_line(
    run, classifier, tmp_path, capsys, monkeypatch
):
    texts = ["a warm and lovely film", "", "trite", "   "]
    content = "\n".join(texts).encode("utf-16")
    (tmp_path / "texts.txt").write_bytes(content)
    asked = ("--encoding", "utf-16", "--run", run)
    start("classify", "--file", tmp_path / "texts.txt", "--json", *asked)
    rows = list(map(json.loads, capsys.readouterr().out.splitlines()))
    assert [(row["line"], row["text"]) for row in rows] == [*enumerate(texts, 1)]
    assert set(rows[1]) == set(rows[3]) == {"line", "text"}
    plain = [""] * 4
    for i in (0, 2):
        [p], *_ = classifier.predict([texts[i]])
        found = [rows[i]["probabilities"][label] for label in classifier.labels]
        np.testing.assert_allclose(found, p, rtol=1e-5)
        assert rows[i]["label"] == classifier.labels[p.argmax()]
        assert rows[i]["probability"] == max(found)
        plain[i] = f"{rows[i]['label']}\t{p.max():.4f}"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    start("classify", "--file", "-", *asked)
    assert capsys.readouterr().out == "\n".join([*plain, ""])


def test_evaluate_gives_the_figures_of_the_run(run, tmp_path):
    start("evaluate", "--run", run, "--out", tmp_path / "figures.json")
    figures = json.loads((tmp_path / "figures.json").read_text())
    metrics = json.loads((run / "metrics.json").read_text())
    for name in ("accuracy", "parts", "by_length"):
        assert figures["test"][name] == metrics["test"][name]
    assert figures["test"]["plain"] == pytest.approx(metrics["test"]["plain"])
    assert figures["test"]["nats"] == pytest.approx(metrics["test"]["nats"])
    assert figures["baseline"] == metrics["baseline"]


def test_its_plain_model_is_that_of_a_plain_run(run, table, tmp_path):
    """Its accuracy on the same texts, beside that of the combination."""
    settings = {"data": str(table), "quick": True, "units": 8, "epochs": 1}
    config = recipe.Config(**settings, plain=True).complete()
    data = load_data(config)
    alone = train_all(config, data, tmp_path, verbose=0)
    beside = keras.models.load_model(run / "plain.keras")
    for a, b in zip(alone.model.weights, beside.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    test = json.loads((run / "metrics.json").read_text())["test"]
    plain = recipe.TextClassifier(alone.model, alone.reader, data.labels)
    predicted = plain.predict(data.test.texts)[0].argmax(axis=1)
    accuracy = np.mean(predicted == data.test.labels)
    assert test["plain"]["accuracy"] == pytest.approx(accuracy)
    assert test["plain"]["difference"] == pytest.approx(test["accuracy"] - accuracy)
    assert "the lecture&#x27;s plain model" in (run / "report.html").read_text("utf-8")


def test_a_second_run_over_the_first_is_refused(run, table, capsys):
    before = (run / "metrics.json").read_bytes()
    message = fails(capsys, "--data", table, "--out", run, "--quick")
    assert "--resume" in message
    assert (run / "metrics.json").read_bytes() == before


def test_interrupted_and_resumed_it_ends_with_the_same_weights(
    table, tmp_path, monkeypatch
):
    """With more than two labels, words, and pre-training."""
    path = tmp_path / "three.tsv"
    kinds = (("bad", BAD), ("good", GOOD), ("so", ("fair", "even", "plain")))
    path.write_text("".join(reviews(150, 1, kinds)))
    unlabelled = tmp_path / "more.txt"
    unlabelled.write_text("a lovely cast\n\nlimp scenes and a sour end\n" * 20)
    ended = EpochCheckpoint.on_epoch_end
    calls = []

    def interrupted(self, epoch, logs=None):
        ended(self, epoch, logs)
        calls.append(epoch)
        if len(calls) == 2:  # one of pre-training, the first of the LSTM
            raise KeyboardInterrupt

    def trained(name, **options):
        config = recipe.Config(
            data=str(path),
            quick=True,
            units=4,
            members=1,
            level="word",
            pretrain=1,
            unlabelled=str(unlabelled),
            **options,
        ).complete()
        data = load_data(config)
        return data, train_all(config, data, tmp_path / name, verbose=0)

    assert seconds_trained(tmp_path / "whole") == 0
    data, whole = trained("whole")
    with monkeypatch.context() as patched:
        patched.setattr(EpochCheckpoint, "on_epoch_end", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trained("part")
    assert seconds_trained(tmp_path / "part") > 0
    _, part = trained("part", resume=True)
    assert len(whole.model.weights) == len(part.model.weights)
    for a, b in zip(whole.model.weights, part.model.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    classifier = recipe.TextClassifier(whole.model, whole.reader, data.labels)
    for one in classifier.explained(["a fair and even film", "sour"]):
        assert one.label == one.probabilities.argmax()
        assert one.base + one.contributions.sum() == pytest.approx(one.score, abs=2e-5)
        logs = np.log(one.probabilities)
        assert one.score == pytest.approx(logs[one.label] - logs.mean(), abs=1e-4)


def test_vectors_from_a_file(table, tmp_path, capsys):
    path = tmp_path / "vectors.txt"
    path.write_text("film 1 2 3\nnowhere 4 5 6\nwitty 0.5 0.25 -1\n")
    small = {"quick": True, "epochs": 1, "units": 2, "members": 2}
    config = recipe.Config(
        data=str(table), level="word", vectors=str(path), **small
    ).complete()
    data = load_data(config)
    fitted = train_all(config, data, tmp_path / "fit", verbose=0)
    assert "2 of" in capsys.readouterr().out
    member = fitted.model.get_layer("member_1")
    classifier = recipe.TextClassifier(fitted.model, fitted.reader, data.labels)
    _, logits, parts = classifier.predict(["a witty film", "dull"])
    read = fitted.reader(tf.constant(["a witty film", "dull"])).pieces
    means = sum(model(read).numpy() for model in classifier.members) / 2
    np.testing.assert_allclose(parts[:, 0], means, atol=1e-6)
    bias = fitted.model.get_layer("combination").get_weights()[1]
    expected = np.einsum("nkc,k->nc", parts, fitted.weights) + bias
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    assert member.get_layer("embedding").embeddings.shape[1] == 3
    path.write_text("nowhere 4 5 6\n")
    with pytest.raises(ValueError, match="has no word of the texts"):
        train_all(config, data, tmp_path / "none", verbose=0)


def test_no_unlabelled_text_is_a_test_text(table, tmp_path):
    given = load_data(recipe.Config(data=str(table)).complete())
    path = tmp_path / "more.txt"
    path.write_text(f"{given.test.texts[3].upper()}\n\n new  one\n", "utf-8-sig")
    config = recipe.Config(data=str(table), pretrain=1, unlabelled=str(path))
    data = load_data(config.complete())
    assert data.unlabelled == ["new one"]
    assert data.notes[-1].startswith("1 unlabelled texts are validation or test texts")
    path.write_text(given.test.texts[3])
    with pytest.raises(ValueError, match="must have texts that are no test texts"):
        load_data(config.complete())


def test_texts_that_differ_in_case_alone_are_no_different_texts(tmp_path, capsys):
    path = tmp_path / "case.tsv"
    same = [f"p\t{text}\n" for i in range(10) for text in (f"good {i}", f"GOOD {i}")]
    path.write_text("".join([*same, *(f"n\tbad {i}\n" for i in range(30))]))
    message = fails(capsys, "--data", path, "--out", tmp_path / "run")
    assert "at least 20 texts of each label to learn from" in message
    assert "'p' has 10" in message


def test_labels_and_texts_in_each_others_place(tmp_path, capsys):
    path = tmp_path / "swapped.tsv"
    path.write_text("".join(f"a text {i} {'x' * 50}\tpos\n" for i in range(500)))
    message = fails(capsys, "--data", path, "--out", tmp_path / "run")
    assert "and 480 more" in message
    assert len(message) < 1500


@pytest.mark.parametrize("plain", [False, True])
def test_the_members_ignore_padding(plain, table):
    config = recipe.Config(data=str(table), units=4, quick=True).complete()
    pieces = Pieces.of(config, load_data(config), verbose=0)
    model = build_model(config, pieces.of_member(0), plain=plain)
    ids = np.array([[5, 6, 7]])
    padded = np.array([[5, 6, 7, 0, 0], [9, 9, 9, 9, 9]])
    np.testing.assert_allclose(model(padded)[:1], model(ids), atol=1e-6)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"good fine\n", "bad.tsv:1: expected a label, a tab"),
        (b"g\t\xff\n", "bad.tsv:1: expected UTF-8"),
        (b"g\ta\n" * 30, "expected texts with two labels at least"),
        (b"", "expected texts with two labels at least"),
    ],
)
def test_bad_data(content, message, tmp_path, capsys):
    path = tmp_path / "bad.tsv"
    path.write_bytes(content)
    assert message in fails(capsys, "--data", path, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_label_with_a_typo_is_named(tmp_path, capsys):
    path = tmp_path / "typo.tsv"
    lines = list(reviews(80, 4))
    lines[7] = lines[7].replace("good\t", "goood\t")
    path.write_text("".join(lines))
    message = fails(capsys, "--data", path, "--out", tmp_path / "run")
    assert "'goood' has 1, the first at typo.tsv:8" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere.tsv"], "nowhere.tsv"),
        (["--vectors", "v.txt"], "`vectors` needs `level` 'word'"),
        (["--vectors", "v.txt", "--level", "word"], "`vectors` must be a file"),
        (["--unlabelled", "u.txt", "--pretrain", "1"], "`unlabelled` must be a file"),
        (["--unlabelled", "u.txt"], "`unlabelled` needs `pretrain`"),
        (["--members", "11"], "`members` must be at most 10"),
        (["--plain", "--members", "2"], "`plain` trains no other LSTMs"),
        (["--plain", "--pretrain", "1"], "`pretrain` is for the LSTMs of both"),
        (["--dropout", "1"], "`dropout` must be in [0, 1)"),
        (["--units", "0"], "`units` must be at least 1"),
    ],
)
def test_bad_settings(arguments, message, tmp_path, capsys):
    assert message in fails(capsys, *arguments, "--out", tmp_path / "run")


def test_bad_requests(run, tmp_path, capsys):
    assert "either texts" in fails(capsys, "classify", "--run", run)
    message = fails(capsys, "classify", "not", "half", "bad", "--run", run)
    assert "quote it, 'not half bad'" in message
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    message = fails(capsys, "classify", "--file", tmp_path / "latin.txt", "--run", run)
    assert "latin.txt:1: expected UTF-8; received the byte 0xE9" in message
    assert "nothing" in fails(capsys, "classify", "a", "--run", tmp_path / "nothing")
