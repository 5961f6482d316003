"""`generate` without rows, and from a memory without positions; rows that don't fit."""

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import Beam, Greedy, Sample, generate
from keras_seq.layers import (
    BahdanauDecoder,
    EncoderDecoder,
    ExplicitGRU,
    TransformerDecoder,
    TransformerEncoder,
)

STRATEGIES = {
    "greedy": Greedy(),
    "sample": Sample(top_k=2, top_p=0.9),
    "beam": Beam(3, coverage_penalty=0.2),
}


def step(tokens, state):
    logits = tf.one_hot(tokens + 1, 6) * 9.0 + 0 * state["h"][:, :1]
    return logits, state, state["h"] + 0.5


@pytest.mark.parametrize("name", STRATEGIES)
def test_no_rows(name):
    def run(state, tokens):
        return generate(
            step,
            {"h": state},
            tokens,
            max_length=4,
            strategy=STRATEGIES[name],
            end_token=5,
            seed=1,
        )

    signature = [tf.TensorSpec((None, 2)), tf.TensorSpec((None,), "int32")]
    beams = (3,) if name == "beam" else ()
    for one in (run, tf.function(run, input_signature=signature)):
        found = one(np.zeros((0, 2), "float32"), np.zeros((0,), "int32"))
        assert found.ids.shape == found.log_probs.shape == (0, *beams, 4)
        assert found.lengths.shape == found.finished.shape == (0, *beams)
        assert found.scores.shape == (0, *beams)
        assert found.kept.shape == (0, *beams, 4, 2)


@pytest.mark.parametrize("name", ["greedy", "beam"])
@pytest.mark.parametrize("decoder", ["recurrent", "transformer"])
def test_a_source_of_nothing_is_one_of_padding(decoder, name):
    if decoder == "recurrent":
        parts = ExplicitGRU(8, return_sequences=True), BahdanauDecoder(6, 4)
    else:
        parts = TransformerEncoder(1, 2, 8), TransformerDecoder(2, 2, 8)
    model = EncoderDecoder(*parts, 11, source_vocabulary=9, dim=8)
    model({"source": np.ones((2, 3), "int32"), "target": np.ones((2, 3), "int32")})

    def run(source):
        state, constants = model.begin(source, 5)
        return generate(
            model.step,
            state,
            tf.ones((tf.shape(source)[0],), "int32"),
            max_length=5,
            strategy=Beam(3, length_penalty=0.6) if name == "beam" else Greedy(),
            end_token=2,
            constants=constants,
        )

    expected = run(tf.zeros((2, 3), "int32"))
    compiled = tf.function(run, input_signature=[tf.TensorSpec((None, None), "int32")])
    for one in (run, compiled):
        found = one(tf.zeros((2, 0), "int32"))
        np.testing.assert_array_equal(found.ids, expected.ids)
        for field in ("log_probs", "scores"):
            np.testing.assert_allclose(
                getattr(found, field), getattr(expected, field), rtol=1e-5
            )
        assert found.kept.shape == (*expected.kept.shape[:-1], 0)
        assert one(tf.zeros((0, 3), "int32")).ids.shape == (0, *expected.ids.shape[1:])
        assert one(tf.zeros((0, 0), "int32")).ids.shape == (0, *expected.ids.shape[1:])


ROWS = np.zeros((2, 3), "float32")


@pytest.mark.parametrize("strategy", [Greedy(), Beam(2)], ids=["greedy", "beam"])
@pytest.mark.parametrize(
    ("state", "message"),
    [
        (1.0, r"`state` must .* 2 rows, one for each of `start_tokens`; .*shape \(\)"),
        (ROWS[:1], r"`state` must be .*; received shape \(1, 3\)"),
        (np.zeros((3, 3)), r"`state` must be .*; received shape \(3, 3\)"),
        ({"h": ROWS, "place": 0}, r"`state\['place'\]` must be .*shape \(\)"),
        ([ROWS, [np.zeros((4,))]], r"`state\[1\]\[0\]` must be .*shape \(4,\)"),
        ([ROWS, None], r"`state\[1\]` must be a tensor .*; received None"),
        (None, r"`state` must be a tensor .*; received None"),
    ],
    ids=repr,
)
def test_rows_of_the_state(state, message, strategy):
    def same(tokens, state, constants=None):
        return tf.one_hot(tokens, 6), state

    options = {"max_length": 3, "strategy": strategy}
    start = np.array([1, 2])
    with pytest.raises(ValueError, match=message):
        generate(same, state, start, **options)
    with pytest.raises(ValueError, match=message):
        tf.function(lambda start: generate(same, state, start, **options))(start)
    if "None" not in message:
        message = message.replace("`state", "`constants")
        with pytest.raises(ValueError, match=message):
            generate(same, (), start, constants=state, **options)
