"""Next words, continuations and likelihoods against the model's own logits."""

from collections import Counter

import keras
import numpy as np
import pytest

from keras_seq.decoding import Sample, generate
from keras_seq.text import END, START, UNKNOWN, split_words
from tests.text.predictors import TEXT, log_softmax, predictor

PROMPTS = ["low lower", "", "the\n", "unheard of newer:", "widest. low\n\nnew"]


@pytest.fixture(scope="module")
def words():
    return predictor("word")


@pytest.fixture(scope="module")
def subwords():
    return predictor("subword")


def next_log_probs(predictor, ids):
    return log_softmax(predictor.model(np.array([ids])))[0, -1]


def test_next_words_are_those_of_the_softmax(words):
    found = words.predict(PROMPTS, count=5)
    for prompt, row in zip(PROMPTS, found, strict=True):
        ids = words.encode(prompt + "|")[:-2]  # the end of a line counts
        probabilities = np.exp(next_log_probs(words, ids))
        assert row.unknown == pytest.approx(probabilities[UNKNOWN], rel=1e-4)
        assert row.end == pytest.approx(probabilities[END], rel=1e-4)
        order = np.argsort(-probabilities[UNKNOWN + 1 :])[:5] + UNKNOWN + 1
        assert row.words == words.vocabulary.pieces(order)
        np.testing.assert_allclose(row.probabilities, probabilities[order], rtol=1e-4)


def test_there_are_no_more_words_than_the_vocabulary_has(words):
    [found] = words.predict(["low"], count=10_000)
    assert sorted(found.words) == sorted(words.vocabulary.words)
    with pytest.raises(ValueError, match="`count` must be at least 1; received 0"):
        words.predict(["low"], count=0)


def test_at_the_highest_temperature_nothing_comes_that_must_not(words):
    """Padding, start and unknown are never written."""
    [text] = words.continue_texts(["low"], words=40, temperature=1e30, seed=3)
    assert set(split_words(text)) <= set(words.vocabulary.words)
    assert split_words(text)


def is_first(vocabulary, ids):
    """Which of the ids begin a word, one behind the other: read off the pieces."""
    found, before = [], None
    for i in ids:
        piece = "x" if i < 260 else vocabulary.entries[i - 260]
        found.append(
            piece[0] == "\u2581" or (not piece[0].isalnum() and before != "\u2581")
        )
        before = piece
    return found


def test_next_words_of_subwords_have_the_probability_of_their_pieces():
    """Of the first piece among those that begin a word, of the others, and that the
    word is over then; with a space by itself before it or without. All words of up to
    three pieces are tried. The end of the text, likely here, is no word.
    """
    subwords = predictor("subword")
    vocabulary = subwords.vocabulary
    everything = range(260, len(vocabulary))
    space = 260 + vocabulary.entries.index("\u2581")
    bias = keras.ops.convert_to_numpy(subwords.model.bias).copy()
    bias[space] += 6
    bias[END] += 4
    subwords.model.bias.assign(bias)
    begins = np.zeros(len(vocabulary), bool)
    begins[260:] = [is_first(vocabulary, [i])[0] for i in everything]
    over = begins.copy()
    over[END] = True
    ids = [START, *vocabulary.encode("low lower")]
    tried = {}

    def spell(pieces, log_p):
        log_probs = next_log_probs(subwords, ids + pieces)
        if pieces[-1] == space:  # nothing of the word is written yet
            log_probs[
                [i for i in everything if vocabulary.entries[i - 260][0] == "\u2581"]
            ] = -np.inf
            log_probs[[0, START, END, UNKNOWN]] = -np.inf
            log_probs -= np.log(np.exp(log_probs).sum())
            following = everything
        else:
            log_probs[[0, START, UNKNOWN]] = -np.inf
            log_probs -= np.log(np.exp(log_probs).sum())
            tried[tuple(pieces)] = log_p + np.log(np.exp(log_probs[over]).sum())
            following = np.flatnonzero(~over)[257:]
        for i in following:
            if len(pieces) < 3 and log_p + log_probs[i] > -5:
                spell([*pieces, int(i)], log_p + log_probs[i])

    first = next_log_probs(subwords, ids)
    first[~over] = -np.inf
    first -= np.log(np.exp(first).sum())
    for i in np.flatnonzero(begins):
        spell([int(i)], first[i])
    spelled = Counter()
    for pieces, log_p in tried.items():
        spelled[vocabulary.decode(pieces)] += np.exp(log_p)
    assert len(spelled) < len(tried)
    best = spelled.most_common(5)
    [found] = subwords.predict(["low lower"], count=12)
    assert found.words[:5] == [word for word, _ in best]
    np.testing.assert_allclose(found.probabilities[:5], [p for _, p in best], rtol=1e-3)
    assert len(set(found.words)) == 12
    assert found.unknown == 0
    assert found.end == pytest.approx(np.exp(first[END]), rel=1e-3)
    assert found.end > found.probabilities[-1]  # yet not among the words
    assert "" not in found.words


def test_continuations_are_drawn_from_the_model(words):
    """At a temperature near 0 the likeliest word comes each time."""
    ids, expected = words.encode("low lower")[:-1], []
    for _ in range(6):
        log_probs = next_log_probs(words, ids)
        log_probs[[0, START, UNKNOWN]] = -np.inf
        ids.append(int(log_probs.argmax()))
        if ids[-1] == END:
            break
        expected.append(ids[-1])
    [text] = words.continue_texts(["low lower"], words=6, temperature=1e-4, seed=3)
    expected = words.vocabulary.decode(expected)
    assert split_words(text) == [w for w in split_words(expected) if w not in "↵¶"]


@pytest.mark.parametrize("level", ["word", "subword"])
def test_continuations_are_seeded_and_have_their_length(level, words, subwords):
    model = {"word": words, "subword": subwords}[level]
    texts = model.continue_texts(PROMPTS, words=7, seed=1)
    assert texts == model.continue_texts(PROMPTS, words=7, seed=1)
    assert texts != model.continue_texts(PROMPTS, words=7, seed=2)
    assert len(set(texts)) > 1
    for text in texts:
        assert "\ufffd" not in text or level == "subword"  # bytes may be no UTF-8
        assert "↵" not in text
        assert "¶" not in text
    if level == "word":
        assert all(len(split_words(text)) <= 7 for text in texts)
        assert max(len(split_words(text)) for text in texts) > 3


def test_subwords_end_with_a_whole_word(subwords):
    """As many pieces as asked for begin a word, and none of them is cut."""
    steps = subwords._steps
    model = subwords.model
    words = np.array([1, 2, 3, 4] * 8, "int32")
    start = np.full(len(words), START, "int32")
    found = generate(
        steps.step,
        steps.begin(
            model.initial_state(len(words)), keras.ops.convert_to_tensor(words)
        ),
        start,
        max_length=80,
        strategy=Sample(),
        end_token=END,
        seed=4,
    )
    full = 0
    for ids, length, count in zip(
        found.ids.numpy(), found.lengths.numpy(), words, strict=True
    ):
        begun = is_first(subwords.vocabulary, ids[:length])
        assert sum(begun) <= count
        full += sum(begun) == count
        assert length == 0 or begun[0]
    assert full > len(words) / 2
    assert found.finished.numpy().mean() > 0.9


@pytest.mark.parametrize("level", ["word", "subword"])
def test_nats_are_those_of_the_softmax(level, words, subwords):
    """Also of a text longer than a window."""
    model = {"word": words, "subword": subwords}[level]
    documents = [TEXT, "low", "", TEXT * 25]
    for document, nats in zip(documents, model.nats(documents), strict=True):
        ids = model.encode(document)
        log_probs = log_softmax(model.model(np.array([ids[:-1]])))[0]
        expected = -log_probs[np.arange(len(ids) - 1), ids[1:]]
        np.testing.assert_allclose(nats, expected, rtol=1e-4, atol=1e-4)
    assert len(model.encode(documents[-1])) > 300
    totals, counts = model.judge_tensor(keras.ops.convert_to_tensor(documents))
    expected = [values.sum() for values in model.nats(documents)]
    np.testing.assert_allclose(totals, expected, rtol=1e-5)
    # 10 words, 4 punctuation marks, 2 ends of lines, and the end.
    assert counts.numpy().tolist() == [17, 2, 1, 25 * 16 + 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"words": 0}, "`words` must be in"),
        ({"words": 2**40}, "`words` must be in"),
        ({"temperature": 0.0}, "`temperature` must be"),
        ({"top_p": 1.5}, "`top_p` must be"),
        ({"seed": -1}, "`seed` must be in"),
    ],
)
def test_arguments_out_of_range_are_refused(words, options, message):
    with pytest.raises(ValueError, match=message):
        words.continue_texts(["low"], **options)
