"""Next words as a server gives them are the predictor's own."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from keras_seq import serving
from keras_seq.text import (
    prediction_card,
    prediction_requests,
    prediction_signatures,
)
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
        prediction_signatures(model, count=4),
        warmup=prediction_requests([TEXT]),
        model_card=prediction_card("few", data, {"perplexity": 1.0}),
    )
    return model, path, tf.saved_model.load(str(path / "1")).signatures


def strings(texts):
    return np.array(texts, object)


def test_it_serves(exported):
    if not exported[0]._steps.in_pieces:
        pytest.skip("the recipe's own run proves it of words")
    report = serving.check(exported[1])
    assert set(report.signatures) == {"serving_default", "generate", "score"}


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
        {"seed": [1]},
    ],
)
def test_what_is_out_of_range_is_refused_by_name(exported, wrong):
    import tensorflow as tf

    _, _, signatures = exported
    with pytest.raises(tf.errors.InvalidArgumentError, match=next(iter(wrong))):
        signatures["generate"](**request(**wrong))


def test_the_number_of_words_is_checked():
    with pytest.raises(ValueError, match="`count` must be at least 1; received 0"):
        prediction_signatures(predictor(), count=0)
