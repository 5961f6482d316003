"""Judging the answers to replayed requests, without a second process."""

import pytest
import tensorflow as tf

from keras_seq.serving import Signature, _warmup, export
from keras_seq.serving._replay import Replay
from keras_seq.serving._session import SessionModel

pytest.importorskip("tensorflow_serving")

STRINGS = tf.TensorSpec([None], tf.string)
FLOATS = tf.TensorSpec([None, 3], tf.float32)
THREE = [[1.0, 2.0, 3.0]]


def replay(path, function, requests, spec=FLOATS, *, live=None, independent=True):
    """Exports, asks and judges: the report and the problems."""
    signature = Signature(function, {"x": spec})
    warmup = {"serving_default": [{"x": request} for request in requests]}
    export([], path, {"serving_default": signature}, warmup=warmup)
    records = _warmup.read(path / "1")
    replay = Replay("serving_default", records, independent)
    model = SessionModel(path / "1")
    answers = []
    for inputs in replay.requests:
        try:
            answers.append(model.run("serving_default", inputs))
        except tf.errors.OpError as error:
            answers.append(type(error).__name__)
    model.close()
    report, problems = replay.judge(answers, live, 1e-5)
    return report, "\n".join(problems)


def test_equal_answers(tmp_path):
    report, problems = replay(tmp_path, lambda x: {"y": x / 3}, [THREE, THREE * 2])
    assert problems == ""
    assert (report.requests, report.rows) == (2, 3)
    assert report.difference <= 1e-6
    assert report.row_difference <= 1e-6


def test_changed_strings_are_noticed(tmp_path):
    _, problems = replay(
        tmp_path,
        lambda x: {"y": tf.strings.upper(x)},
        [["ab", "c"]],
        STRINGS,
        live=lambda x: {"y": tf.constant(["AB", "X"])},
    )
    assert "output 'y': b'C' at (1,), expected b'X'" in problems
    assert "(live)" in problems


@pytest.mark.parametrize(
    ("live", "message"),
    [
        (lambda x: {"z": x}, "has ['y'], expected ['z']"),
        (lambda x: {"y": x[:, :2]}, "float32 (1, 3), expected float32 (1, 2)"),
        (lambda x: {"y": tf.cast(x, tf.float64)}, "expected float64 (1, 3)"),
        (lambda x: {"y": x * float("nan")}, "output 'y': differs"),
        (lambda x: {"y": x + 1e-3}, "differs by up to 0.001"),
    ],
)
def test_other_answers_are_noticed(tmp_path, live, message):
    _, problems = replay(tmp_path, lambda x: {"y": x}, [THREE], live=live)
    assert message in problems


def test_signature_without_requests_is_named():
    _, problems = Replay("score", [], True).judge([], None, 1e-5)
    assert problems == [
        "signature 'score' has no warm-up request, so it could not be run"
    ]


def test_rows_that_depend_on_their_batch_are_named(tmp_path):
    def relative(x):
        return {"y": x - tf.reduce_max(x, 0, keepdims=True)}

    requests = [[[1, 2, 3]], [[3, 2, 1], [0, 0, 0]]]
    _, problems = replay(tmp_path / "a", relative, requests)
    assert "row 0 alone and in a batch, output 'y': differs by up to 2" in problems
    report, problems = replay(tmp_path / "b", relative, requests, independent=False)
    assert problems == ""
    assert report.row_difference is None


def test_a_single_row_is_tried_in_a_batch_too(tmp_path):
    def position(x):
        return {"y": x + tf.cast(tf.range(tf.shape(x)[0]), tf.float32)[:, None]}

    _, problems = replay(tmp_path, position, [THREE])
    assert "row 2 alone and in a batch, output 'y': differs by up to 2" in problems


def test_padding_is_no_part_of_a_row(tmp_path):
    def characters(x):
        codes = tf.strings.unicode_decode(x, "UTF-8")
        return {"codes": codes.to_tensor(-1), "count": codes.row_lengths()}

    report, problems = replay(tmp_path, characters, [["a"], ["longer", "ab"]], STRINGS)
    assert problems == ""
    assert report.rows == 3


def test_requests_of_different_shapes(tmp_path):
    spec = tf.TensorSpec([None, None], tf.float32)
    requests = [[[1.0, 2.0]], [[1.0, 2.0, 3.0]], [[4.0, 5.0]]]
    report, problems = replay(
        tmp_path, lambda x: {"y": tf.reduce_sum(x, 1)}, requests, spec
    )
    assert problems == ""
    assert report.rows == 3


def test_output_of_another_size_than_the_batch(tmp_path):
    def positive(x):
        return {"y": tf.boolean_mask(x, x[:, 0] > 0)}

    # One row gives one row; the batch of both gives one, too.
    _, problems = replay(tmp_path, positive, [THREE, [[-1.0, 0.0, 0.0]]])
    assert "output 'y': shape (0, 3) for 1 rows" in problems
    assert "output 'y': shape (1, 3) for 2 rows" in problems


def test_model_that_fails_on_a_batch(tmp_path):
    def fragile(x):
        with tf.control_dependencies([tf.debugging.assert_less(tf.shape(x)[0], 2)]):
            return {"y": tf.identity(x)}

    _, problems = replay(tmp_path, fragile, [THREE])
    assert problems == "signature 'serving_default': InvalidArgumentError"
