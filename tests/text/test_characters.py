"""`CharacterVocabulary`: the tensor methods against Python's own strings."""

import random

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.text import END, PADDING, START, UNKNOWN, CharacterVocabulary

BLOCKS = {
    "ASCII": (0x00, 0x80),
    "Latin": (0xA0, 0x250),
    "combining": (0x300, 0x370),
    "Greek, Cyrillic": (0x370, 0x500),
    "Hebrew, Arabic": (0x5D0, 0x700),
    "punctuation, joiners": (0x2000, 0x2070),
    "CJK": (0x4E00, 0x4F00),
    "private use": (0xE000, 0xE010),
    "variation selectors and specials": (0xFE00, 0x10000),
    "emoji": (0x1F300, 0x1F700),
    "the last plane": (0x10FF00, 0x110000),
}
SPECIAL = "\0\n\r\t \ufeff\ufffe\uffff\u2028é\u0301"


def some_characters(chance, count):
    blocks = list(BLOCKS.values())
    return [chr(chance.randrange(*chance.choice(blocks))) for _ in range(count)]


def some_texts(chance, characters, count=150):
    return [
        "".join(chance.choices(characters, k=chance.randrange(25)))
        for _ in range(count)
    ]


def rows(ids, lengths):
    return [
        row[:length].tolist()
        for row, length in zip(ids.numpy(), lengths.numpy(), strict=True)
    ]


def test_marks_and_order():
    vocabulary = CharacterVocabulary("zß\n😀a")
    assert (PADDING, START, END, UNKNOWN) == (0, 1, 2, 3)
    assert vocabulary.characters == "\nazß😀"
    assert len(vocabulary) == 9
    assert vocabulary.encode("a😀?\n") == [5, 8, 3, 4]
    assert vocabulary.decode([1, 5, 8, 3, 4, 2, 0, 0]) == "a😀\ufffd\n"
    assert vocabulary.decode(np.array([7, 6])) == "ßz"
    assert vocabulary.encode("") == []
    assert vocabulary.decode([]) == ""


@pytest.mark.parametrize("seed", range(3))
def test_in_the_graph_as_in_python(seed):
    chance = random.Random(seed)
    characters = [*some_characters(chance, 300), *SPECIAL]
    known = set(chance.sample(characters, 250))
    vocabulary = CharacterVocabulary(known)
    texts = ["", *some_texts(chance, characters)]
    ids, lengths = vocabulary.encode_tensor(tf.constant(texts))
    assert ids.dtype == lengths.dtype == tf.int32
    assert lengths.numpy().tolist() == [len(text) for text in texts]
    expected = [vocabulary.encode(text) for text in texts]
    assert rows(ids, lengths) == expected
    beyond = np.arange(ids.shape[1]) >= lengths.numpy()[:, None]
    assert (ids.numpy()[beyond] == PADDING).all()
    assert (ids.numpy()[~beyond] >= UNKNOWN).all()
    assert UNKNOWN in ids.numpy()

    back = vocabulary.decode_tensor(ids, lengths)
    assert [text.decode() for text in back.numpy()] == [
        "".join(c if c in known else "\ufffd" for c in text) for text in texts
    ]
    assert [text.decode() for text in back.numpy()] == [
        vocabulary.decode(row) for row in expected
    ]


def test_bytes_that_are_no_utf_8():
    chance = random.Random(0)
    crafted = [
        b"\xed\xa0\x80",  # a surrogate
        b"\xc0\x80",  # NUL, longer than it may be
        b"\xf4\x90\x80\x80",  # beyond the last code point
        b"ab\xe2\x82",  # cut off
        b"\xe2\x82a\x80\xff",
        b"\xf0\x9f\x98",
    ]
    broken = [
        bytes(chance.randrange(256) for _ in range(chance.randrange(12)))
        for _ in range(500)
    ]
    for characters in ("ab", "ab\ufffd"):
        vocabulary = CharacterVocabulary(characters)
        texts = crafted + broken
        got = rows(*vocabulary.encode_tensor(tf.constant(texts)))
        assert got == [vocabulary.encode(t.decode("utf-8", "replace")) for t in texts]


@pytest.mark.parametrize("characters", ["", "a", "\0", "\U0010ffff"])
def test_small_vocabularies(characters):
    vocabulary = CharacterVocabulary(characters)
    texts = ["", "a", "\0b\U0010ffff"]
    ids, lengths = vocabulary.encode_tensor(tf.constant(texts))
    assert rows(ids, lengths) == [vocabulary.encode(text) for text in texts]
    back = vocabulary.decode_tensor(ids, lengths).numpy()
    assert [t.decode() for t in back] == [
        vocabulary.decode(row) for row in rows(ids, lengths)
    ]


def test_nothing_to_encode():
    vocabulary = CharacterVocabulary("ab")
    ids, lengths = vocabulary.encode_tensor(tf.constant([], tf.string))
    assert (ids.shape, lengths.shape) == ((0, 0), (0,))
    assert vocabulary.decode_tensor(ids, lengths).shape == (0,)
    ids, lengths = vocabulary.encode_tensor(["", ""])
    assert (ids.shape, lengths.numpy().tolist()) == ((2, 0), [0, 0])
    assert vocabulary.decode_tensor(ids, lengths).numpy().tolist() == [b"", b""]


def test_only_what_counts_is_decoded():
    vocabulary = CharacterVocabulary("abc")
    ids = tf.constant([[4, 5, 6], [6, 6, 2], [1, 4, 3]])
    texts = vocabulary.decode_tensor(ids, tf.constant([2, 3, 3])).numpy()
    assert [text.decode() for text in texts] == ["ab", "cc", "a\ufffd"]


def test_saved_without_tables(tmp_path):
    vocabulary = CharacterVocabulary("añ😀\n")
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def there_and_back(texts):
        ids, lengths = vocabulary.encode_tensor(texts)
        return {"ids": ids, "texts": vocabulary.decode_tensor(ids, lengths)}

    module.there_and_back = there_and_back
    ops = {
        op.type for op in there_and_back.get_concrete_function().graph.get_operations()
    }
    assert not {op for op in ops if "Table" in op or "PyFunc" in op}
    tf.saved_model.save(module, tmp_path)
    loaded = tf.saved_model.load(tmp_path)
    for texts in (["aña", "😀?\n"], ["a"], []):
        result = loaded.there_and_back(tf.constant(texts, tf.string))
        decoded = [text.decode() for text in result["texts"].numpy()]
        assert decoded == [text.replace("?", "\ufffd") for text in texts]


def test_fit_counts_characters():
    texts = ["banana", "band", "bob\n"]
    assert CharacterVocabulary.fit(texts).characters == "\nabdno"
    assert CharacterVocabulary.fit(texts, min_count=2).characters == "abn"
    assert CharacterVocabulary.fit(iter(texts), min_count=4).characters == "ab"
    assert CharacterVocabulary.fit([]).characters == ""


@pytest.mark.parametrize(
    ("characters", "message"),
    [
        ("aba", "'a' comes twice"),
        (["a", "bc"], "'bc' among them"),
        (["a", ""], "'' among them"),
        (b"ab", "97 among them"),
        (["a", None], "None among them"),
        ("a\ud800", r"surrogates; received '\\ud800'"),
    ],
)
def test_characters_that_are_refused(characters, message):
    with pytest.raises(ValueError, match=f"`characters` must .*{message}"):
        CharacterVocabulary(characters)


@pytest.mark.parametrize("ids", [[-1], [4, 6], np.array([99])])
def test_ids_that_are_refused(ids):
    with pytest.raises(ValueError, match=r"`ids` must be in \[0, 6\); received"):
        CharacterVocabulary("ab").decode(ids)


@pytest.mark.parametrize("texts", ["ab", [["ab"]]])
def test_texts_of_another_shape(texts):
    with pytest.raises(ValueError, match=r"`texts` must have shape \(B,\)"):
        CharacterVocabulary("ab").encode_tensor(tf.constant(texts))


def test_min_count():
    with pytest.raises(ValueError, match="`min_count` must be at least 1; received 0"):
        CharacterVocabulary.fit(["ab"], min_count=0)
