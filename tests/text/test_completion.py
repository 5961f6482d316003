"""The signature `complete` of a language model: settings and what it tells."""

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.text import END, PADDING, START, UNKNOWN, prediction_signatures
from keras_seq.text._completion import before_stops
from tests.text.completing import Asking, assert_a_bad_row_is_alone, stops
from tests.text.predictors import log_softmax, predictor

WORDS = {"prompt": "the lowest", "length": 12, "seed": 5}


def endless(level):
    """A predictor that doesn't end its texts by itself."""
    made = predictor(level)
    bias = made.model.bias.numpy()
    made.model.bias.assign(np.where(np.arange(len(bias)) == END, -30.0, bias))
    return made


@pytest.fixture(scope="module")
def trained():
    return endless("word")


@pytest.fixture(scope="module")
def signatures(trained):
    return prediction_signatures(trained, characters=80, rows=32)


@pytest.fixture(scope="module")
def ask(signatures):
    return Asking(signatures["complete"])


@pytest.fixture(scope="module")
def pieces():
    """The same of subwords."""
    signatures = prediction_signatures(endless("subword"), characters=80, rows=32)
    return Asking(signatures["complete"])


def text(row):
    return row["continuation"].decode()


def test_neutral_settings_write_what_generate_writes(trained, ask):
    for temperature, top_p, seed in ((1.0, 1.0, 1), (0.7, 0.9, 2)):
        settings = {"temperature": temperature, "top_p": top_p, "seed": seed}
        [row] = ask(WORDS | settings)
        expected, _ = trained.continue_tensor(
            tf.constant([WORDS["prompt"]]),
            tf.constant([WORDS["length"]]),
            tf.constant([temperature]),
            tf.constant([top_p]),
            tf.constant([seed]),
        )
        assert text(row) == expected.numpy()[0].decode()
        assert row["finish_reason"] == b"length"
        assert row["token_count"] == 12
        assert b"" not in row["tokens"].tolist()


def writable_logits(trained, ids):
    """The logits behind each of ids: float64 (T, V), -inf where nothing is written."""
    h, _ = trained.model.read(np.array([ids]), trained.model.initial_state(1))
    logits = trained.model.logits(h).numpy()[0].astype("float64")
    logits[:, [PADDING, START, UNKNOWN]] = -np.inf
    return logits


def ids_of(trained, row):
    return [trained.vocabulary.encode(token.decode())[0] for token in row["tokens"]]


def test_log_probabilities_are_the_models_own(trained, ask):
    """Whatever the settings: each token's, as the model gives them when it reads."""
    settings = {"temperature": 0.5, "top_k": 9, "repetition_penalty": 1.3}
    [row] = ask(WORDS | settings)
    ids = ids_of(trained, row)
    prompt = [START, *trained.vocabulary.encode(WORDS["prompt"])]
    log_p = log_softmax(writable_logits(trained, [*prompt, *ids]))
    expected = [log_p[len(prompt) - 1 + i, token] for i, token in enumerate(ids)]
    np.testing.assert_allclose(row["log_probabilities"], expected, atol=1e-5)


def test_cut_offs_leave_what_they_should(trained, ask):
    """The likeliest word alone, by each of three settings."""
    greedy = ask(*(WORDS | {"top_k": 1, "seed": seed} for seed in (1, 2)))
    by_min_p, by_top_p = ask(WORDS | {"min_p": 1.0}, WORDS | {"top_p": 1e-6})
    assert len({text(row) for row in (*greedy, by_min_p, by_top_p)}) == 1
    drawn = ask(*(WORDS | {"seed": seed, "length": 1} for seed in range(30)))
    [first] = trained.predict([WORDS["prompt"]], count=40)
    kept = ask(
        *(WORDS | {"seed": seed, "length": 1, "min_p": 0.5} for seed in range(30))
    )
    likely = [
        word
        for word, p in zip(first.words, first.probabilities, strict=True)
        if p >= 0.5 * first.probabilities[0]
    ]
    words = {row["tokens"][0].decode() for row in kept if row["token_count"]}
    assert words <= set(likely)
    assert {row["tokens"][0].decode() for row in drawn} - words - {""}


def test_a_penalty_holds_the_prompt_and_the_text_against_a_word(trained, ask):
    """Step by step, by the formula, in NumPy."""
    [row] = ask(WORDS | {"top_k": 1, "repetition_penalty": 1.7})
    ids = [START, *trained.vocabulary.encode(WORDS["prompt"])]
    seen = set(ids[1:])
    written = []
    for _ in range(WORDS["length"]):
        logits = writable_logits(trained, [*ids, *written])[-1]
        for token in seen:
            logits[token] *= 1.7 if logits[token] < 0 else 1 / 1.7
        written.append(int(logits.argmax()))
        seen.add(written[-1])
    assert ids_of(trained, row) == written
    [without] = ask(WORDS | {"top_k": 1})
    assert text(row) != text(without)


def test_a_text_ends_before_the_first_stop(ask):
    [whole] = ask(WORDS)
    written = text(whole)
    third = whole["tokens"][2].decode()
    inside = written[len(written) // 2 :][:3]
    for strings in ([third], [inside], [written[-4:], inside, "not in it"]):
        [row] = ask(WORDS | {"stop": stops(*strings)})
        expected = min((written.split(s)[0] for s in strings), key=len)
        assert text(row) == expected
        assert row["finish_reason"] == b"stop_sequence"
        count = row["token_count"]
        assert row["tokens"].tolist()[:count] == whole["tokens"].tolist()[:count]
        assert count < whole["token_count"]
    [row] = ask(WORDS | {"stop": stops("not in it", "", "low " * 20)})
    assert text(row) == written


def test_the_models_own_end_has_its_name(trained, ask):
    bias = trained.model.bias.numpy()
    trained.model.bias.assign(np.where(np.arange(len(bias)) == END, 30.0, bias))
    [row] = ask(WORDS)
    trained.model.bias.assign(bias)
    assert (text(row), row["finish_reason"], row["token_count"]) == (
        "",
        b"end_token",
        0,
    )


def test_a_bad_row_is_alone(ask):
    assert_a_bad_row_is_alone(ask, WORDS | {"stop": stops("wider", "\n")})


def test_pieces_of_words(pieces):
    """Stops inside words; a number of words is a length, though an end mark ends it."""
    asked = [WORDS | {"length": length, "seed": length} for length in (1, 3, 9)]
    rows = pieces(*asked)
    for one, row in zip(asked, rows, strict=True):
        assert row["finish_reason"] == b"length"
        stop = text(row)[-3:]
        [cut] = pieces(one | {"stop": stops(stop)})
        assert text(cut) == text(row).split(stop)[0]
        assert cut["finish_reason"] == b"stop_sequence"
        count = cut["token_count"]
        assert cut["tokens"].tolist()[:count] == row["tokens"].tolist()[:count]


@pytest.mark.parametrize(
    "strings", [["", "", "", ""], ["b", "", "a", ""], ["é\n", "", "", "x"], [" "] * 4]
)
def test_before_stops_is_pythons_split(strings):
    texts = ["", "abc", "b", "one é\n two x", "a\0b", "  ", "éé\n"]
    found = before_stops(tf.constant(texts), tf.constant([strings] * len(texts)))
    for given, cut in zip(texts, found.numpy(), strict=True):
        possible = [given.split(s)[0] for s in strings if s] or [given]
        assert cut.decode() == min(possible, key=len)
