"""Subwords: SentencePiece's own ids, exact round trips, random splits."""

import os
import random
import subprocess
import sys
from collections import Counter

import pytest
import tensorflow as tf

from keras_seq.text import SubwordVocabulary, _sentencepiece
from tests.text import samples, splits

sentencepiece = pytest.importorskip("sentencepiece")
SPACE = "\u2581"
MODELS = ("bpe", "unigram")


def fitted_with_peer(texts, size, model):
    """A vocabulary and SentencePiece itself, from one training."""
    trained = _sentencepiece.train(texts, size, model, 0.9999)
    pieces, scores = _sentencepiece.read(trained)
    vocabulary = SubwordVocabulary(
        pieces, scores=scores if model == "unigram" else None
    )
    return vocabulary, sentencepiece.SentencePieceProcessor(model_proto=trained)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("size", [300, 1000, 4000])
def test_as_sentencepiece_on_real_sentences(model, size):
    texts = samples.tatoeba_texts(1, 20)
    vocabulary, peer = fitted_with_peer(texts, size, model)
    assert len(vocabulary) == peer.get_piece_size() == size
    seen_and_not = [
        *texts[::4],
        *samples.tatoeba_texts(1, 101),
        *samples.tatoeba_texts(0, 101),
    ]
    ids = vocabulary.encode_tensor(seen_and_not)
    expected = peer.encode(seen_and_not, num_threads=1)
    assert samples.rows(*ids) == expected
    assert [vocabulary.encode(text) for text in seen_and_not] == expected
    decoded = vocabulary.decode_tensor(*ids).numpy()
    assert [text.decode() for text in decoded] == seen_and_not


@pytest.mark.parametrize("model", MODELS)
def test_as_sentencepiece_on_hard_texts(model):
    vocabulary, peer = fitted_with_peer(samples.TRAINING, 340, model)
    texts = [*samples.HARD, *samples.EVERYTHING[:600], *samples.mixed(3, 200)]
    for text in texts:
        if "\ud800" not in text:
            assert vocabulary.encode(text) == peer.encode(text)


@pytest.mark.parametrize("model", MODELS)
def test_every_text_comes_back(model):
    vocabulary = SubwordVocabulary.fit(samples.TRAINING, size=340, model=model)
    texts = [*samples.HARD, *samples.EVERYTHING, *samples.mixed(4, 500)]
    for text in texts:
        expected = text.replace(SPACE, " ").replace("\ud800", "?")
        assert vocabulary.decode(vocabulary.encode(text)) == expected
        assert 3 not in vocabulary.encode(text)


def test_the_same_texts_give_the_same_vocabulary():
    code = (
        "from keras_seq.text import SubwordVocabulary\n"
        "from tests.text import samples\n"
        "for model in ('bpe', 'unigram'):\n"
        "    fit = SubwordVocabulary.fit(samples.TRAINING, size=340, model=model)\n"
        "    print(ascii(fit.to_config()))\n"
    )
    in_another_process = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True,
        check=True,
        text=True,
    ).stdout.splitlines()
    for model, printed in zip(MODELS, in_another_process, strict=True):
        fit = SubwordVocabulary.fit(iter(samples.TRAINING), size=340, model=model)
        assert ascii(fit.to_config()) == printed


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("size", [261, 262, 263, 270, 100_000])
@pytest.mark.parametrize(
    "texts",
    [
        [],
        [""],
        ["   "],
        ["\n\0\t"],
        ["a"],
        ["hello world"],
        [SPACE + "\u2585 ⁇ \t <s> <unk> <0x41> </s>", "\u2585"],
        ["<s><pad></s>"] * 4,
        ["日本語"],
        ["a\u202f! \xa0b"],
    ],
    ids=ascii,
)
def test_few_texts_and_small_sizes(texts, size, model):
    vocabulary = SubwordVocabulary.fit(texts, size=size, model=model)
    assert 261 <= len(vocabulary) <= size
    for text in [*texts, "hello <s> é"]:
        ids = vocabulary.encode(text)
        assert vocabulary.decode(ids) == text.replace(SPACE, " ")
        assert samples.rows(*vocabulary.encode_tensor([text])) == [ids]


def test_frequent_characters_and_words_are_pieces():
    texts = ["banana bandana"] * 50 + ["ж"]
    vocabulary = SubwordVocabulary.fit(texts, size=300, coverage=0.99)
    assert set(SPACE + "band") <= set(vocabulary.entries)
    assert SPACE + "banana" in vocabulary.entries
    assert "ж" not in vocabulary.entries
    assert "ж" in SubwordVocabulary.fit(texts, size=300, coverage=1).entries
    small = SubwordVocabulary.fit(texts, size=263)  # the space, and two more
    assert sorted(small.entries) == ["a", "n", SPACE]


def test_a_long_document_is_learned_from():
    document = " ".join(["extraordinarily"] * 2000)
    vocabulary = SubwordVocabulary.fit([document], size=400)
    assert SPACE + "extraordinarily" in vocabulary.entries


def test_pieces_read_naturally():
    words = [SPACE + "s", SPACE + "so", "me", SPACE + "!"]
    vocabulary = SubwordVocabulary([*words, SPACE, *"some!’"])
    ids = vocabulary.encode("some ! so!  ’é")
    assert vocabulary.pieces(ids) == [
        *("so", "·me", "!", "so", "!", "␣", "␣", "’", "<0xC3>", "<0xA9>")
    ]


def test_what_merges_first():
    # "ab" before "bc"; then "abc" from "ab" and "c". Of equals the left one.
    vocabulary = SubwordVocabulary([SPACE, *"abc", "ab", "bc", "abc", "aa"])
    pieces = {i: p for i, p in enumerate(vocabulary.entries, start=260)}
    for word, expected in [
        ("abc", ["abc"]),
        ("bcab", ["bc", "ab"]),
        ("aaa", ["aa", "a"]),
        ("aab", ["a", "ab"]),
    ]:
        ids = vocabulary.encode(word)
        assert [pieces[i] for i in ids] == [SPACE, *expected]
        assert samples.rows(*vocabulary.encode_tensor([word])) == [ids]


def assert_frequencies(draw, odds, count=4000):
    """Frequencies within five standard deviations of the probabilities."""
    found = Counter(draw(seed) for seed in range(count))
    assert set(found) <= set(odds)
    for split, p in odds.items():
        assert abs(found[split] - count * p) <= 5 * (count * p * (1 - p)) ** 0.5 + 1e-9


@pytest.mark.parametrize("dropout", [0.1, 0.5])
def test_dropout_follows_the_paper(dropout):
    entries = ["an", "ban", "ana", SPACE + "b", "na", "nan", SPACE, *"ban"]
    vocabulary = SubwordVocabulary(entries)
    odds = splits.dropout_odds(SPACE + "banana", entries, dropout)
    assert len(odds) > 10
    assert sum(odds.values()) == pytest.approx(1)

    def draw(seed):
        ids = vocabulary.encode_sampled("banana", seed, dropout=dropout)
        return tuple(entries[i - 260] for i in ids)

    assert_frequencies(draw, odds)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_unigram_samples_follow_their_probabilities(alpha):
    scores = {
        **{SPACE: -2.0, "a": -3.0, "b": -4.1, "n": -3.3},
        **{"an": -4.0, SPACE + "ban": -6.0, "ana": -5.5, "na": -4.2},
    }
    vocabulary = SubwordVocabulary(scores, scores=scores.values())
    odds = splits.unigram_odds(SPACE + "banana", scores, alpha)
    assert len(odds) > 5

    def draw(seed):
        ids = vocabulary.encode_sampled("banana", seed, alpha=alpha)
        return tuple(vocabulary.entries[i - 260] for i in ids)

    assert_frequencies(draw, odds)
    likeliest = splits.unigram_odds(SPACE + "banana", scores, 1.0)
    ids = vocabulary.encode("banana")
    assert tuple(vocabulary.entries[i - 260] for i in ids) == max(
        likeliest, key=likeliest.get
    )


def test_random_splits_come_back_and_repeat():
    for model, name in (("bpe", "dropout"), ("unigram", "alpha")):
        vocabulary = SubwordVocabulary.fit(samples.TRAINING, size=340, model=model)
        different = set()
        for seed in range(20):
            for text in ("The cat sat là 😀\n", *samples.HARD[:12]):
                ids = vocabulary.encode_sampled(text, seed, **{name: 0.3})
                assert vocabulary.decode(ids) == text
                assert ids == vocabulary.encode_sampled(
                    text, random.Random(seed), **{name: 0.3}
                )
            different.add(
                tuple(vocabulary.encode_sampled("The cat", seed, **{name: 0.3}))
            )
        assert len(different) > 3


def test_limits_of_random_splits():
    bpe = SubwordVocabulary.fit(samples.TRAINING, size=340)
    unigram = SubwordVocabulary.fit(samples.TRAINING, size=340, model="unigram")
    for text in (*samples.TRAINING[:6], *samples.HARD):
        assert bpe.encode_sampled(text, 1, dropout=0) == bpe.encode(text)
    text = "The cat sat."
    assert len(bpe.encode_sampled(text, 1, dropout=1)) == len(SPACE + text)
    assert unigram.encode_sampled(text, 1, alpha=1e6) == unigram.encode(text)


def test_numbers_that_are_refused():
    bpe = SubwordVocabulary([SPACE])
    unigram = SubwordVocabulary([SPACE], scores=[-1.0])
    for vocabulary, options in [
        (bpe, {}),
        (bpe, {"alpha": 0.1}),
        (bpe, {"dropout": 0.1, "alpha": 0.1}),
        (bpe, {"dropout": 1.5}),
        (bpe, {"dropout": float("nan")}),
        (unigram, {"dropout": 0.1}),
        (unigram, {"alpha": -1}),
        (unigram, {"alpha": float("inf")}),
    ]:
        with pytest.raises(ValueError, match=r"alone must be given.*received `drop"):
            vocabulary.encode_sampled("a", 1, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 260}, "`size` must be at least 261.*received 260"),
        ({"model": "wordpiece"}, "`model` must be .*received 'wordpiece'"),
        ({"coverage": 0}, r"`coverage` must be in \(0, 1\]; received 0"),
        ({"coverage": 1.1}, r"`coverage` must be in \(0, 1\]; received 1.1"),
    ],
)
def test_options_that_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SubwordVocabulary.fit(["a"], **options)


@pytest.mark.parametrize(
    ("entries", "scores", "message"),
    [
        (["a"], None, r"`entries` must have U\+2581"),
        ([SPACE, "a", "a"], None, "`entries` must differ"),
        ([SPACE, ""], None, "received '' among them"),
        ([SPACE, "a" + SPACE], None, "received .* among them"),
        ([SPACE, "a"], [1.0], "`scores` must be as many as `entries`, 2; received 1"),
    ],
)
def test_entries_that_are_refused(entries, scores, message):
    with pytest.raises(ValueError, match=message):
        SubwordVocabulary(entries, scores=scores)


def test_bytes_that_are_no_text():
    vocabulary = SubwordVocabulary([SPACE])
    chance = random.Random(2)
    batch = [[chance.randrange(261) for _ in range(12)] for _ in range(300)]
    decoded = vocabulary.decode_tensor(batch, [12] * len(batch)).numpy()
    strings = [
        b"",
        b"",
        b"",
        "\ufffd".encode(),
        *(bytes([b]) for b in range(256)),
        b" ",
    ]
    for row, text in zip(batch, decoded, strict=True):
        whole = b"".join(strings[i] for i in row).decode("utf-8", "replace")
        assert vocabulary.decode(row) == text.decode() == whole.removeprefix(" ")


def test_reviews_in_batches():
    texts = samples.reviews()[::25]
    vocabulary = SubwordVocabulary.fit(texts, size=2000)
    encode = tf.function(
        vocabulary.encode_tensor, input_signature=[tf.TensorSpec([None], tf.string)]
    )
    for i in range(0, len(texts), 64):
        batch = texts[i : i + 64]
        ids, lengths = encode(batch)
        assert samples.rows(ids, lengths) == [vocabulary.encode(t) for t in batch]
        decoded = vocabulary.decode_tensor(ids, lengths).numpy()
        assert [text.decode() for text in decoded] == batch
