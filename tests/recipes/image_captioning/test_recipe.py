"""The image-captioning recipe, run as a user runs it."""

import csv
import dataclasses
import json
import re

import keras
import numpy as np
import pytest

from keras_seq import vision
from keras_seq.runs import RunDirectory
from recipes.image_captioning import recipe, results
from recipes.image_captioning.figures import (
    CaptionScore,
    baseline_captions,
    figures_of,
    truth,
)
from recipes.image_captioning.recipe import load_data
from tests.recipes.resuming import assert_resumed_ends_as_whole
from tests.recipes.shell import Shell
from tests.serving.native import replayed_in_c
from tests.vision.pictures import blocks, encoded

VERBS = {
    "caption": recipe.caption_image,
    "evaluate": recipe.evaluate_run,
    "export": recipe.export_run,
}

shell = Shell(recipe, VERBS)
start, fails = shell.start, shell.fails


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """No grids are left in the user's folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run, whose export has been checked: the recipe stops if it fails."""
    out = tmp_path_factory.mktemp("captioning") / "run"
    start("--out", out, "--quick", "--epochs", 1)
    return out


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Images of one colour with captions that name it, and others that are broken."""
    folder = tmp_path_factory.mktemp("photographs")
    colours = {"red": (220, 30, 20), "blue": (10, 20, 230), "grey": (128, 128, 128)}
    rng = np.random.default_rng(0)
    rows = ["image,caption"]
    for number in range(36):
        name = list(colours)[number % 3]
        noise = rng.integers(-8, 9, (20, 30, 3))
        image = np.clip(np.array(colours[name]) + noise, 0, 255).astype("uint8")
        file = f"{number}.png"
        (folder / file).write_bytes(encoded(image, "PNG"))
        rows += [f"{file},A {name} wall .", f'{file},"A wall, which is {name}!"']
    (folder / "cut.jpg").write_bytes(encoded(blocks(5, 5, 3), "JPEG")[:300])
    rows += ["cut.jpg,A cut image .", "gone.jpg,An image that is gone ."]
    (folder / "captions.txt").write_text("\n".join(rows), "utf-8")
    return folder


@pytest.fixture(scope="module")
def own_run(photographs, tmp_path_factory):
    """A run on own images, with a network from a file and the transformer."""
    folder = tmp_path_factory.mktemp("own")
    x = keras.Input((16, 16, 3))
    grid = keras.layers.Conv2D(6, 4, strides=4)(x)
    keras.utils.set_random_seed(0)
    keras.Model(x, keras.layers.GlobalAveragePooling2D()(grid)).save(folder / "n.keras")

    def one(function):
        """Of all that `run` exports and checks, the attention by itself."""
        return lambda *given, **options: {
            "serving_default": function(*given, **options)["attention"]
        }

    with pytest.MonkeyPatch.context() as patch:
        for name in ("caption_signatures", "caption_requests"):
            patch.setattr(vision, name, one(getattr(vision, name)))
        # Untrained, it writes to the end: short captions, and few pictures of them.
        patch.setattr(recipe, "LONGEST", 8)
        patch.setattr(results, "SHOWN", 1)
        start(
            *("--data", photographs, "--out", folder / "run", "--quick", "--epochs", 1),
            *("--encoder", folder / "n.keras", "--architecture", "transformer"),
        )
    (folder / "n.keras").unlink()
    return folder / "run"


CONTENTS = {
    *("config.json", "metrics.json", "history.csv", "model.keras", "checkpoints"),
    *("figures", "report.html", "saved_model", "vocabulary.json", "captions.tsv"),
}


def test_run_directory_is_complete(run):
    assert {path.name for path in run.iterdir()} == CONTENTS


def test_metrics_have_what_the_contract_asks(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert set(metrics) == {
        *("recipe", "config", "data", "parameters", "train_seconds"),
        *("validation", "test", "baseline"),
    }
    data, test = metrics["data"], metrics["test"]
    assert len(data["digest"]) == 64
    assert set(metrics["baseline"]) == {
        *("most_frequent", "nearest", "consensus"),
    }
    with open(run / "captions.tsv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) == data["test"]
    assert all(0 <= float(row["probability"]) <= 1 for row in rows)
    known = load_data(RunDirectory(run).read_config(recipe.Config))
    texts = [row["caption"] for row in rows]
    again = figures_of(texts, known.test.captions, known.vocabulary)
    for name in ("bleu_1", "bleu_4", "chrf", "cider"):
        assert again[name] == pytest.approx(test[name])
    assert truth(texts, known.test.scenes)["right"] == test["right"]
    for row, references in zip(rows, known.test.captions, strict=True):
        assert row["references"].split(" | ") == references


def test_the_report_stands_alone(run):
    report = (run / "report.html").read_text()
    pictures = {path.name for path in (run / "figures").iterdir()}
    assert {"curves.png", "scores.png"} < pictures
    assert report.count("data:image/png;base64,") == len(pictures)
    assert not re.search(r'(src|href)="(?!data:|#part-)', report)


def test_caption_prints_probabilities_and_draws_the_attention(run, tmp_path, capsys):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(encoded(blocks(9, 7, 3), "JPEG"))
    picture = tmp_path / "seen.png"
    start("caption", photo, "--run", run, "--n-best", 2, "--out", picture)
    lines = capsys.readouterr().out.strip().splitlines()
    assert len(lines) == 3
    assert all(re.match(r" *\d+\.\d\d%  \w+", line) for line in lines[:2])
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_picture_of_the_attention_replaces_nothing(run, tmp_path, capsys):
    photo = tmp_path / "photo.png"
    photo.write_bytes(encoded(blocks(4, 4, 3), "PNG"))
    before = photo.read_bytes()
    asked = ("caption", photo, "--run", run)
    assert "the image itself" in fails(capsys, *asked, "--out", photo)
    assert photo.read_bytes() == before
    assert "`n_best` must be at least 1" in fails(capsys, *asked, "--n-best", 0)
    for out in (tmp_path, tmp_path / "nowhere" / "a.png"):
        assert "`out` must" in fails(capsys, *asked, "--out", out)


def test_a_list_of_images_is_captioned_line_by_line(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a.png", "my photo.bmp", "b.png"), start=2):
        image = encoded(blocks(number, 3, 3), name[-3:].upper())
        (tmp_path / name).write_bytes(image)
    (tmp_path / "no.png").write_bytes(b"GIF89a")
    (tmp_path / "list.txt").write_text("a.png\n\nno.png\nmy photo.bmp\ngone.png\n")
    captioner = recipe._finished(str(run))[2]
    expected = {
        name: captioner.caption([vision.readable_image(name)], width=2, n_best=2)[0]
        for name in ("a.png", "b.png", "my photo.bmp")
    }
    asked = ("--width", 2, "--run", run)
    with pytest.raises(SystemExit):
        start("caption", "--file", "list.txt", "--json", "--n-best", 2, *asked)
    out, error = capsys.readouterr()
    messages = error.splitlines()
    assert messages[0].startswith("list.txt:3: 'no.png' is not a whole image")
    assert messages[1:] == [
        "list.txt:5: No such file or directory: gone.png",
        "error: 2 of 5 lines could not be answered.",
    ]
    rows = list(map(json.loads, out.splitlines()))
    paths = ["a.png", "", "no.png", "my photo.bmp", "gone.png"]
    assert [(row["line"], row["image"]) for row in rows] == [*enumerate(paths, 1)]
    assert [set(row) for row in rows[1:3]] == [
        {"line", "image"},
        {"line", "image", "error"},
    ]
    for row in (rows[0], rows[3]):
        best, *others = expected[row["image"]]
        assert row["caption"] == best.text
        assert row["probability"] == pytest.approx(best.probability, rel=1e-3)
        assert [x["caption"] for x in row["others"]] == [x.text for x in others]
    start("caption", "b.png", "a.png", *asked)
    texts = capsys.readouterr().out.splitlines()
    assert texts == [expected[name][0].text for name in ("b.png", "a.png")]
    message = fails(capsys, "caption", "my", "photo.bmp", *asked)
    assert "quote it, 'my photo.bmp'" in message
    assert len(list(tmp_path.iterdir())) == 5


def test_any_image_is_captioned(run):
    images = {
        "1 × 1": encoded(blocks(1, 1, 3, size=1), "PNG"),
        "a line": encoded(np.zeros((20, 20_000, 3), "uint8"), "PNG"),
        "transparent": encoded(blocks(4, 4, 4), "PNG"),
        "16 bits": encoded(blocks(4, 4, 1)[..., 0].astype("uint16") * 257, "PNG"),
        "CMYK": encoded(blocks(4, 4, 4), "JPEG", mode="CMYK"),
    }
    captioner = recipe._finished(str(run))[2]
    for [best] in captioner.caption(images.values(), width=1):
        assert best.attention.shape == (len(best.words), 7, 7)


@pytest.mark.parametrize(
    "content", [b"", b"text", encoded(blocks(4, 4, 3), "JPEG")[:200]]
)
def test_what_is_no_image_is_named(run, content, tmp_path, capsys):
    (tmp_path / "photo.jpg").write_bytes(content)
    message = fails(capsys, "caption", tmp_path / "photo.jpg", "--run", run)
    assert "photo.jpg' is not a whole image" in message
    assert "nowhere.jpg" in fails(capsys, "caption", "nowhere.jpg", "--run", run)


def test_evaluate_gives_the_figures_of_the_run(run, tmp_path):
    start("evaluate", "--run", run, "--out", tmp_path / "figures.json")
    figures = json.loads((tmp_path / "figures.json").read_text())
    metrics = json.loads((run / "metrics.json").read_text())
    assert figures["test"]["cider"] == pytest.approx(metrics["test"]["cider"])
    assert figures["test"]["width"] == metrics["test"]["width"]
    assert figures["baseline"] == metrics["baseline"]


def test_a_second_run_over_the_first_is_refused(run, capsys):
    before = (run / "metrics.json").read_bytes()
    assert "--resume" in fails(capsys, "--out", run, "--quick")
    assert (run / "metrics.json").read_bytes() == before


def test_interrupted_and_resumed_it_ends_with_the_same_weights(
    photographs, tmp_path, monkeypatch
):
    config = recipe.Config(data=str(photographs), quick=True, epochs=2).complete()
    data = load_data(config)
    model = recipe.build_model(config, data)
    captioner = recipe.build_captioner(model, data.vocabulary, data.extractor)

    def train(name, resume):
        resumed = dataclasses.replace(config, resume=resume)
        recipe.train(resumed, data, model, captioner, tmp_path / name)

    assert_resumed_ends_as_whole(model, train, monkeypatch, CaptionScore)


def test_own_images_with_a_network_from_a_file(own_run, photographs, tmp_path, capsys):
    assert {path.name for path in own_run.iterdir()} == CONTENTS | {"encoder.keras"}
    replayed_in_c(own_run / "saved_model")
    data = json.loads((own_run / "metrics.json").read_text())["data"]
    assert data["train"] + data["validation"] + data["test"] == 36
    assert data["left_out"] == {"missing": 1, "broken": 1, "repeated": 0}
    report = (own_run / "report.html").read_text()
    assert "Images left out: 1 missing, 1 broken." in report
    # The run has all it needs: the network's file is gone.
    picture = tmp_path / "seen.png"
    asked = ("caption", photographs / "0.png", "--run", own_run, "--n-best", 1)
    start(*asked, "--out", picture)
    assert "%" in capsys.readouterr().out
    directory, config, captioner = recipe._finished(str(own_run))
    known = load_data(config)
    before = (own_run / "vocabulary.json").read_bytes()
    known.keep_known(directory)
    assert (own_run / "vocabulary.json").read_bytes() == before
    network = captioner.extractor.model
    network.set_weights([weight + 1 for weight in network.get_weights()])
    changed = dataclasses.replace(known, extractor=captioner.extractor)
    with pytest.raises(ValueError, match="is not what the run was started"):
        changed.keep_known(directory)


def test_broken_images_are_named_and_counted(photographs, capsys):
    data = load_data(recipe.Config(data=str(photographs), quick=True).complete())
    said = capsys.readouterr().out
    assert "1 images that the captions name are missing (gone.jpg)" in said
    assert "1 images can't be read and are left out" in said
    assert re.search(r"cut\.jpg' is not a whole image: .*JPEG", said)
    assert data.train.captions[0][0].startswith("a ")
    parts = (data.train, data.validation, data.test)
    files = [{str(file) for file in part.files} for part in parts]
    assert sum(map(len, files)) == len(set().union(*files)) == 36


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        ({"train": 26, "val": 4, "test": 6}, (26, 4, 6)),
        # What has two parts is judged on the second: a tenth of 30 validates.
        ({"train": 30, "val": 6}, (27, 3, 6)),
        ({"train": 30, "test": 6}, (27, 3, 6)),
        ({"test": 36}, (28, 4, 4)),  # no parts at all
    ],
)
def test_published_parts_are_kept(published, expected, photographs, tmp_path, capsys):
    (tmp_path / "Images").symlink_to(photographs)
    splits = [split for split, count in published.items() for _ in range(count)]
    rows = [f"{i}.png,{split},a wall" for i, split in enumerate(splits)]
    table = tmp_path / "metadata.csv"
    table.write_text("\n".join(["file_name,split,text", *rows]))
    data = load_data(recipe.Config(data=str(table), quick=True).complete())
    parts = (data.train, data.validation, data.test)
    assert tuple(map(len, parts)) == expected
    names = [{int(path.stem) for path in part.images} for part in parts]
    assert set().union(*names) == set(range(36))
    if len(published) > 1:
        assert all(splits[i] == "train" for i in names[0])
        assert all(splits[i] == splits[-1] for i in names[2])
        assert "the parts are those that the files name" in capsys.readouterr().out


def test_settings_need_not_be_complete(photographs):
    config = recipe.Config(data=str(photographs), quick=True)
    complete = config.complete()
    assert complete.complete() == complete
    data = load_data(config)
    assert data.train.captions == load_data(complete).train.captions
    sizes = [recipe.build_model(c, data).count_params() for c in (config, complete)]
    assert sizes[0] == sizes[1] > 0


def test_batches_are_a_function_of_seed_and_epoch(photographs):
    data = load_data(recipe.Config(data=str(photographs), quick=True).complete())

    def batch(first_epoch, skipped):
        batches = iter(data.training_batches(first_epoch))
        for _ in range(skipped):
            next(batches)
        return next(batches)

    later, resumed = batch(0, data.steps_per_epoch), batch(1, 0)
    for a, b in zip(
        keras.tree.flatten(later), keras.tree.flatten(resumed), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    first = batch(0, 0)[0]["source"]
    assert not np.array_equal(first, later[0]["source"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere"], "nowhere"),
        (["--encoder", "EffNet"], "must be cnn for scenes"),
        (["--units", "0"], "`units` must be at least 1"),
        (["--units", "99"], "`units` must be a multiple of 8"),
        (["--label-smoothing", "1"], "`label_smoothing` must be in"),
        (["--doubly-stochastic", "-1"], "`doubly_stochastic` must be 0 or more"),
        (["--pixels", "0..1"], "`pixels` is for an `encoder` from a .keras file"),
    ],
)
def test_bad_settings(arguments, message, tmp_path, capsys):
    out = tmp_path / "run"
    assert message in fails(capsys, *arguments, "--out", out)
    assert not out.exists()


def test_encoders_and_data_that_are_none(photographs, tmp_path, capsys):
    out = tmp_path / "run"
    given = ("--data", photographs, "--out", out, "--encoder")
    assert "received 'EffNet'" in fails(capsys, *given, "EffNet")
    assert "nowhere.keras" in fails(capsys, *given, "nowhere.keras")
    (tmp_path / "few").mkdir()
    (tmp_path / "few" / "a.png").write_bytes(encoded(blocks(2, 2, 3), "PNG"))
    (tmp_path / "few" / "captions.csv").write_text("image,caption\na.png,x\n")
    message = fails(capsys, "--data", tmp_path / "few", "--out", out)
    assert "has 1 images with captions that can be read; 20 to train on" in message
    assert not out.exists()


def test_a_run_that_is_not_there(tmp_path, capsys):
    (tmp_path / "a.png").write_bytes(encoded(blocks(2, 2, 3), "PNG"))
    asked = ("caption", tmp_path / "a.png", "--run", tmp_path / "nothing")
    assert "nothing" in fails(capsys, *asked)


def test_baselines(photographs):
    data = load_data(recipe.Config(data=str(photographs), quick=True).complete())
    model = recipe.build_model(data.config, data)
    captioner = recipe.build_captioner(model, data.vocabulary, data.extractor)
    found = baseline_captions(captioner, data)
    assert len(set(found["most_frequent"])) == 1
    # Even the features of random convolutions tell walls apart by their colour.
    for text, references in zip(found["nearest"], data.test.captions, strict=True):
        assert text in references
