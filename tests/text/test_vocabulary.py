"""What all vocabularies promise: the same in Python, in the graph, and served."""

import json
import random

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.serving import Signature, check, export
from keras_seq.text import (
    END,
    PADDING,
    START,
    UNKNOWN,
    CharacterVocabulary,
    SubwordVocabulary,
    Vocabulary,
    WordVocabulary,
)
from tests.text import samples

pytest.importorskip("sentencepiece")

FITTED = {
    "characters": lambda texts: CharacterVocabulary.fit(texts, min_count=2),
    "bpe": lambda texts: SubwordVocabulary.fit(texts, size=380),
    "unigram": lambda texts: SubwordVocabulary.fit(texts, size=340, model="unigram"),
    "words": lambda texts: WordVocabulary.fit(texts, min_count=2),
    "lower-case words": lambda texts: WordVocabulary.fit(texts, lowercase=True),
}
STRINGS = tf.TensorSpec([None], tf.string)


@pytest.fixture(params=FITTED, scope="module")
def vocabulary(request):
    return FITTED[request.param](samples.TRAINING)


@pytest.fixture(scope="module")
def graph(vocabulary):
    """Its tensor methods, traced once for any shape."""
    spec = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32)
    return (
        tf.function(vocabulary.encode_tensor, input_signature=[STRINGS]),
        tf.function(vocabulary.decode_tensor, input_signature=spec),
    )


def assert_alike(vocabulary, graph, texts):
    encode, decode = graph
    ids, lengths = encode([samples.as_graph_sees(text) for text in texts])
    expected = [vocabulary.encode(text) for text in texts]
    assert samples.rows(ids, lengths) == expected
    decoded = decode(ids, lengths).numpy()
    assert [text.decode() for text in decoded] == [
        vocabulary.decode(row) for row in expected
    ]


def test_hard_texts(vocabulary, graph):
    for text in samples.HARD:
        surrogates = isinstance(vocabulary, CharacterVocabulary) and "\ud800" in text
        if not surrogates:  # which are unknown, as "?" need not be
            assert_alike(vocabulary, graph, [text])


def test_every_character(vocabulary, graph):
    assert_alike(vocabulary, graph, samples.EVERYTHING)


def test_batches_of_mixed_texts(vocabulary, graph):
    for seed in range(3):
        texts = [*samples.mixed(seed, 60), "", *samples.TRAINING[:6]]
        random.Random(seed).shuffle(texts)
        assert_alike(vocabulary, graph, texts)


def test_a_row_does_not_depend_on_its_batch(vocabulary, graph):
    texts = samples.mixed(7, 20)
    encode, _ = graph
    together = samples.rows(*encode(texts))
    assert together == [samples.rows(*encode([text]))[0] for text in texts]


def test_invalid_utf8(vocabulary, graph):
    encode, _ = graph
    repaired = [data.decode("utf-8", "replace") for data in samples.INVALID]
    assert samples.rows(*encode(samples.INVALID)) == [
        vocabulary.encode(text) for text in repaired
    ]


def test_nothing(vocabulary, graph):
    assert (vocabulary.encode(""), vocabulary.decode([])) == ([], "")
    assert vocabulary.pieces([]) == []
    encode, decode = graph
    for texts in (tf.constant([], tf.string), tf.constant(["", ""])):
        ids, lengths = encode(texts)
        assert ids.shape == (len(texts), 0)
        assert lengths.numpy().tolist() == [0] * len(texts)
        assert decode(ids, lengths).numpy().tolist() == [b""] * len(texts)


def test_marks(vocabulary, graph):
    assert (PADDING, START, END, UNKNOWN) == (0, 1, 2, 3)
    text = vocabulary.decode(vocabulary.encode("the cat"))
    ids = [START, *vocabulary.encode("the cat"), END, PADDING]
    assert vocabulary.decode(ids) == text
    assert vocabulary.decode([UNKNOWN]) == "\ufffd"
    assert vocabulary.pieces([PADDING, START, END, UNKNOWN]) == ["", "", "", "\ufffd"]
    _, decode = graph
    assert decode([ids], [len(ids)]).numpy()[0].decode() == text


def test_any_ids_decode_alike(vocabulary, graph):
    chance = np.random.default_rng(5)
    ids = chance.integers(0, len(vocabulary), (40, 30)).astype("int32")
    lengths = chance.integers(0, 31, 40).astype("int32")
    decoded = graph[1](ids, lengths).numpy()
    for row, length, text in zip(ids, lengths, decoded, strict=True):
        assert vocabulary.decode(row[:length]) == text.decode()


def test_pieces_in_the_graph(vocabulary):
    ids = tf.reshape(tf.range(len(vocabulary) // 2 * 2), [2, -1])
    shown = vocabulary.pieces_tensor(ids).numpy()
    for row, pieces in zip(ids.numpy(), shown, strict=True):
        assert vocabulary.pieces(row) == [piece.decode() for piece in pieces]
        assert all(piece.decode().isprintable() for piece in pieces)


@pytest.mark.parametrize("method", ["decode", "pieces"])
@pytest.mark.parametrize("ids", [[-1], [4, 10**6], np.array([10**6])])
def test_ids_that_are_refused(vocabulary, method, ids):
    with pytest.raises(ValueError, match=r"`ids` must be in \[0, \d+\); received"):
        getattr(vocabulary, method)(ids)


@pytest.mark.parametrize("texts", ["ab", [["ab"]]])
def test_texts_of_another_shape(vocabulary, texts):
    with pytest.raises(ValueError, match=r"`texts` must have shape \(B,\)"):
        vocabulary.encode_tensor(tf.constant(texts))


def test_written_as_json(vocabulary):
    text = json.dumps(vocabulary.to_config())
    for cls in (Vocabulary, type(vocabulary)):
        again = cls.from_config(json.loads(text))
        assert type(again) is type(vocabulary)
        assert again.to_config() == vocabulary.to_config()
        assert len(again) == len(vocabulary)
        for sample in samples.mixed(11, 30):
            assert again.encode(sample) == vocabulary.encode(sample)


def test_configs_that_are_refused():
    config = CharacterVocabulary("ab").to_config()
    with pytest.raises(ValueError, match=r"one of .*'WordVocabulary'.*'Vocabulary'"):
        Vocabulary.from_config({**config, "class": "Vocabulary"})
    with pytest.raises(ValueError, match=r"'SubwordVocabulary'\]; received 'Char"):
        SubwordVocabulary.from_config(config)
    with pytest.raises(ValueError, match="received None"):
        Vocabulary.from_config({"characters": "ab"})
    assert Vocabulary.from_config(config).characters == "ab"
    assert config["class"] == "CharacterVocabulary"


def test_in_a_dataset(vocabulary):
    texts = samples.TRAINING[:6]
    dataset = tf.data.Dataset.from_tensor_slices(texts).batch(4)
    found = [
        row
        for batch in dataset.map(vocabulary.encode_tensor)
        for row in samples.rows(*batch)
    ]
    assert found == [vocabulary.encode(text) for text in texts]


def test_served(tmp_path):
    def signature(vocabulary):
        def there_and_back(text):
            ids, lengths = vocabulary.encode_tensor(text)
            return {
                "ids": ids,
                "lengths": lengths,
                "pieces": vocabulary.pieces_tensor(ids),
                "back": vocabulary.decode_tensor(ids, lengths),
            }

        # Rows are padded to the longest of their batch.
        return Signature(there_and_back, {"text": STRINGS}, rows_independent=False)

    fitted = {name: fit(samples.TRAINING) for name, fit in FITTED.items()}
    signatures = {
        name.replace("-", "_").replace(" ", "_"): signature(vocabulary)
        for name, vocabulary in fitted.items()
    }
    signatures["serving_default"] = signatures.pop("bpe")
    requests = [{"text": samples.TRAINING[:6]}, {"text": ["", "é 😀\n"]}]
    export([], tmp_path, signatures, warmup=dict.fromkeys(signatures, requests))
    report = check(tmp_path, live=signatures)
    assert len(report.signatures) == len(FITTED)
    for served in report.signatures.values():
        assert (served.requests, served.difference) == (2, 0)
    assert report.text_ops == ()
    assert not [op for op in report.ops if "Table" in op]
