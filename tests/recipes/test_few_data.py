"""What few data are learned from: enough steps an epoch, resumed where it stopped."""

import itertools

import numpy as np
import pytest

from recipes import music_generation, next_word, sentiment, translation
from recipes.sentiment.pieces import Pieces

SUBJECTS = ("我", "你", "他", "我们", "老师")
VERBS = ("喜欢", "看见", "买", "想要")
OBJECTS = ("茶", "时间", "书", "音乐", "苹果", "城市", "河", "马")
ENGLISH = {"茶": "tea", "书": "books", "马": "horses"}


def sentences():
    for words in itertools.product(SUBJECTS, VERBS, OBJECTS):
        english = f"{SUBJECTS.index(words[0])} v{VERBS.index(words[1])} "
        yield english + ENGLISH.get(words[2], f"o{OBJECTS.index(words[2])}"), words


def take(dataset, start, count):
    batches = itertools.islice(dataset.as_numpy_iterator(), start, start + count)
    return [[np.asarray(x) for x in flat(batch)] for batch in batches]


def flat(nest):
    if isinstance(nest, dict):
        nest = nest.values()
    if isinstance(nest, (tuple, list)) or not hasattr(nest, "shape"):
        return [x for part in nest for x in flat(part)]
    return [nest]


def assert_goes_on(batches, steps):
    """An epoch further, it is as if it had been read up to there."""
    whole, resumed = take(batches(0), steps, 3), take(batches(1), 0, 3)
    for one, other in zip(whole, resumed, strict=True):
        for x, y in zip(one, other, strict=True):
            np.testing.assert_array_equal(x, y)


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.tsv"
    lines = [f"{english}\t{''.join(words)}。" for english, words in sentences()]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_translation(pairs, capsys):
    config = translation.Config(data=str(pairs))
    data = translation.load_data(config)
    train = len(data.train)
    assert data.steps_per_epoch >= 50
    assert data.passes * train * data.epochs <= 700_000
    said = capsys.readouterr().out
    assert f"{train} training pairs are few: an epoch reads them {data.passes}" in said
    # Words of the target are known by themselves: 茶 isn't a part of 喜欢茶。 alone.
    characters = {c for pair in data.train for text in pair for c in text}
    assert len(data.target) <= 261 + len(characters) + train // 4
    assert_goes_on(data.training_batches, data.steps_per_epoch)
    quick = translation.load_data(translation.Config(data=str(pairs), quick=True))
    assert quick.passes == 1


def test_music_generation(tmp_path):
    notes = "CDEFGABcdefgab"
    chance = np.random.default_rng(0)
    tunes = []
    for number in range(24):
        bars = ["".join(chance.choice(list(notes), 4)) for _ in range(8)]
        tunes.append(
            f"X:{number}\nT:Tune {number}\nM:4/4\nL:1/4\nK:C\n{'|'.join(bars)}|]\n"
        )
    path = tmp_path / "tunes.abc"
    path.write_text("\n".join(tunes))
    config = music_generation.Config(data=str(path)).complete()
    data = music_generation.load_data(config)
    epochs, steps = data.training_length(config)
    assert steps >= 25
    assert 1 <= epochs <= 24
    assert_goes_on(lambda first: data.training_batches(config, first), steps)


def test_tunes_that_are_one_are_refused(tmp_path):
    path = tmp_path / "same.abc"
    tune = "T:Same\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|cBAG|FEDC|]\n"
    path.write_text("\n".join(f"X:{i}\n{tune}" for i in range(24)))
    config = music_generation.Config(data=str(path)).complete()
    with pytest.raises(ValueError, match="24 usable tunes, of which 23 are settings"):
        music_generation.load_data(config)


def test_next_word(tmp_path):
    words = [f"w{number}" for number in range(60)]
    chance = np.random.default_rng(0)
    for number in range(20):
        text = " ".join(chance.choice(words, 150))
        (tmp_path / f"{number}.txt").write_text(text)
    config = next_word.Config(data=str(tmp_path), min_count=1).complete()
    data = next_word.load_data(config)
    epochs, steps = data.training_length(config)
    assert steps >= 50
    assert 1 <= epochs <= 40
    assert_goes_on(lambda first: data.training_batches(config, first), steps)


def test_sentiment(tmp_path):
    chance = np.random.default_rng(0)
    lines = []
    for number in range(200):
        label = ("good", "bad")[number % 2]
        mark = ("fine", "dull")[number % 2]
        rest = " ".join(f"w{i}" for i in chance.integers(0, 400, 9))
        lines.append(f"{label}\ta {mark} film {number} {rest}")
    path = tmp_path / "texts.tsv"
    path.write_text("\n".join(lines))
    config = sentiment.Config(data=str(path), level="word").complete()
    pieces = Pieces.of(config, sentiment.load_data(config))
    share = pieces.of_member(0)
    assert share.steps_per_epoch >= 40
    assert_goes_on(share.training, share.steps_per_epoch)
