"""The tester of hostile requests finds what is wrong, and nothing else."""

import pytest
import tensorflow as tf

from keras_seq.serving import RequestRows, Signature, ask_hostile, export


def guarded(text, size):
    rows = RequestRows({"text": text, "size": size}, rows=8)
    rows.text("text", characters=100)
    wrong = (rows["size"] < 0) | (rows["size"] > 50)
    rows.refuse(wrong, "size must be in [0, 50]; received ", rows["size"])
    most = tf.reduce_max(rows["size"], keepdims=True)
    room = tf.reduce_sum(tf.zeros(most)) + tf.cast(rows["size"], tf.float32)
    return rows.answer(echo=rows["text"], room=room)


def unguarded(text, size):
    return {"echo": text, "room": 1 / tf.cast(size, tf.float32)}


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    pytest.importorskip("tensorflow_serving")
    specs = {
        "text": tf.TensorSpec([None], tf.string),
        "size": tf.TensorSpec([None], tf.int32),
    }
    limits = {"rows": 8, "text": 100, "size": 50}
    signatures = {
        "serving_default": Signature(guarded, specs, limits=limits),
        "unguarded": Signature(unguarded, specs),
    }
    request = [{"text": ["a", "é"], "size": [3, 4]}]
    path = tmp_path_factory.mktemp("hostile")
    export([], path, signatures, warmup=dict.fromkeys(signatures, request))
    found = ask_hostile(path, requests=60)
    return {report.signature: report for report in found}


def test_what_is_guarded_has_no_problems(reports):
    report = reports["serving_default"]
    assert report.problems == ()
    assert report.requests == 60
    assert report.refused > 0
    assert report.rows_refused > 0


def test_what_is_not_guarded_is_found(reports):
    problems = " ".join(reports["unguarded"].problems)
    assert "output room isn't finite" in problems
    assert "output echo isn't UTF-8" in problems
