"""`generate` refuses what it cannot do, and says what it was given."""

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import Greedy, Sample, generate


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
    "value", [3, [[1, 2]], [1.0, 2.0], [True, False], np.zeros((2, 1), "int32")]
)
def test_start_tokens(value):
    with pytest.raises(ValueError, match=r"`start_tokens` must be .*; received"):
        call(start_tokens=value)


@pytest.mark.parametrize("value", [None, "step", 3])
def test_step(value):
    with pytest.raises(TypeError, match="`step` must be a function; received"):
        call(step=value)


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
        ((), lambda x: ([1.0, 2.0], ()), r"of shape \(B, V\)"),
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
