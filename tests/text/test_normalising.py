"""Normalising: by hand, by Python's `unicodedata`, and in the graph the same."""

import itertools
import unicodedata

import pytest
import tensorflow as tf

from keras_seq.serving import Signature, check, export
from keras_seq.text import normalise, normalise_tensor
from tests.text import samples

pytest.importorskip("tensorflow_text")

OPTIONS = list(itertools.product(["NFC", "NFKC", None], [False, True]))
BY_HAND = [
    ("  a \t\n b\u202f\u3000c ", {}, "a b c"),
    ("\0a\x1bb\x85", {}, "a b"),
    ("", {}, ""),
    (" \u2028 ", {}, ""),
    ("Cafe\u0301", {}, "Caf\u00e9"),
    ("Cafe\u0301", {"form": None}, "Cafe\u0301"),
    ("\ufb01n \uff12 \u2460", {}, "\ufb01n \uff12 \u2460"),
    ("\ufb01n \uff12 \u2460", {"form": "NFKC"}, "fin 2 1"),
    ("Stra\u00dfe \u0130 \u03a3\u0391\u03a3", {"casefold": True}, None),
    ("a\u200bb\u00adc", {}, "a\u200bb\u00adc"),
    ("\ud800", {}, "?"),
]


def in_the_graph(texts, **options):
    function = tf.function(
        lambda texts: normalise_tensor(texts, **options),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    return [text.decode() for text in function(texts).numpy()]


@pytest.mark.parametrize(("text", "options", "expected"), BY_HAND, ids=ascii)
def test_by_hand(text, options, expected):
    if expected is None:
        expected = "strasse i\u0307 \u03c3\u03b1\u03c3"
    assert normalise(text, **options) == expected
    assert in_the_graph([samples.as_graph_sees(text)], **options) == [expected]


@pytest.mark.parametrize(("form", "casefold"), OPTIONS)
def test_alike_in_the_graph(form, casefold):
    texts = [
        *samples.ASSIGNED,  # one by one, and then beside others
        *samples.EVERYTHING,
        *samples.mixed(1, 1000),
        *(text for text in samples.HARD if "\ud800" not in text),
    ]
    expected = [normalise(text, form=form, casefold=casefold) for text in texts]
    assert in_the_graph(texts, form=form, casefold=casefold) == expected
    for text in expected:
        assert normalise(text, form=form, casefold=casefold) == text
        if form:
            assert unicodedata.is_normalized(form, text)


def test_words_are_kept():
    for text in samples.mixed(2, 300):
        kept = unicodedata.normalize("NFC", text)
        spaced = "".join(
            " " if unicodedata.category(c) in ("Cc", "Zs", "Zl", "Zp") else c
            for c in kept
        )
        assert normalise(text) == " ".join(filter(None, spaced.split(" ")))


def test_only_python_knows_the_code_points_of_its_unicode():
    unknown = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) == "Cn"]
    found = in_the_graph(unknown, form="NFKC")
    differ = sum(a != b for a, b in zip(unknown, found, strict=True))
    assert differ < 300  # of some 830,000: letters of a later Unicode


def test_invalid_utf8():
    expected = [
        normalise(data.decode("utf-8", "replace"), casefold=True)
        for data in samples.INVALID
    ]
    assert in_the_graph(samples.INVALID, casefold=True) == expected


def test_served(tmp_path):
    signature = Signature(
        lambda text: {"normal": normalise_tensor(text, form="NFKC", casefold=True)},
        {"text": tf.TensorSpec([None], tf.string)},
    )
    requests = {"serving_default": [{"text": ["  \ufb01N\t\u00c9 ", ""]}]}
    export([], tmp_path, {"serving_default": signature}, warmup=requests)
    report = check(tmp_path, live={"serving_default": signature})
    assert report.text_ops == ("NormalizeUTF8",)


def test_what_is_refused():
    for function, text in ((normalise, "a"), (normalise_tensor, ["a"])):
        with pytest.raises(ValueError, match=r"`form` must be .*; received 'NFD'"):
            function(text, form="NFD")
    with pytest.raises(ValueError, match=r"`texts` must have shape \(B,\)"):
        normalise_tensor("a")
