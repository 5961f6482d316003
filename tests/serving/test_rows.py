"""Assertions about requests name what is wrong; signatures have what they need."""

import pytest
import tensorflow as tf

from keras_seq.serving import (
    row_signature,
    same_rows,
    sampling_checks,
    search_checks,
)

SAMPLING = {"length": [3, 1], "temperature": [0.5, 2.0], "top_p": [1.0, 0.1]}
SAMPLING |= {"seed": [0, 7]}
SEARCH = {"width": [5, 1], "n_best": [2, 1], "length_penalty": [0.0, 1.0]}


def tensors(values):
    return {name: tf.constant(value) for name, value in values.items()}


def test_what_is_in_range_passes():
    given = tensors({**SAMPLING, **SEARCH})
    same_rows(text=tf.constant(["a", "b"]), **given)
    sampling_checks(3, **tensors(SAMPLING))
    search_checks(5, **tensors(SEARCH))


@pytest.mark.parametrize(
    ("checks", "values", "wrong", "message"),
    [
        (sampling_checks, SAMPLING, {"length": [0, 1]}, "length must be > 0"),
        (sampling_checks, SAMPLING, {"length": [6, 1]}, "length must be <= 5"),
        (sampling_checks, SAMPLING, {"temperature": [0.0]}, "temperature must be > 0"),
        (
            sampling_checks,
            SAMPLING,
            {"temperature": [float("inf")]},
            "temperature must be f",
        ),
        (sampling_checks, SAMPLING, {"top_p": [0.0]}, "top_p must be in"),
        (sampling_checks, SAMPLING, {"top_p": [1.1]}, "top_p must be in"),
        (sampling_checks, SAMPLING, {"seed": [-1]}, "seed must be >= 0"),
        (search_checks, SEARCH, {"width": [0, 0]}, "width must be > 0"),
        (search_checks, SEARCH, {"width": [6, 6]}, "width must be <= 5"),
        (search_checks, SEARCH, {"n_best": [0, 1]}, "n_best must be > 0"),
        (search_checks, SEARCH, {"n_best": [1, 2]}, "n_best must be <= width"),
        (search_checks, SEARCH, {"length_penalty": [-1.0]}, "length_penalty must be >"),
        (
            search_checks,
            SEARCH,
            {"length_penalty": [float("inf")]},
            "length_penalty must be f",
        ),
    ],
)
def test_what_is_out_of_range_is_named(checks, values, wrong, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        checks(5, **tensors({**values, **wrong}))


def test_other_numbers_of_rows_are_named():
    texts = tf.constant(["a", "b"])
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="seed must have as many rows as text"
    ):
        same_rows(text=texts, seed=tf.constant([1]))


def test_a_signature_has_the_notes_of_its_names():
    found = row_signature(
        lambda text: {"length": tf.strings.length(text)},
        "Counts.",
        ("length",),
        {"text": "UTF-8", "length": "bytes", "other": "of another signature"},
        text=tf.string,
    )
    assert found.notes == {"text": "UTF-8", "length": "bytes"}
    assert found.inputs == {"text": tf.TensorSpec([None], tf.string)}
    assert (found.description, found.outputs) == ("Counts.", ("length",))
