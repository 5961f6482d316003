"""Weights that are stored small: what they are, what they cost, and that they serve."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import Greedy, Stepper, generate
from keras_seq.layers import ExplicitLSTM
from keras_seq.serving import ServingError, Signature, check, export
from tests.serving.native import replayed_in_c

pytest.importorskip("tensorflow_serving")

UNITS, VOCABULARY = 32, 40
FORMS = ("float16", "bfloat16", "int8")
SEEDS = tf.TensorSpec([None], tf.int32)


@pytest.fixture(scope="module")
def language():
    keras.utils.set_random_seed(1)
    ids = keras.Input((None,), dtype="int32")
    normal = keras.initializers.RandomNormal(stddev=1.0)
    x = keras.layers.Embedding(VOCABULARY, UNITS, normal)(ids)
    x, _, _ = ExplicitLSTM(UNITS, return_sequences=True, return_state=True)(x)
    logits = keras.layers.Dense(VOCABULARY, kernel_initializer=normal)(x)
    return keras.Model(ids, logits)


@pytest.fixture(scope="module")
def whole_size(language, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole")
    export(language, path, signatures(language))
    return size_of(path)


def size_of(path):
    return sum(f.stat().st_size for f in (path / "1" / "variables").iterdir())


def signatures(model):
    """Reading, and writing step by step in a loop."""
    stepper = Stepper(model.layers)

    def write(start):
        state = stepper.initial_state(tf.shape(start)[0])
        found = generate(stepper.step, state, start, max_length=9, strategy=Greedy())
        return {"ids": found.ids, "log_probs": found.log_probs}

    def read(start):
        return {"logits": model(start[:, None] + tf.range(5))[:, -1]}

    start = {"start": SEEDS}
    asked = [{"start": [3, 1, 7]}]
    return {
        "serving_default": Signature(read, start, examples=asked),
        "write": Signature(write, start, examples=asked),
    }


def rounded(values, form):
    """As they are stored, in NumPy; bfloat16 by hand, to nearest even."""
    if form == "float16":
        return values.astype("float16").astype("float32")
    if form == "bfloat16":
        bits = values.view("uint32").astype("uint64")
        bits = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16 << 16
        return bits.astype("uint32").view("float32")
    scale = np.abs(values).max(0, keepdims=True) / np.float32(127)
    return np.rint(values / scale) * scale


@pytest.mark.parametrize("form", FORMS)
def test_answers_are_those_of_rounded_weights(language, whole_size, form, tmp_path):
    report = export(language, tmp_path, signatures(language), weights=form)
    served = tf.saved_model.load(str(tmp_path / "1")).signatures
    before = language.get_weights()
    asked = tf.constant([3, 1, 7])
    own = {n: s.function(start=asked) for n, s in signatures(language).items()}
    language.set_weights(
        [rounded(w, form) if w.size >= 1024 and w.ndim > 1 else w for w in before]
    )
    expected = {n: s.function(start=asked) for n, s in signatures(language).items()}
    language.set_weights(before)
    for name, answers in expected.items():
        found = served[name](start=asked)
        for key, value in answers.items():
            np.testing.assert_allclose(found[key], value, atol=2e-5, err_msg=key)
    largest = max(
        float(np.abs(own[n][key] - expected[n][key]).max())
        for n, key in (("serving_default", "logits"), ("write", "log_probs"))
    )
    assert report.difference == pytest.approx(largest, abs=2e-5)
    assert report.difference > 2e-4
    assert f"weights in {form}: answers within" in str(report)
    saved = (1 - np.dtype("int8" if form == "int8" else "float16").itemsize / 4) * 4
    large = sum(w.size for w in before if w.size >= 1024 and w.ndim > 1)
    assert whole_size - size_of(tmp_path) > 0.85 * saved * large
    np.testing.assert_array_equal(before[0], language.get_weights()[0])
    if form == "int8":
        replayed_in_c(tmp_path, check(tmp_path))


def test_what_was_not_compared_is_not_told(language, tmp_path):
    """A function inside, traced once, reads what it was traced with."""
    inner = tf.function(lambda start: language(start[:, None])[:, 0])
    signature = Signature(
        lambda start: {"y": inner(start)}, {"start": SEEDS}, examples=[{"start": [3]}]
    )
    report = export(
        language, tmp_path, {"serving_default": signature}, weights="float16"
    )
    assert report.difference is None
    assert "answers were not compared" in str(report)


def test_what_was_traced_before_is_refused(language, tmp_path):
    made = tf.function(lambda start: {"y": language(start[:, None])[:, 0]})
    start = {"start": SEEDS}
    export(language, tmp_path, {"serving_default": Signature(made, start)})
    with pytest.raises(ServingError, match="make the signatures anew for each export"):
        export(
            *(language, tmp_path, {"serving_default": Signature(made, start)}),
            version=2,
            weights="float16",
        )
    assert not (tmp_path / "2").exists()


def test_what_does_not_fit_is_refused(language, tmp_path):
    with pytest.raises(ValueError, match=r"`weights` must be one of .*'int4'"):
        export(language, tmp_path, signatures(language), weights="int4")
    before = language.get_weights()
    language.set_weights([before[0] + 1e5, *before[1:]])
    with pytest.raises(ServingError, match=r"float16(.|\n)*embeddings has numbers up"):
        export(language, tmp_path, signatures(language), weights="float16")
    language.set_weights(before)
    assert not any(tmp_path.iterdir())
