import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.layers import ExplicitLSTM
from keras_seq.music.documents import HeaderStyle
from keras_seq.music.writing import TuneWriter
from keras_seq.text import END, PADDING, START, UNKNOWN, CharacterVocabulary

DOCUMENTS = ["T:One\nM:4/4\nL:1/8\nK:D\nDEFG|\n", "T:Two\nM:6/8\nL:1/8\nK:G\nGAB|\n"]


@pytest.fixture(scope="module")
def writer():
    vocabulary = CharacterVocabulary.fit(DOCUMENTS)
    keras.utils.set_random_seed(5)
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(len(vocabulary), 8)(ids)
    x, _, _ = ExplicitLSTM(16, return_sequences=True, return_state=True)(x)
    x = keras.layers.Dropout(0.5)(x)
    x, _, _ = ExplicitLSTM(12, return_sequences=True, return_state=True)(x)
    model = keras.Model(ids, keras.layers.Dense(len(vocabulary))(x))
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.7, w.shape) for w in model.get_weights()])
    return TuneWriter(model, vocabulary, HeaderStyle.fit(DOCUMENTS))


def log_probs(writer, ids):
    """What the whole model says of each next token, without any stepping."""
    logits = writer.model(np.array([ids])).numpy()[0].astype("float64")
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def test_nats_are_those_of_the_whole_model(writer):
    documents = [*DOCUMENTS, "", "Zé"]
    for document, nats in zip(documents, writer.nats(documents), strict=True):
        ids = [START, *writer.vocabulary.encode(document), END]
        expected = -log_probs(writer, ids[:-1])[np.arange(len(ids) - 1), ids[1:]]
        np.testing.assert_allclose(nats, expected, rtol=2e-5, atol=2e-5)


def test_judging_in_the_graph_adds_the_nats_up(writer):
    documents = [*DOCUMENTS, "", "Zé"]
    nats, characters = writer.judge_documents(tf.constant(documents))
    assert characters.numpy().tolist() == [len(d) + 1 for d in documents]
    expected = [n.sum() for n in writer.nats(documents)]
    np.testing.assert_allclose(nats, expected, rtol=1e-4)


def test_writing_draws_from_the_whole_models_distribution(writer):
    """The text after a prompt follows softmax(logits / T) over what is text."""
    prompt, temperature, rows = "T:One\nM:", 1.3, 3000
    text, _ = writer.continue_documents(
        tf.fill([rows], prompt),
        tf.fill([rows], temperature),
        tf.ones([rows]),
        tf.range(rows),
        tf.ones([rows], tf.int32),
    )
    logits = log_probs(writer, [START, *writer.vocabulary.encode(prompt)])[-1]
    logits[[PADDING, START, UNKNOWN]] = -np.inf
    p = np.exp(logits / temperature)
    p /= p.sum()
    drawn = [t.decode() for t in text.numpy()]
    counts = np.zeros(len(p))
    for character in drawn:
        counts[writer.vocabulary.encode(character)[0] if character else END] += 1
    assert counts[[PADDING, START, UNKNOWN]].sum() == 0
    likely = p * rows >= 5
    chi_square = ((counts - p * rows)[likely] ** 2 / (p * rows)[likely]).sum()
    # The 99.9 % point of chi-square, by Wilson and Hilferty.
    freedom = likely.sum() - 1
    limit = freedom * (1 - 2 / (9 * freedom) + 3.09 * (2 / (9 * freedom)) ** 0.5) ** 3
    assert chi_square < limit


def test_prompts_of_unequal_length_do_not_disturb_each_other(writer):
    prompts = ["", "T:One\nM:4/4\n", "K"]

    def continued(rows):
        text, _ = writer.continue_documents(
            tf.constant([prompts[i] for i in rows]),
            tf.fill([len(rows)], 0.7),
            tf.fill([len(rows)], 0.9),
            tf.constant([i + 10 for i in rows]),
            tf.constant([20 + i for i in rows]),
        )
        return text.numpy().tolist()

    together = continued([0, 1, 2])
    assert together == [continued([i])[0] for i in range(3)]


def test_given_lines_stand_and_the_rest_is_written(writer):
    tunes = writer.write(5, given={"K": "D", "M": "6/8"}, seed=2, max_length=30)
    for number, tune in enumerate(tunes, start=1):
        lines = tune.text.split("\n")
        assert lines[0] == f"X:{number}"
        assert lines[1].startswith("T:")
        assert lines[2] == "M:6/8"
        assert lines[3].startswith("L:")
        assert lines[4] == "K:D"
    assert len({tune.text for tune in tunes}) == 5


def test_title_and_type_come_first(writer):
    (tune,) = writer.write(1, given={"T": "Mine ☘", "R": "jig"}, max_length=5)
    assert tune.text.startswith("X:1\nT:Mine ☘\nR:jig\n")


def test_same_seed_same_tunes(writer):
    first, again, other = (writer.write(3, seed=s, max_length=40) for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_limit_of_length_shows(writer):
    tunes = writer.write(20, seed=1, max_length=6)
    for tune in tunes:
        written = tune.text.split("\n", 1)[1]
        assert written.endswith("\n")
        assert len(written) <= 7
    assert not all(tune.finished for tune in tunes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "`count` must be at least 1"),
        ({"temperature": 0.0}, "`temperature` must be above 0"),
        ({"temperature": -1.0}, "`temperature` must be above 0"),
        ({"top_p": 1.5}, "`top_p` must be in"),
        ({"given": {"Q": "1/4=90"}}, "fields among T, R, M, L, K"),
        ({"max_length": 0}, "`max_length` must be at least 1"),
        ({"seed": -1}, "`seed` must be in"),
    ],
)
def test_refuses_by_name(writer, arguments, message):
    with pytest.raises(ValueError, match=message):
        writer.write(**{"count": 1, **arguments})
