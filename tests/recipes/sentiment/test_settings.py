"""The sentiment recipe's settings, with what is left open and without."""

import pytest

from recipes.sentiment import Config, Pieces, build_model, load_data
from tests.recipes.sentiment.reviews import reviews


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "reviews.tsv"
    path.write_text("".join(reviews(240, 0)))
    return path


@pytest.mark.parametrize("plain", [False, True])
def test_settings_need_not_be_complete(table, plain):
    config = Config(data=str(table), quick=True, plain=plain)
    complete = config.complete()
    assert complete.complete() == complete
    assert (complete.members, complete.units) == (0 if plain else 1, 32)
    data = load_data(config)
    assert data.train.texts == load_data(complete).train.texts
    pieces = Pieces.of(config, data, verbose=0)
    assert pieces.plan == Pieces.of(complete, data, verbose=0).plan
    model = build_model(config, pieces.of_plain(), plain=True)
    assert model.get_layer("body").get_layer("reader").units == 32


def test_a_complete_run_needs_its_vectors_no_more(table, tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("film 1 2 3\n")
    config = Config(data=str(table), level="word", vectors=str(path)).complete()
    path.unlink()
    assert len(load_data(config).train) > 0
