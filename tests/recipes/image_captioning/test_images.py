"""The captioning recipe's images from files."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from recipes.image_captioning import recipe
from recipes.image_captioning.figures import figures_of
from recipes.image_captioning.recipe import load_data
from tests.vision.pictures import blocks, encoded

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """No grids are left in the user's folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        yield


def test_captions_without_spaces_are_learnt_as_subwords(tmp_path):
    rows = ["image,caption"]
    rng = np.random.default_rng(0)
    signs = list("一只狗在跑猫坐红蓝的人和山水")
    for number in range(30):
        (tmp_path / f"{number}.png").write_bytes(
            encoded(blocks(2, 2, 3, seed=number), "PNG")
        )
        rows += [f"{number}.png,{''.join(rng.choice(signs, 9))}。" for _ in range(3)]
    (tmp_path / "captions.csv").write_text("\n".join(rows), "utf-8")
    data = load_data(recipe.Config(data=str(tmp_path), quick=True).complete())
    text = data.test.captions[0][0]
    assert data.vocabulary.decode(data.vocabulary.encode(text)) == text
    assert data.description()["cut"] == 0
    long = dataclasses.replace(data.train, captions=[[text * 20, text]])
    assert dataclasses.replace(data, train=long).cut == 1
    figures = figures_of([text], [[text]], data.vocabulary)
    assert figures["bleu_4"] == pytest.approx(100)


@pytest.mark.skipif(
    not (SHARED / "coco-ccby-51").is_dir(), reason="needs ../shared/data/coco-ccby-51"
)
def test_photographs_of_coco(tmp_path):
    data = load_data(
        recipe.Config(data=str(SHARED / "coco-ccby-51"), quick=True).complete()
    )
    assert len(data.train) + len(data.validation) + len(data.test) == 51
    assert sum(map(len, data.train.captions)) == 41 * 5
    assert not any(data.left_out.values())
