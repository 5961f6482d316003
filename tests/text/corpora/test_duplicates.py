"""Texts that count as the same; and that no split has one of them on two sides."""

import random
import re
import unicodedata

import pytest

from keras_seq.text import (
    duplicate_key,
    near_duplicates,
    split_documents,
    split_pairs,
)
from keras_seq.text.corpora.duplicates import Groups, joined_by

SAME = [
    ("Run!", "run."),
    ("Don't  RUN", "don’t run"),
    ("ﬁne ２", "fine 2"),
    ("Straße", "STRASSE"),
    ("cafe\u0301", "Café"),
    ("well-known", "well known"),
    ("a\tb\n", "A B"),
    ("「猫」。", "猫"),
    ("สวัสดี!", "สวัสดี"),
    ("__init__", "init"),
]
OTHER = [
    ("I have 2", "I have 3"),
    ("कि", "का"),
    ("cafe", "café"),
    (":)", ":("),
    ("", "a"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same(one, other):
    assert duplicate_key(one) == duplicate_key(other) != ""


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_others(one, other):
    assert duplicate_key(one) != duplicate_key(other)


def test_counting():
    assert near_duplicates(["a.", "a!", "a!", "b", "A"]) == 2
    assert near_duplicates([]) == 0


def test_groups_are_those_of_a_graph():
    chance = random.Random(1)
    edges = [(chance.randrange(60), chance.randrange(60)) for _ in range(40)]
    groups, neighbours = Groups(60), {i: {i} for i in range(60)}
    for a, b in edges:
        groups.join(a, b)
        neighbours[a].add(b)
        neighbours[b].add(a)
    reached = []
    for i in range(60):  # all that can be walked to
        seen, todo = set(), [i]
        while todo:
            if (j := todo.pop()) not in seen:
                seen.add(j)
                todo.extend(neighbours[j])
        reached.append(min(seen))
    assert groups.roots() == reached
    keys = [[frozenset(edge) for edge in edges if i in edge] for i in range(60)]
    assert joined_by(keys, 60).roots() == reached


def plain(text):
    """An oracle: letters and digits alone, by way of Unicode's categories."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    text = re.sub("['’]", "", text)
    kept = [c if unicodedata.category(c)[0] in "LMN" else " " for c in text]
    return " ".join("".join(kept).split()) or text.strip()


def varied(chance, text):
    change = chance.choice(
        [str, str.upper, str.title, "{}!".format, "“{}”".format, " {} .".format]
    )
    return change(text).replace(" ", chance.choice([" ", "  ", "\u00a0", ", "]))


def random_texts(seed, count):
    chance = random.Random(seed)
    words = ["été", "kind", "ＡＢ", "don't", "猫", "12", "Straße", "x"]
    known = [
        " ".join(chance.choices(words, k=chance.randint(1, 4))) for _ in range(count)
    ]
    return [varied(chance, chance.choice(known)) for _ in range(count)]


@pytest.mark.parametrize("seed", range(6))
def test_no_text_is_on_two_sides(seed):
    texts = random_texts(seed, 300)
    assert all(duplicate_key(text) == plain(text) for text in texts)
    split = split_documents([f"{t} {i % 40}" for i, t in enumerate(texts)], seed=seed)
    parts = [[plain(text) for text in part] for part in split.parts]
    assert not set(parts[0]) & {*parts[1], *parts[2]}
    assert not set(parts[1]) & set(parts[2])

    # Lines, of which each is a text, in pieces.
    pieces = ["\n".join(texts[i : i + 6]) for i in range(0, 300, 6)]
    split = split_documents(pieces, (0.6, 0.2, 0.2), seed=seed, lines=True)
    parts = [
        {plain(x) for text in p for x in text.split("\n") if x.strip()}
        for p in split.parts
    ]
    assert not parts[0] & (parts[1] | parts[2])
    assert not parts[1] & parts[2]
    assert split.repeated > 0
    assert f"{split.repeated} lines" in split.summary()

    pairs = [
        (f"{t} {i // 2}", f"{u} {i // 3}")
        for i, (t, u) in enumerate(zip(texts, texts[::-1], strict=True))
    ]
    parts = split_pairs(pairs, seed=seed, by="both")
    for side in (0, 1):
        train, validation, test = ({plain(p[side]) for p in part} for part in parts)
        assert not train & (validation | test)
        assert not validation & test


def test_most_pairs_share_a_target():
    pairs = [(f"s{i}", "Same." if i % 5 else f"t{i}") for i in range(400)]
    with pytest.raises(ValueError, match=r"320 of 400 .*target 'same', in 320 pairs"):
        split_pairs(pairs, seed=1, by="both")
    pairs = [(f"s{i // 2}", f"t{(i + 1) // 2}") for i in range(300)]  # a chain
    pairs += [(f"u{i}", f"v{i}") for i in range(100)]
    with pytest.raises(ValueError, match="300 of 400 pairs belong together"):
        split_pairs(pairs, seed=1, by="both")
    assert len(split_pairs(pairs, seed=1, by="source")[2]) == 40


def test_given_parts_are_kept():
    texts = [f"text {i} of its own" for i in range(40)]
    names = ["train"] * 30 + ["test"] * 5 + ["validation"] * 5
    names[2], texts[3] = "test", texts[36].upper()
    split = split_documents(texts, seed=1, parts=names)
    assert split.indices[2] == (2, 30, 31, 32, 33, 34)
    assert split.duplicates == 1
    assert len(split.indices[0]) + len(split.indices[1]) == 33
    # What is missing is drawn from what is trained on.
    names = ["train"] * 30 + ["test"] * 10
    split = split_documents(texts, seed=1, parts=names)
    assert set(split.indices[2]) == set(range(30, 40))
    assert set(split.indices[1]) < set(range(30))
    assert split.indices[1]
    with pytest.raises(ValueError, match="`parts` must be one for each of 40"):
        split_documents(texts, seed=1, parts=["train"])
