import numpy as np
import pytest

from keras_seq.text import split_documents


def random_texts(count=60, seed=0):
    rng = np.random.default_rng(seed)
    return [
        " ".join(f"w{rng.integers(10**9)}" for _ in range(rng.integers(20, 60)))
        for _ in range(count)
    ]


def test_parts_have_their_share_of_the_words_and_no_document_twice():
    texts = random_texts()
    split = split_documents(texts, (0.7, 0.2, 0.1), seed=1)
    assert sorted(i for part in split.indices for i in part) == list(range(60))
    for part, places in zip(split.parts, split.indices, strict=True):
        assert list(part) == [texts[i] for i in places]
        assert list(places) == sorted(places)
    total = sum(len(text.split()) for text in texts)
    sizes = [sum(len(t.split()) for t in part) / total for part in split.parts]
    assert sizes[1] == pytest.approx(0.2, abs=0.03)
    assert sizes[1] <= 0.2
    assert sizes[2] == pytest.approx(0.1, abs=0.03)
    assert sizes[2] <= 0.1
    assert split.summary() == ""


def test_the_seed_decides():
    texts = random_texts()
    first, same, other = (split_documents(texts, seed=seed) for seed in (1, 1, 2))
    assert first == same
    assert first.parts != other.parts


def test_repeated_documents_are_left_out_and_counted():
    texts = random_texts()
    split = split_documents(
        [*texts, *texts[:5], texts[7].upper(), texts[8] + " \n"], seed=1
    )
    assert split.duplicates == 7
    assert sorted(t for part in split.parts for t in part) == sorted(texts)
    assert "7 documents repeat an earlier one" in split.summary()


def test_paragraphs_of_training_are_not_held_out():
    texts = random_texts()
    long = "this very paragraph has exactly eight words"
    long8 = f"{long} indeed"
    short = "but this is short"
    texts = [f"{text}\n\n{long8}\n\n{short}" for text in texts]
    split = split_documents(texts, seed=1)
    train, validation, test = split.parts
    assert all(long8 in text for text in train)
    held_out = [*validation, *test]
    assert not any(long8 in text for text in held_out)
    assert all(short in text for text in held_out)
    assert split.repeated == len(held_out)
    assert split.repeated_words == 8 * len(held_out)
    assert f"{len(held_out)} paragraphs ({8 * len(held_out)} words)" in split.summary()


def test_a_document_of_known_paragraphs_alone_is_left_out():
    texts = random_texts(40)
    quoting = [f"{texts[i]}\n\n{texts[i + 1]}" for i in range(20)]
    split = split_documents([*texts, *quoting], seed=1)
    known = set(split.parts[0]) | {p for t in split.parts[0] for p in t.split("\n\n")}
    for part in split.parts[1:]:
        for text in part:
            assert not known & set(text.split("\n\n"))
        known |= {p for t in part for p in t.split("\n\n")}
    assert split.emptied > 0
    assert f"{split.emptied} documents held nothing else" in split.summary()
    assert sum(map(len, split.parts)) + split.emptied == 60


def test_one_long_document_does_not_fill_a_part():
    texts = [*random_texts(100), " ".join(f"u{i}" for i in range(350))]
    for seed in range(5):
        split = split_documents(texts, seed=seed)
        assert 100 in split.indices[0]
        assert min(len(part) for part in split.parts) >= 5


@pytest.mark.parametrize(
    ("texts", "sizes", "message"),
    [
        (["a b", "c d"], (0.8, 0.1, 0.1), "2 documents are too few"),
        (["a b"] * 9, (0.8, 0.2), "of 1 different ones"),
        ([], (0.5, 0.5), "0 documents"),
        (["a", "b"], (0.5, 0.6), "`sizes` must be shares"),
        (["a", "b"], (1.5, -0.5), "`sizes` must be shares"),
    ],
)
def test_what_cannot_be_split_is_refused(texts, sizes, message):
    with pytest.raises(ValueError, match=message):
        split_documents(texts, sizes, seed=1)
