"""What the captioning recipe measures and shows, without a trained model."""

from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from scipy import stats

from keras_seq.text import Cider, WordVocabulary
from keras_seq.vision import Caption
from recipes.image_captioning.composing import SIDE
from recipes.image_captioning.consensus import consensus_captions
from recipes.image_captioning.data import Part
from recipes.image_captioning.figures import (
    attention_hits,
    baseline_captions,
    cells_of,
    choose_width,
    named_digits,
    nearest_images,
    pooled,
)
from recipes.image_captioning.images import plain
from recipes.image_captioning.model import ShowAttendAndTell
from recipes.image_captioning.results import attention_file
from recipes.image_captioning.scenes import Digit, Scenes
from tests.text.test_cider import cider_d, random_texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A dog, a cat -- and 3.5 birds!", "a dog a cat and 3 5 birds"),
        ("The dog's well-known 'tail'.", "the dog's well-known tail"),
        ("«Чья собака?»", "чья собака"),
        ("一只狗。", "一只狗"),
        (" . ", ""),
    ],
)
def test_captions_in_plain_words(text, expected):
    assert plain(text) == expected


def test_the_doubly_stochastic_loss():
    """Against the equation, in float64, with captions of unequal length."""
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.ones(6), (2, 4))
    target = np.array([[1, 5, 6, 7], [1, 5, 0, 0]])
    expected = 0.0
    for row, length in zip(weights, (4, 2), strict=True):
        for cell in range(6):
            expected += (length / 6 - row[:length, cell].sum()) ** 2 * 6 / length**2 / 2
    found = ShowAttendAndTell.unevenness(
        keras.ops.convert_to_tensor(weights, "float32"),
        keras.ops.convert_to_tensor(target),
    )
    assert float(found) == pytest.approx(expected, rel=1e-5)


SCENE = (Digit(7, "large", (0, 0, 24, 17)), Digit(3, "small", (32, 41, 44, 47)))


def test_attention_on_the_digit_that_is_named():
    words = ["a", "large", "seven", "above", "a", "small", "three", "■"]
    weights = np.zeros((8, 7, 7))
    weights[2, 1, 1] = 0.6  # pixels 8 to 16: on the seven
    weights[2, 6, 6] = 0.4
    weights[6, 5, 4] = 0.7  # pixels 40 to 48 down, 32 to 40 across: beside the three
    weights[6, 5, 5] = 0.3
    caption = Caption(" ".join(words[:-1]), 0.5, -1.0, True, words, weights)
    scenes = Scenes(np.zeros((1, SIDE, SIDE, 3)), [SCENE], [[caption.text]])
    hits = attention_hits([caption], scenes)
    # The seven is on 3 × 3 cells, the three on 2 × 1.
    assert hits == {
        "words": 2,
        "peak": 0.5,
        "mass": pytest.approx((0.6 + 0.3) / 2),
        "chance": pytest.approx((9 + 2) / 49 / 2),
    }
    assert named_digits(words) == [(2, (7, "large")), (6, (3, "small"))]


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        ((0, 0, 8, 8), [0], [0]),
        ((7, 8, 9, 17), [0, 1], [1, 2]),
        ((48, 50, 56, 56), [6], [6]),
    ],
)
def test_cells_that_overlap_a_box(box, rows, columns):
    expected = np.zeros((7, 7), bool)
    expected[np.ix_(rows, columns)] = True
    np.testing.assert_array_equal(cells_of(box, (7, 7)), expected)


def test_a_picture_is_named_after_its_image(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [attention_file(Path("elsewhere/photo.jpg")).name]
    (tmp_path / names[0]).write_bytes(b"of another photo")
    names.append(attention_file(Path("photo.jpg")).name)
    assert names == ["photo-attention.png", "photo-attention-2.png"]


def test_means_of_the_parts_of_a_grid():
    grid = np.arange(2 * 7 * 7 * 2).reshape(2, 7, 7, 2)
    # Sevens are cut into 3, 2 and 2.
    expected = [
        grid[:, top:bottom, left:right].mean((1, 2))
        for top, bottom in ((0, 3), (3, 5), (5, 7))
        for left, right in ((0, 3), (3, 5), (5, 7))
    ]
    np.testing.assert_allclose(pooled(grid, 3), np.concatenate(expected, axis=1))
    np.testing.assert_allclose(pooled(grid, 1), grid.mean((1, 2)))


def test_the_nearest_scene_has_its_digit_at_the_same_place():
    """Two training scenes have the same means; only one has them where the test has."""
    here, there = np.zeros((2, 6, 6, 2), "float32")
    here[1, 1], there[4, 4] = 1, 1

    def part(grids, captions):
        scenes = Scenes(np.stack(grids), [()] * len(grids), captions)
        return Part([[text] for text in captions], scenes=scenes)

    data = SimpleNamespace(
        train=part([there, here, 0 * here], ["there", "here", "none"]),
        test=part([0.5 * here], ["?"]),
    )
    encoder = SimpleNamespace(features=lambda grids: grids)
    captioner = SimpleNamespace(model=SimpleNamespace(encoder=encoder))
    assert baseline_captions(captioner, data)["nearest"] == ["here"]


def test_the_nearest_images_by_cosine():
    rng = np.random.default_rng(0)
    known, asked = rng.normal(size=(9, 4, 4, 3)), rng.normal(size=(5, 4, 4, 3))

    def part(grids):
        return SimpleNamespace(scenes=None, batches=lambda: [grids.astype("float32")])

    encoder = SimpleNamespace(features=lambda grids: grids)
    captioner = SimpleNamespace(model=SimpleNamespace(encoder=encoder))
    data = SimpleNamespace(train=part(known), test=part(asked))
    centre = known.mean((0, 1, 2))
    expected = []
    for one in asked.mean((1, 2)) - centre:
        others = known.mean((1, 2)) - centre
        cosines = [one @ o / np.sqrt((one @ one) * (o @ o)) for o in others]
        expected.append(sorted(range(9), key=lambda i: -cosines[i])[:4])
    np.testing.assert_array_equal(nearest_images(captioner, data, 4), expected)
    assert nearest_images(captioner, data, 20).shape == (5, 9)


def test_the_consensus_of_the_nearest_images():
    """By brute force: each caption against all others, by CIDEr-D's equations."""
    rng = np.random.default_rng(3)
    captions = [random_texts(rng, k) for k in rng.integers(1, 4, 8)]
    nearest = np.array([[2, 5, 1], [7, 0, 3]])
    expected = []
    for places in nearest:
        texts = [text for place in places for text in captions[place]]
        scores = [
            cider_d([text], [texts[:i] + texts[i + 1 :]], captions)[0]
            for i, text in enumerate(texts)
        ]
        expected.append(texts[int(np.argmax(scores))])
    assert consensus_captions(captions, nearest, str.split) == expected
    # Two that agree as well with each other: that of the nearer image.
    captions = [["a dog runs"], ["dog a sits"], ["red cat"], ["the cat red"]]
    for order in ([0, 1], [1, 0]):
        [found] = consensus_captions(captions, np.array([order]), str.split)
        assert found == captions[order[0]][0]


def test_the_beam_is_left_only_for_what_is_better_beyond_its_error():
    rng = np.random.default_rng(1)
    captions = [[text] for text in random_texts(rng, 60)]
    wrong = [text for [text] in reversed(captions)]
    data = SimpleNamespace(
        validation=SimpleNamespace(captions=captions, scenes=None, batches=list),
        vocabulary=WordVocabulary(["a"]),
    )
    cider = Cider(captions)

    def choose(right):
        """`right[width]` tells the places of the captions that are the references."""
        texts = {
            width: [captions[i][0] if i in some else wrong[i] for i in range(60)]
            for width, some in right.items()
        }

        def caption_grids(batches, width):
            return [[SimpleNamespace(text=text)] for text in texts[width]]

        captioner = SimpleNamespace(caption_grids=caption_grids)
        width, [row] = choose_width(captioner, data, (5, 1))
        gains = cider.scores(texts[1]) - cider.scores(texts[5])
        assert row["width"] == 1
        assert row["better"] == pytest.approx(gains.mean())
        assert row["standard_error"] == pytest.approx(stats.sem(gains))
        return width, gains.mean()

    assert choose({5: {1, 2, 3}, 1: {4, 5, 6, 7}})[0] == 5
    assert choose({5: {1, 2, 3}, 1: {4, 5, 6, 7}})[1] > 0  # better, by chance
    assert choose({5: {1, 2, 3}, 1: set(range(20))})[0] == 1
    assert choose({5: set(range(20)), 1: {1, 2, 3}})[0] == 5
    assert choose({5: {1}, 1: {1}}) == (5, 0)
