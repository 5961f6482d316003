import re

import numpy as np
import pytest
import tensorflow as tf

from keras_seq import serving
from keras_seq.text import (
    translation_card,
    translation_requests,
    translation_signatures,
)
from tests.serving.native import replayed_in_c
from tests.text.translators import SOURCES, translator

PAIRS = [("abc", "da"), ("d", "b ab")]
GOOD = {
    "source": tf.constant(["abc"]),
    "width": tf.constant([4]),
    "n_best": tf.constant([2]),
    "length_penalty": tf.constant([1.0]),
    "coverage_penalty": tf.constant([0.0]),
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    tf = pytest.importorskip("tensorflow")
    trained = translator(casefold=True)
    path = tmp_path_factory.mktemp("served") / "translation"
    data = {"name": "letters", "digest": "0" * 64, "terms": "none", "train": 2}
    serving.export(
        trained.model,
        path,
        translation_signatures(trained, width=3),
        warmup=translation_requests(PAIRS),
        model_card=translation_card("letters", data, {"bleu": 0.0}),
    )
    return trained, path, tf.saved_model.load(str(path / "1")).signatures


@pytest.fixture(scope="module")
def strict():
    """The strict `translate`, traced once."""
    signature = translation_signatures(translator(), strict=True)["translate"]
    assert "error" not in signature.outputs
    return tf.function(signature.function, autograph=False)


def test_it_serves_without_python(exported):
    """And with it, as the recipe's own run proves by `check`."""
    names = {"serving_default", "translate", "attention", "score"}
    assert set(exported[2]) == names
    replayed_in_c(exported[1], names)


def test_translations_are_the_translators_own(exported):
    trained, _, signatures = exported
    expected = trained.translate([*SOURCES, SOURCES[3]], width=3)
    sources = np.array([*SOURCES, SOURCES[3].upper()], object)
    found = signatures["serving_default"](source=sources)
    texts = [text.decode() for text in found["translation"].numpy()]
    assert texts == [best.text for (best,) in expected]
    scores = [best.score for (best,) in expected]
    np.testing.assert_allclose(found["score"], scores, atol=1e-5)
    finished = [best.finished for (best,) in expected]
    np.testing.assert_array_equal(found["finished"], finished)
    assert set(finished) == {True, False}


def test_no_rows_have_no_answers(exported):
    none = {
        name: np.zeros(0, "float32") for name in ("length_penalty", "coverage_penalty")
    }
    none |= {name: np.zeros(0, "int32") for name in ("width", "n_best")}
    none |= {name: np.zeros(0, object) for name in ("source", "translation")}
    for signature in exported[2].values():
        names = signature.structured_input_signature[1]
        found = signature(**{name: none[name] for name in names})
        assert all(len(value) == 0 for value in found.values())


def test_each_row_has_its_own_search(exported):
    trained, _, signatures = exported
    asked = [(1, 1, 0.0, 0.0), (4, 3, 1.0, 0.0), (2, 2, 0.6, 0.3)]
    widths, counts, lengths, coverages = zip(*asked, strict=True)
    found = signatures["translate"](
        source=np.array(["abc"] * 3, object),
        width=np.array(widths, "int32"),
        n_best=np.array(counts, "int32"),
        length_penalty=np.array(lengths, "float32"),
        coverage_penalty=np.array(coverages, "float32"),
    )
    for row, (width, count, length, coverage) in enumerate(asked):
        [expected] = trained.translate(
            ["abc"],
            width=width,
            n_best=count,
            length_penalty=length,
            coverage_penalty=coverage,
        )
        texts = [text.decode() for text in found["translations"].numpy()[row]]
        assert texts[:count] == [t.text for t in expected]
        assert not any(texts[count:])
        np.testing.assert_allclose(
            found["scores"].numpy()[row, :count],
            [t.score for t in expected],
            atol=1e-5,
        )
        # JSON has no word for -inf.
        np.testing.assert_array_equal(found["scores"].numpy()[row, count:], -1e9)
        finished = found["finished"].numpy()[row]
        assert finished[:count].tolist() == [t.finished for t in expected]
        assert not any(finished[count:])


def test_attention_and_score(exported):
    trained, _, signatures = exported
    sources, targets = (np.array(side, object) for side in zip(*PAIRS, strict=True))
    loud = np.array([source.upper() for source in sources], object)
    seen = signatures["attention"](source=loud, translation=targets)
    judged = signatures["score"](source=loud, translation=targets)
    nats, tokens = trained.score(list(sources), list(targets))
    np.testing.assert_allclose(judged["nats"], nats, rtol=1e-5)
    np.testing.assert_array_equal(judged["tokens"], tokens)
    for row, (source, target) in enumerate(PAIRS):
        _, _, weights = trained.attention(source, target)
        T, S = weights.shape
        served = seen["weights"].numpy()[row]
        np.testing.assert_allclose(served[:T, :S], weights, atol=1e-5)
        assert not served[T:].any()
        assert not served[:, S:].any()
        letters = [token.decode() for token in seen["source_tokens"].numpy()[row]]
        assert letters[: S - 1] == list(source)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("width", 0, "width must be > 0"),
        ("width", 17, "width must be <= 16"),
        ("n_best", 0, "n_best must be > 0"),
        ("n_best", 5, "n_best must be <= width"),
        ("length_penalty", -1.0, "length_penalty must be >= 0"),
        ("coverage_penalty", np.inf, "coverage_penalty must be finite"),
    ],
)
def test_bad_requests_are_refused(exported, strict, name, value, message):
    import tensorflow as tf

    request = {
        "source": ["abc"],
        "width": [4],
        "n_best": [2],
        "length_penalty": [1.0],
        "coverage_penalty": [0.0],
    }
    request[name] = [value]
    dtypes = {"source": tf.string, "width": tf.int32, "n_best": tf.int32}
    tensors = {
        key: tf.constant(values, dtypes.get(key, tf.float32))
        for key, values in request.items()
    }
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        strict(**tensors)
    two = {key: tf.concat([other, tensors[key]], 0) for key, other in GOOD.items()}
    found, alone = exported[2]["translate"](**two), exported[2]["translate"](**GOOD)
    assert found["error"][0] == b""
    assert re.match(f"{message}; received", found["error"].numpy()[1].decode())
    for key in alone:
        assert (found[key][:1].numpy() == alone[key].numpy()).all(), key
    assert not any(found["translations"].numpy()[1])


def test_a_wide_beam_is_for_short_sources(exported):
    """The most that a row can cost is what a beam of 5 costs for the longest source."""
    sources = ["a" * 156, "a" * 157, "a" * 500, "a" * 500]
    asked = dict.fromkeys(("length_penalty", "coverage_penalty"), tf.zeros(4))
    asked |= {"n_best": tf.ones(4, tf.int32), "source": tf.constant(sources)}
    found = exported[2]["translate"](width=tf.constant([16, 16, 5, 6]), **asked)
    said = "width must be <= {} for a source of {} tokens; received {}"
    assert [error.decode() for error in found["error"].numpy()] == [
        *("", said.format(15, 157, 16)),
        *("", said.format(5, 500, 6)),
    ]


@pytest.mark.parametrize(("width", "size"), [(6, 400), (9, 277), (15, 166)])
def test_what_is_searched_wider_than_asked_costs_no_more(exported, width, size):
    """A width above 5 is searched with 16, each of its steps and tokens as dear."""
    assert 16 * size * min(3 * size + 23, 500) > 5 * 500 * 500
    found = exported[2]["translate"](
        width=tf.constant([width, 5]),
        n_best=tf.ones(2, tf.int32),
        source=tf.constant(["a" * size, "a"]),
        **dict.fromkeys(("length_penalty", "coverage_penalty"), tf.zeros(2)),
    )
    assert found["error"].numpy()[0].decode() == (
        f"width must be <= 5 for a source of {size} tokens; received {width}"
    )
    assert found["error"].numpy()[1] == b""


@pytest.mark.parametrize("name", ["attention", "score"])
@pytest.mark.parametrize(("sources", "targets"), [(3, 1), (1, 3), (3, 2)])
def test_sources_and_translations_are_as_many(exported, name, sources, targets):
    import tensorflow as tf

    pairs = {
        "source": tf.constant(["abc"] * sources),
        "translation": tf.constant(["da"] * targets),
    }
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="translation must have as many rows"
    ):
        exported[2][name](**pairs)


def test_refused_width():
    with pytest.raises(ValueError, match=r"`width` must be in \[1, 16\]; received 0"):
        translation_signatures(translator(), width=0)
