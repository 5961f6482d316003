"""What check proves, and what it finds out."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.serving import ServingError, Signature, check, export
from tests.serving.native import replayed_in_c

pytest.importorskip("tensorflow_serving")

STRINGS = tf.TensorSpec([None], tf.string)
FLOATS = tf.TensorSpec([None, 3], tf.float32)
THREE = np.float32([[1, 2, 3]])


def problems(path, **options):
    with pytest.raises(ServingError) as caught:
        check(path, **options)
    return "\n".join(caught.value.problems)


def export_one(path, function, requests, spec=FLOATS, model=(), **options):
    signatures = {"serving_default": Signature(function, {"x": spec}, **options)}
    warmup = {"serving_default": [{"x": request} for request in requests]}
    export(list(model), path, signatures, warmup=warmup)
    return signatures


def test_exported_model_serves(exported):
    report = check(exported.path, live=exported.signatures)
    replayed_in_c(exported.path, report)
    assert report.directory == exported.directory
    assert report.ops == exported.report.ops
    assert report.text_ops == ()
    assert set(report.signatures) == {"serving_default", "generate", "score"}
    score = report.signatures["score"]
    assert (score.requests, score.rows) == (1, 2)
    assert score.difference <= 1e-4  # The scores themselves are about 100 nats.
    assert score.row_difference <= 1e-4
    assert (
        report.signatures["serving_default"].requests,
        report.signatures["serving_default"].rows,
    ) == (2, 3)
    assert "generate: 1 requests, 3 rows" in str(report)


def test_changed_model_is_noticed(tmp_path):
    module = tf.Module()
    module.weight = tf.Variable(2.0)
    live = export_one(tmp_path, lambda x: {"y": x * module.weight}, [THREE])
    module.weight.assign(2.001)
    found = problems(tmp_path, live=live)
    assert "request 0 (live), output 'y': differs by up to 0.003" in found
    assert "as exported" not in found


def test_replaced_weights_are_noticed(tmp_path):
    """The recorded answers need no live model."""
    module = tf.Module()
    module.weight = tf.Variable(2.0)
    signatures = {
        "serving_default": Signature(lambda x: {"y": x * module.weight}, {"x": FLOATS})
    }
    warmup = {"serving_default": [{"x": THREE}]}
    export(module, tmp_path, signatures, warmup=warmup)
    module.weight.assign(3.0)
    export(module, tmp_path, signatures, warmup=warmup, version=2)
    for file in (tmp_path / "1" / "variables").iterdir():
        shutil.copy(file, tmp_path / "2" / "variables" / file.name)
    assert "request 0 (as exported), output 'y': differs by up to 3" in problems(
        tmp_path
    )


def test_export_of_others_with_python_code(tmp_path):
    """A SavedModel that export did not write."""
    logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def function(x):
        return {"y": tf.numpy_function(lambda v: v + 1, [x], tf.float32)}

    module.function = function
    tf.saved_model.save(
        module, str(tmp_path / "1"), signatures={"serving_default": function}
    )
    (tmp_path / "1" / "assets.extra").mkdir()
    log = logs.PredictionLog()
    log.predict_log.request.inputs["x"].CopyFrom(tf.make_tensor_proto([1.0]))
    path = str(tmp_path / "1" / "assets.extra" / "tf_serving_warmup_requests")
    with tf.io.TFRecordWriter(path) as writer:
        writer.write(log.SerializeToString())
    found = problems(tmp_path)
    assert "op PyFunc in function" in found
    assert "runs Python code" in found
    # The fresh process has no such Python function.
    assert "pyfunc_" in found


def test_unloadable_model(tmp_path):
    export_one(tmp_path, lambda x: {"y": x}, [THREE])
    graph = tmp_path / "1" / "saved_model.pb"
    data = graph.read_bytes()
    graph.write_bytes(
        data.replace(b"StatefulPartitionedCall", b"StatefulPartitionedCalL")
    )
    with pytest.raises(ServingError) as caught:
        check(tmp_path)
    assert "StatefulPartitionedCalL" in str(caught.value)


def test_live_names_must_exist(exported):
    with pytest.raises(ValueError, match=r"received \['other'\]"):
        check(exported.path, live={"other": exported.model.score})


def test_tensorflow_text_is_served_without_its_python_code(tmp_path):
    text = pytest.importorskip("tensorflow_text")
    tokenizer = text.WhitespaceTokenizer()

    def function(x):
        words = tokenizer.tokenize(text.case_fold_utf8(x))
        joined = text.ngrams(words, 2, reduction_type=text.Reduction.STRING_JOIN)
        return {"y": tf.strings.reduce_join(joined, 1, separator="|")}

    export_one(tmp_path, function, [["A Bc d", "x"], ["Straße ist lang"]], STRINGS)
    report = check(tmp_path)
    assert "CaseFoldUTF8" in report.text_ops
    answers = json.loads(
        (tmp_path / "1" / "assets.extra" / "client_rest.json").read_text("utf-8")
    )
    assert answers[0]["response"]["predictions"] == ["a bc|bc d", ""]
