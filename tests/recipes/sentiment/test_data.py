"""The sentiment recipe's texts, in parts."""

import numpy as np

from recipes.sentiment import recipe
from recipes.sentiment.recipe import load_data
from tests.recipes.sentiment.reviews import reviews


def test_given_parts_stay_and_what_both_have_leaves_the_training(tmp_path, capsys):
    train = list(reviews(80, 2))
    test = [*reviews(40, 3), train[0].upper().replace("BAD", "bad")]
    for name, lines in {"train": train, "test": test, "dev": train[5:9]}.items():
        (tmp_path / f"{name}.tsv").write_text("".join(lines))
    data = load_data(recipe.Config(data=str(tmp_path)).complete())
    sizes = [len(part) for part in (data.train, data.validation, data.test)]
    assert sizes == [75, 4, 41]
    printed = capsys.readouterr().out
    assert "1 training texts are test texts too" in printed
    assert "4 training texts are validation texts too" in printed
    known = {text.casefold() for text in data.train.texts}
    assert not known & {text.casefold() for text in data.test.texts}


def test_validation_texts_leave_the_training_without_a_test_too(tmp_path):
    lines = list(reviews(90, 5))
    for name, some in {"train": lines, "dev": lines[:7]}.items():
        (tmp_path / f"{name}.tsv").write_text("".join(some))
    data = load_data(recipe.Config(data=str(tmp_path)).complete())
    parts = [set(part.texts) for part in (data.train, data.validation, data.test)]
    assert [len(part) for part in parts] == [74, 7, 9]
    assert not parts[1] & (parts[0] | parts[2])


def test_a_quick_run_has_enough_of_each_of_many_labels(tmp_path):
    path = tmp_path / "many.tsv"
    lines = [f"{i % 40}\ttext {i}\n" for i in range(2400)]
    lines += [f"rare/1\trare {i}\n" for i in range(25)]
    path.write_text("".join(lines))
    data = load_data(recipe.Config(data=str(path), quick=True).complete())
    counts = np.bincount(data.train.labels, minlength=41)
    assert counts.shape == (41,)
    assert counts.min() >= 18  # of 20 at least, nine tenths
