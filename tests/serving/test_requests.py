"""A request's rows are checked one by one, and used through their checks."""

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.serving import RequestRows, in_blocks


def asked(inputs, use, *, rows=9, strict=False):
    """What `use` makes of the rows, in a graph: there orders and rewrites differ."""

    def serve(**inputs):
        return use(RequestRows(inputs, rows=rows, strict=strict))

    tensors = {name: tf.constant(value) for name, value in inputs.items()}
    found = tf.function(serve, autograph=False)(**tensors)
    return {name: value.numpy() for name, value in found.items()}


SAMPLING = {
    "length": [1, 5, 3],
    "temperature": [0.5, 1.0, 9.0],
    "top_p": [1.0, 0.5, 0.1],
    "seed": [0, 1, 2**31 - 1],
}


def sampled(rows):
    rows.sampling(5)
    return rows.answer(
        room=tf.ones([3, 1]) * tf.cast(rows["length"], tf.float32)[:, None]
    )


@pytest.mark.parametrize("strict", [False, True])
def test_what_is_right_is_answered(strict):
    found = asked(SAMPLING, sampled, strict=strict)
    assert found["room"].ravel().tolist() == [1, 5, 3]
    assert ("error" in found) != strict
    assert strict or not any(found["error"])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("length", 0, "length must be > 0; received 0"),
        ("length", 10**9, "length must be <= 5; received 1000000000"),
        ("temperature", float("nan"), "temperature must be finite; received nan"),
        ("temperature", float("inf"), "temperature must be finite; received inf"),
        ("temperature", -0.5, "temperature must be > 0; received -0.5"),
        ("top_p", float("nan"), "top_p must be in (0, 1]; received nan"),
        ("top_p", 1.5, "top_p must be in (0, 1]; received 1.5"),
        ("seed", -(2**31), "seed must be >= 0; received -2147483648"),
    ],
)
def test_a_wrong_row_is_told_and_neutral(name, value, message):
    wrong = SAMPLING | {name: [SAMPLING[name][0], value, SAMPLING[name][2]]}
    found = asked(wrong, sampled)
    assert [error.decode() for error in found["error"]] == ["", message, ""]
    assert found["room"].ravel().tolist() == [1, 0, 3]
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        asked(wrong, sampled, strict=True)
    assert f"{message} in row 2" in raised.value.message


@pytest.mark.parametrize("penalty", [float("nan"), float("inf"), -1.0])
def test_penalties_of_a_search(penalty):
    def use(rows):
        rows.search(4, "penalty")
        return rows.answer(width=rows["width"])

    given = {"width": [2, 4], "n_best": [2, 1], "penalty": [0.0, penalty]}
    found = asked(given, use)
    assert found["width"].tolist() == [2, 0]
    assert found["error"][1].startswith(b"penalty must be ")


def test_no_rows_have_no_error():
    none = {n: np.zeros(0, np.array(v).dtype) for n, v in SAMPLING.items()}

    def use(rows):
        rows.sampling(5)
        return rows.answer(length=rows["length"])

    none = {n: v.astype("f" if v.dtype == "d" else "i") for n, v in none.items()}
    for strict in (False, True):
        assert all(len(v) == 0 for v in asked(none, use, strict=strict).values())


def text(rows):
    rows.text("text", characters=4)
    return rows.answer(text=rows["text"])


def test_texts_are_bounded_and_made_utf8():
    given = [b"abcd", "€€€€".encode(), b"a\xff\xe2\x82b", b"abcde", b"\x80" * 17, b""]
    found = asked({"text": given}, text)
    texts = [b"abcd", "€€€€".encode(), "a\ufffd\ufffdb".encode(), b"", b"", b""]
    assert found["text"].tolist() == texts
    must = "text must have at most 4 characters; received "
    errors = ["", "", "", must + "5", must + "17 bytes", ""]
    assert [error.decode() for error in found["error"]] == errors


def test_numbers_that_are_not_finite_are_no_answer():
    def use(rows):
        return rows.answer(root=tf.sqrt(rows["x"]), label=tf.fill([3], "yes"))

    found = asked({"x": [4.0, -1.0, 9.0]}, use)
    assert found["root"].tolist() == [2, 0, 3]
    assert found["label"].tolist() == [b"yes", b"", b"yes"]
    assert found["error"][1] == b"the model has no finite root for this row"


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"x": [1] * 10}, "a request must have at most 9 rows; received 10"),
        ({"x": [1, 2], "y": [1]}, "y must have as many rows as x, 2; received 1"),
    ],
)
def test_what_only_a_whole_request_can_have(inputs, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        asked(inputs, lambda rows: rows.answer(x=rows["x"]))


@pytest.mark.parametrize(
    ("steps", "answer"), [(0, [0]), (1, [1]), (3, [3]), (4, [0]), (10**6, [0])]
)
def test_sequences_have_a_number_of_steps(steps, answer):
    def use(rows):
        rows.steps("x", 3)
        return rows.answer(sum=tf.reduce_sum(rows["x"], axis=[1, 2]))

    found = asked({"x": np.ones((1, steps, 1), "float32")}, use)
    assert found["sum"].tolist() == answer
    refused = f"x must have 1 to 3 steps; received {steps}" if answer == [0] else ""
    assert found["error"][0].decode() == refused


@pytest.mark.parametrize("count", [0, 1, 4, 5])
def test_blocks_are_small_and_give_the_whole(count):
    x = tf.reshape(tf.range(2 * count), [count, 2])

    def some(x):
        few = tf.debugging.assert_less_equal(tf.shape(x)[0], 2)
        with tf.control_dependencies([few]):
            return {"double": 2 * x, "text": tf.strings.as_string(x[:, 0])}

    found = tf.function(lambda x: in_blocks(some, tf.constant(2), x), autograph=False)(
        x
    )
    np.testing.assert_array_equal(found["double"], 2 * x.numpy())
    assert [text.decode() for text in found["text"].numpy()] == [
        str(2 * i) for i in range(count)
    ]
