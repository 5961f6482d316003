"""Words: the rule by hand, joining, counting. Graph and Python: test_vocabulary."""

import pytest
import tensorflow as tf

from keras_seq.text import SubwordVocabulary, WordVocabulary
from tests.text import samples

SPLIT_BY_HAND = {
    "Hello, world!": "Hello | , | world | !",
    "Don't — it’s Anne-Marie's.": "Don't | — | it’s | Anne | - | Marie's | .",
    "'quoted' l' 'til rock'n'roll": "' | quoted | ' | l | ' | ' | til | rock'n'roll",
    "3.14 1,000,000 12:30 5. 3..4": "3.14 | 1,000,000 | 12:30 | 5 | . | 3 | . | . | 4",
    "Où\u202f? e\u0301te\u0301 ΣΑΣ Ⅷ ½": "Où | ? | e\u0301te\u0301 | ΣΑΣ | Ⅷ | ½",
    "snake_case user@host #1": "snake_case | user | @ | host | # | 1",
    "\ufeffa\tb\0c\u2028d\r\n": "a | b | c | d",
    "می\u200cخواهم 😀👍": "می\u200cخواهم | 😀 | 👍",
    "...": ". | . | .",
    "\ud800": "?",
}


@pytest.mark.parametrize("text", SPLIT_BY_HAND, ids=ascii)
def test_splitting(text):
    expected = SPLIT_BY_HAND[text].split(" | ")
    vocabulary = WordVocabulary.fit([text])
    assert sorted(vocabulary.words) == sorted(set(expected))
    ids = vocabulary.encode(text)
    assert vocabulary.pieces(ids) == expected
    graph = vocabulary.encode_tensor([samples.as_graph_sees(text)])
    assert samples.rows(*graph) == [ids]


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        ("Hello , world !", "Hello, world!"),
        ("Why ( not ) ? [ x ]", "Why (not)? [x]"),
        ("well - known and / or", "well-known and/or"),
        ("¿ Qué ? ¡ No !", "¿Qué? ¡No!"),
        ("$ 5 is 10 % of # 3 ; 20 °", "$5 is 10% of #3; 20°"),
        ("a — b « c »", "a — b « c »"),
        (", first", ", first"),
        ("wait ...", "wait..."),
        ("  don't\t3.14  ", "don't 3.14"),
    ],
)
def test_joining(text, decoded):
    vocabulary = WordVocabulary.fit([text])
    ids = vocabulary.encode(text)
    assert vocabulary.decode(ids) == decoded
    assert vocabulary.decode_tensor([ids], [len(ids)]).numpy()[0].decode() == decoded
    # What was written so is read so.
    assert vocabulary.encode(decoded) == ids or "..." in decoded


def test_marks_between_words_leave_no_space():
    vocabulary = WordVocabulary(["a", "("])
    ids = [1, 4, 0, 2, 5, 1, 4, 3, 0]
    assert vocabulary.decode(ids) == "a (a \ufffd"
    batch = tf.constant([ids, [0, 4] + [5] * 7, [2] * 9])
    decoded = vocabulary.decode_tensor(batch, [9, 2, 9]).numpy()
    assert [text.decode() for text in decoded] == ["a (a \ufffd", "a", ""]


def test_lower_case():
    texts = ["The CAT, the cat", "ΑΣ ΑΣΑ", "İstanbul", "\0STRASSE ẞ"]
    vocabulary = WordVocabulary.fit(texts, lowercase=True)
    # Each character by itself: no final sigma, and İ is i with a dot above.
    assert set(vocabulary.words) == {
        *("the", "cat", ",", "ασ", "ασα", "i\u0307stanbul", "strasse", "ß")
    }
    assert vocabulary.encode("THE Cat") == vocabulary.encode("the cat") == [5, 4]
    ids = vocabulary.encode_tensor(texts)
    assert samples.rows(*ids) == [vocabulary.encode(text) for text in texts]
    assert not any(3 in row for row in samples.rows(*ids))
    kept = WordVocabulary.fit(texts)
    assert {"The", "the", "CAT", "ΑΣ"} <= set(kept.words)


def test_counting():
    texts = ["b a a c", "b d", "e a"]
    assert WordVocabulary.fit(texts).words == ["a", "b", "c", "d", "e"]
    assert WordVocabulary.fit(iter(texts), min_count=2).words == ["a", "b"]
    assert WordVocabulary.fit(texts, size=7).words == ["a", "b", "c"]
    assert WordVocabulary.fit(texts, size=4).words == []
    assert len(WordVocabulary.fit(texts, size=7)) == 7
    nothing = WordVocabulary.fit([])
    assert (len(nothing), nothing.encode("a b")) == (4, [3, 3])
    assert samples.rows(*nothing.encode_tensor(["a b", ""])) == [[3, 3], []]
    assert nothing.decode_tensor([[3, 3]], [2]).numpy()[0].decode() == "\ufffd \ufffd"


def test_real_sentences():
    train, other = samples.reviews()[::20], samples.reviews()[7::200]
    vocabulary = WordVocabulary.fit(train, min_count=2, lowercase=True)
    texts = [*train[::5], *other]
    rows = samples.rows(*vocabulary.encode_tensor(texts))
    assert rows == [vocabulary.encode(text) for text in texts]
    # The corpus has its tokens between spaces; most are what we find too.
    tokens = {token for text in train for token in text.split()}
    words = set(WordVocabulary.fit(train).words)
    assert len(tokens & words) > 0.85 * len(tokens)


@pytest.mark.parametrize(
    ("words", "options", "message"),
    [
        (["a b"], {}, "single words .*received 'a b' among them"),
        (["a", ""], {}, "received '' among them"),
        (["a", " c"], {}, "received ' c' among them"),
        (["a-b"], {}, "received 'a-b' among them"),
        (["\ud800"], {}, "received .* among them"),
        (["A"], {"lowercase": True}, "received 'A' among them"),
        (["a", 3], {}, "received 3 among them"),
        (["a", "b", "a"], {}, "`words` must differ; 'a' comes twice"),
    ],
)
def test_words_that_are_refused(words, options, message):
    with pytest.raises(ValueError, match=message):
        WordVocabulary(words, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 3}, "`size` must be None or at least 4; received 3"),
        ({"min_count": 0}, "`min_count` must be at least 1; received 0"),
    ],
)
def test_options_that_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        WordVocabulary.fit(["a"], **options)


def test_words_and_subwords_show_the_same_sentence():
    text = "The cat didn't sit."
    words = WordVocabulary.fit([text])
    subwords = SubwordVocabulary.fit([text] * 9, size=400, model="bpe")
    assert words.pieces(words.encode(text)) == ["The", "cat", "didn't", "sit", "."]
    assert subwords.pieces(subwords.encode(text))[:2] == ["The", "cat"]
