"""Next words as a server gives them are the predictor's own."""

import functools
import json
import re

import numpy as np
import pytest
import tensorflow as tf

from keras_seq import serving
from keras_seq.text import (
    prediction_card,
    prediction_requests,
    prediction_signatures,
)
from tests.serving.native import replayed_in_c
from tests.text.predictors import TEXT, predictor

PROMPTS = ["low lower", "", "the\n", "nie gehört 😀"]


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """Exports a predictor of a level, once: pytest may ask for them in turns."""
    return functools.cache(functools.partial(_export, tmp_path_factory))


@pytest.fixture(params=["word", "subword"])
def exported(request, export):
    return export(request.param)


def _export(tmp_path_factory, level):
    model = predictor(level)
    path = tmp_path_factory.mktemp("served") / "words"
    data = {"name": "few", "digest": "0" * 64, "terms": "none", "train_words": 9}
    serving.export(
        model.model,
        path,
        prediction_signatures(model, count=4, characters=80, rows=8),
        warmup=prediction_requests([TEXT]),
        model_card=prediction_card("few", data, {"perplexity": 1.0}),
    )
    return model, path, tf.saved_model.load(str(path / "1")).signatures


@pytest.fixture(scope="module")
def strict():
    """The strict `generate`, traced once."""
    signatures = prediction_signatures(predictor(), characters=80, strict=True)
    return tf.function(signatures["generate"].function, autograph=False)


def strings(texts):
    return np.array(texts, object)


def test_it_serves_without_python(exported):
    """And with it, as the recipe's own run proves by `check`."""
    names = {"serving_default", "generate", "complete", "score"}
    assert set(exported[2]) == names
    replayed_in_c(exported[1], names)


def test_answers_are_the_predictors_own(exported):
    model, _, signatures = exported
    found = signatures["serving_default"](text=strings(PROMPTS))
    rows = model.predict(PROMPTS, count=4)
    for name, expected in (
        ("unknown_probability", [row.unknown for row in rows]),
        ("end_probability", [row.end for row in rows]),
    ):
        np.testing.assert_allclose(found[name], expected, rtol=1e-4)
    for i, row in enumerate(rows):
        assert [word.decode() for word in found["words"].numpy()[i]] == row.words
        np.testing.assert_allclose(
            found["probabilities"][i], row.probabilities, rtol=1e-4
        )
    documents = [TEXT, "low", ""]
    scores = signatures["score"](document=strings(documents))
    expected = [nats.sum() for nats in model.nats(documents)]
    np.testing.assert_allclose(scores["nats"], expected, rtol=1e-5)


def request(**changes):
    asked = {
        "prompt": strings(PROMPTS[:2]),
        "length": [5, 3],
        "temperature": [1.0, 0.5],
        "top_p": [1.0, 0.9],
        "seed": [1, 2],
    } | changes
    kinds = {"length": "int32", "seed": "int32"}
    return {
        name: value if name == "prompt" else np.array(value, kinds.get(name, "float32"))
        for name, value in asked.items()
    }


def test_rows_have_their_own_settings(exported):
    _, _, signatures = exported
    together = signatures["generate"](**request())
    for i in range(2):
        alone = signatures["generate"](
            **{name: value[i : i + 1] for name, value in request().items()}
        )
        assert alone["continuation"][0] == together["continuation"][i]
    assert together["continuation"].numpy()[0].decode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"length": [0, 1]},
        {"length": [1, 501]},
        {"temperature": [0.0, 1.0]},
        {"temperature": [1.0, float("inf")]},
        {"top_p": [1.5, 1.0]},
        {"top_p": [0.0, 1.0]},
        {"seed": [-1, 1]},
        {"length": [2**31 - 1, 1]},
        {"prompt": ["x" * 81, "low"]},
        {"prompt": ["low", "\u20ac" * 1000]},
    ],
)
def test_what_is_out_of_range_is_refused_by_name(exported, strict, wrong):
    _, _, signatures = exported
    [(name, values)] = wrong.items()
    if name == "prompt":
        wrong = {name: strings(values)}
    message = f"{name} must .*; received "
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        strict(**request(**wrong))
    found = signatures["generate"](**request(**wrong))
    refused = [bool(error) for error in found["error"].numpy()]
    assert sum(refused) == 1
    bad = refused.index(True)
    assert re.match(message, found["error"].numpy()[bad].decode())
    assert found["continuation"].numpy()[bad] == b""
    right = request()[name]
    right = np.where(np.arange(2) == bad, right, request(**wrong)[name])
    good = signatures["generate"](**request() | {name: right})
    assert found["continuation"][1 - bad] == good["continuation"][1 - bad]


def test_inputs_of_other_numbers_of_rows_are_refused(exported):
    with pytest.raises(tf.errors.InvalidArgumentError, match="2; received 1"):
        exported[2]["generate"](**request(seed=[1]))


def test_more_rows_than_there_may_be_are_refused(exported):
    many = strings(["low"] * 9)
    with pytest.raises(tf.errors.InvalidArgumentError, match="most 8 rows; received 9"):
        exported[2]["score"](document=many)


def test_what_is_no_utf8_is_read_as_unknown(exported):
    invalid, unknown = b"low \xff\xe2\x82", "low \ufffd\ufffd".encode()
    found = exported[2]["score"](document=np.array([invalid, unknown], object))
    assert found["error"].numpy().tolist() == [b"", b""]
    assert found["nats"][0] == found["nats"][1]


def test_limits_are_told(exported):
    path = exported[1] / "1" / "assets.extra"
    told = json.loads((path / "signatures.json").read_text())
    assert told["generate"]["limits"] == {"rows": 8, "length": 500, "prompt": 80}
    card = (path / "model_card.md").read_text()
    assert "at most 80 characters" in card
    assert "8 rows" in card


def test_the_number_of_words_is_checked():
    with pytest.raises(ValueError, match="`count` must be at least 1; received 0"):
        prediction_signatures(predictor(), count=0)
