"""No text that a recipe is judged by, but for case and signs, is one it learns from."""

import random
import re
import unicodedata

import pytest

from recipes import next_word, sentiment, translation


def plain(text):
    text = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in text if unicodedata.category(c)[0] in "LMN")


def varied(chance, text):
    return chance.choice([text, text.upper(), f"{text}!", f"“{text}”.", f" {text} "])


def sentences(chance, words, count, different):
    known = [" ".join(chance.choices(words, k=6)) for _ in range(different)]
    return [varied(chance, chance.choice(known)) for _ in range(count)]


WORDS = [f"{a}{b}" for a in "bdfgklmnprst" for b in ("a", "é", "io", "u")]


def check(*parts):
    keys = [{plain(text) for text in part if plain(text)} for part in parts]
    assert all(keys)
    assert sum(map(len, keys)) == len(set().union(*keys))


@pytest.mark.parametrize("seed", range(2))
def test_next_word(tmp_path, seed, capsys):
    chance = random.Random(seed)
    path = tmp_path / "messages.txt"
    path.write_text("\n".join(sentences(chance, WORDS, 1500, 1000)), "utf-8")
    data = next_word.load_data(next_word.Config(data=str(path), min_count=1))
    check(*("\n".join(p).split("\n") for p in (data.train, data.validation, data.test)))
    said = re.search(
        r"(\d+) lines .* are in what is trained on", capsys.readouterr().out
    )
    assert int(said[1]) > 20


@pytest.mark.parametrize("split", [False, True])
def test_sentiment(tmp_path, split, capsys):
    chance = random.Random(1)
    texts = sentences(chance, WORDS, 900, 500)
    lines = [f"{i % 2}\t{text}\n" for i, text in enumerate(texts)]
    path = tmp_path / "texts.tsv"
    path.write_text("".join(lines), "utf-8")
    if split:
        path = tmp_path / "folder"
        path.mkdir()
        for name, part in (("training", lines[:600]), ("testing", lines[600:])):
            (path / f"{name}.tsv").write_text("".join(part), "utf-8")
    data = sentiment.load_data(sentiment.Config(data=str(path)))
    check(data.train.texts, data.test.texts)
    said = capsys.readouterr().out
    assert "texts are another but for case, space or punctuation" in said
    assert ("training texts are test texts too" in said) == split


@pytest.mark.parametrize("split", [False, True])
def test_translation(tmp_path, split, capsys):
    chance = random.Random(2)
    sources = sentences(chance, WORDS, 300, 260)
    targets = sentences(chance, WORDS[::-1], 300, 280)
    rows = [f"{s}\t{t}\n" for s, t in zip(sources, targets, strict=True)]
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(rows), "utf-8")
    if split:
        path = tmp_path / "folder"
        path.mkdir()
        names = ("source\ttarget\tsplit\n", "train", "dev", "test")
        (path / "x.tsv").write_text(
            names[0]
            + "".join(
                f"{row[:-1]}\t{names[1 + (i % 10 > 7) + (i % 10 > 8)]}\n"
                for i, row in enumerate(rows)
            ),
            "utf-8",
        )
        path = path / "x.tsv"
    data = translation.load_data(translation.Config(data=str(path)))
    for side in (0, 1):
        check(
            *(
                [pair[side] for pair in p]
                for p in (data.train, data.validation, data.test)
            )
        )
    assert data.shared > 0 if split else data.shared == 0
    said = capsys.readouterr().out
    assert ("training pairs have one of" in said) == split


def test_most_pairs_with_one_target_are_refused(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"s {i}\t{'same' if i % 5 else i}\n" for i in range(400)))
    with pytest.raises(ValueError, match=r"320 of 400 pairs .*'same', in 320 pairs"):
        translation.load_data(translation.Config(data=str(path)))


CHINESE = {
    "pos": ["真好吃", "太棒了", "很喜欢", "服务热情", "值得再来"],
    "neg": ["太差了", "不好吃", "很失望", "服务冷淡", "不会再来"],
}


def test_chinese_is_read_by_baselines_and_by_words(tmp_path):
    chance = random.Random(3)
    things = ["菜", "店员", "环境", "价格", "手机", "iPhone", "电影"]
    texts = []
    for i in range(400):
        label = ("pos", "neg")[i % 2]
        start = "".join(chance.choices(things, k=3))
        texts.append(f"{label}\t{start}{chance.choice(CHINESE[label])}{i}。\n")
    path = tmp_path / "texts.tsv"
    path.write_text("".join(texts), "utf-8")
    data = sentiment.load_data(sentiment.Config(data=str(path)))
    from recipes.sentiment.figures import baseline_predictions

    found = baseline_predictions(data.train, data.test.texts, 2)
    right = {name: (x == data.test.labels).mean() for name, x in found.items()}
    assert right["majority"] < 0.7
    assert min(right["characters"], right["nb_svm"], right["logistic_regression"]) > 0.9


@pytest.mark.parametrize(
    ("recipe", "columns"), [(next_word, "1,2"), (sentiment, "1"), (translation, "0,1")]
)
def test_settings_of_files_are_checked(recipe, columns):
    with pytest.raises(ValueError, match="`columns` must be"):
        recipe.Config(columns=columns).complete()
    with pytest.raises(ValueError, match="`encoding` must be one that Python knows"):
        recipe.Config(encoding="utf-9").complete()


def test_encodings_by_name(tmp_path):
    path = tmp_path / "texts.txt"
    text = "\n\n".join(f"Слово {i} и ещё одно слово {i % 7}." for i in range(500))
    path.write_bytes(text.encode("cp1251"))
    with pytest.raises(
        ValueError, match=r"texts\.txt:1: expected UTF-8; received the byte"
    ):
        next_word.load_data(next_word.Config(data=str(path)))
    data = next_word.load_data(next_word.Config(data=str(path), encoding="cp1251"))
    assert "Слово" in data.words.words
    path.write_bytes("".join(f"раз {i}\tтри {i}\n" for i in range(60)).encode("koi8-r"))
    config = translation.Config(data=str(path), encoding="koi8-r")
    assert translation.load_data(config).train[0][0].startswith("раз ")
