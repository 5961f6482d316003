"""What export writes, and what it refuses."""

import json
import os
import stat
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.serving import ServingError, Signature, export
from tests.serving import char_model

STRINGS = tf.TensorSpec([None], tf.string)
FLOATS = tf.TensorSpec([None, 3], tf.float32)


def refusal(tmp_path, function, inputs=None, model=(), **options):
    """Exports one signature, which must fail and leave nothing."""
    signature = Signature(function, inputs or {"x": FLOATS})
    with pytest.raises(ServingError) as caught:
        export(list(model), tmp_path, {"serving_default": signature}, **options)
    assert [p.name for p in tmp_path.iterdir()] == []
    return str(caught.value)


def load(directory):
    """The graph definition, read by TensorFlow's own reader."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        return tf.compat.v1.saved_model.loader.load(session, ["serve"], str(directory))


def test_signatures_have_the_given_names(exported):
    definitions = load(exported.directory).signature_def
    names = {"serving_default", "generate", "score"}
    assert {n for n in definitions if not n.startswith("__")} == names
    generate = definitions["generate"]
    assert set(generate.inputs) == {"prompt", "temperature", "seed", "length"}
    assert set(generate.outputs) == {"text"}
    assert set(definitions["score"].outputs) == {"nats", "characters"}
    for definition in (definitions[name] for name in names):
        for info in (*definition.inputs.values(), *definition.outputs.values()):
            assert info.tensor_shape.dim[0].size == -1
    assert generate.inputs["seed"].dtype == tf.int64.as_datatype_enum


def test_only_used_variables_are_saved(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("adam", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    used = Signature(lambda x: {"y": model(x)}, {"x": FLOATS})
    export(model, tmp_path, {"serving_default": used})
    saved = tf.train.list_variables(str(tmp_path / "1" / "variables" / "variables"))
    shapes = sorted(shape for name, shape in saved if "OBJECT_GRAPH" not in name)
    assert shapes == [[2], [3, 2]]


def test_greedy_text_is_the_argmax_of_the_model(exported):
    """The graph's loop against calling the model on ever longer text."""
    report = json.loads(
        (exported.directory / "assets.extra/client_rest.json").read_text()
    )
    (answer,) = [
        a for a in report if a["request"]["signature_name"] == "serving_default"
    ]
    for row, got in zip(
        answer["request"]["instances"], answer["response"]["predictions"], strict=True
    ):
        text = row["prompt"]
        for _ in range(8):
            ids = [[char_model.ALPHABET.index(c) + 1 for c in "|" + text]]
            logits = exported.model(np.array(ids)).numpy()[0, -1]
            text += char_model.ALPHABET[int(np.argmax(logits[1:]))]
        assert got == text


def test_warmup_file_is_what_servers_read(exported):
    logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    path = exported.directory / "assets.extra" / "tf_serving_warmup_requests"
    requests = [
        logs.PredictionLog.FromString(data).predict_log.request
        for data in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    ]
    assert [r.model_spec.signature_name for r in requests] == [
        "serving_default",
        "serving_default",
        "generate",
        "score",
    ]
    generate = requests[2].inputs
    assert list(tf.make_ndarray(generate["prompt"])) == [b"once upon", b"x", b"hello"]
    temperature = tf.make_ndarray(generate["temperature"])
    assert temperature.dtype == np.float32
    assert list(temperature) == [0.0, 1.0, 2.5]
    assert list(tf.make_ndarray(generate["length"])) == [3, 9, 0]


def test_client_example_shows_every_signature(exported):
    answers = json.loads(
        (exported.directory / "assets.extra" / "client_rest.json").read_text("utf-8")
    )
    by_name = {a["request"]["signature_name"]: a for a in answers}
    assert set(by_name) == {"serving_default", "generate", "score"}
    live = exported.model.score(tf.constant(["a line", "another line é"]))
    for row, got in enumerate(by_name["score"]["response"]["predictions"]):
        assert got["nats"] == pytest.approx(float(live["nats"][row]), abs=1e-4)
        assert got["characters"] == int(live["characters"][row])
    assert by_name["generate"]["response"]["predictions"][2] == "|hello"[1:]


def test_model_card_says_what_was_given(exported):
    card = (exported.directory / "assets.extra" / "model_card.md").read_text("utf-8")
    assert card.startswith("# Characters, small\n")
    assert "Predicts the next character." in card
    assert "- Apache-2.0" in card
    assert "| test nats | 3.25 |" in card
    assert "| baseline nats | 3.4 |" in card
    assert "## Limits\n\nNot stated." in card
    assert "| input | `temperature` | float32 (batch) |  |" in card
    assert "| input | `prompt` | string (batch) | lower-case text |" in card
    assert "-e MODEL_NAME=Characters_small tensorflow/serving" in card


def test_report(exported):
    text = str(exported.report)
    assert exported.report.directory == exported.directory
    assert exported.report.warmup_requests == 4
    assert "LookupTableFindV2" in exported.report.ops
    assert "score: text: string (batch) -> characters: int64 (batch)" in text


def test_nothing_of_the_machine_is_written(exported):
    for file in (exported.directory / "assets.extra").iterdir():
        assert os.fsencode(exported.path) not in file.read_bytes()
    assert (
        os.fsencode(exported.path)
        not in (exported.directory / "saved_model.pb").read_bytes()
    )


def test_permissions_follow_the_umask(tmp_path):
    tmp_path.chmod(0o755)
    before = os.umask(0o022)
    try:
        signature = Signature(lambda x: {"y": x + 1}, {"x": FLOATS})
        export([], tmp_path / "new", {"serving_default": signature})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new" / "1").stat().st_mode) == 0o755


def test_an_existing_version_stays(tmp_path):
    def signature(value):
        return {"serving_default": Signature(lambda x: {"y": x + value}, {"x": FLOATS})}

    def served():
        model = tf.saved_model.load(str(tmp_path / "1"))
        return model.signatures["serving_default"](x=tf.zeros([1, 3]))["y"].numpy()[
            0, 0
        ]

    export([], tmp_path, signature(1.0))
    with pytest.raises(FileExistsError, match="overwrite=True"):
        export([], tmp_path, signature(2.0))
    broken = Signature(lambda x: {"y": x + tf.random.uniform([])}, {"x": FLOATS})
    with pytest.raises(ServingError, match="RandomUniform"):
        export([], tmp_path, {"serving_default": broken}, overwrite=True)
    assert served() == 1.0
    export([], tmp_path, signature(2.0), overwrite=True)
    assert served() == 2.0
    export([], tmp_path, signature(3.0), version=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1", "2"]


def test_assets_are_copied(tmp_path):
    (tmp_path / "vocabulary.txt").write_text("a b")
    signature = {"serving_default": Signature(lambda x: {"y": x + 1}, {"x": FLOATS})}
    source = tmp_path / "vocabulary.txt"
    export([], tmp_path / "m", signature, assets={"vocabulary.txt": source})
    copied = tmp_path / "m" / "1" / "assets.extra" / "vocabulary.txt"
    assert copied.read_text() == "a b"
    with pytest.raises(ValueError, match=r"model_card\.md"):
        export([], tmp_path / "n", signature, assets={"model_card.md": source})
    assert list((tmp_path / "n").iterdir()) == []


def test_recurrent_layers_are_traced_without_cudnn(tmp_path):
    layer = keras.layers.LSTM(2)
    model = keras.Sequential(
        [keras.Input((None, 3)), keras.layers.Bidirectional(layer)]
    )
    inner = model.layers[0].forward_layer
    seen = []

    def function(x):
        seen.append(inner.use_cudnn)
        return {"y": model(x[:, None])}

    export(model, tmp_path, {"serving_default": Signature(function, {"x": FLOATS})})
    assert seen == [False]
    assert inner.use_cudnn == "auto"


# --- Graphs that cannot be served.


def test_py_function_is_refused(tmp_path):
    def function(x):
        y = tf.py_function(lambda v: v.numpy() + 1, [x], tf.float32)
        return {"y": tf.ensure_shape(y, [None, 3])}

    message = refusal(tmp_path, function)
    assert "op EagerPyFunc" in message
    assert "serving_default" in message  # in the name of the function


def test_numpy_function_is_refused(tmp_path):
    def function(x):
        y = tf.numpy_function(lambda v: v + 1, [x], tf.float32)
        return {"y": tf.ensure_shape(y, [None, 3])}

    assert "op PyFunc" in refusal(tmp_path, function)


def test_jit_compiled_function_is_refused(tmp_path):
    @tf.function(jit_compile=True)
    def compiled(x):
        return x * 2

    message = refusal(tmp_path, lambda x: {"y": compiled(x)})
    assert "compiled" in message
    assert "XLA" in message


def test_random_op_with_state_is_refused(tmp_path):
    message = refusal(tmp_path, lambda x: {"y": x + tf.random.normal(tf.shape(x))})
    assert "signature 'serving_default': op RandomStandardNormal" in message
    assert "stateless" in message


def test_random_op_inside_a_loop_is_refused(tmp_path):
    def function(x):
        return {"y": tf.map_fn(lambda row: row + tf.random.uniform([3]), x)}

    assert "op RandomUniform in function" in refusal(tmp_path, function)


def test_seed_generator_is_refused(tmp_path):
    dropout = keras.layers.Dropout(0.5, seed=1)
    message = refusal(
        tmp_path, lambda x: {"y": dropout(x, training=True)}, model=[dropout]
    )
    assert "op AssignVariableOp" in message
    assert "writes a variable" in message


def test_counter_is_refused(tmp_path):
    module = tf.Module()
    module.counter = tf.Variable(0.0)

    def function(x):
        return {"y": x + module.counter.assign_add(1.0)}

    message = refusal(tmp_path, function, model=[module])
    assert "op AssignAddVariableOp" in message


def test_insertion_into_a_table_is_refused(tmp_path):
    table = tf.lookup.experimental.MutableHashTable(tf.int64, tf.int64, 0)

    def function(x):
        table.insert(x, x)
        return {"y": tf.ensure_shape(table.lookup(x), [None])}

    message = refusal(
        tmp_path, function, {"x": tf.TensorSpec([None], tf.int64)}, model=[table]
    )
    assert "op LookupTableInsertV2" in message


def test_unheld_table_is_named(tmp_path):
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(["a"], [1]), 0
    )
    inputs = {"x": STRINGS}
    message = refusal(tmp_path, lambda x: {"y": table.lookup(x)}, inputs)
    assert "model=[...]" in message
    signature = Signature(lambda x: {"y": table.lookup(x)}, inputs)
    export({"table": table}, tmp_path, {"serving_default": signature})


def test_untrained_layer_is_refused(tmp_path):
    layer = keras.layers.Dense(2, name="forgotten")
    message = refusal(tmp_path, lambda x: {"y": layer(x)}, model=[layer])
    assert "forgotten" in message


# --- Requests and arguments that do not fit.


@pytest.mark.parametrize(
    ("warmup", "message"),
    [
        ({"other": []}, "names \\['other'\\]"),
        ({"serving_default": [{"y": [[1, 2, 3]]}]}, "has \\['y'\\]; needed are"),
        ({"serving_default": [{"x": [[1, 2]]}]}, "shape \\(None, 3\\)"),
        ({"serving_default": [{"x": np.zeros((0, 3))}]}, "at least one row"),
        ({"serving_default": [{"x": [["a", "b", "c"]]}]}, "is no float32 tensor"),
        ({"serving_default": [{"x": [[1, 2, np.nan]]}]}, "must be finite"),
    ],
)
def test_warmup_is_checked(tmp_path, warmup, message):
    signature = Signature(lambda x: {"y": x}, {"x": FLOATS})
    with pytest.raises(ServingError, match=message):
        export([], tmp_path, {"serving_default": signature}, warmup=warmup)


def test_rows_of_a_request_must_agree(tmp_path):
    signature = Signature(lambda x, y: {"z": x}, {"x": STRINGS, "y": STRINGS})
    with pytest.raises(ServingError, match="as many rows"):
        export(
            [],
            tmp_path,
            {"serving_default": signature},
            warmup={"serving_default": [{"x": ["a"], "y": ["a", "b"]}]},
        )


def test_bytes_need_the_name_for_it(tmp_path):
    pytest.importorskip("tensorflow_serving")

    def cut(text):
        return tf.strings.substr(text, 0, 1)  # Half of an é is no UTF-8.

    warmup = {"serving_default": [{"text": ["é"]}]}
    inputs = {"text": STRINGS}
    message = refusal(tmp_path, lambda text: {"y": cut(text)}, inputs, warmup=warmup)
    assert "output 'y' is not UTF-8" in message
    signature = Signature(lambda text: {"y_bytes": cut(text)}, inputs)
    report = export([], tmp_path, {"serving_default": signature}, warmup=warmup)
    answers = json.loads(
        (report.directory / "assets.extra" / "client_rest.json").read_text()
    )
    assert answers[0]["response"]["predictions"] == [{"b64": "ww=="}]


def test_card_sections_are_checked(tmp_path):
    signature = Signature(lambda x: {"y": x}, {"x": FLOATS})
    with pytest.raises(ServingError, match="'licence'"):
        export(
            [], tmp_path, {"serving_default": signature}, model_card={"licence": "MIT"}
        )


def test_model_must_be_trackable(tmp_path):
    signature = Signature(lambda x: {"y": x}, {"x": FLOATS})
    with pytest.raises(ServingError, match="received <function"):
        export(refusal, tmp_path, {"serving_default": signature})


@pytest.mark.parametrize(
    ("backend", "needs"), [("jax", "jax"), ("torch", "torch"), ("numpy", "scipy")]
)
def test_other_backends_are_refused(backend, needs):
    pytest.importorskip(needs)
    code = (
        "import tensorflow as tf\n"
        "from keras_seq.serving import Signature, export\n"
        "spec = tf.TensorSpec([None], tf.float32)\n"
        "s = Signature(lambda x: {'y': x}, {'x': spec})\n"
        "export([], '.', {'serving_default': s})\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1
    assert "ServingError: Only the TensorFlow backend" in ran.stderr
    assert f"Keras runs on {backend!r}" in ran.stderr
