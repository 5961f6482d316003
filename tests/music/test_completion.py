"""The signature `complete` of a tune writer."""

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.music import tune_signatures
from tests.music.test_served import LONGEST, TEMPERATURE, writer
from tests.text.completing import Asking, assert_a_bad_row_is_alone, stops

__all__ = ["writer"]  # a fixture, made here once more

TUNE = {"prompt": "T:One\nM:4/4\n", "length": 40, "seed": 3}


@pytest.fixture(scope="module")
def signatures(writer):
    return tune_signatures(writer, temperature=TEMPERATURE, longest=LONGEST, rows=32)


@pytest.fixture(scope="module")
def ask(signatures):
    return Asking(signatures["complete"])


def test_neutral_settings_write_what_generate_writes(signatures, ask):
    asked = {"temperature": 0.8, "top_p": 0.9}
    [row] = ask(TUNE | asked)
    generate = signatures["generate"]
    found = generate.function(
        **{
            name: tf.constant([(TUNE | asked)[name]], spec.dtype)
            for name, spec in generate.inputs.items()
        }
    )
    assert row["abc"] == found["abc"].numpy()[0]
    ended = row["finish_reason"] == b"end_token"
    assert ended == found["finished"].numpy()[0]


def test_a_tune_ends_before_the_first_stop_and_tells_its_characters(writer, ask):
    [whole] = ask(TUNE)
    head = b"X:1\n" + TUNE["prompt"].encode()
    written = whole["abc"].removeprefix(head).decode()
    assert len(written) > 9
    for strings in ([written[7:10]], [written[2], written[8:]], ["never \u2603"]):
        [row] = ask(TUNE | {"stop": stops(*strings)})
        expected = min((written.split(s)[0] for s in strings), key=len)
        assert row["abc"].removeprefix(head).decode() == expected
        stopped = expected != written
        reason = b"stop_sequence" if stopped else whole["finish_reason"]
        assert row["finish_reason"] == reason
        count = row["token_count"]
        assert count == len(expected)
    nats = writer.nats([TUNE["prompt"] + written])[0]
    # The model may write no mark: what it gives them goes to the characters.
    own = whole["log_probabilities"][: len(written)]
    assert (own >= -nats[len(TUNE["prompt"]) :][: len(written)] - 1e-5).all()
    np.testing.assert_array_less(own, 1e-6)


def test_a_bad_row_is_alone(ask):
    assert_a_bad_row_is_alone(ask, TUNE | {"stop": stops("|\n"), "min_p": 0.1})
