"""`generate` refuses what it cannot do, and says what it was given."""

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import (
    Beam,
    FinishReason,
    Greedy,
    NoRepeatedNgrams,
    Sample,
    Strategy,
    generate,
    mix_with_predictions,
    stream,
)


def step(tokens, state):
    return tf.one_hot(tokens, 6), state


def call(**options):
    arguments = {
        "step": step,
        "state": (),
        "start_tokens": np.array([0, 3]),
        "max_length": 3,
        "strategy": Greedy(),
    }
    return generate(**{**arguments, **options})


WRONG_INTEGERS = [
    *(-1, 1.5, 2.0, True, "3", [3], 2**31),
    *(np.int64(-5), np.float64(2.0), np.int64(2**40)),
    *(np.array([1.5, 2.0]), np.array([[1, 2]]), np.array([1, -1])),
    np.array([1, 2**40]),
]


@pytest.mark.parametrize(
    "value", [*WRONG_INTEGERS, 0, None, np.array([1, 0])], ids=repr
)
def test_max_length(value):
    with pytest.raises(ValueError, match=r"`max_length` must be .*; received"):
        call(max_length=value)


@pytest.mark.parametrize("value", WRONG_INTEGERS, ids=repr)
def test_seed(value):
    with pytest.raises(ValueError, match=r"`seed` must be .*; received"):
        call(seed=value)


@pytest.mark.parametrize("name", ["max_length", "seed"])
@pytest.mark.parametrize("rows", [1, 3])
def test_a_number_for_every_row(name, rows):
    value = np.ones(rows, "int32")
    with pytest.raises(ValueError, match=rf"`{name}` must .*\(2,\).*\({rows},\)"):
        call(**{name: value})
    # Where the values are not known, the shape is.
    with pytest.raises(ValueError, match=rf"`{name}` must .*\(2,\).*\({rows},\)"):
        tf.function(lambda x: call(**{name: x}))(tf.constant(value))


@pytest.mark.parametrize("value", [-1, 6, 2.0, True, "2", np.array([2])], ids=repr)
def test_end_token(value):
    with pytest.raises(ValueError, match=r"`end_token` must be .*; received"):
        call(end_token=value)


@pytest.mark.parametrize(
    "value",
    [
        *(3, [[1, 2]], [1.0, 2.0], [True, False], np.zeros((2, 1), "int32")),
        *(None, {}, {1, 2}, len, [None], [1, None], [[1], [1, 2]], "ab", ["a"]),
        *([-1], [10**12], [2**31], [10**30], np.array([2**63], "uint64")),
        tf.ragged.constant([[1], [2, 3]]),
    ],
    ids=repr,
)
def test_start_tokens(value):
    for function in (generate, stream):
        with pytest.raises(ValueError, match=r"`start_tokens` must be .*; received"):
            function(step, (), value, max_length=3, strategy=Greedy())
    with pytest.raises(ValueError, match=r"`start_tokens` must be .*; received"):
        mix_with_predictions(
            step, (), np.array([[1, 2]]), start_tokens=value, probability=0.5
        )


@pytest.mark.parametrize("value", [[2, 3], (2, 3), range(2, 4), [np.int8(2), 3]])
def test_start_tokens_in_a_list(value):
    ids = call(start_tokens=value, max_length=1).ids
    np.testing.assert_array_equal(ids, [[value[0]], [value[1]]])


@pytest.mark.parametrize("value", [None, "step", 3])
def test_step(value):
    with pytest.raises(TypeError, match="`step` must be a function; received"):
        call(step=value)


@pytest.mark.parametrize(
    ("wrong", "constants", "message"),
    [
        (lambda: None, None, r"\(tokens, state\) without `constants`.* takes \(\)"),
        (lambda tokens: None, None, r"takes \(tokens\)"),
        (lambda a, b, c: None, None, r"takes \(a, b, c\)"),
        (lambda a, *, b: None, None, r"takes \(a, \*, b\)"),
        (step, np.ones(2), r"\(tokens, state, constants\) with `constants`"),
        (Greedy, None, r"takes \(\)"),
    ],
)
def test_what_step_takes(wrong, constants, message):
    match = rf"`step` must take .*{message}"
    with pytest.raises(TypeError, match=match):
        call(step=wrong, constants=constants)
    with pytest.raises(TypeError, match=match):
        mix_with_predictions(
            wrong,
            (),
            np.array([[1, 2]]),
            start_tokens=[1],
            probability=0.5,
            constants=constants,
        )


@pytest.mark.parametrize("name", ["jit_compile", "return_reasons"])
@pytest.mark.parametrize("value", [None, 0, 1, "yes", "auto", [], np.array(True)])
def test_flags(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be True or False; received"):
        call(**{name: value})


@pytest.mark.parametrize(
    ("value", "place"),
    [
        *((None, ""), (3, ""), ("ab", ""), (len, ""), (np.ones((3, 1)), "")),
        *(([None], r"\[0\]"), ({"h": np.ones((1, 2))}, r"\['h'\]")),
        (tf.ragged.constant([[1], [2, 3]]), ""),
        (np.array([None, None]), ""),
    ],
    ids=repr,
)
def test_rows_of_the_state(value, place):
    match = f"`state{place}` must be a tensor with [12] rows.*; received"
    with pytest.raises(ValueError, match=match):
        call(state=value)
    with pytest.raises(ValueError, match=match):
        mix_with_predictions(
            step, value, [[1, 2], [3, 4]], start_tokens=[1, 2], probability=0.5
        )


def test_room_is_refused_before_it_is_taken():
    for options, most in (({}, 2**26), ({"strategy": Beam(8)}, 2**23)):
        for length in (2**31 - 1, np.array([3, most + 1])):
            with pytest.raises(
                ValueError, match=f"`max_length` must be at most {most}"
            ):
                call(max_length=length, **options)
    with pytest.raises(ValueError, match="`width` must be at most 65536; received"):
        Beam(10**12)
    with pytest.raises(ValueError, match="`n` must be at most 1024; received"):
        NoRepeatedNgrams(10**12)


def test_logits_that_are_all_minus_infinity_are_a_dead_end():
    def dead(tokens, state):
        logits = 100.0 * tf.one_hot(tokens, 6)  # so that a drawn token stays
        return tf.where(tokens[:, None] == 3, -np.inf, logits), state

    for strategy in (Greedy(), Sample(), Beam(2)):
        result, reasons = call(step=dead, strategy=strategy, return_reasons=True)
        lengths, reasons, log_probs = (
            np.reshape(x, (2, -1)) for x in (result.lengths, reasons, result.log_probs)
        )
        assert lengths[0, 0] == 3
        assert lengths[1, 0] == 0
        assert (reasons[0, 0], reasons[1, 0]) == (
            FinishReason.LENGTH,
            FinishReason.DEAD_END,
        )
        assert np.all(np.isfinite(log_probs))


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (lambda logits: logits[:, 0], "integers; received dtype float32"),
        (lambda logits: tf.argmax(logits)[:, None], r"received shape \(6, 1\)"),
        (lambda logits: tf.argmax(logits), r"\(B,\) = \(2,\); received shape \(6,\)"),
        (lambda logits: None, "received None"),
    ],
)
def test_what_a_strategy_chooses(chosen, message):
    class Own(Strategy):
        def next_token(self, logits, uniform):
            return chosen(logits)

    with pytest.raises(ValueError, match=f"`Own.next_token` must return .*{message}"):
        call(strategy=Own())


@pytest.mark.parametrize("value", [None, "greedy", Greedy, 3])
def test_strategy(value):
    with pytest.raises(TypeError, match="`strategy` must be a Strategy"):
        call(strategy=value)


@pytest.mark.parametrize(
    ("given", "results", "message"),
    [
        ((), lambda x: x, "received <tf.Tensor"),
        ((), lambda x: (x,), r"received \("),
        ((), lambda x: (x, (), (), ()), r"received \("),
        ((), lambda x: (x[:, None], ()), r"of shape \(B, V\)"),
        ((), lambda x: (x[0], ()), r"of shape \(B, V\)"),
        ((), lambda x: (x[:1], ()), r"B = 2 .*; received shape \(1, 6\)"),
        ((), lambda x: (x[:, :0], ()), r"V > 0; received shape \(2, 0\)"),
        ((), lambda x: ([1.0, 2.0], ()), r"of shape \(B, V\).* received \[1.0, 2.0\]"),
        ((), lambda x: (tf.cast(x, "int32"), ()), "floating-point .* dtype int32"),
        ((), lambda x: (x > 0, ()), "floating-point dtype; received dtype bool"),
        ((), lambda x: (x, None), "received None"),
        ((), lambda x: (x, {"a": x}), "received {'a': float32"),
        (np.zeros(2), lambda x: (x, ()), r"float64\(2,\); received \(\)"),
        (np.zeros(2), lambda x: (x, [np.zeros(2)]), r"received \[float64"),
        ({"a": np.zeros(2)}, lambda x: (x, {"b": np.zeros(2)}), "received {'b'"),
        (np.zeros(2), lambda x: (x, np.zeros(2, "float32")), "received float32"),
        (np.zeros(2), lambda x: (x, np.zeros((2, 1))), r"received float64\(2, 1\)"),
        (
            np.zeros((2, 1)),
            lambda x: (x, np.zeros((2, 2))),
            r"received float64\(2, 2\)",
        ),
    ],
)
def test_what_step_returns(given, results, message):
    with pytest.raises(ValueError, match=f"`step` must return .*{message}"):
        call(step=lambda tokens, state: results(tf.one_hot(tokens, 6)), state=given)


def test_as_many_temperatures_as_rows():
    with pytest.raises(ValueError, match=r"`temperature` must be .*\(2,\).*\(3,\)"):
        call(strategy=Sample(np.ones(3)))
