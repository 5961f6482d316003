"""`text_activity`: the cell behind each character, against the NumPy oracle."""

import keras
import numpy as np
import pytest

from keras_seq.diagnostics import text_activity
from keras_seq.layers import ExplicitLSTM
from keras_seq.text import CharacterVocabulary, SubwordVocabulary, WordVocabulary
from tests.diagnostics.readers import UNITS, cells, reader

TEXTS = ["ab a\n", "b", "日a\n\nb a", "a b"]
VOCABULARY = CharacterVocabulary("ab \n日")


@pytest.mark.parametrize(
    ("layer", "start", "batch_size"),
    [(ExplicitLSTM, 1, 3), (ExplicitLSTM, None, 16), (keras.layers.LSTM, 1, 1)],
)
def test_the_cell_behind_each_character(layer, start, batch_size):
    model = reader(VOCABULARY, layer=layer)
    activity = text_activity(
        model, TEXTS, vocabulary=VOCABULARY, start=start, batch_size=batch_size
    )
    assert (activity.layer, activity.value) == ("reader", "cell")
    assert activity.pieces == [tuple(text) for text in TEXTS]
    assert activity.by_character
    for values, text in zip(activity.values, TEXTS, strict=True):
        expected = cells(model, VOCABULARY, text, start)
        np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("masked", [False, True])
def test_padding_does_not_reach_a_layer_that_runs_backwards(masked):
    """Together the texts give what each gives alone, where nothing is padded."""
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(len(VOCABULARY), 3, mask_zero=masked)(ids)
    both = keras.layers.Bidirectional(keras.layers.LSTM(UNITS, name="both"))
    model = keras.Model(ids, both(x))
    name = both.backward_layer.name
    texts = ["b", "ab a", "aabb"]
    together = text_activity(model, texts, vocabulary=VOCABULARY, layer=name)
    for text, values in zip(texts, together.values, strict=True):
        [alone] = text_activity(model, [text], vocabulary=VOCABULARY, layer=name).values
        np.testing.assert_allclose(values, alone, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="`layer` must name one of the model's"):
        text_activity(model, TEXTS, vocabulary=VOCABULARY)


def test_another_value_and_layers_without_a_cell():
    model = reader(VOCABULARY, layer=keras.layers.GRU)
    activity = text_activity(model, TEXTS, vocabulary=VOCABULARY)
    assert activity.value == "hidden"
    update = text_activity(model, TEXTS, vocabulary=VOCABULARY, value="update")
    shares = np.concatenate(update.values)
    assert ((shares > 0) & (shares < 1)).all()
    with pytest.raises(ValueError, match=r"`value` must be one of .*received 'cell'"):
        text_activity(model, TEXTS, vocabulary=VOCABULARY, value="cell")


def test_a_model_that_takes_more_than_ids():
    single = reader(VOCABULARY)
    ids = keras.Input((None,), dtype="int32", name="ids")
    scale = keras.Input((1,), name="scale")
    model = keras.Model({"ids": ids, "scale": scale}, single(ids) * scale[:, None])
    [values] = text_activity(
        model,
        ["ab a"],
        vocabulary=VOCABULARY,
        inputs=lambda ids: {"ids": ids, "scale": np.ones((len(ids), 1), "float32")},
    ).values
    expected = cells(single, VOCABULARY, "ab a")
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5)


def test_pieces_of_words_and_subwords():
    words = WordVocabulary(["the", "cat", "."])
    text = "the dog."
    activity = text_activity(reader(words), [text], vocabulary=words)
    assert activity.pieces == [("the", "\ufffd", ".")]
    assert not activity.by_character
    subwords = SubwordVocabulary(["\u2581", "\u2581a", "a", "b", "\u2581ab"])
    activity = text_activity(reader(subwords), ["ab aa", "é"], vocabulary=subwords)
    assert activity.pieces == [
        ("ab", "a", "·a"),
        ("␣", "<0xC3>", "<0xA9>"),
    ]
    assert [len(values) for values in activity.values] == [3, 3]


def test_bad_arguments():
    model = reader(VOCABULARY)
    with pytest.raises(ValueError, match="received no text"):
        text_activity(model, [], vocabulary=VOCABULARY)
    with pytest.raises(ValueError, match=r"`texts` must be several strings; .*'ab'"):
        text_activity(model, "ab", vocabulary=VOCABULARY)
    with pytest.raises(ValueError, match="received ''"):
        text_activity(model, ["a", ""], vocabulary=VOCABULARY)
    with pytest.raises(ValueError, match="`batch_size` must be at least 1"):
        text_activity(model, ["a"], vocabulary=VOCABULARY, batch_size=0)
    with pytest.raises(ValueError, match="`layers` must be names among"):
        text_activity(model, ["a"], vocabulary=VOCABULARY, layer="logits")
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(len(VOCABULARY), 3)(ids)
    x = keras.layers.MaxPooling1D(2)(x)
    halved = keras.Model(ids, keras.layers.LSTM(2)(x))
    with pytest.raises(ValueError, match="a step for each id that the model reads"):
        text_activity(halved, ["abab"], vocabulary=VOCABULARY)
